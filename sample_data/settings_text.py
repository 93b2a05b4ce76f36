"""The text of the sample's ``liftwerk.toml`` and of its geo test files."""

from __future__ import annotations

import json
from typing import Any

from simulation.lift_studies import LiftStudy
from simulation.market import Market


def settings_text(market: Market, study: LiftStudy) -> str:
    """The sample's ``liftwerk.toml``."""
    return "\n".join((_HEAD, _channels(market), _lift_test(study), _budget(market), _EVENTS))


def geo_test_text(test: dict[str, Any]) -> str:
    """A geo test file of the public contract from a test of `Market.geo_tests`; spend comes from the panel."""
    told = {
        "go_dark": "switched off in the treated states to see what the country would miss",
        "scale_up": "raised to 2.2 times the plan in the treated states",
    }[test["kind"]]
    treated = json.dumps(test["treated"], ensure_ascii=False)
    return (
        f"# {test['channel'].capitalize()} {told}.\n"
        f'channel = "{test["channel"]}"\n'
        f"treated = {treated}\n"
        f"start = {test['start']}\n"
        f"end = {test['end']}\n"
        f'kind = "{test["kind"]}"\n'
        f"cooldown_weeks = {test['cooldown_weeks']}            # outcome counts until {test['measured_until']}\n"
    )


_HEAD = """\
# Nordwind, a simulated online shop in the 16 German states. DATASHEET.md says what every column is.

[workspace]
name = "Nordwind"
currency = "EUR"
locale = "de_DE"

[panel]                     # one row per state and week
file = "data/panel.csv"
date = "week"
geo = "geo"
outcome = "revenue"
outcome_kind = "revenue"
population = "population"
controls = ["price_index", "competitor_promotion", "promotion"]
organic = ["newsletter"]
holidays = "DE"
"""


def _channels(market: Market) -> str:
    lines = []
    for channel in market.spec.channels:
        lines.append(f'[panel.channels.{channel.name}]\nspend = "{channel.name}_spend"')
        if channel.exposure:
            lines.append(f'exposure = "{channel.name}_{channel.exposure}"')
        lines.append("")
    lines.append(_MODEL)
    return "\n".join(lines)


_MODEL = """\
[mmm]                       # every key is optional; docs/settings.md lists them all with their defaults
adstock = "geometric"       # how long a contact works on: geometric, delayed or weibull
saturation = "hill"         # how returns fade: hill, logistic, michaelis_menten or tanh
# order = "saturation_first"    # left out: adstock_first
# noise = "student_t"           # for weeks that no control explains; left out: normal
# lift_ageing = 1.25            # a lift test's standard error grows by a quarter for each year of age

# [mmm.channels.tv]             # where one channel differs from the rest
# adstock = "delayed"
# lags = 30                     # weeks of carry-over, the week itself included
# group = "brand"               # channels of one group share a pooled prior
# [mmm.channels.radio]
# group = "brand"

# [mmm.priors.search]           # what you know of a channel: one of roas, marginal_roas, share, coefficient
# roas = {mean = 2.0, sd = 0.8}
# [mmm.priors.newsletter]       # organic media cost nothing: share or coefficient
# share = {mean = 0.03, sd = 0.02}

# [panel.treatments.price]      # instead of a control: the price's contribution is shown against a reference
# column = "price_index"
# reference = "mean"            # or min, max, or a number
"""


def _lift_test(study: LiftStudy) -> str:
    return f"""\
[[lift_tests]]              # a holdout the advertising platform ran in all states; geo tests lie in geo_tests/
channel = "{study.channel}"
start = {study.start}
end = {study.end}
measured_until = {study.measured_until}
incremental_outcome = {study.incremental_outcome:.1f}
standard_error = {study.standard_error:.1f}
incremental_spend = {study.incremental_spend:.2f}
"""


def _budget(market: Market) -> str:
    now = market.panel.current_spend()
    total = round(sum(now.values()), -4)
    return f"""\
[budget]                    # euros a week
total = {total:.1f}
weeks = 4
max_change = 0.25           # no channel moves by more than a quarter of the last week's spend
risk = "balanced"

[[budget.rules]]            # the brand terms must stay covered
kind = "bounds"
channel = "search"
min = {round(0.7 * now["search"], -4):.1f}
max = {round(1.8 * now["search"], -4):.1f}

[[budget.rules]]            # at least a quarter of the money stays in brand media
kind = "group"
name = "brand"
channels = ["tv", "radio", "out_of_home"]
min_share = 0.25

[[budget.rules]]            # below this, a flight on television is not worth its production
kind = "min_if_active"
channel = "tv"
min = 80000.0
"""


_EVENTS = """\
[creatives]
decisions = "data/creative_decisions.parquet"
rewards = "data/creative_rewards.parquet"

[journeys]
touchpoints = "data/touchpoints.parquet"

[content]                   # the generative pipeline
tables = "data/content/"

[content.canary]            # a canary that is worse is stopped until a person resumes it
guardrails = ["error_rate", "hallucination_rate", "latency_p95", "cost_per_output"]
margins = {latency_p95 = 0.10, cost_per_output = 0.10}

[content.join]              # generated pieces followed to their creative tests; orders are worth the measured aov
media_cost_per_decision = 0.012

[content.objectives]        # a KPI beyond its objective is marked in kpis.csv
latency_p95 = 9000.0        # milliseconds
error_rate = 0.03
hallucination_rate = 0.08
cost_per_output = 0.10      # euros
fact_score = 0.90
time_to_publish = 36.0      # hours
"""
