"""p-values and intervals: from one test, never in contradiction, honest where nothing happened."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from geolift.calibration import aa_rate
from geolift.difference_in_differences import DifferenceInDifferences
from geolift.estimators import Comparison
from geolift.inference import (
    TestResult,
    block_conformal,
    effect_shape,
    iid_conformal,
    invert,
    null_p_values,
    placebo_members,
    placebo_sets,
)
from geolift.synthetic_control import SyntheticControl
from geolift.time_based_regression import student_t
from measurement.errors import InputError


def simulated(seed: int, *, effect: float = 0.0, donors: int = 12, periods: int = 50, post: int = 6) -> Comparison:
    rng = np.random.default_rng(seed)
    factors = np.cumsum(rng.normal(size=(2, periods)), axis=1)
    loads = rng.uniform(0.5, 1.5, size=(donors + 1, 2))
    noise = rng.normal(size=(donors + 1, periods))
    noise[:, 1:] += 0.4 * noise[:, :-1]
    outcome = 100 + loads @ factors + noise
    outcome[0, periods - post :] += effect
    return Comparison(
        treated=outcome[0],
        donors=outcome[1:],
        pre=periods - post,
        names=tuple(f"geo {place}" for place in range(donors)),
    )


def contradicts(result: TestResult, alpha: float) -> bool:
    return (result.p_value <= alpha) == result.interval.contains(0.0)


@pytest.mark.parametrize("level", [0.8, 0.9])
def test_interval_and_p_value_never_contradict(level: float) -> None:
    alpha = round(1 - level, 12)
    for seed in range(150):
        comparison = simulated(seed, effect=0.4 * (seed % 6))
        for result in (
            block_conformal(SyntheticControl(), comparison, level=level),
            block_conformal(DifferenceInDifferences(), comparison, level=level, statistic="absolute"),
            placebo_sets(SyntheticControl(), comparison, size=1, level=level),
            student_t(comparison, level=level),
        ):
            assert not contradicts(result, alpha), (seed, result)


@pytest.mark.slow
def test_interval_and_p_value_never_contradict_on_two_thousand_readouts() -> None:
    for seed in range(2000):
        comparison = simulated(seed, effect=0.3 * (seed % 8), donors=10 + seed % 20, periods=30 + seed % 60)
        for result in (
            block_conformal(SyntheticControl(), comparison),
            placebo_sets(SyntheticControl(), comparison, size=1),
            iid_conformal(SyntheticControl(), comparison, draws=200, seed=seed),
        ):
            assert not contradicts(result, 0.1), (seed, result)


def test_the_interval_holds_what_the_test_keeps() -> None:
    comparison = simulated(4, effect=3.0)
    result = block_conformal(SyntheticControl(), comparison)
    inside, outside = result.interval, 0.02 * result.interval.width
    ends = np.array([inside.lower - outside, inside.upper + outside])
    fit = SyntheticControl().fit(comparison.treated, comparison.donors, comparison.pre)
    shape = effect_shape(fit.counterfactual[comparison.pre :])
    assert (null_p_values(SyntheticControl(), comparison, ends, shape=shape) <= 0.1).all()
    assert inside.contains(3.0)


def test_block_conformal_matches_a_direct_count() -> None:
    comparison = simulated(9, effect=1.0)
    periods = len(comparison.treated)
    series = comparison.treated.copy()
    series[comparison.pre :] -= 1.0
    rest = series - SyntheticControl().counterfactuals(series[None], comparison.donors, periods)[0]
    windows = [np.roll(rest, shift)[comparison.pre :] for shift in range(periods)]
    mean, size = ([abs(w.sum()) for w in windows], [np.abs(w).sum() for w in windows])
    product = [
        sum(other >= mean[place] * (1 - 1e-9) for other in mean)
        * sum(other >= size[place] * (1 - 1e-9) for other in size)
        for place in range(periods)
    ]
    expected = sum(value <= product[0] for value in product) / periods
    even = null_p_values(SyntheticControl(), comparison, np.array([1.0]), statistic="combined")[0]
    assert even == pytest.approx(expected)
    for statistic, values in (("mean", mean), ("absolute", size)):
        found = null_p_values(SyntheticControl(), comparison, np.array([1.0]), statistic=statistic)[0]
        assert found == pytest.approx(sum(v >= values[0] * (1 - 1e-9) for v in values) / periods)


def test_p_values_never_fall_below_their_floor() -> None:
    comparison = simulated(1, effect=60.0)
    periods = len(comparison.treated)
    result = block_conformal(SyntheticControl(), comparison)
    assert result.p_value == pytest.approx(1 / periods) == 1 / (1 + result.draws)
    sets = placebo_sets(SyntheticControl(), comparison, size=2)
    assert sets.p_value == pytest.approx(1 / (1 + sets.draws))


def test_too_little_data_for_the_level_is_refused() -> None:
    with pytest.raises(InputError, match="placebo sets"):
        placebo_sets(SyntheticControl(), simulated(0, donors=6), size=1)
    with pytest.raises(InputError, match="periods cannot give"):
        block_conformal(SyntheticControl(), simulated(0, periods=50), level=0.99)


def test_placebo_members_are_all_sets_or_a_seeded_sample() -> None:
    assert len(placebo_members(6, 2, most=100, seed=0)) == 15
    sample = placebo_members(40, 3, most=50, seed=1)
    assert sample.shape == (50, 3)
    assert (sample == placebo_members(40, 3, most=50, seed=1)).all()
    assert len({tuple(row) for row in sample}) == 50


def test_inversion_finds_the_ends_of_a_known_test() -> None:
    """A test that keeps exactly the effects within 2 of 5."""
    lower, upper, p_value = invert(lambda a: np.where(np.abs(a - 5) <= 2, 0.5, 0.01), 5.0, 1.0, alpha=0.1)
    assert (lower, upper, p_value) == (pytest.approx(3, abs=1e-4), pytest.approx(7, abs=1e-4), 0.01)


def test_inversion_of_a_test_that_never_rejects_is_unbounded() -> None:
    lower, upper, p_value = invert(lambda a: np.full(len(a), 0.5), 5.0, 1.0, alpha=0.1)
    assert (lower, upper, p_value) == (-np.inf, np.inf, 0.5)


def test_unit_and_names_change_nothing() -> None:
    base = simulated(12, effect=2.0)
    scaled = Comparison(
        treated=1e5 * base.treated[::1],
        donors=1e5 * base.donors[::-1],
        pre=base.pre,
        names=tuple(reversed(base.names)),
    )
    first, second = (block_conformal(SyntheticControl(), item) for item in (base, scaled))
    assert second.p_value == first.p_value
    assert second.interval.lower == pytest.approx(1e5 * first.interval.lower, rel=1e-4)
    assert second.interval.upper == pytest.approx(1e5 * first.interval.upper, rel=1e-4)


def test_block_conformal_is_honest_and_covers_on_simulated_panels() -> None:
    kept = [
        null_p_values(SyntheticControl(), simulated(seed, effect=2.0), np.array([2.0]))[0] > 0.1 for seed in range(400)
    ]
    assert 0.84 <= np.mean(kept) <= 0.97


def test_aa_rate_counts_rejections_where_nothing_happened() -> None:
    comparison = simulated(3, donors=15, periods=80)
    outcome = np.vstack([comparison.treated, comparison.donors])[:, : comparison.pre]
    for method in ("block_conformal", "placebo_sets", "iid_conformal"):
        rate = aa_rate(
            SyntheticControl(), outcome, treated=np.array([0]), post=6, method=method, alpha=0.1, ends=6, sets=15
        )
        assert rate is not None
        assert rate.lower <= rate.rate <= rate.upper
        assert rate.rate <= 0.35
        assert rate.windows >= 60
    short = aa_rate(
        SyntheticControl(), outcome[:, :12], treated=np.array([0]), post=6, method="block_conformal", alpha=0.1
    )
    assert short is None


def test_aa_rejection_on_the_public_panel(shared_data: Path) -> None:
    """At most 12% at α = 10%, for one, two and four weeks."""
    table = pd.read_csv(shared_data / "geo" / "geolift_pretest.csv")
    outcome = table.pivot_table(index="location", columns="date", values="Y").to_numpy(dtype=float)
    for post in (7, 15, 28):
        rates = [
            aa_rate(
                SyntheticControl(),
                outcome,
                treated=np.arange(size),
                post=post,
                method="block_conformal",
                alpha=0.1,
                ends=12,
                sets=60,
                seed=size,
            )
            for size in (2, 3, 4)
        ]
        found = [rate for rate in rates if rate is not None]
        hits = sum(rate.rate * rate.windows for rate in found)
        windows = sum(rate.windows for rate in found)
        assert windows >= 500
        assert hits / windows <= 0.12, (post, hits / windows)
