"""The country the sample market lies in: the 16 German states, and the public holidays all of them share."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: State and inhabitants, rounded to 1,000 (Federal Statistical Office, end of 2024), largest first.
STATES: dict[str, int] = {
    "Nordrhein-Westfalen": 18_034_000,
    "Bayern": 13_248_000,
    "Baden-Württemberg": 11_245_000,
    "Niedersachsen": 8_004_000,
    "Hessen": 6_281_000,
    "Rheinland-Pfalz": 4_129_000,
    "Sachsen": 4_042_000,
    "Berlin": 3_685_000,
    "Schleswig-Holstein": 2_959_000,
    "Brandenburg": 2_556_000,
    "Sachsen-Anhalt": 2_135_000,
    "Thüringen": 2_100_000,
    "Hamburg": 1_863_000,
    "Mecklenburg-Vorpommern": 1_573_000,
    "Saarland": 1_013_000,
    "Bremen": 705_000,
}


def easter_sunday(year: int) -> dt.date:
    """Date of Easter in the Gregorian calendar (the anonymous algorithm; Meeus, Astronomical Algorithms, 1991).

    Examples
    --------
    >>> easter_sunday(2026)
    datetime.date(2026, 4, 5)
    """
    golden, century, rest = year % 19, year // 100, year % 100
    skipped, leap = century // 4, century % 4
    moon = (19 * golden + century - skipped - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * leap + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * late + 114, 31)
    return dt.date(year, month, day + 1)


def public_holidays(year: int) -> tuple[dt.date, ...]:
    """The nine public holidays of every German state in ``year``."""
    easter = easter_sunday(year)
    moving = (easter + dt.timedelta(days=days) for days in (-2, 1, 39, 50))
    fixed = (dt.date(year, month, day) for month, day in ((1, 1), (5, 1), (10, 3), (12, 25), (12, 26)))
    return tuple(sorted((*moving, *fixed)))


def holidays_in_week(mondays: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Number of nationwide public holidays in each Monday-start week, shape (T,)."""
    years = sorted({*mondays.year.tolist(), *(mondays + pd.Timedelta(days=6)).year.tolist()})
    days = {pd.Timestamp(day) for year in years for day in public_holidays(year)}
    weeks = pd.Series(sorted(days))
    start = weeks - pd.to_timedelta(weeks.dt.day_of_week, unit="D")
    counts = start.value_counts()
    return np.array([float(counts.get(monday, 0)) for monday in mondays])
