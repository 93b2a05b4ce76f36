"""The allocator: certified plans, every rule, shadow prices against finite differences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from budget_cases import hill_curves, instance

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import (
    Bounds,
    Fixed,
    Group,
    MaxActive,
    MaxChange,
    MinIfActive,
    Reserve,
    TargetCpa,
    TargetRoas,
    TotalBudget,
    compile_rules,
)
from budget_optimizer.objective import profit
from budget_optimizer.rows import row_matrix
from budget_optimizer.written_rules import rules_from_settings
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.settings import (
    BoundsRule,
    BudgetSection,
    FixedRule,
    GroupRule,
    MaxActiveRule,
    MinIfActiveRule,
    ReserveRule,
    TargetCpaRule,
    TargetRoasRule,
)


def value(curves: ResponseCurves, spend) -> float:
    return float(curves.outcome_at(np.asarray(spend, dtype=float)).sum(axis=1).mean())


def spends(plan) -> np.ndarray:
    return np.array(list(plan.spend.values()))


@pytest.mark.parametrize("seed", range(12))
def test_random_instances_are_certified_and_spend_it_all(seed):
    case = instance(seed)
    plan = Allocator(case.rules).allocate(case.curves)
    assert plan.gap <= 1e-4
    assert plan.expected_outcome <= plan.upper_bound
    assert sum(plan.spend.values()) == pytest.approx(case.total, rel=1e-9)
    assert plan.expected_outcome == pytest.approx(value(case.curves, spends(plan)))
    assert plan.gain.value >= -1e-6 * plan.expected_outcome or case.kind == "free"


@pytest.mark.parametrize("seed", range(10))
def test_the_bound_holds_against_dense_enumeration(seed):
    rng = np.random.default_rng([11, seed])
    channels = int(rng.integers(2, 5))
    curves = hill_curves(rng, channels, points=25, s_shaped=1.0)
    total = float(curves.observed_spend.sum())
    plan = Allocator([TotalBudget(total)]).allocate(curves)
    steps = {2: 2000, 3: 160, 4: 45}[channels]
    grids = [np.linspace(0, total, steps + 1)] * (channels - 1)
    tables = [np.interp(grids[0], curves.spend[c], curves.mean()[c]) for c in range(channels - 1)]
    free = np.array(list(itertools.product(range(steps + 1), repeat=channels - 1)))
    rest = total - sum(grids[0][free[:, c]] for c in range(channels - 1))
    keep = rest >= -1e-9
    best = sum(tables[c][free[keep, c]] for c in range(channels - 1))
    best = best + np.interp(rest[keep], curves.spend[-1], curves.mean()[-1])
    assert best.max() <= plan.upper_bound * (1 + 1e-12)
    assert plan.gap <= 1e-6
    assert plan.expected_outcome >= best.max() * (1 - 1e-9)


def check_rows(curves, rules, plan):
    rows = compile_rules(rules, curves)
    matrix = row_matrix(rows, curves.channels)
    spend = spends(plan)
    outcome = curves.outcome_at(spend).mean(axis=0)
    over = matrix.excess(spend, outcome, (spend > 1e-6).astype(float))
    assert over.max() <= 1e-6 * sum(plan.spend.values()), rows[int(over.argmax())].name


def test_every_rule_holds():
    curves = hill_curves(np.random.default_rng(3), 8, draws=20, s_shaped=0.5)
    today = curves.observed_spend
    names = curves.channels
    total = float(today.sum())
    rules = [
        TotalBudget(total),
        Bounds(names[0], 0.5 * today[0], 1.2 * today[0]),
        Fixed(names[1], 0.9 * today[1]),
        Group(names[2:4], "video", minimum=0.1 * total, max_share=0.3),
        Group(names[4:6], min_share=0.15),
        MinIfActive(names[6], 0.3 * total),
        MaxActive(7),
        TargetRoas(0.2),
        TargetRoas(0.1, names[4]),
        TargetCpa(20.0, names[5]),
        Reserve(0.02 * total),
    ]
    plan = Allocator(rules).allocate(curves)
    check_rows(curves, rules, plan)
    assert sum(plan.spend.values()) == pytest.approx(0.98 * total)
    assert plan.gap <= 1e-4
    assert sum(x > 1e-6 for x in plan.spend.values()) <= 7


def test_range_of_the_total_spends_what_pays_under_profit():
    curves = hill_curves(np.random.default_rng(4), 5, s_shaped=0.0)
    total = float(curves.observed_spend.sum())
    plan = Allocator([TotalBudget(minimum=0.1 * total, maximum=3 * total)], risk=profit(0.5)).allocate(curves)
    spend = spends(plan)
    assert 0.1 * total <= spend.sum() <= 3 * total
    assert plan.value == pytest.approx(0.5 * plan.expected_outcome - spend.sum())
    # the last euro in every channel earns its cost, the next would not
    inside = (spend > 0) & (spend < curves.spend[:, -1])
    after = np.array(list(plan.marginal_roas.values()))
    assert (0.5 * after[inside] <= 1 + 1e-6).all()


def test_max_change_holds_and_keeps_silent_channels_silent():
    curves = hill_curves(np.random.default_rng(5), 6)
    today = curves.observed_spend.copy()
    today[2] = 0.0
    curves = ResponseCurves(
        channels=curves.channels,
        spend=curves.spend,
        outcome=curves.outcome,
        observed_spend=today,
        currency="EUR",
    )
    plan = Allocator([TotalBudget(float(today.sum())), MaxChange(0.25)]).allocate(curves)
    spend = spends(plan)
    assert spend[2] == 0.0
    moved = np.abs(spend - today)[today > 0] / today[today > 0]
    assert moved.max() <= 0.25 + 1e-9
    started = Allocator([TotalBudget(float(today.sum())), MaxChange(0.25, start=100.0)]).allocate(curves)
    assert spends(started)[2] <= 100.0


def test_a_plan_beyond_the_curve_is_flat_and_says_so():
    curves = ResponseCurves(
        channels=("a", "b"),
        spend=np.array([[0.0, 10.0], [0.0, 20.0]]),
        outcome=np.array([[[0.0, 30.0], [0.0, 20.0]]]),
        observed_spend=np.array([5.0, 5.0]),
        currency="EUR",
    )
    plan = Allocator([TotalBudget(100.0)]).allocate(curves)
    assert plan.expected_outcome == pytest.approx(50.0)
    assert sum(plan.spend.values()) == pytest.approx(100.0)
    assert not {check.name: check for check in plan.checks}["within_known_curves"].passed


def test_a_curve_is_not_used_below_its_first_point():
    curves = ResponseCurves(
        channels=("a", "b"),
        spend=np.array([[10.0, 20.0], [0.0, 40.0]]),
        outcome=np.array([[[100.0, 101.0], [0.0, 80.0]]]),
        observed_spend=np.array([15.0, 15.0]),
        currency="EUR",
    )
    plan = Allocator([TotalBudget(30.0)]).allocate(curves)
    assert plan.spend["a"] == pytest.approx(10.0)
    with pytest.raises(InputError, match="curve of a is known from 10"):
        Allocator([TotalBudget(5.0)]).allocate(curves)


@pytest.mark.parametrize("seed", range(4))
def test_shadow_prices_agree_with_finite_differences(seed):
    case = instance(seed, points=80)
    first = case.curves.channels[0]
    today = float(case.curves.observed_spend[0])

    def best(total: float, most: float) -> float:
        rules = [TotalBudget(total), *case.rules[1:], Bounds(first, maximum=most)]
        return Allocator(rules, gap=1e-9).allocate(case.curves).expected_outcome

    most = 0.9 * today
    plan = Allocator([*case.rules, Bounds(first, maximum=most)], gap=1e-9).allocate(case.curves)
    step = 1e-6 * case.total
    for name, shift in (("total budget", (step, 0.0)), (f"{first} at most", (0.0, step))):
        up = (best(case.total + shift[0], most + shift[1]) - plan.expected_outcome) / step
        down = (plan.expected_outcome - best(case.total - shift[0], most - shift[1])) / step
        price = sum(worth for rule, worth in plan.shadow_prices.items() if rule.startswith(name))
        slack = 1e-3 * max(abs(up), abs(down), 1e-6)
        assert min(up, down) - slack <= price <= max(up, down) + slack


def test_binding_rules_are_named():
    curves = hill_curves(np.random.default_rng(8), 3, s_shaped=0.0)
    first = curves.channels[0]
    rules = [TotalBudget(float(curves.observed_spend.sum())), Bounds(first, maximum=1.0)]
    plan = Allocator(rules).allocate(curves)
    assert f"{first} at most 1" in plan.binding
    assert plan.shadow_prices[f"{first} at most 1"] > 0


def test_unknown_channel_is_named():
    curves = hill_curves(np.random.default_rng(8), 3)
    with pytest.raises(InputError, match="radio"):
        Allocator([Bounds("radio", 1.0)]).allocate(curves)


def test_settings_become_rules():
    curves = hill_curves(np.random.default_rng(9), 4)
    a, b, c, d = curves.channels
    section = BudgetSection(
        total=1000.0,
        max_change=0.2,
        rules=(
            BoundsRule(kind="bounds", channel=a, min=1.0, max=9.0),
            GroupRule(kind="group", channels=(a, b), name="social", max_share=0.5),
            MinIfActiveRule(kind="min_if_active", channel=c, min=3.0),
            TargetRoasRule(kind="target_roas", value=2.0),
            FixedRule(kind="fixed", channel=d, value=7.0),
            TargetCpaRule(kind="target_cpa", value=0.5, channel=a),
            MaxActiveRule(kind="max_active", count=3),
            ReserveRule(kind="reserve", value=20.0),
        ),
    )
    assert rules_from_settings(section, curves) == [
        TotalBudget(1000.0),
        MaxChange(0.2),
        Bounds(a, 1.0, 9.0),
        Group((a, b), "social", None, None, None, 0.5),
        MinIfActive(c, 3.0),
        TargetRoas(2.0),
        Fixed(d, 7.0),
        TargetCpa(0.5, a),
        MaxActive(3),
        Reserve(20.0),
    ]
    assert rules_from_settings(None, curves) == [TotalBudget(float(curves.observed_spend.sum()))]
    assert rules_from_settings(BudgetSection(total_min=5.0), curves) == [TotalBudget(None, 5.0, None)]


def test_settings_that_rest_on_todays_spend_need_it():
    curves = hill_curves(np.random.default_rng(9), 4)
    silent = ResponseCurves(
        channels=curves.channels,
        spend=curves.spend,
        outcome=curves.outcome,
        observed_spend=np.zeros(4),
        currency="EUR",
    )
    for section in (None, BudgetSection(total=10.0, max_change=0.2)):
        with pytest.raises(InputError, match="current_spend"):
            rules_from_settings(section, silent)
