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
# # A geo test from plan to model
#
# A market with known truth: sixteen regions, three years. We design a test on the history, run it in the simulation,
# read it, look at it as a sceptic would, and hand it over to the media mix model. Then the harder cases: cells,
# staggered starts, a test that still runs, and a market too small to leave regions untouched.

# %%
import os
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from geolift.candidates import SetRules
from geolift.cell_design import design_cells
from geolift.design import design_geo_test
from geolift.design_study import Effort
from geolift.readout import read_geo_test
from geolift.switchback_design import design_switchback
from geolift.test_plan import GeoTest
from measurement.panel import Panel
from mmm.model import MMM
from mmm.spec import ModelSpec
from simulation.market import simulate_market
from simulation.market_spec import market_spec

# Continuous integration runs this notebook with little effort; a reader leaves the variable unset.
few = bool(os.environ.get("LIFTWERK_NOTEBOOK_DRAWS"))
effort = Effort(look_backs=10, exhaustive=400, beam=10, keep=20) if few else Effort()
market = simulate_market(11, market_spec(n_geos=16, n_weeks=156, n_channels=4))
channel, weeks, cooldown = "search", 6, 2
first = 140
history = market.panel.select(until=market.panel.dates[first - 1])
f"{len(history.geos)} regions, {len(history.dates)} weeks before; true ROAS {market.truth['roas'][channel]:.2f}"

# %% [markdown]
# ## The plan
#
# Every set of regions that obeys the rules is tried in past windows: what would the readout have said, had this lift
# been there? Windows that did not choose the set say how much of its sharpness was luck. Costs and effects are money.

# %%
rules = SetRules(sizes=(2, 3, 4), must_exclude=(history.geos[0],), holdout_share=(0.6, 0.95))
designs = design_geo_test(history, channel=channel, weeks=weeks, rules=rules, change=1.2, effort=effort, seed=1)
columns = ["rank", "treated", "mde", "mde_outcome", "incremental_spend", "detectable_iroas", "aa_rejection"]
designs.table()[columns].head(8).round(3)

# %%
best = designs.designs[0]
curves = designs.power_curves()
figure = go.Figure()
for rank in (1, 2, 3):
    line = curves[(curves["rank"] == rank) & (curves["effect"] <= 0.15)]
    figure.add_scatter(x=line["effect"], y=line["power"], name=f"design {rank}", mode="lines")
figure.add_hline(y=designs.wanted_power, line_dash="dot")
figure.update_layout(title="How likely is a lift of this size found?", xaxis_title="true lift", yaxis_title="power")

# %% [markdown]
# ## The test is run
#
# Spend of the channel is raised by 120% in the chosen regions for six weeks. The simulation knows what that truly did,
# carry-over included.


# %%
def run(panel, geos, factor, begin=first, length=weeks):
    """The panel with spend changed in some regions, and what that truly brought until the end of the cool-down."""
    change = np.ones(market.expected.shape)
    change[[market.panel.geos.index(geo) for geo in geos], begin : begin + length] = factor
    effect = market.expected_with({channel: change}) - market.expected
    data = panel.data.copy(deep=True)
    for name in ("spend", "exposure"):
        data[name].loc[{"channel": channel}] = data[name].sel(channel=channel) * change
    data["outcome"] = data["outcome"] + effect
    return Panel(data=data, currency=panel.currency, period=panel.period), float(effect.sum())


panel, true = run(market.panel, best.treated, 2.2)
start = market.panel.dates[first].date()
test = GeoTest(
    channel=channel,
    treated=best.treated,
    start=start,
    end=start + timedelta(days=7 * weeks - 1),
    kind="scale_up",
    cooldown_weeks=cooldown,
)

# %% [markdown]
# ## The readout
#
# One sentence first. The p-value and the interval are the same test turned over, so they never contradict each other,
# and beside the p-value stands how often this test cries wolf on this very panel.

# %%
readout = read_geo_test(panel, test, seed=1)
print(readout.verdict.sentence)
outcome = readout.lift.incremental_outcome
print(f"true: {true:,.0f}; inside the interval: {outcome.interval.contains(true)}")
print(f"p-value {readout.result.p_value:.3f}; false alarms {readout.aa.rate:.1%} at α {readout.aa.alpha:.0%}")
print(f"iROAS {readout.lift.iroas.value:.2f} on {readout.spend.incremental:,.0f} of spend.", readout.spend.rule)

# %%
series = readout.series().tail(50)
figure = go.Figure()
figure.add_scatter(x=series["date"], y=series["upper"], line_width=0, showlegend=False)
figure.add_scatter(x=series["date"], y=series["lower"], line_width=0, fill="tonexty", name="90% of single weeks")
figure.add_scatter(x=series["date"], y=series["counterfactual"], name="without change")
figure.add_scatter(x=series["date"], y=series["observed"], name="observed", line_color="black")
figure.add_vrect(x0=test.start, x1=test.end, opacity=0.1, fillcolor="black", line_width=0)
figure.update_layout(title="Observed against what would have happened", yaxis_title=panel.currency)

# %%
weights = pd.Series(readout.donor_weights).sort_values()
go.Figure(go.Bar(x=weights, y=weights.index, orientation="h")).update_layout(title="Who stands for the test regions")

