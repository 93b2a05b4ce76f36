"""Small worlds and fits that the media mix tests share."""

from __future__ import annotations

import datetime as dt

import pytest

from measurement.estimates import Estimate, Interval, LiftEstimate
from mmm.fitted import FittedMMM
from mmm.model import MMM
from mmm.spec import ModelSpec
from simulation.market import Market, simulate_market
from simulation.market_spec import market_spec

SMALL = ModelSpec(lags=8, knot_every=8, draws=300, tune=150, holidays="DE")


@pytest.fixture(scope="session")
def make_lift():
    """Builds a `LiftEstimate` from plain values."""
    return lift


@pytest.fixture(scope="session")
def make_lift_of():
    """Builds a `LiftEstimate` whose readout is the truth of a simulated geo test, shifted at will."""
    return lift_of


def lift_of(test: dict, error: float = 0.15, shift: float = 0.0) -> LiftEstimate:
    """A geo test of a simulated market as an estimate with the truth (plus ``shift`` standard errors) as readout."""
    truth = float(test["true_incremental_outcome"])
    standard_error = error * abs(truth)
    return lift(
        channel=test["channel"],
        geos=tuple(test["treated"]),
        start=_day(test["start"]),
        end=_day(test["end"]),
        value=truth + shift * standard_error,
        standard_error=standard_error,
        incremental_spend=float(test["true_incremental_spend"]),
        weeks=int(test["cooldown_weeks"]),
    )


def lift(*, channel, geos, start, end, value, standard_error, incremental_spend, weeks=0) -> LiftEstimate:
    half = 1.645 * standard_error
    interval = Interval(lower=value - half, upper=value + half, level=0.9, kind="confidence")
    return LiftEstimate(
        channel=channel,
        geos=geos,
        start=start,
        end=end,
        incremental_outcome=Estimate(value=value, interval=interval, unit="EUR", method="test"),
        incremental_spend=incremental_spend,
        standard_error=standard_error,
        measured_until=end + dt.timedelta(weeks=weeks),
    )


def _day(value) -> dt.date:
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value))


@pytest.fixture(scope="session")
def small_market() -> Market:
    """8 geos, 80 weeks, 3 channels with both geo tests."""
    return simulate_market(5, market_spec(n_geos=8, n_weeks=80, n_channels=4))


@pytest.fixture(scope="session")
def small_fit(small_market) -> FittedMMM:
    return MMM(SMALL).fit(small_market.panel, seed=3)
