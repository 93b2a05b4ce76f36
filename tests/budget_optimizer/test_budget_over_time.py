"""Flighting, explanation and the next test."""

from __future__ import annotations

import numpy as np
import pytest
from budget_cases import hill_curves
from scipy import optimize

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import Bounds, MaxActive, Reserve, TargetRoas, TotalBudget
from budget_optimizer.explain import Stage, at_total, difference, frontier, risk_frontier, sensitivity, with_today
from budget_optimizer.flighting import Calendar, plan_flight, weekly_outcome
from budget_optimizer.next_test import TestDesign, information_value, next_test
from measurement.curves import ResponseCurves
from measurement.errors import InputError


def calendar_of(curves, weeks=6, theta=0.5):
    season = {c: 1 + 0.4 * np.sin(np.arange(weeks) + i) for i, c in enumerate(curves.channels)}
    return Calendar(weeks=weeks, retention=dict.fromkeys(curves.channels, theta), season=season)


def test_flighting_beats_a_local_solver_and_keeps_the_rules():
    curves = hill_curves(np.random.default_rng(3), 3, points=200, s_shaped=0.0)
    calendar = calendar_of(curves)
    total = 6 * float(curves.observed_spend.sum())
    most = float(curves.observed_spend.sum()) * 1.4
    rules = [Bounds(curves.channels[0], 0.2 * curves.observed_spend[0], 2.0 * curves.observed_spend[0])]
    flight = plan_flight(curves, calendar, total=total, rules=rules, week_range=(0.0, most))
    assert flight.gap <= 1e-4
    assert flight.spend.sum() == pytest.approx(total, rel=1e-9)
    assert flight.spend.sum(axis=1).max() <= most * (1 + 1e-9)
    assert flight.spend[:, 0].min() >= 0.2 * curves.observed_spend[0] * (1 - 1e-9)
    assert flight.value == pytest.approx(weekly_outcome(curves, calendar, flight.spend).sum())
    assert flight.value >= flight.steady_value

    low = np.zeros((6, 3))
    high = np.full((6, 3), total)
    low[:, 0], high[:, 0] = 0.2 * curves.observed_spend[0], 2.0 * curves.observed_spend[0]
    local = optimize.minimize(
        lambda x: -weekly_outcome(curves, calendar, x.reshape(6, 3) * total / 18).sum() / flight.value,
        np.ones(18),
        method="SLSQP",
        bounds=list(zip(low.ravel() * 18 / total, high.ravel() * 18 / total, strict=True)),
        constraints=[
            {"type": "eq", "fun": lambda x: x.sum() - 18},
            {"type": "ineq", "fun": lambda x: most * 18 / total - x.reshape(6, 3).sum(axis=1)},
        ],
    )
    assert -local.fun <= flight.upper_bound / flight.value + 1e-6


def test_without_carry_over_or_season_a_flight_is_the_weekly_optimum():
    curves = hill_curves(np.random.default_rng(4), 3, s_shaped=0.0)
    total = float(curves.observed_spend.sum())
    calendar = Calendar(weeks=4, retention={}, tail_weeks=0)
    flight = plan_flight(curves, calendar, total=4 * total)
    plan = Allocator([TotalBudget(total)]).allocate(curves)
    assert flight.value == pytest.approx(4 * plan.expected_outcome, rel=1e-6)


def test_s_shaped_flights_pulse_and_carry_a_bound():
    curves = hill_curves(np.random.default_rng(5), 2, s_shaped=1.0)
    total = 0.5 * float(curves.observed_spend.sum()) * 5
    flight = plan_flight(curves, Calendar(weeks=5, retention={}, tail_weeks=0), total=total)
    assert flight.gap <= 1e-4
    assert flight.value >= flight.steady_value
    assert flight.value <= flight.upper_bound


def test_past_spend_carries_in():
    curves = hill_curves(np.random.default_rng(5), 2, s_shaped=0.0)
    total = 4 * float(curves.observed_spend.sum())
    kept = dict.fromkeys(curves.channels, 0.6)
    cold = Calendar(weeks=4, retention=kept, carry_in=dict.fromkeys(curves.channels, 0.0))
    warm = Calendar(weeks=4, retention=kept)
    assert plan_flight(curves, warm, total=total).value > plan_flight(curves, cold, total=total).value


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"weeks": 0}, "weeks"),
        ({"retention": {"radio": 0.5}}, "radio"),
        ({"retention": {"c0": 1.0}}, "c0"),
        ({"season": {"c0": [1.0]}}, "season"),
        ({"tail_weeks": -1}, "tail_weeks"),
    ],
)
def test_a_calendar_that_does_not_fit_is_named(change, match):
    curves = hill_curves(np.random.default_rng(5), 2)
    with pytest.raises(InputError, match=match):
        plan_flight(curves, Calendar(**({"weeks": 3, "retention": {}} | change)), total=100.0)


