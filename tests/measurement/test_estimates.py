"""Intervals, estimates and lift tests refuse what cannot be."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measurement.errors import InputError
from measurement.estimates import Estimate, Interval, LiftEstimate

NUMBERS = st.floats(allow_nan=False)


def interval(lower: float = 1.0, upper: float = 3.0, level: float = 0.9) -> Interval:
    return Interval(lower=lower, upper=upper, level=level, kind="credible")


@given(NUMBERS, NUMBERS)
def test_ends_must_be_in_order(lower: float, upper: float) -> None:
    if lower <= upper:
        found = interval(lower, upper)
        assert found.contains(lower)
        assert found.contains(upper)
    else:
        with pytest.raises(InputError, match="lower end"):
            interval(lower, upper)


@pytest.mark.parametrize("level", [0.0, 1.0, 90.0, -0.1, math.nan])
def test_levels_lie_between_zero_and_one(level: float) -> None:
    with pytest.raises(InputError, match="level"):
        interval(level=level)


def test_nan_is_no_interval() -> None:
    with pytest.raises(InputError, match="not a number"):
        interval(math.nan, 1.0)


def test_an_estimate_is_flat_json_and_frozen() -> None:
    estimate = Estimate(value=2.0, interval=interval(), unit="EUR", method="mean")
    assert estimate.to_dict() == {
        "value": 2.0,
        "lower": 1.0,
        "upper": 3.0,
        "level": 0.9,
        "kind": "credible",
        "unit": "EUR",
        "method": "mean",
    }
    with pytest.raises(FrozenInstanceError):
        estimate.value = 3.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("days", "standard_error", "part"),
    [(-1, 1.0, "ends before"), (7, 0.0, "standard error"), (7, math.nan, "standard")],
)
def test_lift_tests_that_cannot_be(days: int, standard_error: float, part: str) -> None:
    start = dt.date(2026, 3, 2)
    with pytest.raises(InputError, match=part):
        LiftEstimate(
            channel="tv",
            geos=(),
            start=start,
            end=start + dt.timedelta(days=days),
            incremental_outcome=Estimate(value=2.0, interval=interval(), unit="EUR", method="m"),
            incremental_spend=1.0,
            standard_error=standard_error,
        )
