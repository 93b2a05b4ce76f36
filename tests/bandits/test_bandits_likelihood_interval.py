"""Empirical-likelihood intervals: beside the binomial likelihood, unseen values, scale, and coverage of rare events."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from bandits.likelihood_interval import mean_interval


def _binomial_ends(hits, n, level):
    """Ends of the likelihood-ratio interval of a rate, with Bartlett's correction from the sample's own moments."""
    share = hits / n
    spread = share * (1 - share)
    kurtosis, skewness = (1 - 3 * spread) / spread, (1 - 2 * share) / np.sqrt(spread)
    bound = stats.chi2.ppf(level, 1) / 2 * (1 + (kurtosis / 2 - skewness**2 / 3) / n)

    def excess(rate):
        return bound - stats.binom.logpmf(hits, n, share) + stats.binom.logpmf(hits, n, rate)

    return optimize.brentq(excess, 1e-9, share), optimize.brentq(excess, share, 1 - 1e-9)


@pytest.mark.parametrize(("hits", "n"), [(1, 40), (3, 50), (30, 60), (59, 60), (400, 1000)])
def test_of_yes_or_no_it_is_the_likelihood_interval_of_a_rate(hits, n):
    values = np.arange(n) < hits
    found = mean_interval(values.astype(float), 0.0, 1.0, 0.95)
    assert found == pytest.approx(_binomial_ends(hits, n, 0.95), abs=1e-7)


def test_what_never_came_but_could_has_a_place():
    n = 200
    low, high = mean_interval(np.zeros(n), 0.0, 20.0, 0.95)
    assert low == 0.0
    assert high == pytest.approx(20.0 * (1 - 0.05 ** (1 / n)))  # what shows nothing in 200 tries once in twenty
    assert mean_interval(np.zeros(n), 0.0, 0.0, 0.95) == (0.0, 0.0)
    assert mean_interval(np.full(5, 3.0), 3.0, 3.0, 0.95) == pytest.approx((3.0, 3.0))


def test_an_interval_moves_and_stretches_with_its_values_and_turns_with_their_sign():
    values = np.random.default_rng(1).lognormal(0, 1.5, 80)
    low, high = mean_interval(values, 0.0, 50.0, 0.9)
    assert mean_interval(3e6 * values - 7.0, -7.0, 1.5e8 - 7.0, 0.9) == pytest.approx(
        (3e6 * low - 7, 3e6 * high - 7), rel=1e-7
    )
    assert mean_interval(-values, -50.0, 0.0, 0.9) == pytest.approx((-high, -low), rel=1e-7)
    assert low < values.mean() < high
    wide = mean_interval(values, 0.0, 50.0, 0.99)
    assert wide[0] < low < high < wide[1]


@pytest.mark.parametrize("expected", [0.3, 1.0, 1.9, 2.0, 2.9, 3.1, 4.5, 6.0, 10.0, 25.0])
def test_rare_and_heavy_values_are_covered(expected):
    """A few events of weight 20 among 1,000 values: the exact chance that their interval holds the mean."""
    chance = stats.poisson.pmf(np.arange(80), expected)
    inside = np.zeros(80, dtype=bool)
    for hits in range(80):
        low, high = mean_interval(20.0 * (np.arange(1_000) < hits), 0.0, 20.0, 0.95)
        inside[hits] = low <= 20.0 * expected / 1_000 <= high
    assert chance @ inside >= 0.92
    if expected >= 6.0:
        assert chance @ inside <= 0.975
