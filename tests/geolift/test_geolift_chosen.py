"""What the readout says of geos that were chosen because donors followed them closely."""

from __future__ import annotations

import numpy as np
import pytest

from geolift.chosen import BEST, chosen_aa_rate


def noise(seed: int, *, geos: int = 16, periods: int = 70) -> np.ndarray:
    rng = np.random.default_rng(seed)
    season = 1 + 0.1 * np.sin(np.arange(periods) / 6)
    return 1000 * season * (1 + 0.03 * rng.normal(size=(geos, periods)))


def test_choosing_by_fit_is_repeated_in_past_windows() -> None:
    rates = [chosen_aa_rate(noise(seed), size=2, post=6, alpha=0.1, seed=1) for seed in range(8)]
    assert all(one is not None and one.windows == 10 * BEST for one in rates)
    mean = float(np.mean([one.rate for one in rates if one is not None]))
    # Nothing was done in any window, so that the rate is near alpha, and above it by what the widening leaves.
    assert 0.01 < mean < 0.3


def test_a_panel_whose_geos_break_apart_in_every_window_is_told() -> None:
    restless = noise(3)
    level = np.repeat(np.random.default_rng(4).normal(size=(16, 10)).cumsum(axis=1), 7, axis=1)
    found = chosen_aa_rate(restless * np.exp(0.3 * level), size=2, post=6, alpha=0.1, seed=1)
    calm = chosen_aa_rate(restless, size=2, post=6, alpha=0.1, seed=1)
    assert found is not None
    assert calm is not None
    assert found.rate > calm.rate


@pytest.mark.parametrize(("geos", "periods"), [(3, 70), (16, 10)])
def test_too_little_data_says_nothing(geos: int, periods: int) -> None:
    assert chosen_aa_rate(noise(1, geos=geos, periods=periods), size=2, post=6, alpha=0.1, seed=1) is None


def test_names_units_and_seed_change_nothing() -> None:
    base = chosen_aa_rate(noise(5), size=2, post=6, alpha=0.1, seed=1)
    assert base == chosen_aa_rate(1e6 * noise(5), size=2, post=6, alpha=0.1, seed=1)
