"""Surprises of windows are measured right, the test stays honest where gaps drift, and simulated tests agree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from geolift.drift import (
    LEVELS,
    Prediction,
    drift_levels,
    mean_errors,
    persistence,
    prediction,
    predictions,
    stacked,
    surprises,
)
from geolift.estimators import Comparison, refitted
from geolift.inference import block_conformal, null_p_values
from geolift.permutation import permutation_p_values
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


def null_p_values_of(panels: int) -> tuple[np.ndarray, np.ndarray]:
    """p-values of synthetic controls where nothing was tested (5 sets a panel): the default, and plain ranks."""
    found: dict[str, list[np.ndarray]] = {"adaptive": [], "combined": []}
    for seed in range(panels):
        outcome, rng = integrated(seed), np.random.default_rng([42, seed])
        members = np.array([rng.choice(GEOS, 2, replace=False) for _ in range(5)])
        allowed = np.ones((5, GEOS), dtype=bool)
        np.put_along_axis(allowed, members, False, axis=1)
        rest, weights = refitted(SyntheticControl(), outcome[members].mean(axis=1), outcome, allowed)
        for statistic, values in found.items():
            values.append(permutation_p_values(rest, POST, statistic=statistic, donors=outcome, weights=weights))  # type: ignore[arg-type]
    return np.concatenate(found["adaptive"]), np.concatenate(found["combined"])


def covariance(model: Prediction, periods: int) -> np.ndarray:
    """Of a gap around its level, by the model."""
    steps = np.arange(1, periods + 1)
    time = steps - steps.mean()
    walk = model.ratio * np.minimum.outer(steps, steps)
    return np.asarray(np.eye(periods) + walk + model.slope * np.outer(time, time))


def operator(periods: int, post: int, level: int) -> np.ndarray:
    """Rows that turn a gap into the surprises of its windows."""
    return surprises(np.eye(periods), post, np.full(periods, level)).T


def test_of_independent_noise_a_surprise_is_the_mean_of_the_window() -> None:
    share = prediction(40, 7, 0.0, 0.0).share
    assert np.allclose(share, share[0, 0])
    assert np.allclose(share[0, 0], 1 / np.sqrt(7 * (1 - 7 / 40)))


@pytest.mark.parametrize("level", range(1 + len(LEVELS)))
def test_every_surprise_has_the_same_variance_under_the_model(level: int) -> None:
    rows, model = operator(50, 9, level), predictions(50, 9)[level]
    assert np.allclose(np.diag(rows @ covariance(model, 50) @ rows.T), 1.0)
    assert np.allclose(rows.sum(axis=1), 0.0, atol=1e-9), "a level common to all periods is no surprise"


@pytest.mark.parametrize("level", range(1 + len(LEVELS)))
def test_a_surprise_is_a_prediction_error(level: int) -> None:
    """The last window's rows by hand: covariance of window and rest, unknown level by generalised least squares."""
    periods, post = 30, 4
    whole = covariance(predictions(periods, post)[level], periods)
    rest, window = slice(periods - post), slice(periods - post, None)
    inverse = np.linalg.inv(whole[rest, rest])
    gap = np.random.default_rng(3).normal(size=periods)
    mean = inverse.sum(axis=0) @ gap[rest] / inverse.sum()
    kriging = whole[window, rest] @ inverse
    error = gap[window] - mean - kriging @ (gap[rest] - mean)
    left = 1 - kriging.sum(axis=1)
    spread = whole[window, window] - kriging @ whole[rest, window] + np.outer(left, left) / inverse.sum()
    expected = error.sum() / np.sqrt(spread.sum())
    assert (operator(periods, post, level) @ gap)[periods - post] == pytest.approx(expected)


def test_donors_that_drift_pull_the_fit_most_at_the_ends() -> None:
    rng, ends, middles = np.random.default_rng(6), [], []
    for _ in range(20):
        donors, weights = rng.normal(size=(6, 60)).cumsum(axis=1), np.full((1, 6), 1 / 6)
        gap = rng.normal(size=(1, 60))
        plain, level = surprises(gap, 8, np.array([0])), np.array([0])
        ratio = (plain / surprises(gap, 8, level, donors=donors, weights=weights))[0]
        ends.append(ratio[52])
        middles.append(np.median(ratio))
    assert np.mean(ends) < np.mean(middles) - 0.05