def test_rules_that_cannot_hold_week_by_week_are_refused():
    curves = hill_curves(np.random.default_rng(5), 2)
    for rule in (TargetRoas(1.0), MaxActive(1)):
        with pytest.raises(InputError, match="plan over weeks"):
            plan_flight(curves, Calendar(weeks=2, retention={}), total=100.0, rules=[rule])
    with pytest.raises(InputError, match="no plan over the weeks"):
        plan_flight(curves, Calendar(weeks=2, retention={}), total=100.0, week_range=(0.0, 40.0))


def test_frontier_rises_and_its_slope_is_the_value_of_the_next_euro():
    curves = hill_curves(np.random.default_rng(6), 5, s_shaped=0.0)
    total = float(curves.observed_spend.sum())
    points = frontier(curves, [TotalBudget(total)], np.linspace(0.5, 1.5, 5) * total)
    values = [point.plan.expected_outcome for point in points]
    slopes = [point.next_euro for point in points]
    assert values == sorted(values)
    assert slopes == sorted(slopes, reverse=True)
    secants = np.diff(values) / np.diff([point.total for point in points])
    assert (secants <= np.array(slopes[:-1]) + 1e-9).all()
    assert (secants >= np.array(slopes[1:]) - 1e-9).all()


def test_a_total_that_clashes_is_a_point_with_a_reason():
    curves = hill_curves(np.random.default_rng(6), 3)
    total = float(curves.observed_spend.sum())
    rules = [TotalBudget(total), Bounds("c0", 0.95 * total)]
    plan = Allocator(rules).allocate(curves)
    less, more = sensitivity(curves, rules, plan)
    assert less.plan is None
    assert "c0 at least" in less.reason
    assert more.plan is not None
    assert less.next_euro is None


def test_risk_frontier_is_monotone():
    curves = hill_curves(np.random.default_rng(6), 4, draws=200, s_shaped=0.0)
    points = risk_frontier(curves, [TotalBudget(float(curves.observed_spend.sum()))], weights=(0.0, 0.5, 1.0))
    assert [p.tail_outcome for p in points] == sorted(p.tail_outcome for p in points)


def test_differences_add_up():
    old = hill_curves(np.random.default_rng(6), 4)
    new = hill_curves(np.random.default_rng(7), 4)
    total = float(old.observed_spend.sum())
    rules = [TotalBudget(total)]
    more = at_total(rules, 1.2 * total)
    steps = difference(
        [
            Stage(cause="last plan", curves=old, rules=rules),
            Stage(cause="data", curves=new, rules=rules),
            Stage(cause="rules", curves=new, rules=more),
        ]
    )
    first, last = Allocator(rules).allocate(old), Allocator(more).allocate(new)
    assert [step.cause for step in steps] == ["data", "rules"]
    for channel in old.channels:
        moved = sum(step.spend[channel] for step in steps)
        assert moved == pytest.approx(last.spend[channel] - first.spend[channel], abs=1e-6 * total)
    assert sum(s.expected_outcome for s in steps) == pytest.approx(last.expected_outcome - first.expected_outcome)
    assert sum(with_today(new, {"c1": 5.0}).observed_spend) == 5.0
    with pytest.raises(InputError, match="two plans"):
        difference([Stage(cause="last plan", curves=old, rules=rules)])


def test_a_stage_without_a_plan_is_joined_with_the_next():
    old = hill_curves(np.random.default_rng(6), 4)
    total = float(old.observed_spend.sum())
    clash = [TotalBudget(total), Bounds("c0", 2 * total)]
    first, last = [TotalBudget(total)], [TotalBudget(1.2 * total)]
    stages = [Stage(cause=name, curves=old, rules=rules) for name, rules in (("0", first), ("a", clash), ("b", last))]
    steps = difference(stages)
    assert [step.cause for step in steps] == ["a + b"]
    with pytest.raises(InputError, match="c0"):
        difference(stages[:2])


def test_money_in_reserve_comes_on_top_of_another_total():
    curves = hill_curves(np.random.default_rng(6), 4)
    total = float(curves.observed_spend.sum())
    rules = [TotalBudget(total), Reserve(0.1 * total)]
    plan = Allocator(rules).allocate(curves)
    _, more = sensitivity(curves, rules, plan)
    assert sum(more.plan.spend.values()) == pytest.approx(1.1 * 0.9 * total, rel=1e-9)


