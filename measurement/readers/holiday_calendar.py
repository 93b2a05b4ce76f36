"""Public holidays as data: the days of a country or of a file, by name, and what they are in each period."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.readers.cells import read_dates, read_names
from measurement.readers.findings import BoolArray, Findings, IntArray
from measurement.readers.tables import read_table

#: Column of the holidays that occur less than `LEAST_OCCURRENCES` times in a panel: one coefficient each would only
#: explain one period away.
OTHER_HOLIDAYS = "other holidays"
LEAST_OCCURRENCES = 2
#: Days of one name less than this apart are one occurrence of a holiday; further apart they are two.
_APART = 7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HolidayDays:
    """Days with their holiday; a day with two holidays stands twice.

    Attributes
    ----------
    days
        ``datetime64[D]``, sorted, shape (D,).
    names
        Shape (D,); the same holiday has one name in every year.
    moved
        Whether the day stands in for the holiday itself (a Monday for a Sunday), shape (D,).
    single
        Whether every day is an occurrence of its own (a file of dates without names).
    """

    days: NDArray[np.datetime64]
    names: NDArray[np.object_]
    moved: BoolArray
    single: bool = False


def read_holidays(holidays: str, root: Path, dates: pd.DatetimeIndex) -> HolidayDays:
    """The holidays that ``panel.holidays`` means, over the years of a panel and those beside them.

    Parameters
    ----------
    holidays
        ISO country code (``"DE"``, or ``"DE-BY"`` with a subdivision), or a file with one date a row: its column
        ``date`` (else the first one), and ``name`` where it has one.
    root
        Folder of the workspace.
    dates
        First day of each period.

    Raises
    ------
    InputError
        For an unknown country, an unreadable file and every cell of it that is no date or name.
    """
    return _of_file(holidays, root) if "." in holidays else _of_country(holidays, dates)


def holiday_columns(
    holidays: HolidayDays, dates: pd.DatetimeIndex, days_per_period: int
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """One column for each holiday, in the order of the calendar: 1 in a period that holds it.

    A holiday whose days fall into two weeks counts in each with its share of the days, so that a week never counts
    more than one. By day, each day of a long holiday counts 1, but a moved holiday is shared between its own day and
    the one that stands in for it. Holidays that occur less than `LEAST_OCCURRENCES` times add up to `OTHER_HOLIDAYS`.

    Returns
    -------
    tuple
        H names, and shares of shape (T, H).

    Examples
    --------
    >>> weeks = pd.date_range("2024-12-16", periods=108, freq="7D")
    >>> names, shares = holiday_columns(read_holidays("DE", Path(), weeks), weeks, 7)
    >>> names[:2], shares[1, :2].tolist()
    (('Erster Weihnachtstag', 'Zweiter Weihnachtstag'), [1.0, 1.0])
    """
    period = period_of(holidays.days, dates, days_per_period)
    columns: dict[str, NDArray[np.float64]] = {}
    rare = np.zeros(len(dates))
    for name in dict.fromkeys(holidays.names[period >= 0]):
        rows = np.flatnonzero(holidays.names == name)
        column, count = np.zeros(len(dates)), 0
        for occurrence in _occurrences(rows, holidays):
            whole = len(occurrence) if holidays.moved[occurrence].any() else min(len(occurrence), days_per_period)
            inside = period[occurrence][period[occurrence] >= 0]
            np.add.at(column, inside, 1.0 / whole)
            count += len(inside) > 0
        if count >= LEAST_OCCURRENCES:
            columns[str(name)] = column
        else:
            rare += column
    if rare.any():
        columns[OTHER_HOLIDAYS] = columns.get(OTHER_HOLIDAYS, 0.0) + rare
    return tuple(columns), np.stack(list(columns.values()), axis=-1) if columns else np.zeros((len(dates), 0))


def period_of(days: NDArray[np.datetime64], dates: pd.DatetimeIndex, days_per_period: int) -> IntArray:
    """Position of the period that holds each day, shape (D,), −1 where none does."""
    starts = dates.to_numpy().astype("datetime64[D]")
    period = np.searchsorted(starts, days, side="right").astype(np.int64) - 1
    inside = (period >= 0) & (days < starts[-1] + np.timedelta64(days_per_period, "D"))
    return np.where(inside, period, -1)


def _occurrences(rows: IntArray, holidays: HolidayDays) -> list[IntArray]:
    """Rows of one name, split where a new occurrence begins."""
    if holidays.single:
        return np.split(rows, len(rows))
    gaps = np.diff(holidays.days[rows]).astype(np.int64)
    return np.split(rows, np.flatnonzero(gaps >= _APART) + 1)


def _of_country(code: str, dates: pd.DatetimeIndex) -> HolidayDays:
    import holidays as calendar

    country, _, region = code.partition("-")
    # The years beside the panel's: a holiday of 1 January may be observed on 31 December.
    years = range(dates[0].year - 1, dates[-1].year + 2)
    try:
        observed, nominal = (
            calendar.country_holidays(country, subdiv=region or None, years=years, observed=also_moved)
            for also_moved in (True, False)
        )
    except NotImplementedError as error:
        raise InputError.of(
            "this country's holidays are not known",
            'Use an ISO country code such as "DE" or "US", or a file with one date a row',
            file="liftwerk.toml",
            column="panel.holidays",
            value=code,
        ) from error
    own = {name for day in nominal for name in nominal.get_list(day)}
    rows = sorted((np.datetime64(day, "D"), name) for day in observed for name in observed.get_list(day))
    plain = _plain_names({name for _, name in rows}, own)
    return HolidayDays(
        days=np.asarray([day for day, _ in rows], dtype="datetime64[D]"),
        names=np.asarray([plain[name] for _, name in rows], dtype=object),
        moved=np.asarray([name not in own for _, name in rows], dtype=np.bool_),
    )


def _plain_names(names: Iterable[str], own: set[str]) -> dict[str, str]:
    """Label → the holiday it stands for; labels of moved and of estimated days contain the holiday's own.

    Examples
    --------
    >>> _plain_names(["Boxing Day (observed)", "Id (estimated)"], {"Boxing Day", "Day", "Id", "Id (estimated)"})
    {'Boxing Day (observed)': 'Boxing Day', 'Id (estimated)': 'Id'}
    """
    plain = {}
    for name in names:
        within = [other for other in own if other in name] if name not in own else []
        within += [other for other in own if name.startswith(f"{other} (")]
        plain[name] = max(within, key=len, default=name)
    return plain


def _of_file(file: str, root: Path) -> HolidayDays:
    found = Findings(file)
    table = read_table(root / file, file, found)
    if table is None or found.has_errors or table.frame.columns.empty:
        raise InputError(found.problems)
    found.lines = table.lines
    column = "date" if "date" in table.frame.columns else str(table.frame.columns[0])
    days = read_dates(table, column, found).astype("datetime64[D]")
    named = "name" in table.frame.columns and column != "name"
    names = read_names(table, "name", found) if named else np.full(len(days), Path(file).stem, dtype=object)
    if found.has_errors:
        raise InputError(found.problems)
    rows = sorted(set(zip(days.tolist(), names.tolist(), strict=True)))
    return HolidayDays(
        days=np.asarray([day for day, _ in rows], dtype="datetime64[D]"),
        names=np.asarray([name for _, name in rows], dtype=object),
        moved=np.zeros(len(rows), dtype=np.bool_),
        single=not named,
    )
