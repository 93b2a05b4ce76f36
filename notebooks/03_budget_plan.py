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
# # A budget plan with its proof
#
# The allocator takes response curves, from a fit or from anyone else's model, and rules. It returns the best plan, a
# bound that no other plan can exceed, and the reasons: what binds, what the next euro brings, what to test next.
#
# Here the curves are the true ones of a simulated market. A posterior is imitated by scaling every channel's curve with
# correlated log-normal noise, so that the notebook runs without a fit.

# %%
import os
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import Bounds, Group, MaxChange, TotalBudget
from budget_optimizer.explain import Stage, difference, frontier, risk_frontier, sensitivity
from budget_optimizer.flighting import Calendar, plan_flight
from budget_optimizer.next_test import TestDesign, next_test
from decisions.recommendation import Stability, holds, moves
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from simulation.market import simulate_market

# Continuous integration runs this notebook with few draws; a reader leaves the variable unset.
draws = int(os.environ.get("LIFTWERK_NOTEBOOK_DRAWS", "0")) or 1000
truth = simulate_market(7).truth
channels = tuple(truth["curves"])
spend = np.array([truth["curves"][channel]["spend"] for channel in channels])
outcome = np.array([truth["curves"][channel]["outcome"] for channel in channels])
rng = np.random.default_rng(3)
shared, own = rng.normal(size=(draws, 1)), rng.normal(size=(draws, len(channels)))
scale = np.exp(0.15 * shared + 0.25 * own - (0.15**2 + 0.25**2) / 2)
curves = ResponseCurves(
    channels=channels,
    spend=spend,
    outcome=scale[:, :, None] * outcome,
    observed_spend=np.array([truth["current_spend"][channel] for channel in channels]),
    currency="EUR",
)
total = float(curves.observed_spend.sum())
f"{total:,.0f} {curves.currency} a week over {len(channels)} channels"

# %% [markdown]
# ## The plan
#
# The same total as today, no channel moved by more than 30%. `gap` is the relative distance between the plan and the
# bound: the plan is the best there is, not the best that was found.

# %%
rules = [TotalBudget(total), MaxChange(0.3), Group(("tv", "video"), "moving pictures", min_share=0.15)]
plan = Allocator(rules).allocate(curves)
print(f"expected outcome {plan.expected_outcome:,.0f}, bound {plan.upper_bound:,.0f}, gap {plan.gap:.0e}")
interval = plan.gain.interval
print(f"gain {plan.gain.value:,.0f} [{interval.lower:,.0f}, {interval.upper:,.0f}]")
print(f"chance of a loss {plan.chance_of_loss:.0%}")
for channel in channels:
    today, then = plan.current[channel], plan.spend[channel]
    print(f"{channel:12} {today:>10,.0f} -> {then:>10,.0f}   next euro {plan.marginal_roas[channel]:.2f}")

# %%
figure = go.Figure()
mean = curves.mean()
proposed = np.array([plan.spend[channel] for channel in channels])
for index, channel in enumerate(channels):
    figure.add_scatter(x=spend[index], y=mean[index], name=channel, mode="lines")
for name, where, symbol in (("today", curves.observed_spend, "circle-open"), ("proposed", proposed, "circle")):
    at = curves.outcome_at(where).mean(axis=0)
    figure.add_scatter(
        x=where, y=at, name=name, mode="markers", marker={"symbol": symbol, "size": 10, "color": "black"}
    )
figure.update_layout(title="Response curves", xaxis_title="EUR spent a week", yaxis_title="EUR outcome a week")

# %%
change = proposed - curves.observed_spend
go.Figure(
    go.Waterfall(x=[*channels, "net"], y=[*change, 0.0], measure=["relative"] * len(channels) + ["total"])
).update_layout(title="What moves", yaxis_title="EUR a week")

# %% [markdown]
# ## What holds it back
#
# A shadow price is the outcome gained when that rule gives way by one euro.

# %%
for rule, price in sorted(plan.shadow_prices.items(), key=lambda item: -abs(item[1])):
    print(f"{price:6.2f}  {rule}")

# %%
try:
    Allocator([*rules, Bounds("tv", minimum=0.6 * total)]).allocate(curves)
except InputError as clash:
    print(clash)

# %% [markdown]
# ## More money, less money, less risk

# %%
less, more = sensitivity(curves, [TotalBudget(total)], plan)
for point in (less, more):
    print(f"{point.total:>12,.0f}: {point.plan.expected_outcome:,.0f}, next euro {point.next_euro:.2f}")
line = frontier(curves, [TotalBudget(total)], np.linspace(0.4, 1.6, 9) * total)
go.Figure(
    go.Scatter(x=[p.total for p in line], y=[p.plan.expected_outcome for p in line], mode="lines+markers")
).update_layout(title="The best that each budget can do", xaxis_title="EUR a week", yaxis_title="EUR outcome a week")

