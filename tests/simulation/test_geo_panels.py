"""Plain geo panels: each kind moves as its name says, and a lift is exactly what was put in."""

from __future__ import annotations

import numpy as np
import pytest

from measurement.errors import InputError
from simulation.geo_panels import GeoPanelSpec, simulate_geo_panel


def relative(kind: str, seed: int) -> np.ndarray:
    spec = GeoPanelSpec(n_geos=60, n_periods=400, kind=kind, period="week", factors=0)  # type: ignore[arg-type]
    outcome = simulate_geo_panel(seed, spec).panel.data["outcome"].to_numpy()
    return outcome / outcome.mean(axis=1, keepdims=True)


def test_stationary_noise_has_the_stated_size_and_persistence():
    path = relative("stationary", 1)
    assert path.std() == pytest.approx(0.05, rel=0.03)
    centred = path - path.mean(axis=1, keepdims=True)
    assert (centred[:, 1:] * centred[:, :-1]).mean() / centred.var() == pytest.approx(0.3, abs=0.02)


def test_kinds_differ_in_how_geos_drift_apart():
    spread = {}
    for kind in ("stationary", "trending", "integrated"):
        path = relative(kind, 2)
        spread[kind] = (path[:, -60:].mean(axis=1) - path[:, :60].mean(axis=1)).std()
    assert spread["stationary"] < 0.02 < spread["trending"] < spread["integrated"]


@pytest.mark.parametrize("period", ["day", "week"])
def test_periods_and_pattern(period):
    panel = simulate_geo_panel(3, GeoPanelSpec(period=period, n_periods=70)).panel
    assert panel.period == period
    assert panel.channels == ()
    national = panel.data["outcome"].sum("geo").to_numpy()
    sundays = panel.dates.day_of_week == 6
    assert sundays.any() == (period == "day")
    if period == "day":
        assert national[sundays].mean() < 0.95 * national[~sundays].mean()


def test_lift_is_what_was_put_in():
    world = simulate_geo_panel(4)
    treated = list(world.panel.geos[3:6])
    panel, true = world.with_lift(treated, start=60, periods=20, lift=-0.05)
    change = panel.data["outcome"] - world.panel.data["outcome"]
    inside = world.panel.data["outcome"].sel(geo=treated).isel(date=slice(60, 80))
    assert true == pytest.approx(-0.05 * float(inside.sum()))
    assert float(change.sum()) == pytest.approx(true)
    assert float(np.abs(change.drop_sel(geo=treated)).max()) == 0.0


def test_same_seed_same_panel():
    first, again = simulate_geo_panel(5), simulate_geo_panel(5)
    np.testing.assert_array_equal(first.panel.data["outcome"], again.panel.data["outcome"])
    assert not np.allclose(first.panel.data["outcome"], simulate_geo_panel(6).panel.data["outcome"])


def test_impossible_panels_and_tests_are_refused():
    with pytest.raises(InputError):
        GeoPanelSpec(n_geos=1)
    with pytest.raises(InputError):
        GeoPanelSpec(kind="wild")  # type: ignore[arg-type]
    world = simulate_geo_panel(1, GeoPanelSpec(n_geos=4, n_periods=20))
    with pytest.raises(InputError, match="nowhere"):
        world.with_lift(["nowhere"], start=1, periods=2, lift=0.1)
    with pytest.raises(InputError):
        world.with_lift(["geo 01"], start=18, periods=5, lift=0.1)
