# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The content pipeline: is what the models write good enough to test, and what does it cost?
#
# Creatives are made by models. Before a piece is shown to anybody, its quality, latency, cost and safety can be read
# off the traces the pipeline leaves. This notebook reads traces, measures every KPI by day, team and model, corrects a
# judge that errs, holds a canary against its control at every look, and forecasts the month's bill.
#
# The pipeline is simulated, with an incident, a bad canary and a judge that changed, so that the truth is known.

# %%
import json
import tempfile
from pathlib import Path

import pandas as pd

from monitoring.canary import CanaryRule
from monitoring.content import content_report
from monitoring.intake.calls import CallRules
from monitoring.intake.pseudonyms import Pseudonyms
from monitoring.intake.store import DayStore
from simulation.content import simulate_content

world = simulate_content(7)
truth = world.truth
{name: len(table) for name, table in world.tables.items()}

# %% [markdown]
# ## From traces to calls
#
# OpenTelemetry's file exporter writes a line of JSON for each batch of spans. The intake keeps model calls, a file for
# each day; a line that cannot be read is set aside with its place and reason. The same file twice changes nothing.

# %%
span = {
    "traceId": f"{1:032x}",
    "spanId": f"{1:016x}",
    "startTimeUnixNano": "1772445600000000000",
    "endTimeUnixNano": "1772445601250000000",
    "attributes": [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
        {"key": "gen_ai.request.model", "value": {"stringValue": "small-model"}},
        {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "812"}},
        {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "204"}},
        {"key": "user.id", "value": {"stringValue": "anna@example.com"}},
    ],
}
folder = Path(tempfile.mkdtemp())
spans = folder / "spans.jsonl"
spans.write_text(
    json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}) + "\n" + '{"resourceSpans": [{"sco\n',
    encoding="utf-8",
)
store, rules = DayStore(folder / "content"), CallRules(pseudonyms=Pseudonyms(b"a secret of the workspace"))
first = store.take([(spans, spans.name)], rules)
again = store.take([(spans, spans.name)], rules)
print(
    first.calls,
    "call;",
    "set aside:",
    [(one.line, one.reason) for one in first.aside],
    "; days changed again:",
    again.days,
)
pd.read_parquet(store.calls[0])[["model", "duration_ms", "input_tokens", "output_tokens", "unit_id"]]

# %% [markdown]
# ## Every KPI, with an interval
#
# A KPI that nobody judged has no row: unknown is not zero. Here the incident shows: one model was slow and
# failed often.

# %%
report = content_report(
    world.tables,
    currency="EUR",
    objectives={"latency_p95": 6_000.0, "error_rate": 0.03},
    canary_rule=CanaryRule(guardrails=("error_rate", "hallucination_rate"), margin=0.1),
)
incident = truth["incident"]
kpis = report.kpis()
kpis["day"] = kpis["day"].astype(str)
slow = kpis[(kpis["kpi"] == "latency_p95") & (kpis["team"] == "(all)") & (kpis["model"] == incident["model"])]
around = (
    pd.Timestamp(incident["first_day"]) - pd.Timedelta(days=2),
    pd.Timestamp(incident["last_day"]) + pd.Timedelta(days=2),
)
print(incident)
slow[pd.to_datetime(slow["day"]).between(*around)][["day", "value", "lower", "upper", "n", "breached"]].round(1)

# %% [markdown]
# ## A judge that errs
#
# A model that judges misses some of what a person finds, and sees what is not there. Where people labelled some
# outputs, the rate behind its verdicts can be worked out, with an interval that carries both uncertainties.

# %%
report.judges().round(3)

# %%
rates = kpis[kpis["kpi"].isin(["hallucination_rate", "hallucination_rate_corrected"])]
overall = rates[(rates["team"] == "(all)") & (rates["model"] == "(all)")]
print("truth by team:", {team: round(share, 3) for team, share in truth["invented_share"].items()})
overall.groupby("kpi")[["value", "lower", "upper"]].mean().round(4)

# %% [markdown]
# ## The canary
#
# The new prompt was given a share of the traffic, and it makes things up more often. Looking every hour costs nothing:
# the tests are valid at every look, over all guardrails together. A stop stands until a person resumes it, with a
# reason.

# %%
print(truth["canary"])
tests = pd.DataFrame([test.to_dict() for test in report.canary_report.tests])
print("verdict:", report.canary_report.verdict)
tests[["team", "pipeline", "kpi", "control_value", "canary_value", "e_max", "threshold", "verdict", "stopped_at"]]

# %% [markdown]
# ## What it costs, and what it will have cost
#
# The month's end is forecast from the days known, by weekday; the interval is as wide as such forecasts were off
# before.

# %%
report.forecast().round(2)

# %%
report.alerts()[["day", "kind", "severity", "team", "kpi", "value", "limit", "detail"]].tail(8)

# %% [markdown]
# ## From a piece to revenue
#
# `liftwerk content` goes on from here: with creative tests in the workspace it follows each piece through its arm to
# the rewards, and ranks models and prompt versions by incremental revenue per euro of generation and media
# (`generators.csv`). For Prometheus: `liftwerk content --serve-metrics 9109`.
