"""Cells that are a channel in a geo: rules on a channel hold for its sum over geos, and channels are tested whole."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from budget_cases import hill_curves

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import (
    Bounds,
    Fixed,
    Group,
    MaxActive,
    MaxChange,
    MinIfActive,
    TargetRoas,
    TotalBudget,
)
from budget_optimizer.flighting import Calendar, plan_flight
from budget_optimizer.next_test import TestDesign, effect_of, next_test
from measurement.curves import ResponseCurves
from measurement.errors import InputError

CHANNELS, GEOS = ("search", "tv", "radio"), ("Bremen", "Hamburg", "Hessen")


def geo_curves(seed: int = 1, draws: int = 1, s_shaped: float = 0.84) -> ResponseCurves:
    plain = hill_curves(np.random.default_rng([61, seed]), 9, points=30, draws=draws, s_shaped=s_shaped)
    pairs = list(itertools.product(CHANNELS, GEOS))
    return replace(plain, channels=tuple(c for c, _ in pairs), geos=tuple(g for _, g in pairs))


def by_channel(plan) -> dict[str, float]:
    return {c: sum(money for cell, money in plan.spend.items() if cell.startswith(f"{c} in ")) for c in CHANNELS}


def test_a_plan_over_geos_is_the_plan_over_as_many_channels():
    curves = geo_curves()
    total = float(curves.observed_spend.sum())
    plan = Allocator([TotalBudget(total)]).allocate(curves)
    alone = replace(curves, channels=curves.cells, geos=())
    same = Allocator([TotalBudget(total)]).allocate(alone)
    assert plan.spend == same.spend
    assert plan.gap <= 1e-4


def test_rules_on_a_channel_hold_for_its_sum_over_geos():
    curves = geo_curves()
    total = float(curves.observed_spend.sum())
    rules = [
        TotalBudget(total),
        Bounds("search", 0.4 * total, 0.5 * total),
        Fixed("radio", 0.2 * total),
        Group(("tv", "radio"), max_share=0.55),
        Bounds("search in Bremen", 0.05 * total),
    ]
    plan = Allocator(rules).allocate(curves)
    spend = by_channel(plan)
    assert sum(spend.values()) == pytest.approx(total, rel=1e-9)
    assert spend["radio"] == pytest.approx(0.2 * total, rel=1e-7)
    assert 0.45 * total <= spend["search"] * (1 + 1e-7) <= 0.5 * total * (1 + 2e-7)
    assert plan.spend["search in Bremen"] >= 0.05 * total * (1 - 1e-7)
    free = Allocator(rules[:1]).allocate(curves)
    assert by_channel(free) != pytest.approx(spend)


def test_a_change_is_limited_in_every_geo():
    curves = geo_curves()
    plan = Allocator([TotalBudget(float(curves.observed_spend.sum())), MaxChange(0.2)]).allocate(curves)
    for cell, today in zip(curves.cells, curves.observed_spend, strict=True):
        assert 0.8 * today * (1 - 1e-7) <= plan.spend[cell] <= 1.2 * today * (1 + 1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_on_and_off_are_of_whole_channels(seed):
    curves = geo_curves(seed)
    total = 0.8 * float(curves.observed_spend.sum())
    least = 0.45 * total
    rules = [TotalBudget(total), MaxActive(2), *(MinIfActive(c, least) for c in CHANNELS)]
    plan = Allocator(rules).allocate(curves)
    spend = by_channel(plan)
    assert sum(money > 1e-6 * total for money in spend.values()) <= 2
    assert all(money <= 1e-6 * total or money >= least * (1 - 1e-7) for money in spend.values())
    best = 0.0
    for on in [*itertools.combinations(CHANNELS, 1), *itertools.combinations(CHANNELS, 2)]:
        fixed = [Fixed(c, 0.0) for c in CHANNELS if c not in on]
        ends = [Bounds(c, least) for c in on]
        best = max(best, Allocator([TotalBudget(total), *fixed, *ends]).allocate(curves).expected_outcome)
    assert plan.expected_outcome == pytest.approx(best, rel=1e-6)


def test_a_return_is_asked_of_the_whole_channel():
    curves = geo_curves(s_shaped=0.0)
    total = float(curves.observed_spend.sum())
    target = 1.0
    plan = Allocator([TotalBudget(total), TargetRoas(target, "tv")]).allocate(curves)
    at = [i for i, c in enumerate(curves.channels) if c == "tv"]
    spend = np.array([plan.spend[cell] for cell in curves.cells])
    assert curves.outcome_at(spend)[0, at].sum() >= target * spend[at].sum() * (1 - 1e-6)


def test_clashes_name_the_channel_and_unknown_names_are_refused():
    curves = geo_curves()
    total = float(curves.observed_spend.sum())
    with pytest.raises(InputError, match=r"search at least") as clash:
        Allocator([TotalBudget(total), Bounds("search", 1.2 * total)]).allocate(curves)
    assert "total budget" in str(clash.value)
    with pytest.raises(InputError, match="search, tv, radio"):
        Allocator([TotalBudget(total), Bounds("print", 1.0)]).allocate(curves)


def test_weeks_and_geos_together():
    curves = geo_curves(s_shaped=0.0)
    week = float(curves.observed_spend.sum())
    calendar = Calendar(weeks=3, retention={"tv": 0.5, "search in Bremen": 0.2}, season={"search": [0.8, 1.0, 1.3]})
    flight = plan_flight(curves, calendar, total=3 * week, rules=[Bounds("tv", 0.2 * week)])
    assert flight.cells == curves.cells
    assert flight.gap <= 1e-4
    at = [i for i, c in enumerate(curves.channels) if c == "tv"]
    assert (flight.spend[:, at].sum(axis=1) >= 0.2 * week * (1 - 1e-7)).all()
    search = [i for i, c in enumerate(curves.channels) if c == "search"]
    assert flight.spend[2, search].sum() > flight.spend[0, search].sum()


def test_a_channel_is_tested_as_a_whole():
    curves = geo_curves(draws=200)
    rules = [TotalBudget(float(curves.observed_spend.sum()))]
    values = next_test(curves, rules)
    assert sorted(value.channel for value in values) == sorted(CHANNELS)
    tv = next(value for value in values if value.channel == "tv")
    at = [i for i, c in enumerate(curves.channels) if c == "tv"]
    today = curves.outcome_at(curves.observed_spend)[:, at].sum(axis=1)
    assert tv.prior_sd == pytest.approx((today - curves.outcome[:, at, 0].sum(axis=1)).std())
    assert tv.assumed


def test_the_better_of_two_designs_is_chosen():
    curves = geo_curves(draws=200)
    rules = [TotalBudget(float(curves.observed_spend.sum()))]
    spread = float(effect_of(curves, "tv").std())
    sharp = TestDesign(standard_error=spread / 4, cost=0.0, name="sharp")
    dull = TestDesign(standard_error=4 * spread, cost=0.0, name="dull")
    dear = TestDesign(standard_error=spread / 5, cost=1e9, levels=(1.0, 2.0), name="dear")
    found = {value.channel: value for value in next_test(curves, rules, designs={"tv": [dull, dear, sharp]})}
    assert found["tv"].design.name == "sharp"
    assert not found["tv"].assumed
    assert found["search"].assumed


def test_cells_are_unique_and_complete():
    curves = geo_curves()
    with pytest.raises(InputError, match="given twice"):
        replace(curves, geos=("Bremen",) * 9)
    with pytest.raises(InputError, match="every curve needs its geo"):
        replace(curves, geos=("Bremen",))
