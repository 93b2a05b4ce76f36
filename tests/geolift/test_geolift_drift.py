"""Gaps that drift: their surprises are measured right, the test stays honest on them, and simulated tests agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geolift.drift import LEVELS, drift_levels, operators, persistence, surprise_operator
from geolift.estimators import Comparison
from geolift.inference import block_conformal, null_p_values
from geolift.permutation import permutation_p_values, shifted_sums
from geolift.power import CandidateSets, simulated_p_values
from geolift.synthetic_control import SyntheticControl
from geolift.trouble import drift_check

GEOS, PERIODS, POST = 16, 80, 6


def integrated(seed: int) -> np.ndarray:
    """16 geos whose outcomes part like random walks."""
    rng = np.random.default_rng([41, seed])
    level = 1000 * np.exp(0.6 * rng.normal(size=(GEOS, 1)))
    factors = 0.3 * np.cumsum(rng.normal(size=(3, PERIODS)), axis=1)
    walks = 0.4 * np.cumsum(rng.normal(size=(GEOS, PERIODS)), axis=1)
    return np.asarray(level * (1 + 0.025 * rng.normal(1, 0.3, size=(GEOS, 3)) @ factors + 0.03 * walks))


def comparison(seed: int, *, lift: float = 0.0) -> Comparison:
    outcome = integrated(seed)
    treated = outcome[:2].mean(axis=0)
    treated[-POST:] *= 1 + lift
    return Comparison(
        treated=treated, donors=outcome[2:], pre=PERIODS - POST, names=tuple(str(n) for n in range(GEOS - 2))
    )


def null_residuals(panels: int) -> np.ndarray:
    """Residuals (5 sets a panel, T) of synthetic controls fitted where nothing was tested."""
    rows = []
    for seed in range(panels):
        outcome, rng = integrated(seed), np.random.default_rng([42, seed])
        members = np.array([rng.choice(GEOS, 2, replace=False) for _ in range(5)])
        allowed = np.ones((5, GEOS), dtype=bool)
        np.put_along_axis(allowed, members, False, axis=1)
        series = outcome[members].mean(axis=1)
        rows.append(series - SyntheticControl().counterfactuals(series, outcome, PERIODS, allowed))
    return np.concatenate(rows)


def test_without_drift_a_surprise_is_the_mean_of_the_window() -> None:
    gap = np.random.default_rng(1).normal(size=(3, 40))
    gap -= gap.mean(axis=1, keepdims=True)
    found, sums = gap @ surprise_operator(40, 7, 0.0).T, shifted_sums(gap, 7)
    assert np.allclose(found / found[:, :1], sums / sums[:, :1])


@pytest.mark.parametrize("ratio", [ratio for _, ratio in LEVELS])
def test_every_surprise_has_the_same_variance_under_the_model(ratio: float) -> None:
    steps = np.arange(1, 51)
    covariance = np.eye(50) + ratio * np.minimum.outer(steps, steps)
    operator = surprise_operator(50, 9, ratio)
    assert np.allclose(np.diag(operator @ covariance @ operator.T), 1.0)
    assert np.allclose(operator.sum(axis=1), 0.0, atol=1e-9), "a level common to all periods is no surprise"


def test_a_surprise_is_a_prediction_error() -> None:
    """The last window's rows by hand: covariance of window and rest, unknown level by generalised least squares."""
    ratio, periods, post = 0.3, 30, 4
    steps = np.arange(1, periods + 1)
    covariance = np.eye(periods) + ratio * np.minimum.outer(steps, steps)
    rest, window = slice(periods - post), slice(periods - post, None)
    inverse = np.linalg.inv(covariance[rest, rest])
    gap = np.random.default_rng(3).normal(size=periods)
    level = inverse.sum(axis=0) @ gap[rest] / inverse.sum()
    predicted = level + covariance[window, rest] @ inverse @ (gap[rest] - level)
    # The window's best linear summary under the model, not its plain mean: the same rows up to scale.
    kriging = covariance[window, rest] @ inverse
    left = 1 - kriging.sum(axis=1)
    spread = covariance[window, window] - kriging @ covariance[rest, window] + np.outer(left, left) / inverse.sum()
    error = gap[window] - predicted
    expected = error.sum() / np.sqrt(spread.sum())
    assert surprise_operator(periods, post, ratio)[periods - post] @ gap == pytest.approx(expected)


