"""Lift studies known only by their readout: a platform's own holdout, and what every study has in common."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import norm

from measurement.errors import InputError
from measurement.estimates import Estimate, Interval, LiftEstimate
from simulation.market import Market


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftStudy:
    """A readout in the terms of ``[[lift_tests]]``, and the truth behind it.

    Attributes
    ----------
    channel
        Channel whose spend was changed.
    start, end, measured_until
        First and last day of changed spend, last day of counted outcome.
    incremental_outcome, standard_error
        As read, money.
    incremental_spend
        Money, against nothing spent on the channel in these days.
    true_incremental_outcome
        Money.
    geos
        Where it was changed; empty: everywhere.
    kind
        ``go_dark``, ``scale_up`` or ``new``.
    """

    channel: str
    start: dt.date
    end: dt.date
    measured_until: dt.date
    incremental_outcome: float
    standard_error: float
    incremental_spend: float
    true_incremental_outcome: float
    geos: tuple[str, ...] = ()
    kind: str = "scale_up"

    def misread(self, error: float) -> LiftStudy:
        """The same study had its readout been ``error`` (money) off the truth; its standard error stays."""
        return replace(self, incremental_outcome=self.true_incremental_outcome + error)

    def estimate(self, level: float = 0.9) -> LiftEstimate:
        """The readout as an estimate, its interval normal."""
        half = float(norm.ppf(0.5 + level / 2.0)) * self.standard_error
        value = self.incremental_outcome
        interval = Interval(lower=value - half, upper=value + half, level=level, kind="confidence")
        return LiftEstimate(
            channel=self.channel,
            geos=self.geos,
            start=self.start,
            end=self.end,
            measured_until=self.measured_until,
            incremental_outcome=Estimate(value=value, interval=interval, unit="EUR", method="simulated lift study"),
            incremental_spend=self.incremental_spend,
            standard_error=self.standard_error,
            design=self.kind,
        )


def holdout_study(
    market: Market, *, channel: str, first_week: int, weeks: int, cooldown: int, relative_error: float, seed: int
) -> LiftStudy:
    """Read a holdout of one channel: all its spend of some weeks against none.

    Parameters
    ----------
    market
        The market it was run in.
    channel
        Channel held out.
    first_week, weeks, cooldown
        First week (0 is the first of the panel), weeks of changed spend, weeks after it whose outcome counts.
    relative_error
        Standard error of the readout over the true value.
    seed
        Of the reading error.

    Raises
    ------
    InputError
        Where the weeks lie outside the panel.
    """
    dates = market.panel.dates
    stop = first_week + weeks
    if not 0 <= first_week < stop + cooldown <= len(dates):
        raise InputError.of(
            "the study lies outside the panel", f"Choose weeks from 0 to {len(dates) - 1}", value=first_week
        )
    factor = np.ones(len(dates))
    factor[first_week:stop] = 0.0
    gap = market.expected - market.expected_with({channel: factor})
    true = float(gap[:, first_week : stop + cooldown].sum())
    error = relative_error * true
    rng = np.random.default_rng([seed, 41])
    spend = market.panel.data["spend"].sel(channel=channel).to_numpy()[:, first_week:stop].sum()
    return LiftStudy(
        channel=channel,
        start=dates[first_week].date(),
        end=sunday(dates, stop - 1),
        measured_until=sunday(dates, stop + cooldown - 1),
        incremental_outcome=float(np.round(true + rng.normal(0.0, error), -2)),
        standard_error=float(np.round(error, -2)),
        incremental_spend=float(np.round(spend, 2)),
        true_incremental_outcome=true,
    )


def sunday(dates: pd.DatetimeIndex, week: int) -> dt.date:
    """Last day of a week that starts on a Monday."""
    return (dates[week] + pd.Timedelta(days=6)).date()
