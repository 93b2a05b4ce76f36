"""Public holidays as a control: how many fall into each period."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.readers.holiday_calendar import HolidayDays, period_of


def holiday_control(
    setting: str, holidays: HolidayDays, dates: pd.DatetimeIndex, days_per_period: int
) -> tuple[str, NDArray[np.float64]]:
    """Name of the control and the number of holidays in each of T periods, shape (T,).

    Parameters
    ----------
    setting
        ``panel.holidays``, which names the control.
    holidays
        The days; one with two holidays counts once.
    dates
        First day of each period.
    days_per_period
        7 for weeks, 1 for days.

    Examples
    --------
    >>> from measurement.readers.holiday_calendar import read_holidays
    >>> weeks = pd.date_range("2025-12-15", periods=3, freq="7D")
    >>> name, counts = holiday_control("DE", read_holidays("DE", Path(), weeks), weeks, 7)
    >>> name, counts.tolist()
    ('holidays_DE', [0.0, 2.0, 1.0])
    """
    period = period_of(np.unique(holidays.days), dates, days_per_period)
    counts = np.bincount(period[period >= 0], minlength=len(dates)).astype(np.float64)
    return f"holidays_{Path(setting).stem}", counts