def linear_curves(effect: np.ndarray) -> ResponseCurves:
    """Straight curves with slope ``effect`` (D, C) up to 100."""
    channels = effect.shape[1]
    grid = np.tile([0.0, 50.0, 100.0], (channels, 1))
    return ResponseCurves(
        channels=tuple("abcdef"[:channels]),
        spend=grid,
        outcome=effect[:, :, None] * grid,
        observed_spend=np.full(channels, 50.0),
        currency="EUR",
    )


def test_value_of_information_matches_the_closed_form():
    rng = np.random.default_rng(2)
    effect = np.stack([rng.normal(2.0, 0.2, 4000), np.full(4000, 2.0)], axis=1)
    curves = linear_curves(np.maximum(effect, 0.0))
    values = next_test(curves, [TotalBudget(100.0)], weeks=1)
    assert [v.channel for v in values] == ["a"]
    # choose a or b for 100 euros: 100 · E max(φ − 2, 0) = 100 · .2 · .3989 above the mean plan
    assert values[0].value_of_certainty == pytest.approx(100 * 0.2 * 0.39894, rel=0.05)
    # a test with half the prior sd keeps sqrt(1 / 1.25) of it
    assert values[0].value_of_test == pytest.approx(100 * 0.2 * 0.39894 * np.sqrt(0.8), rel=0.07)


def test_the_widest_interval_is_not_the_best_test():
    rng = np.random.default_rng(3)
    sure_winner = rng.normal(9.0, 1.0, 2000)  # wide, but no reading changes the plan
    contest = rng.normal([2.0, 2.05], 0.3, (2000, 2))
    curves = linear_curves(np.maximum(np.column_stack([sure_winner, contest]), 0.0))
    values = next_test(curves, [TotalBudget(150.0), Bounds("a", 0.0, 50.0), Bounds("b", 0, 100), Bounds("c", 0, 100)])
    by_channel = {value.channel: value for value in values}
    assert values[0].channel in {"b", "c"}
    assert by_channel["a"].prior_sd > by_channel["b"].prior_sd
    assert by_channel["a"].value_of_test < 0.1 * values[0].value_of_test


def test_correlation_is_used():
    rng = np.random.default_rng(4)
    shared = rng.normal(0, 0.3, 3000)
    effect = np.column_stack([2 + shared, np.full(3000, 2.0), 1.0 + 0.2 * shared + rng.normal(0, 0.001, 3000)])
    curves = linear_curves(np.maximum(effect, 0.0))
    values = {v.channel: v for v in next_test(curves, [TotalBudget(100.0)], weeks=1)}
    # c itself never gets money, but tells everything about a
    assert values["c"].value_of_certainty == pytest.approx(values["a"].value_of_certainty, rel=0.1)


def test_cost_and_noise_lower_the_value():
    rng = np.random.default_rng(5)
    curves = linear_curves(np.maximum(rng.normal(2.0, 0.3, (1000, 3)), 0.0))
    rules = [TotalBudget(100.0)]
    designs = {
        "a": TestDesign(standard_error=1.0),
        "b": TestDesign(standard_error=1e3),
        "c": TestDesign(standard_error=1.0, cost=1e9),
    }
    values = {v.channel: v for v in next_test(curves, rules, designs=designs, weeks=10)}
    assert values["a"].value_of_test > values["b"].value_of_test
    assert values["c"].net < 0 < values["c"].value_of_test
    assert next(iter(values)) == "a"
    assert all(v.value_of_test <= v.value_of_certainty for v in values.values())


def test_next_test_needs_draws_and_an_error():
    with pytest.raises(InputError, match="50 draws"):
        next_test(linear_curves(np.ones((1, 2))), [TotalBudget(100.0)])
    curves = linear_curves(np.random.default_rng(1).uniform(1, 2, (60, 2)))
    with pytest.raises(InputError, match="standard error"):
        next_test(curves, [TotalBudget(100.0)], designs={"a": TestDesign(standard_error=0.0)})


def test_same_seed_same_ranking():
    curves = linear_curves(np.random.default_rng(1).uniform(1, 2, (100, 3)))
    first, second = (next_test(curves, [TotalBudget(100.0)], seed=4) for _ in range(2))
    assert first == second


def test_no_information_is_worth_nothing():
    rng = np.random.default_rng(6)
    effect = rng.normal(size=2000)
    worth = np.column_stack([effect + 10, effect])
    assert information_value(effect, worth, 0.0, rng) == 0.0


def test_a_time_limit_gives_a_plan_with_its_honest_gap():
    curves = hill_curves(np.random.default_rng(8), 12, points=40, s_shaped=1.0)
    total = 8 * float(curves.observed_spend.sum())
    flight = plan_flight(curves, calendar_of(curves, weeks=8), total=total, time_limit=0.01)
    assert flight.spend.sum() == pytest.approx(total, rel=1e-6)
    assert 0.0 <= flight.gap < 0.2
    assert flight.value <= flight.upper_bound