@pytest.mark.parametrize("level", range(1 + len(LEVELS)))
def test_what_the_fit_took_away_is_made_good(level: int) -> None:
    """By hand: the residual of a regression on the differences of the donors in use, its variance under the model."""
    periods, post, rng = 60, 8, np.random.default_rng(4)
    donors = rng.normal(size=(6, periods)).cumsum(axis=1)
    donors[5] = donors[4]  # a donor twice adds no direction
    weights, gap = np.array([0.2, 0.4, 0.0, 0.1, 0.1, 0.2]), rng.normal(size=periods)
    differences = donors[[0, 3, 4]] - donors[1]
    basis = np.linalg.qr((differences - differences.mean(axis=1, keepdims=True)).T)[0]
    rows = operator(periods, post, level)
    left = rows - rows @ basis @ basis.T
    variance = np.diag(left @ covariance(predictions(periods, post)[level], periods) @ left.T)
    found = surprises(gap[None], post, np.array([level]), donors=donors, weights=weights[None])[0]
    assert np.allclose(found, rows @ gap / np.sqrt(variance))
    alone = surprises(gap[None], post, np.array([level]), donors=donors, weights=np.eye(6)[:1])[0]
    assert np.allclose(alone, rows @ gap), "one donor alone leaves nothing to move"


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
    adaptive, ranks = (np.mean(values <= 0.1) for values in null_p_values_of(120))
    assert 0.05 <= adaptive <= 0.15
    assert ranks > adaptive, "windows are no equals here: otherwise there is nothing to mend"


def test_drift_of_the_measured_window_does_not_count() -> None:
    """An effect is a step, and a step is persistent: the periods before it alone decide how it is read."""
    rng = np.random.default_rng(8)
    calm = rng.normal(size=(1, 60))
    stepped = calm.copy()
    stepped[:, -15:] += 6
    assert persistence(stepped)[0] > LEVELS[0][0] > persistence(calm[:, :-15])[0]
    steady = np.abs(surprises(stepped, 15, np.array([0])))[0]
    assert permutation_p_values(stepped, 15)[0] == np.mean(steady >= steady[45] * (1 - 1e-9))


def test_a_slope_that_goes_on_is_no_effect() -> None:
    """A gap on a line: the mean of its last window stands out, its surprise much less."""
    rng = np.random.default_rng(9)
    line = rng.normal(size=(200, 60)) + 0.03 * np.arange(60)
    by_surprise = np.mean(permutation_p_values(line, 8) <= 0.1)
    by_mean = np.mean(permutation_p_values(line, 8, statistic="mean") <= 0.1)
    assert by_surprise <= 0.25
    assert by_mean >= 0.5


def test_interval_and_p_value_agree_on_gaps_that_drift() -> None:
    for seed in range(30):
        one = comparison(seed, lift=0.02 * (seed % 5))
        result = block_conformal(SyntheticControl(), one)
        assert (result.p_value <= 0.1) != result.interval.contains(0.0), seed


def test_a_lift_is_found_and_the_drift_is_named() -> None:
    found = [block_conformal(SyntheticControl(), comparison(seed, lift=0.25)) for seed in range(12)]
    assert np.mean([result.p_value <= 0.1 for result in found]) >= 0.8


def test_drift_is_named_and_readings_blind_to_it_may_not_be_acted_on() -> None:
    drifting, one = 0, comparison(2)
    result = block_conformal(SyntheticControl(), one)
    for seed in range(12):
        fit = SyntheticControl().fit(comparison(seed).treated, comparison(seed).donors, one.pre)
        named = drift_check(result, fit)[0]
        assert named.name == "gap_steady"
        assert not named.blocking
        assert named.passed == (persistence(fit.effect[None, : one.pre])[0] < LEVELS[0][0])
        for method in ("student_t", "iid_conformal"):
            blind = drift_check(replace(result, method=method), fit)[0]
            assert blind.blocking
            assert blind.passed == named.passed
            assert "Do not act" in blind.remedy
        assert drift_check(replace(result, method="placebo_sets"), fit) == []
        drifting += not named.passed
    assert drifting >= 6


def test_errors_of_blocks_are_scaled_to_the_end_of_the_history() -> None:
    steady, walk = mean_errors(60, 6, 0), mean_errors(60, 6, 2)
    assert steady[-1] / steady[27] < 1.6 < walk[-1] / walk[27]
    assert np.allclose(mean_errors(60, 6, 1), mean_errors(60, 6, 1)[::-1], rtol=0.05), (
        "either end is predicted from one side"
    )


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
    assert stacked(PERIODS, POST).shares.shape == (1 + len(LEVELS), POST, PERIODS)
