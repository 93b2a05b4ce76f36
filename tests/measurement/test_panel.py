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


@pytest.mark.parametrize(("freq", "period"), [("7D", "week"), ("D", "day")])
def test_rhythm(freq: str, period: str) -> None:
    assert detect_period(pd.date_range("2026-01-01", periods=5, freq=freq)) == period


def test_months_are_refused() -> None:
    with pytest.raises(InputError, match="weeks or days"):
        detect_period(pd.date_range("2026-01-01", periods=5, freq="MS"))
