"""Lift studies made elsewhere: a platform's own holdout, known only by its readout."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from measurement.errors import InputError
from simulation.market import Market


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftStudy:
    """A readout in the terms of ``[[lift_tests]]``, and the truth behind it.

    Attributes
    ----------
    channel
        Channel that was held out everywhere.
    start, end, measured_until
        First and last day of changed spend, last day of counted outcome.
    incremental_outcome, standard_error
        As read, money.
    incremental_spend
        Money, against nothing spent on the channel in these days.
    true_incremental_outcome
        Money.
    """

    channel: str
    start: dt.date
    end: dt.date
    measured_until: dt.date
    incremental_outcome: float
    standard_error: float
    incremental_spend: float
    true_incremental_outcome: float


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
        end=_sunday(dates, stop - 1),
        measured_until=_sunday(dates, stop + cooldown - 1),
        incremental_outcome=float(np.round(true + rng.normal(0.0, error), -2)),
        standard_error=float(np.round(error, -2)),
        incremental_spend=float(np.round(spend, 2)),
        true_incremental_outcome=true,
    )


def _sunday(dates: pd.DatetimeIndex, week: int) -> dt.date:
    return (dates[week] + pd.Timedelta(days=6)).date()
