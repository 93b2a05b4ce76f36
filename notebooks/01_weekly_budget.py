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
# # From data to a weekly budget
#
# One market with known truth: 16 German states, 130 weeks, 8 channels. We read it as a user's file would be read, look
# at two geo tests, fit the media mix model on the panel *and* the tests, and let the allocator say where the next euro
# goes. Because the market is simulated, every answer can be held against the truth at the end.

# %%
import json
import os
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
import plotly.graph_objects as go

from budget_optimizer.allocator import Allocator
from budget_optimizer.written_rules import rules_from_settings
from geolift.readout import read_geo_test
from geolift.test_plan import GeoTest
from measurement.panel import Panel
from measurement.workspace import Workspace
from mmm.model import MMM
from mmm.spec import ModelSpec
from sample_data import copy_sample

# Continuous integration runs this notebook with few draws; a reader leaves the variable unset.
draws = int(os.environ.get("LIFTWERK_NOTEBOOK_DRAWS", "0"))
folder = Path(mkdtemp()) / "nordwind"
copy_sample(folder)
workspace = Workspace.open(folder)
panel = Panel.read(folder)
panel.data

# %% [markdown]
# ## What was spent
#
# Budgets step, television comes in flights, and two channels were tested in a few states only. That variation is what a
# model learns from; a channel that never moves teaches nothing.

# %%
spend = panel.data["spend"].sum("geo").to_pandas()
figure = go.Figure([go.Scatter(x=spend.index, y=spend[channel], name=channel, mode="lines") for channel in spend])
figure.update_layout(title="Weekly spend by channel", yaxis_title=f"{panel.currency} a week", xaxis_title="week")

# %% [markdown]
# ## What the geo tests say
#
# Synthetic control builds, for the tested states, a weighted mean of the others that followed them before the test. The
# interval is the inversion of the same test that gives the p-value, so the two cannot contradict each other.

# %%
tests = [GeoTest.read(file, panel) for file in sorted((folder / "geo_tests").glob("*.toml"))]
readouts = [read_geo_test(panel, test, seed=7) for test in tests]
pd.DataFrame(
    [
        {
            "channel": readout.lift.channel,
            "incremental outcome": readout.lift.incremental_outcome.value,
            "lower": readout.lift.incremental_outcome.interval.lower,
            "upper": readout.lift.incremental_outcome.interval.upper,
            "incremental spend": readout.lift.incremental_spend,
            "p": readout.lift.p_value,
        }
        for readout in readouts
    ]
)

# %% [markdown]
# ## The media mix model, calibrated by the tests
#
# Each readout enters as a likelihood on the model's own counterfactual: the tested weeks and states under the actual
# against the business-as-usual spend, carry-over included.

# %%
section = workspace.settings.mmm
if draws:
    section = section.model_copy(update={"draws": draws, "tune": draws, "chains": 2})
fitted = MMM(ModelSpec.from_settings(section)).fit(panel, lifts=[readout.lift for readout in readouts], seed=7)
channels = fitted.channels_table(level=0.9)
channels.round(2)

# %% [markdown]
# The health gate decides whether these numbers may be acted on.

# %%
pd.DataFrame([check.to_dict() for check in fitted.checks])

# %% [markdown]
# ## Held against the truth
#
# Only a simulated market allows this: the true ROAS of each channel beside the model's 90% interval.

# %%
truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["market"]
against = channels.set_index("channel")[["roas", "roas_lower", "roas_upper"]].assign(
    true_roas=lambda table: [truth["roas"][channel] for channel in table.index]
)
against["inside"] = against["true_roas"].between(against["roas_lower"], against["roas_upper"])
against.round(2)

# %% [markdown]
# ## Where the next euro goes
#
# The allocator prints the proof with the plan: no allocation that meets the rules can beat `upper_bound`, and `gap`
# says how far below it the plan may be.

# %%
curves = fitted.response_curves()
budget = workspace.settings.budget
plan = Allocator(rules_from_settings(budget, curves), risk=budget.risk).allocate(curves)
print(f"Expected gain {plan.gain.value:,.0f} {plan.currency} a week")
print(f"Chance of a loss {plan.chance_of_loss:.0%}, certified gap {plan.gap:.1e}")
pd.DataFrame({"today": plan.current, "proposed": plan.spend, "marginal ROAS": plan.marginal_roas}).round(2)

# %%
last_week = panel.dates[-1].date()
print(
    f"This plan is for the week of {last_week + timedelta(days=7)}; binding rules: {', '.join(plan.binding) or 'none'}"
)
