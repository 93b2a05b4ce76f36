"""The panel: complete by construction."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from measurement.panel import Panel, detect_period


def panel(dates: pd.DatetimeIndex, **more) -> Panel:
    spend = np.arange(2 * len(dates) * 2, dtype=float).reshape(2, len(dates), 2)
    return Panel.from_arrays(
        outcome=np.ones((2, len(dates))), dates=dates, geos=("a", "b"), spend=spend, channels=("tv", "web"), **more
    )


def test_current_spend_is_that_of_the_last_week() -> None:
    weekly = panel(pd.date_range("2026-01-05", periods=4, freq="7D"))
    last = weekly.data["spend"].to_numpy()[:, -1]
    assert weekly.current_spend() == {"tv": last[:, 0].sum(), "web": last[:, 1].sum()}
    daily = panel(pd.date_range("2026-01-05", periods=9, freq="D"))
    assert daily.current_spend()["tv"] == daily.data["spend"].to_numpy()[:, -7:, 0].sum()
    short = panel(pd.date_range("2026-01-05", periods=2, freq="D"))
    assert short.current_spend()["tv"] == short.data["spend"].to_numpy()[:, :, 0].sum() * 3.5


def test_what_is_left_out_is_neutral() -> None:
    found = panel(pd.date_range("2026-01-05", periods=4, freq="7D"))
    np.testing.assert_array_equal(found.data["exposure"], found.data["spend"])
    assert (found.data["population"] == 1).all()
    np.testing.assert_array_equal(found.outcome_value, found.data["outcome"])
    assert (found.controls, found.organic, found.days_per_period) == ((), (), 7)


def test_dates_may_bring_a_name_of_their_own() -> None:
    weeks = pd.date_range("2026-01-05", periods=3, freq="7D", name="week")
    assert list(Panel.from_arrays(outcome=np.ones((1, 3)), dates=weeks).dates) == list(weeks)


def test_selecting_keeps_the_rest() -> None:
    found = panel(pd.date_range("2026-01-05", periods=4, freq="7D"), currency="USD", outcome_kind="units")
    part = found.select(geos=["b"], until=pd.Timestamp("2026-01-12"))
    assert (part.geos, len(part.dates), part.currency, part.outcome_kind) == (("b",), 2, "USD", "units")


@pytest.mark.parametrize("where", ["outcome", "spend", "population"])
def test_missing_values_have_no_place(where: str) -> None:
    dates = pd.date_range("2026-01-05", periods=3, freq="7D")
    found = panel(dates)
    broken = found.data.copy(deep=True)
    broken[where].values.flat[0] = np.nan
    with pytest.raises(InputError, match=where):
        Panel(data=broken)


def test_dates_must_increase() -> None:
    dates = pd.DatetimeIndex(["2026-01-12", "2026-01-05"])
    with pytest.raises(InputError, match="increase"):
        Panel.from_arrays(outcome=np.ones((1, 2)), dates=dates)


def test_a_missing_variable_is_named() -> None:
    found = panel(pd.date_range("2026-01-05", periods=3, freq="7D"))
    with pytest.raises(InputError, match="population"):
        Panel(data=found.data.drop_vars("population"))


def full(**changes) -> Panel:
    """Two geos, four weeks, two channels of which 'web' has reach; a price and a public holiday."""
    rng = np.random.default_rng(5)
    given = {
        "reach": rng.integers(10, 50, (2, 4, 1)).astype(float),
        "frequency": rng.uniform(1, 4, (2, 4, 1)),
        "reach_channels": ("web",),
        "treatment": rng.uniform(8, 12, (2, 4, 1)),
        "treatments": ("price",),
        "holiday": np.array([[0.0], [1.0], [0.5], [0.5]]),
        "holidays": ("Whit Monday",),
    }
    return panel(pd.date_range("2026-01-05", periods=4, freq="7D"), **(given | changes))


def test_reach_treatments_and_holidays_have_their_place() -> None:
    found = full()
    assert (found.reach_channels, found.treatments, found.holiday_names) == (("web",), ("price",), ("Whit Monday",))
    seen = (found.data["reach"] * found.data["frequency"]).sel(rf_channel="web").to_numpy()
    np.testing.assert_array_equal(found.data["exposure"].sel(channel="web"), seen)
    np.testing.assert_array_equal(found.data["exposure"].sel(channel="tv"), found.data["spend"].sel(channel="tv"))
    assert found.data["treatment_reference"].item() == pytest.approx(float(found.data["treatment"].mean()))
    assert full(treatment_reference=(9.0,)).data["treatment_reference"].item() == 9.0
    np.testing.assert_array_equal(found.holidays, [[0.0], [1.0], [0.5], [0.5]])
    assert found.notes == ()


def test_they_are_empty_unless_given() -> None:
    found = panel(pd.date_range("2026-01-05", periods=4, freq="7D"))
    assert (found.reach_channels, found.treatments, found.holiday_names) == ((), (), ())
    assert found.data["reach"].shape == (2, 4, 0)
    older = Panel(data=found.data.drop_dims(["rf_channel", "treatment_name", "holiday_name"]))
    assert older.data.sizes == found.data.sizes
    assert older.data["treatment_reference"].shape == (0,)


def test_selecting_keeps_reach_treatments_and_holidays() -> None:
    found = full()
    part = found.select(geos=["b"], until=pd.Timestamp("2026-01-12"))
    assert part.data["reach"].shape == part.data["treatment"].shape == (1, 2, 1)
    assert part.holidays.shape == (2, 1)
    # What the contribution is counted against does not move with the window.
    np.testing.assert_array_equal(part.data["treatment_reference"], found.data["treatment_reference"])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reach": -np.ones((2, 4, 1))}, "'reach' has negative"),
        ({"frequency": -np.ones((2, 4, 1))}, "'frequency' has negative"),
        ({"reach_channels": ("radio",)}, "Use one of: tv, web"),
        ({"reach_channels": ("web", "web"), "reach": np.ones((2, 4, 2)), "frequency": np.ones((2, 4, 2))}, "twice"),
        ({"frequency": np.ones((2, 4, 2))}, "'frequency' has the wrong shape"),
        ({"frequency": None}, "names are given for 'frequency'"),
        ({"exposure": np.ones((2, 4, 2))}, "not reach × frequency"),
        ({"treatment_reference": (np.nan,)}, "'treatment_reference' has missing"),
        ({"holiday": np.ones((3, 1))}, "'holiday' has the wrong shape"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        full(**changes)


def test_a_treatment_without_its_reference_is_no_panel() -> None:
    with pytest.raises(InputError, match="treatment_reference"):
        Panel(data=full().data.drop_vars("treatment_reference"))


def test_a_frequency_below_one_is_noted_not_refused() -> None:
    (note,) = full(frequency=np.full((2, 4, 1), 0.4)).notes
    assert (note.severity, note.value) == ("warning", "web")
    assert full(frequency=np.zeros((2, 4, 1)), reach=np.zeros((2, 4, 1))).notes == ()


@pytest.mark.parametrize(("freq", "period"), [("7D", "week"), ("D", "day")])
def test_rhythm(freq: str, period: str) -> None:
    assert detect_period(pd.date_range("2026-01-01", periods=5, freq=freq)) == period


def test_months_are_refused() -> None:
    with pytest.raises(InputError, match="weeks or days"):
        detect_period(pd.date_range("2026-01-01", periods=5, freq="MS"))