# %% [markdown]
# ## A sceptic's look
#
# The same reading in untreated regions, just before the test, without one donor, by another estimator.

# %%
paths = readout.placebo_paths().pivot_table(index="date", columns="set", values="effect")
figure = go.Figure()
for column in paths.columns[1:]:
    figure.add_scatter(x=paths.index, y=paths[column], line={"color": "lightgrey", "width": 1}, showlegend=False)
figure.add_scatter(x=paths.index, y=paths[0], line={"color": "teal", "width": 3}, name="test regions")
figure.update_layout(title="The same reading where nothing was changed", yaxis_tickformat=".0%")

# %%
robust = readout.robustness
others = {"synthetic control": robust.att, **robust.other_estimators, "just before the test": robust.in_time_att}
print(pd.Series({**others, **{f"without {geo}": att for geo, att in robust.without_donor.items()}}).round(0))
pd.DataFrame([check.to_dict() for check in readout.checks])[["name", "passed", "value", "limit", "blocking"]]

# %% [markdown]
# Every estimator goes through the same door; so does every test. `jackknife_plus` leaves blocks of history out instead
# of moving the window.

# %%
choices = [(name, None) for name in ("synthetic_control", "augmented", "synthetic_did", "did", "tbr")]
choices += [("synthetic_control", name) for name in ("placebo_sets", "jackknife_plus")]
rows = []
for name, inference in choices:
    other = read_geo_test(panel, replace(test, estimator=name, inference=inference), seed=1)
    found, method = other.lift.incremental_outcome, other.result.method
    rows.append((name, method, found.value, found.interval.lower, found.interval.upper, other.result.p_value))
pd.DataFrame(rows, columns=["estimator", "test", "incremental", "lower", "upper", "p_value"]).round(3)

# %% [markdown]
# ## Over to the media mix model
#
# `readout.lift` is what the model takes: it becomes a likelihood on the model's own counterfactual of these weeks and
# regions. A preview of the model with and without it shows what the test teaches; a fit takes it in the same way.

# %%
spec = ModelSpec()
for label, lifts in (("without the test", []), ("with the test", [readout.lift])):
    table = MMM(spec).preview(panel, lifts, seed=1).roas_table().set_index("channel")
    print(label, table.loc[channel, ["roas_lower", "roas", "roas_upper"]].round(2).to_dict())
print(f"true ROAS of the untouched market {market.truth['roas'][channel]:.2f}")

# %% [markdown]
# ## Two doses in one test
#
# Cells are disjoint treated sets with a dose or a channel each. A small program picks them so that the dullest cell is
# as sharp as can be; the optimum is proven. Each cell is read on its own donors, p-values allow for their number.

# %%
cells = design_cells(history, cells=2, channel=channel, weeks=weeks, rules=rules, effort=effort, seed=1)
cells.table()[["cell", "treated", "mde", "mde_outcome", "incremental_spend"]].round(3)

# %%
low, high = (cell.treated for cell in cells.cells)
one, true_low = run(market.panel, low, 1.6)
two, true_high = run(one, high, 2.5)
doses = GeoTest(
    channel=channel, treated=(*low, *high), start=test.start, end=test.end, cooldown_weeks=cooldown,
    cells={"plus 60%": low, "plus 150%": high},
)  # fmt: skip
for cell, truth in zip(read_geo_test(two, doses, seed=1).cells, (true_low, true_high), strict=True):
    found = cell.lift.incremental_outcome
    span = f"[{found.interval.lower:,.0f}, {found.interval.upper:,.0f}]"
    print(f"{cell.cell.name}: {found.value:,.0f} {span}, true {truth:,.0f}")

# %% [markdown]
# ## Rolled out in steps
#
# One region joins two weeks later. Its effect counts from its own start.

# %%
early, late = best.treated[:-1], best.treated[-1]
one, true_early = run(market.panel, early, 2.2)
steps, true_late = run(one, (late,), 2.2, begin=first + 2, length=weeks - 2)
stepped = GeoTest(
    channel=channel, treated=best.treated, start=test.start, end=test.end, cooldown_weeks=cooldown,
    starts={late: test.start + timedelta(weeks=2)},
)  # fmt: skip
print(read_geo_test(steps, stepped, seed=1).verdict.sentence)
print(f"true {true_early + true_late:,.0f}")

# %% [markdown]
# ## Looked at every week
#
# A reading that stays honest however often it is looked at: the band is learnt from whole paths of untreated sets.

# %%
for seen in (1, 3, 5):
    running = read_geo_test(panel.select(until=panel.dates[first + seen - 1]), test, seed=1)
    print(seen, "weeks:", running.verdict.sentence)

# %% [markdown]
# ## Too few regions to leave any untouched
#
# Then time is divided: every region switches at times drawn at random, in balanced pairs, with a washout.

# %%
small = history.select(geos=history.geos[:3])
plans = design_switchback(small, channel=channel, weeks=16, carry_over=0.3, seed=1)
print(plans.schedule.head(6))
plans.table()[["rank", "block", "washout", "mde", "mde_outcome", "aa_rejection", "carry_over_bias"]].round(3)