def test_persistence_tells_drift_from_noise() -> None:
    rng = np.random.default_rng(5)
    noise = rng.normal(size=(200, 190))
    carried = noise.copy()
    for t in range(1, 190):
        carried[:, t] += 0.4 * carried[:, t - 1]
    week = np.sin(2 * np.pi * np.arange(90) / 7) * 2 + noise[:, :90]
    assert np.mean(drift_levels(noise[:, 100:]) > 0) <= 0.03
    assert np.mean(drift_levels(carried[:, 100:]) > 0) <= 0.25, (
        "sometimes mistaken, which costs power and no false alarm"
    )
    assert np.mean(drift_levels(week) > 0) <= 0.03
    assert np.mean(drift_levels(noise[:, 100:].cumsum(axis=1)) == 2) >= 0.9
    assert persistence(np.zeros((1, 20))).tolist() == [0.0]


def test_false_alarms_stay_in_bounds_where_geos_part_like_random_walks() -> None:
    rest = null_residuals(120)
    adaptive, ranks = (
        np.mean(permutation_p_values(rest, POST, statistic=statistic) <= 0.1) for statistic in ("adaptive", "combined")
    )
    assert 0.04 <= adaptive <= 0.12
    assert ranks > 0.12, "windows are no equals here: otherwise there is nothing to mend"


def test_drift_of_the_measured_window_does_not_count() -> None:
    """An effect is a step, and a step is persistent: the periods before it alone decide how it is read."""
    rng = np.random.default_rng(8)
    calm = rng.normal(size=(1, 60))
    stepped = calm.copy()
    stepped[:, -15:] += 6
    assert persistence(stepped)[0] > LEVELS[0][0] > persistence(calm[:, :-15])[0]
    plain = permutation_p_values(stepped, 15, statistic="combined")
    assert permutation_p_values(stepped, 15).tolist() == plain.tolist()


def test_interval_and_p_value_agree_on_gaps_that_drift() -> None:
    for seed in range(30):
        one = comparison(seed, lift=0.02 * (seed % 5))
        result = block_conformal(SyntheticControl(), one)
        assert (result.p_value <= 0.1) != result.interval.contains(0.0), seed


def test_a_lift_is_found_and_the_drift_is_named() -> None:
    found = [block_conformal(SyntheticControl(), comparison(seed, lift=0.25)) for seed in range(12)]
    assert np.mean([result.p_value <= 0.1 for result in found]) >= 0.8
    named = [drift_check(result)[0] for result in found]
    assert {check.passed for check in named} == {False, True} or not any(check.passed for check in named)
    assert all(not check.blocking and check.passed == (check.value < check.limit) for check in named)  # type: ignore[operator]
    assert drift_check(replace(found[0], details={"statistic": "combined"})) == []


def test_simulated_tests_of_drifting_gaps_are_those_of_the_readout() -> None:
    drifting = 0
    for seed in range(8):
        outcome = integrated(seed)
        members = np.zeros((3, GEOS), dtype=bool)
        members[[0, 1, 2], [0, 3, 5]] = members[[0, 1, 2], [1, 4, 9]] = True
        found = simulated_p_values(
            outcome,
            CandidateSets(members=members, allowed=~members),
            post=POST,
            ends=np.array([PERIODS]),
            effects=np.array([0.0, 0.05]),
        )
        for row, inside in enumerate(members):
            for place, effect in enumerate((0.0, 0.05)):
                series = outcome[inside].mean(axis=0)
                series[-POST:] *= 1 + effect
                one = Comparison(
                    treated=series,
                    donors=outcome[~inside],
                    pre=PERIODS - POST,
                    names=tuple(str(n) for n in range(GEOS - 2)),
                )
                assert found[row, 0, place] == null_p_values(SyntheticControl(), one, np.zeros(1))[0]
                rest = series - SyntheticControl().counterfactuals(series[None], one.donors, PERIODS)
                drifting += int(drift_levels(rest[:, :-POST])[0] > 0)
    assert drifting >= 20
    assert operators(PERIODS, POST).shape == (len(LEVELS), PERIODS, PERIODS)
