"""What a month will have cost at its end, with an interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
FORECAST_COLUMNS = ("month", "team", "through", "spent", "forecast", "lower", "upper", "level", "budget")
#: Days of the past that are looked at: four of each weekday.
_WINDOW = 28
#: Days below which there is no forecast, and below which weekdays are taken as alike.
_LEAST, _WEEKS = 7, 14
#: Forecasts that could have been made before, from which on their errors count.
_ORIGINS = 14
#: However alike the days were, the next ones may follow each other: autocorrelation is held within these.
_MEMORY = (0.2, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthEnd:
    """A month's cost.

    Attributes
    ----------
    spent
        So far.
    forecast, lower, upper
        At its end; the interval is a prediction interval, NaN where too few days are known.
    """

    spent: float
    forecast: float
    lower: float
    upper: float


def month_end(cost: pd.Series[float], month: pd.Period, level: float = 0.9) -> MonthEnd:
    """Forecast a month's cost from the days known.

    The days to come cost what the last 28 did on average, by weekday. Days deviate from that in proportion, and one day
    resembles the next: the variance of the sum of the m days to come is that of a first-order autoregression, and the
    level behind it is known from n days only (Box, Jenkins and Reinsel, Time Series Analysis, ch. 5). Where the past is
    long enough to show it, the interval is as wide as such forecasts were off before.

    Parameters
    ----------
    cost
        By day, without gaps, index of days; its last day counts as complete.
    month
        Which month.
    level
        Of the interval.

    Examples
    --------
    >>> days = pd.date_range("2026-05-01", periods=20)
    >>> found = month_end(pd.Series(10.0, index=days), pd.Period("2026-05", "M"))
    >>> found.spent, found.forecast, found.lower <= 310.0 <= found.upper
    (200.0, 310.0, True)
    """
    days = pd.DatetimeIndex(cost.index)
    spent = float(cost[(days >= month.start_time) & (days <= month.end_time)].sum())
    coming = pd.date_range(days[-1] + pd.Timedelta(days=1), month.end_time, freq="D")
    values: Floats = np.asarray(cost.to_numpy(), dtype=np.float64)
    weekday = days.day_of_week.to_numpy()
    past = values[-_WINDOW:]
    if not len(coming) or len(past) < _LEAST or past.sum() <= 0:
        known = spent if not len(coming) else np.nan
        return MonthEnd(spent=spent, forecast=spent, lower=known, upper=known)
    factor, used = _weekdays(past, weekday[-_WINDOW:])
    expected = float(past.mean() * factor[coming.day_of_week.to_numpy()].sum())
    off = past / (past.mean() * factor[weekday[-_WINDOW:]]) - 1.0
    error, free = _past_error(values, weekday, len(coming))
    within = _relative_error(off, len(coming), used)
    now = within * float(special.stdtrit(max(len(past) - used, 1), 0.5 + level / 2.0))
    before = error * float(special.stdtrit(free, 0.5 + level / 2.0))
    reach = expected * max(now, before)
    forecast = spent + expected
    return MonthEnd(spent=spent, forecast=forecast, lower=max(forecast - reach, spent), upper=forecast + reach)


def _past_error(values: Floats, weekday: NDArray[np.int32], ahead: int) -> tuple[float, int]:
    """How far such forecasts were off before, root mean square in proportion, and how many of them do not overlap.

    0 where the past is too short to tell. Costs that drift for weeks look calmer within 28 days than they are.
    """
    errors = []
    for now in range(_WINDOW, len(values) - ahead + 1):
        past = values[now - _WINDOW : now]
        factor, _ = _weekdays(past, weekday[now - _WINDOW : now])
        expected = past.mean() * factor[weekday[now : now + ahead]].sum()
        if expected > 0:
            errors.append(values[now : now + ahead].sum() / expected - 1.0)
    if len(errors) < _ORIGINS:
        return 0.0, 1
    return float(np.sqrt(np.mean(np.square(errors)))), max(len(errors) // ahead, 2)


def forecasts(wide: pd.DataFrame, budgets: Mapping[tuple[str, str], float], level: float = 0.9) -> pd.DataFrame:
    """The newest month of every team, columns `FORECAST_COLUMNS`.

    Parameters
    ----------
    wide
        A column of daily costs for each team, index of days without gaps.
    budgets
        Team and month (``2026-11``) → amount.
    level
        Of the intervals.
    """
    month = pd.Period(wide.index[-1], "M")
    rows = []
    for team in wide.columns:
        found = month_end(wide[team], month, level)
        budget = budgets.get((str(team), str(month)), np.nan)
        through = wide.index[-1].date()
        rows.append((str(month), team, through, *asdict(found).values(), level, budget))
    return pd.DataFrame(rows, columns=list(FORECAST_COLUMNS))


def _weekdays(past: Floats, weekday: NDArray[np.int32]) -> tuple[Floats, int]:
    """Mean of each weekday over the mean of all days, and how many numbers were estimated."""
    if len(past) < _WEEKS:
        return np.ones(7), 1
    means = np.array([past[weekday == day].mean() for day in range(7)])
    return means / means.mean(), 7


def _relative_error(off: Floats, ahead: int, used: int) -> float:
    """Standard error of the sum of the days to come over their expectation."""
    variance = float(off @ off) / max(len(off) - used, 1)
    raw = float(off[1:] @ off[:-1]) / max(float(off @ off), 1e-300)
    # taking out means makes neighbours look less alike than they are (Kendall 1954)
    memory = float(np.clip(raw + (1.0 + 3.0 * raw) / len(off), *_MEMORY))
    lags = np.arange(1, ahead)
    together = ahead + 2.0 * float(((ahead - lags) * memory**lags).sum())
    level = variance * (1.0 + memory) / (1.0 - memory) / len(off)
    return float(np.sqrt(variance * together / ahead**2 + level))
