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
# # Paths to a purchase, and what they prove
#
# Paths tell which channels people met before they bought. They do not tell what would have happened without them:
# many who click an advertisement were on their way to the shop. This notebook works out credit in several ways, puts
# intervals on it, holds it against a lift test, and shows what is left.
#
# The journeys are simulated, so that the truth is known.

# %%
import os

import numpy as np
import pandas as pd

from attribution.campaigns import campaign_credit
from attribution.journeys import JourneyOptions, build_paths
from attribution.privacy import person_transitions, publishable_transitions, release
from attribution.published import flow, time_to_convert, withhold
from attribution.reconcile import NOT_INCREMENTAL, Proof, reconcile
from attribution.report import credit_report
from measurement.estimates import Estimate, Interval
from simulation.journey_market import journeys_of_market
from simulation.market import simulate_market

# Continuous integration runs this notebook with few draws; a reader leaves the variable unset.
draws = int(os.environ.get("LIFTWERK_NOTEBOOK_DRAWS", "0")) or 1000
journeys = journeys_of_market(simulate_market(7), 7)
touchpoints, truth = journeys.touchpoints, journeys.truth
touchpoints.head()

# %% [markdown]
# ## From touches to paths
#
# A journey ends with a purchase or with a silence of 30 days; touches older than 30 days at the purchase do not count;
# repeated touches of one channel within half an hour are one. Journeys without a purchase matter as much as the others:
# without them every path converts.

# %%
options = JourneyOptions(lookback_days=30, gap_days=30, session_minutes=30)
paths = build_paths(touchpoints, options)
pd.Series(
    {
        "paths": paths.count,
        "purchases": paths.conversions.sum(),
        "purchases without a touch": paths.untouched_conversions,
        "touches a path": len(paths.touches) / paths.count,
    }
).round(2)

# %% [markdown]
# ## Credit, by method, with intervals
#
# Rules are conventions. Markov credit asks what would be lost if a channel's touches ended the journey, solved exactly,
# with the order of the chain chosen on people held out. The Shapley value of the *sum* game is the linear rule over
# distinct channels; the *rate* game compares conversion rates of sets of channels and may be negative.

# %%
report = credit_report(paths, seed=1, draws=draws)
wide = report.credit.pivot(index="channel", columns="method", values="conversions").round(1)
print(f"order {report.order.order}, {report.conversions:.0f} conversions")
wide

# %%
markov = report.credit[report.credit["method"] == "markov"].set_index("channel")
markov[["value", "lower", "upper", "stability"]].round(2)

# %% [markdown]
# ## Held against proof
#
# Suppose two channels were tested. Their factors teach the others, as far as channels resemble each other; what no
# channel earned is a row of its own. Here it can be compared with the truth.

# %%
total = report.value


def test_of(channel, error, rng):
    """A lift test with the given relative error."""
    true = truth["incremental_share"][channel] * total
    value = rng.normal(true, error * true)
    half = 1.645 * error * true
    interval = Interval(lower=value - half, upper=value + half, level=0.9, kind="confidence")
    lift = Estimate(value=value, interval=interval, unit="EUR", method="simulated lift test")
    return Proof(channel=channel, incremental=lift, source="geo_lift")


rng = np.random.default_rng(5)
found = reconcile(
    markov.reset_index(), [test_of("search", 0.2, rng), test_of("display", 0.2, rng)], total=total, seed=1
)
rows = found.table.set_index("channel")
rows["true"] = pd.Series(truth["incremental_share"]) * total
rows.loc[NOT_INCREMENTAL, "true"] = total - rows["true"].sum()
rows[["credit", "proof", "calibrated", "calibrated_lower", "calibrated_upper", "true"]].round(0)

# %%
for warning in found.warnings():
    print(warning)
channels = rows.drop(NOT_INCREMENTAL)
pd.Series(
    {
        name: (channels[name] - channels["true"]).abs().sum() / channels["true"].sum()
        for name in ("credit", "calibrated")
    }
).round(2).rename("error")

# %% [markdown]
# Calibrated credit is usable inside a channel: a campaign's share of the channel's credit, times the
# channel's factor. How the credit divides
# within the channel is still credit, not proof.

# %%
campaigns = pd.DataFrame({"channel": ["search", "search"], "campaign": ["brand", "generic"], "share": [9 / 13, 4 / 13]})
campaign_credit(campaigns, found.table).round(2)

# %% [markdown]
# ## What may be published
#
# Only what rests on ten people or more. The second report of a workspace differs from the first by ten people or more
# in every channel, or not at all, so that nobody can be found by comparing two of them.

# %%
first = release(paths, key=b"a secret of the workspace", k=10)
steps = publishable_transitions(person_transitions(first.paths), k=10)
steps.sort_values("count", ascending=False).head(8)

# %%
shown = withhold(report.credit, first.paths, k=10)
print(f"{shown['conversions'].isna().sum()} of {len(shown)} cells withheld")
late = pd.concat([touchpoints, touchpoints.iloc[:1].assign(unit_id="newcomer", channel="secret_channel")])
second = release(build_paths(late, options), key=b"a secret of the workspace", k=10, previous=first.ledger)
print("channels of the second report:", ", ".join(second.paths.channels))

# %%
flow(first.paths, k=10).head(6)

# %%
days = time_to_convert(first.paths, k=10)
days[days["channel"] == "(all)"]
