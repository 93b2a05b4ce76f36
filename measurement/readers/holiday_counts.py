"""Public holidays as a control: how many fall into each period."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.readers.cells import read_dates
from measurement.readers.findings import Findings
from measurement.readers.tables import read_table


def holiday_control(
    holidays: str, root: Path, dates: pd.DatetimeIndex, days_per_period: int
) -> tuple[str, NDArray[np.float64]]:
    """Name of the control and the number of holidays in each of T periods, shape (T,).

    Parameters
    ----------
    holidays
        ISO country code (``"DE"``, or ``"DE-BY"`` with a subdivision), or a file with one date a row: its first
        column is read, or the one named ``date``.
    root
        Folder of the workspace.
    dates
        First day of each period.

    Raises
    ------
    InputError
        For an unknown country and an unreadable file.

    Examples
    --------
    >>> weeks = pd.date_range("2025-12-15", periods=3, freq="7D")
    >>> name, counts = holiday_control("DE", Path(), weeks, 7)
    >>> name, counts.tolist()
    ('holidays_DE', [0.0, 2.0, 1.0])
    """
    is_file = "." in holidays
    days = _days_of_file(holidays, root) if is_file else _days_of_country(holidays, dates)
    starts = dates.to_numpy().astype("datetime64[D]")
    offsets = np.searchsorted(starts, days, side="right") - 1
    inside = (offsets >= 0) & (days < starts[-1] + np.timedelta64(days_per_period, "D"))
    counts = np.bincount(offsets[inside], minlength=len(starts)).astype(np.float64)
    return f"holidays_{Path(holidays).stem}", counts


def _days_of_country(code: str, dates: pd.DatetimeIndex) -> NDArray[np.datetime64]:
    import holidays as calendar

    country, _, region = code.partition("-")
    years = range(dates[0].year, dates[-1].year + 2)
    try:
        found = calendar.country_holidays(country, subdiv=region or None, years=years)
    except NotImplementedError as error:
        raise InputError.of(
            "this country's holidays are not known",
            'Use an ISO country code such as "DE" or "US", or a file with one date a row',
            file="liftwerk.toml",
            column="panel.holidays",
            value=code,
        ) from error
    return np.sort(np.asarray(list(found), dtype="datetime64[D]"))


def _days_of_file(file: str, root: Path) -> NDArray[np.datetime64]:
    found = Findings(file)
    table = read_table(root / file, file, found)
    if table is None or found.has_errors or table.frame.columns.empty:
        raise InputError(found.problems)
    found.lines = table.lines
    column = "date" if "date" in table.frame.columns else str(table.frame.columns[0])
    days = read_dates(table, column, found)
    if found.has_errors:
        raise InputError(found.problems)
    return np.unique(days.astype("datetime64[D]"))
