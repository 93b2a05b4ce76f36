"""Risk: mean-CVaR is certified, named levels are numbers, chance-constrained ROAS holds in the draws."""

from __future__ import annotations

import numpy as np
import pytest
from budget_cases import hill_curves

from budget_optimizer.allocator import Allocator
from budget_optimizer.chance import plan_with_chance, reached
from budget_optimizer.constraints import TotalBudget
from budget_optimizer.objective import Goal, tail_mean, tail_weights
from budget_optimizer.risk import RISK_LEVELS, CVaR, goal_of
from measurement.errors import InputError


def total_of(curves) -> float:
    return float(curves.observed_spend.sum())


def test_tail_weights_attain_the_tail_mean_and_are_a_density():
    outcome = np.random.default_rng(1).normal(size=37)
    for share in (0.05, 0.1, 0.5, 1.0):
        weights = tail_weights(outcome, share)
        assert weights.sum() == pytest.approx(1.0)
        assert weights.max() <= 1 / (share * 37) + 1e-12
        # any other density of that kind gives a mean at least as high
        other = np.roll(weights, 5)
        assert outcome @ weights <= outcome @ other + 1e-12
    assert tail_mean(outcome, 1.0) == pytest.approx(outcome.mean())


@pytest.mark.parametrize("s_shaped", [0.0, 0.8])
def test_cautious_beats_every_sampled_plan_on_its_own_goal(s_shaped):
    curves = hill_curves(np.random.default_rng(7), 4, draws=300, s_shaped=s_shaped)
    total = total_of(curves)
    plan = Allocator([TotalBudget(total)], risk="cautious").allocate(curves)
    goal = goal_of("cautious")
    assert plan.gap <= 1e-4
    spend = np.array(list(plan.spend.values()))
    assert plan.value == pytest.approx(goal.value(curves.outcome_at(spend).sum(axis=1), total))
    rng = np.random.default_rng(8)
    near = np.abs(spend + rng.normal(0, 0.05 * total, (3000, 4)))
    trials = np.vstack([rng.dirichlet(np.ones(4), 3000), near / near.sum(axis=1, keepdims=True)]) * total
    values = [goal.value(curves.outcome_at(trial).sum(axis=1), total) for trial in trials]
    assert max(values) <= plan.upper_bound
    assert max(values) <= plan.value * (1 + 1e-4)


def test_more_weight_on_the_tail_trades_mean_for_tail():
    curves = hill_curves(np.random.default_rng(9), 6, draws=400, s_shaped=0.0)
    plans = [Allocator([TotalBudget(total_of(curves))], risk=CVaR(0.1, w)).allocate(curves) for w in (0.0, 0.5, 1.0)]
    tails = [tail_mean(curves.outcome_at(np.array(list(p.spend.values()))).sum(axis=1), 0.1) for p in plans]
    means = [p.expected_outcome for p in plans]
    assert tails == sorted(tails)
    assert means == sorted(means, reverse=True)
    assert tails[-1] > tails[0]


def test_named_levels_are_the_documented_numbers():
    numbers = {name: (r.tail_weight, r.tail_share, r.chance_needed) for name, r in RISK_LEVELS.items()}
    assert numbers == {"cautious": (0.5, 0.1, 0.8), "balanced": (0.0, 0.1, 0.7), "bold": (0.0, 0.1, 0.6)}
    assert goal_of("balanced") == goal_of("bold") == Goal()
    with pytest.raises(InputError, match="reckless"):
        goal_of("reckless")


def test_balanced_is_the_optimum_of_the_mean_curve():
    curves = hill_curves(np.random.default_rng(10), 5, draws=200)
    plan = Allocator([TotalBudget(total_of(curves))]).allocate(curves)
    collapsed = hill_curves(np.random.default_rng(10), 5, draws=200)
    collapsed = type(curves)(
        channels=curves.channels,
        spend=curves.spend,
        outcome=collapsed.mean()[None],
        observed_spend=curves.observed_spend,
        currency="EUR",
    )
    alone = Allocator([TotalBudget(total_of(curves))]).allocate(collapsed)
    assert alone.expected_outcome == pytest.approx(plan.expected_outcome, rel=1e-9)
    assert plan.gain.interval.lower < plan.gain.value < plan.gain.interval.upper


def test_roas_with_a_chance_holds_in_the_draws():
    curves = hill_curves(np.random.default_rng(12), 4, draws=400, s_shaped=0.0)
    total = total_of(curves)
    rules = [TotalBudget(minimum=0.3 * total, maximum=1.5 * total)]
    free = Allocator(rules).allocate(curves)
    roas = free.expected_outcome / sum(free.spend.values())
    target = 1.05 * roas
    found = plan_with_chance(curves, rules, target_roas=target, chance=0.8)
    assert reached(curves, free, target) < 0.8
    assert found.chance >= 0.8
    assert found.chance == pytest.approx(reached(curves, found.plan, target))
    assert found.plan.expected_outcome <= found.ceiling
    strict = plan_with_chance(curves, rules, target_roas=target, chance=0.8, steps=1)
    assert found.plan.expected_outcome >= strict.plan.expected_outcome


def test_an_unreachable_chance_says_what_is_reached():
    curves = hill_curves(np.random.default_rng(12), 3, draws=100, s_shaped=0.0)
    with pytest.raises(InputError, match="probability"):
        plan_with_chance(curves, [TotalBudget(total_of(curves))], target_roas=1e3, chance=0.9)
    with pytest.raises(InputError, match="between 0 and 1"):
        plan_with_chance(curves, [TotalBudget(total_of(curves))], target_roas=1.0, chance=1.5)


def test_goal_settings_are_checked():
    with pytest.raises(InputError):
        Goal(mean=-1.0)
    with pytest.raises(InputError):
        Goal(tail_share=0.0)
