"""Plans against the exact optimum of rough curves: with one total, all channels but one sit on a breakpoint or end."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import Bounds, Group, MaxActive, MinIfActive, TotalBudget
from measurement.curves import ResponseCurves


def rough_curves(rng: np.random.Generator, channels: int, points: int) -> ResponseCurves:
    """Increasing curves without any shape: every other breakpoint is a convex kink."""
    grid = np.cumsum(rng.random((channels, points)), axis=1) * 100
    rise = np.cumsum(rng.random((channels, points)) ** 4, axis=1) * 300
    return ResponseCurves(
        channels=tuple("abcdef"[:channels]),
        spend=grid - grid[:, :1],
        outcome=(rise - rise[:, :1])[None],
        observed_spend=grid[:, points // 3],
        currency="EUR",
    )


def exact(curves: ResponseCurves, total: float, low: np.ndarray, high: np.ndarray) -> float:
    mean, channels = curves.mean(), len(curves.channels)
    stops = [np.unique(np.clip([*curves.spend[c], low[c], high[c]], low[c], high[c])) for c in range(channels)]
    best = -np.inf
    for free in range(channels):
        others = [c for c in range(channels) if c != free]
        combos = np.array(list(itertools.product(*(stops[c] for c in others))))
        rest = total - combos.sum(axis=1)
        fits = (rest >= low[free] - 1e-9) & (rest <= high[free] + 1e-9)
        value = np.interp(rest, curves.spend[free], mean[free])
        for k, c in enumerate(others):
            value = value + np.interp(combos[:, k], curves.spend[c], mean[c])
        if fits.any():
            best = max(best, float(value[fits].max()))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_rough_curves_are_solved_exactly(seed):
    rng = np.random.default_rng([41, seed])
    channels = int(rng.integers(2, 5))
    curves = rough_curves(rng, channels, points=14)
    total = float(curves.observed_spend.sum())
    low, high = np.zeros(channels), np.full(channels, total)
    rules = [TotalBudget(total)]
    if seed % 2:
        low, high = 0.6 * curves.observed_spend, 1.6 * curves.observed_spend
        rules += [Bounds(n, a, b) for n, a, b in zip(curves.channels, low, high, strict=True)]
    plan = Allocator(rules, gap=1e-9).allocate(curves)
    best = exact(curves, total, low, high)
    assert plan.expected_outcome == pytest.approx(best, rel=1e-8)
    assert plan.upper_bound >= best


@pytest.mark.parametrize("seed", range(6))
def test_on_off_rules_are_solved_exactly(seed):
    rng = np.random.default_rng([42, seed])
    curves = rough_curves(rng, 3, points=10)
    total = float(curves.observed_spend.sum())
    least = 0.45 * total
    rules = [TotalBudget(total), *(MinIfActive(n, least) for n in curves.channels)]
    if seed % 2:
        rules.append(MaxActive(1))
    plan = Allocator(rules, gap=1e-9).allocate(curves)
    best = -np.inf
    for size in (1,) if seed % 2 else (1, 2):
        for on in itertools.combinations(range(3), size):
            low, high = np.zeros(3), np.zeros(3)
            low[list(on)], high[list(on)] = least, total
            best = max(best, exact(curves, total, low, high))
    assert plan.expected_outcome == pytest.approx(best, rel=1e-8)
    assert plan.upper_bound >= best * (1 - 1e-12)


def test_a_share_rule_is_solved_like_the_bound_it_means():
    curves = rough_curves(np.random.default_rng(43), 3, points=12)
    total = float(curves.observed_spend.sum())
    share = Allocator([TotalBudget(total), Group(("a",), max_share=0.2)], gap=1e-9).allocate(curves)
    bound = Allocator([TotalBudget(total), Bounds("a", maximum=0.2 * total)], gap=1e-9).allocate(curves)
    assert share.expected_outcome == pytest.approx(bound.expected_outcome, rel=1e-9)
