"""Any feasible set of rules: the total is spent and nothing is broken, by a check that knows nothing of the solver."""

from __future__ import annotations

import numpy as np
import pytest
from budget_cases import hill_curves
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
from budget_optimizer.rows import _tighten
from measurement.errors import InputError

SHARE = st.floats(0.0, 1.0)


@st.composite
def rule_sets(draw):
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    curves = hill_curves(rng, draw(st.integers(2, 7)), points=25)
    names, today = curves.channels, curves.observed_spend
    total = float(today.sum()) * draw(st.floats(0.5, 1.5))
    channel = st.integers(0, len(names) - 1)
    rules = []
    for _ in range(draw(st.integers(0, 5))):
        c = draw(channel)
        low, high = sorted((draw(SHARE), draw(SHARE)))
        rules.append(
            draw(
                st.sampled_from(
                    [
                        Bounds(names[c], low * 0.5 * total, high * total),
                        Fixed(names[c], low * 0.4 * total),
                        Group(names[: c + 1], "group", minimum=low * 0.5 * total, maximum=(0.5 + high) * total),
                        Group(names[c:], "share", min_share=low * 0.5, max_share=min(1.0, 0.5 + high)),
                        MinIfActive(names[c], high * 0.6 * total),
                        MaxActive(max(1, int(high * len(names)))),
                        MaxChange(0.2 + high),
                        TargetRoas(0.1 + low),
                        TargetRoas(0.1 + low, names[c]),
                    ]
                )
            )
        )
    return curves, total, rules


def excess(rule, spend: dict[str, float], curves) -> float:  # noqa: PLR0911 - one case a rule
    """By how much money a rule is broken, straight from its meaning."""
    total = sum(spend.values())
    at = np.array([spend[c] for c in curves.channels])
    outcome = dict(zip(curves.channels, curves.outcome_at(at).mean(axis=0), strict=True))
    today = dict(zip(curves.channels, curves.observed_spend, strict=True))
    match rule:
        case Bounds(channel, low, high):
            return max(low - spend[channel], spend[channel] - high)
        case Fixed(channel, value):
            return abs(spend[channel] - value)
        case Group():
            inside = sum(spend[c] for c in rule.channels)
            return max(
                (rule.minimum or 0.0) - inside,
                inside - (rule.maximum if rule.maximum is not None else np.inf),
                (rule.min_share or 0.0) * total - inside,
                inside - (rule.max_share if rule.max_share is not None else 1.0) * total,
            )
        case MinIfActive(channel, low):
            return min(spend[channel], max(low - spend[channel], 0.0))
        case MaxActive(count, _):
            return max(0.0, sum(sorted(spend.values())[: len(spend) - count]))
        case MaxChange(share, _):
            return max(abs(spend[c] - today[c]) - share * today[c] for c in spend)
        case TargetRoas(value, channel):
            cells = [channel] if channel else list(spend)
            return value * sum(spend[c] for c in cells) - sum(outcome[c] for c in cells)
    raise AssertionError(rule)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule_sets())
def test_no_rule_is_broken(case):
    curves, total, rules = case
    try:
        plan = Allocator([TotalBudget(total), *rules]).allocate(curves)
    except InputError as clash:
        assert "cannot hold together" in str(clash)  # noqa: PT017 - both ends of the property are stated
        return
    assert plan.gap <= 1e-4
    assert sum(plan.spend.values()) == pytest.approx(total, rel=1e-6)
    assert min(plan.spend.values()) >= 0.0
    for rule in rules:
        assert excess(rule, dict(plan.spend), curves) <= 1e-6 * total, rule


def test_a_weight_next_to_nothing_bounds_nothing():
    low, high = np.zeros(2), np.array([26_793.0, 26_793.0])
    _tighten(low, high, np.array([0, 1]), np.array([1.1e-313, -1.0]), 0.0)
    assert list(high) == [26_793.0, 26_793.0]
    assert low[1] >= 0.0
