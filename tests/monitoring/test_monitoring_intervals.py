"""Intervals cover what they say, over simulated days of different sizes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from monitoring.intervals import (
    _binomial_quantile,
    amount_interval,
    count_interval,
    mean_interval,
    quantile_ranks,
    ratio_interval,
    share_interval,
    sum_interval,
    wilson,
)


def _days(rng, low, high, count):
    return rng.integers(low, high, count)


@pytest.mark.parametrize("rate", [0.01, 0.03, 0.2])
def test_wilson_covers(rate):
    rng = np.random.default_rng(1)
    n = _days(rng, 150, 900, 8000).astype(float)
    lower, upper = wilson(rng.binomial(n.astype(int), rate).astype(float), n, 0.95)
    assert 0.93 <= np.mean((lower <= rate) & (rate <= upper)) <= 0.97


def test_wilson_golden_and_ends():
    lower, upper = wilson(np.array([0.0, 10.0, 4.0]), np.array([10.0, 10.0, 50.0]), 0.95)
    assert lower == pytest.approx([0.0, 0.7225, 0.0315], abs=1e-4)
    assert upper == pytest.approx([0.2775, 1.0, 0.1884], abs=1e-4)


@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
@pytest.mark.parametrize("draw", [lambda rng, n: rng.lognormal(7, 0.8, n), lambda rng, n: rng.standard_t(3, n)])
def test_quantile_intervals_cover(q, draw):
    rng = np.random.default_rng(2)
    truth = (
        stats.lognorm(0.8, scale=np.exp(7)).ppf(q) if draw(np.random.default_rng(0), 1)[0] > 50 else stats.t(3).ppf(q)
    )
    hits = []
    for n in _days(rng, 400, 1500, 1500):
        values = np.sort(draw(rng, n))
        ranks = quantile_ranks(np.array([n]), q, 0.95)
        low, high = (np.interp(rank[0], np.arange(1, n + 1), values) for rank in ranks)
        hits.append(low <= truth <= high)
    assert 0.93 <= np.mean(hits) <= 0.97


def test_a_small_sample_bounds_a_high_quantile_from_below_only():
    lower, upper = quantile_ranks(np.array([50]), 0.99, 0.95)
    assert np.isfinite(lower[0])
    assert np.isnan(upper[0])
    assert np.isnan(quantile_ranks(np.array([1]), 0.5, 0.95)).all()


def test_means_ratios_and_counts_cover():
    rng = np.random.default_rng(3)
    mean_hits, ratio_hits, count_hits = [], [], []
    for n in _days(rng, 60, 300, 2000):
        score = rng.beta(8, 2, n)
        low, high = mean_interval(score.sum(), (score**2).sum(), np.float64(n), 0.95)
        mean_hits.append(low <= 0.8 <= high)
        tokens = rng.gamma(4, 500, n)
        cost = 0.002 * tokens * rng.gamma(9, 1 / 9, n)
        sums = {
            "n": np.float64(n),
            "y": cost.sum(),
            "x": tokens.sum(),
            "yy": (cost**2).sum(),
            "xx": (tokens**2).sum(),
            "xy": (cost * tokens).sum(),
        }
        low, high = ratio_interval(sums, 0.95)
        ratio_hits.append(low <= 0.002 <= high)
        low, high = count_interval(np.float64(rng.poisson(80)), 0.95)
        count_hits.append(low <= 80 <= high)
    for hits in (mean_hits, ratio_hits, count_hits):
        assert 0.93 <= np.mean(hits) <= 0.97


def test_a_single_observation_has_no_interval():
    assert np.isnan(mean_interval(np.array([3.0]), np.array([9.0]), np.array([1.0]), 0.95)).all()
    sums = {"n": 1.0, "y": 1.0, "x": 2.0, "yy": 1.0, "xx": 4.0, "xy": 2.0}
    assert np.isnan(ratio_interval({k: np.array([v]) for k, v in sums.items()}, 0.95)).all()


@pytest.mark.parametrize("q", [0.5, 0.05, 0.95, 0.99])
def test_binomial_quantiles_are_those_of_scipy(q):
    n = np.unique(np.concatenate([np.arange(1, 400), np.geomspace(400, 1e7, 200).astype(np.int64)]))
    for confidence in (0.75, 0.95, 0.975, 0.995):
        np.testing.assert_array_equal(_binomial_quantile(n, q, confidence), stats.binom.ppf(confidence, n, q))


@pytest.mark.parametrize(("n", "spread"), [(20, 0.7), (50, 1.0), (300, 1.0)])
def test_skewed_amounts_and_their_sums_are_covered(n, spread):
    rng = np.random.default_rng(n)
    values, true = np.exp(spread * rng.standard_normal((4_000, n))), np.exp(spread**2 / 2)
    sizes = np.full(4_000, float(n))
    total, squares = values.sum(axis=1), (values**2).sum(axis=1)
    low, high = amount_interval(total, squares, sizes, 0.95)
    assert 0.925 < np.mean((low <= true) & (true <= high)) < 0.975
    calls = [np.exp(spread * rng.standard_normal(count)) for count in rng.poisson(n, 4_000)]
    low, high = sum_interval(np.array([c.sum() for c in calls]), np.array([(c * c).sum() for c in calls]), 0.95)
    assert 0.92 < np.mean((low <= n * true) & (n * true <= high)) < 0.975


def test_amounts_that_are_all_the_same_and_a_share_at_its_end():
    low, high = amount_interval(np.array([6.0, 3.0]), np.array([12.0, 9.0]), np.array([3.0, 1.0]), 0.95)
    assert (low[0], high[0]) == (2.0, 2.0)
    assert np.isnan([low[1], high[1]]).all()
    share = np.array([0.0, 0.5, 1.0])
    low, high = share_interval(share, (share - 0.1, share + 0.1))
    assert (low[[0, 2]].tolist(), high[[0, 2]].tolist()) == ([0.0, 0.9], [0.1, 1.0])
    assert 0.4 < low[1] < 0.5 < high[1] < 0.6 + 1e-9
