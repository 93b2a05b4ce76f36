"""Chosen geos fit worse in the test than before it: the interval is widened by what was luck."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from geolift.estimators import Comparison
from geolift.inference import block_conformal, placebo_sets
from geolift.selection import choice_stretch
from geolift.synthetic_control import SyntheticControl


def panel(seed: int, *, geos: int = 14, periods: int = 90, noise: np.ndarray | float = 0.03) -> np.ndarray:
    rng = np.random.default_rng(seed)
    season = 1 + 0.05 * rng.normal(size=periods)
    walk = np.cumsum(rng.normal(size=(geos, periods)), axis=1) * 0.004
    spread = np.broadcast_to(np.asarray(noise).reshape(-1, 1), (geos, 1))
    return 1000 * season * (1 + spread * rng.normal(size=(geos, periods)) + walk)


def best_pair(outcome: np.ndarray) -> np.ndarray:
    pairs = np.array(list(combinations(range(len(outcome)), 2)))
    allowed = np.ones((len(pairs), len(outcome)), dtype=bool)
    np.put_along_axis(allowed, pairs, False, axis=1)
    series = outcome[pairs].mean(axis=1)
    rest = series - SyntheticControl().counterfactuals(series, outcome, outcome.shape[1], allowed)
    return pairs[np.argmin(np.sum(rest**2, axis=1))]


def test_a_lucky_choice_is_widened_and_an_unlucky_one_is_not() -> None:
    lucky, unlucky = [], []
    for seed in range(8):
        outcome = panel(seed)
        pair = best_pair(outcome)
        lucky.append(choice_stretch(outcome, pair, seed=0).factor)
        wild = outcome.copy()
        wild[:2] += 80 * np.random.default_rng(seed).normal(size=wild[:2].shape)
        unlucky.append(choice_stretch(wild, np.array([0, 1]), seed=0).factor)
    assert np.mean(lucky) > 1.1
    assert unlucky == [1.0] * 8


def test_differences_that_repeat_are_not_taken_for_luck() -> None:
    quiet = np.geomspace(0.004, 0.12, 14)
    found = choice_stretch(panel(2, noise=quiet), np.array([0, 1]), seed=0)
    plain = choice_stretch(panel(2), best_pair(panel(2)), seed=0)
    assert found.reliability is not None
    assert plain.reliability is not None
    assert found.reliability > plain.reliability


def test_too_little_data_leaves_the_test_alone() -> None:
    assert choice_stretch(panel(0)[:, :12], np.array([0]), seed=0).factor == 1.0
    assert choice_stretch(panel(0, geos=5), np.array([0]), seed=0).reliability is None


@pytest.mark.parametrize("stretch", [1.0, 1.3, 2.0])
def test_stretching_widens_and_never_contradicts(stretch: float) -> None:
    for seed in range(25):
        outcome = panel(seed)
        outcome[0, 84:] *= 1 + 0.02 * (seed % 5)
        item = Comparison(
            treated=outcome[0], donors=outcome[1:], pre=84, names=tuple(str(place) for place in range(13))
        )
        plain, wide = (block_conformal(SyntheticControl(), item, stretch=factor) for factor in (1.0, stretch))
        assert wide.interval.width == pytest.approx(stretch * plain.interval.width, rel=0.02)
        assert wide.p_value >= plain.p_value - 1e-12
        sets = placebo_sets(SyntheticControl(), item, size=1, level=0.8, stretch=stretch)
        for result, alpha in ((wide, 0.1), (sets, 0.2)):
            assert (result.p_value <= alpha) != result.interval.contains(0.0)