# %%
risks = risk_frontier(curves, rules)
for point in risks:
    print(f"weight {point.weight:.2f}: mean {point.expected_outcome:,.0f}, worst tenth {point.tail_outcome:,.0f}")
go.Figure(
    go.Scatter(
        x=[p.tail_outcome for p in risks],
        y=[p.expected_outcome for p in risks],
        text=[f"weight {p.weight:.2f}" for p in risks],
        mode="lines+markers+text",
        textposition="top right",
    )
).update_layout(title="Outcome against risk", xaxis_title="EUR in the worst tenth", yaxis_title="EUR expected")

# %% [markdown]
# ## Worth moving this week?
#
# `plan` prints the optimum; `weekly` proposes a move only where it beats the cost of switching and is likely to.

# %%
moved = moves(plan, curves)
held = holds(moved, Stability.of_risk("balanced"))
for move in moved:
    print(
        f"{move.channel:12} gain {move.gain.value:>8,.0f}, chance {move.chance:4.0%}  {held.get(move.channel, 'move')}"
    )

# %% [markdown]
# ## Why it is not last week's plan

# %%
looser = [rules[0], MaxChange(0.5), rules[2]]
better = replace(curves, outcome=1.1 * curves.outcome)
stages = [
    Stage(cause="last plan", curves=curves, rules=rules),
    Stage(cause="data", curves=better, rules=rules),
    Stage(cause="rules", curves=better, rules=looser),
]
for step in difference(stages):
    shifts = ", ".join(f"{channel} {money:+,.0f}" for channel, money in step.spend.items() if abs(money) > 1)
    print(f"{step.cause}: outcome {step.expected_outcome:+,.0f}; {shifts or 'no money moves'}")

# %% [markdown]
# ## When as well as where
#
# Thirteen weeks with carry-over from week to week and a season. Weeks after the horizon collect what was carried over.
# Where curves are S-shaped each channel is solved exactly at prices of the shared money, and the bound is rigorous.

# %%
weeks = 13
season = {channel: 1 + 0.25 * np.sin(2 * np.pi * np.arange(weeks) / weeks) for channel in channels}
retention = {channel: truth["adstock"][channel]["decay"] for channel in channels}
flight = plan_flight(
    curves,
    Calendar(weeks=weeks, retention=retention, season=season),
    total=weeks * total,
    rules=[Bounds(channel, 0.0, 2 * curves.observed_spend[i]) for i, channel in enumerate(channels)],
    time_limit=20.0,
)
print(f"gap {flight.gap:.0e}; against the same money spread evenly {flight.value / flight.steady_value - 1:+.1%}")
go.Figure(
    go.Heatmap(z=flight.spend.T, x=[f"week {w + 1}" for w in range(weeks)], y=channels, colorbar={"title": "EUR"})
).update_layout(title="Spend by week and channel")

# %% [markdown]
# ## Channels in geos
#
# Curves may be by geo. A rule on a channel holds for its sum over geos; every cell is planned by itself.

# %%
share = {"north": 0.4, "south": 0.6}
by_geo = ResponseCurves(
    channels=tuple(channel for channel in channels for _ in share),
    geos=tuple(share) * len(channels),
    spend=np.concatenate([[row * part for part in share.values()] for row in spend]),
    outcome=np.concatenate(
        [np.stack([curves.outcome[:, c] * part**0.9 for part in share.values()], axis=1) for c in range(len(channels))],
        axis=1,
    ),
    observed_spend=np.concatenate([[money * part for part in share.values()] for money in curves.observed_spend]),
    currency="EUR",
)
where = Allocator([TotalBudget(total), Bounds("tv", maximum=0.2 * total)]).allocate(by_geo)
go.Figure(
    go.Heatmap(
        z=np.array([where.spend[cell] for cell in by_geo.cells]).reshape(len(channels), -1),
        x=list(share),
        y=channels,
        colorbar={"title": "EUR"},
    )
).update_layout(title="Spend by channel and geo")

# %% [markdown]
# ## What to test next
#
# A test is worth what it could change in the plan. The widest interval is often not the best test. `liftwerk plan`
# takes errors and costs from geo designs on the panel; here they are made up.

# %%
designs = {
    channel: TestDesign(standard_error=0.1 * curves.outcome_at(curves.observed_spend)[:, i].mean(), cost=20_000.0)
    for i, channel in enumerate(channels)
}
for value in next_test(curves, rules, designs=designs, weeks=26):
    print(f"{value.channel:12} net {value.net:>10,.0f}   prior sd {value.prior_sd:>9,.0f}")
