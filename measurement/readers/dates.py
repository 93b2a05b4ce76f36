"""Dates as people write them: ISO, German, slashes either way round, ISO weeks; one format for a whole column."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan januar january", "feb februar february", "mar mär mrz märz march", "apr april", "mai may",
            "jun juni june", "jul juli july", "aug august", "sep sept september", "okt oct oktober october",
            "nov november", "dez dec dezember december",
        ),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
#: Format name → pattern. Slashed dates get their order from the whole column.
PATTERNS: dict[str, re.Pattern[str]] = {
    "yyyy-mm-dd": re.compile(rf"(\d{{4}})-(\d{{1,2}})-(\d{{1,2}}){_TIME}"),
    "dd.mm.yyyy": re.compile(rf"(\d{{1,2}})\.(\d{{1,2}})\.(\d{{4}}|\d{{2}}){_TIME}"),
    "yyyy/mm/dd": re.compile(rf"(\d{{4}})[/.](\d{{1,2}})[/.](\d{{1,2}}){_TIME}"),
    "slashed": re.compile(rf"(\d{{1,2}})[/-](\d{{1,2}})[/-](\d{{4}}|\d{{2}}){_TIME}"),
    "ISO week": re.compile(r"(\d{4})[- /]?(?:W|KW|CW)[- ]?(\d{1,2})(?:-?1)?", re.IGNORECASE),
    "week/year": re.compile(r"(?:KW|W|CW|Week)\.? ?(\d{1,2})[ /.-]+(\d{4})", re.IGNORECASE),
    "yyyymmdd": re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})"),
    "day month year": re.compile(r"(\d{1,2})\.?[ -]([A-Za-zä]+)\.?[ -](\d{4}|\d{2})"),
    "month day year": re.compile(r"([A-Za-zä]+)\.? (\d{1,2}),? (\d{4})"),
}
_EXCEL_SERIAL = re.compile(r"[2-6]\d{4}(?:\.0+)?")
_TOTAL = re.compile(r"(?:grand )?total|summe|gesamt(?:summe|ergebnis)?|sum|insgesamt", re.IGNORECASE)

#: Days outside these years are slips of the pen (and beyond what nanoseconds can count).
YEARS = (1900, 2200)
OUTSIDE = ("this date cannot be", f"Enter a day of the years {YEARS[0]} to {YEARS[1]}")
MISSING = ("the date is missing", "Fill it in, or remove the row")
AMBIGUOUS = (
    "day and month cannot be told apart in this column",
    "Write the dates as yyyy-mm-dd (in Excel: cell format 'yyyy-mm-dd')",
)
_DAY_REMEDY = "Correct it; best write dates as yyyy-mm-dd"
_FORMAT_REMEDY = "Write every date of the column the same way, best as yyyy-mm-dd"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """A parsed column of N cells.

    Attributes
    ----------
    values
        ``datetime64[ns]``, shape (N,), NaT where the cell is no date.
    faults
        Message and remedy → mask of the rows concerned, shape (N,).
    style
        Name of the column's format, e.g. ``"dd.mm.yyyy"``.
    """

    values: NDArray[np.datetime64]
    faults: dict[tuple[str, str], NDArray[np.bool_]]
    style: str


def parse_dates(column: pd.Series[str]) -> Dates:
    """A text column as dates; the format most cells have is the column's, cells in another one are faults.

    Examples
    --------
    >>> parse_dates(pd.Series(["02.03.2026", "09.03.2026"])).values.astype("datetime64[D]").astype(str).tolist()
    ['2026-03-02', '2026-03-09']
    >>> parse_dates(pd.Series(["2026-W48"])).values.astype("datetime64[D]").astype(str).tolist()
    ['2026-11-23']
    """
    codes, uniques = pd.factorize(column.str.strip())
    cells = [str(cell) for cell in uniques]
    counts = np.bincount(codes, minlength=len(cells))
    styles = [_style_of(cell) for cell in cells]
    votes: Counter[str] = Counter()
    for style, count in zip(styles, counts.tolist(), strict=True):
        if style:
            votes[style] += count
    chosen = votes.most_common(1)[0][0] if votes else ""
    own = [cell for cell, style in zip(cells, styles, strict=True) if style == chosen]
    orders = _orders(chosen, own)
    parsed = np.full(len(cells), np.datetime64("NaT", "ns"), dtype="datetime64[ns]")
    faults: dict[tuple[str, str], NDArray[np.bool_]] = {}

    def blame(key: tuple[str, str], index: int) -> None:
        faults.setdefault(key, np.zeros(len(cells), dtype=bool))[index] = True

    for index, (cell, style) in enumerate(zip(cells, styles, strict=True)):
        if style != chosen or not chosen:
            blame(_why_not(cell, style, chosen), index)
        elif len(orders) != 1:
            blame(AMBIGUOUS, index)
        else:
            day = _to_date(cell, chosen, orders[0])
            if day is not None and not YEARS[0] <= day.year <= YEARS[1]:
                blame(OUTSIDE, index)
            elif day is None:
                blame((f"this day does not exist, read as {orders[0]} like the rest of the column", _DAY_REMEDY), index)
            else:
                parsed[index] = np.datetime64(day, "ns")
    spread = {key: np.asarray(mask[codes], dtype=np.bool_) for key, mask in faults.items()}
    return Dates(values=parsed[codes], faults=spread, style=orders[0] if len(orders) == 1 else chosen)


def _style_of(cell: str) -> str:
    return next((name for name, pattern in PATTERNS.items() if pattern.fullmatch(cell)), "")


def _why_not(cell: str, style: str, chosen: str) -> tuple[str, str]:
    """Message and remedy for a cell that is not in the column's format."""
    if cell.lower() in {"", "na", "n/a", "nan", "nat", "null", "none", "-"}:
        return MISSING
    if style:
        return f"this date is written in another format than the rest of the column ({chosen})", _FORMAT_REMEDY
    if _EXCEL_SERIAL.fullmatch(cell):
        return "a spreadsheet's day number stands where a date must be", "Format the column as date and export again"
    if _TOTAL.fullmatch(cell):
        return "a total stands among the rows", "Remove the total row"
    if cell.startswith("#"):
        return "the cell holds an error of the spreadsheet", "Widen the column or mend the formula, and export again"
    return "this is not a date", "Write it as yyyy-mm-dd, dd.mm.yyyy or 2026-W48"


def _orders(style: str, cells: list[str]) -> list[str]:
    """Possible meanings of a format: one, except for slashed dates whose days and months cannot be told apart."""
    if style != "slashed":
        return [style]
    parts = [PATTERNS["slashed"].fullmatch(cell) for cell in cells]
    first = [int(match[1]) for match in parts if match]
    second = [int(match[2]) for match in parts if match]
    if max(first) > 12 and max(second) <= 12:
        return ["dd/mm/yyyy"]
    if max(second) > 12 and max(first) <= 12:
        return ["mm/dd/yyyy"]
    if max(first) > 12:  # both: one of them is a slip; most cells decide
        days_first = sum(value > 12 for value in first) >= sum(value > 12 for value in second)
        return ["dd/mm/yyyy" if days_first else "mm/dd/yyyy"]
    regular = [order for order in ("dd/mm/yyyy", "mm/dd/yyyy") if _regular(cells, order)]
    return regular if len(regular) == 1 else ["dd/mm/yyyy", "mm/dd/yyyy"]


def _regular(cells: list[str], order: str) -> bool:
    """Whether the dates, read this way, come in even steps of a day or a week."""
    days = sorted({day for cell in cells if (day := _to_date(cell, "slashed", order)) is not None})
    steps = {(later - earlier).days for earlier, later in pairwise(days)}
    return steps in ({1}, {7})


def _to_date(cell: str, style: str, order: str) -> dt.date | None:
    match = PATTERNS[style].fullmatch(cell)
    if match is None:
        return None
    try:
        return _READ[order](match)
    except (ValueError, KeyError):
        return None


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


_READ: dict[str, Callable[[re.Match[str]], dt.date]] = {
    "yyyy-mm-dd": lambda m: dt.date(int(m[1]), int(m[2]), int(m[3])),
    "yyyy/mm/dd": lambda m: dt.date(int(m[1]), int(m[2]), int(m[3])),
    "yyyymmdd": lambda m: dt.date(int(m[1]), int(m[2]), int(m[3])),
    "dd.mm.yyyy": lambda m: dt.date(_year(m[3]), int(m[2]), int(m[1])),
    "dd/mm/yyyy": lambda m: dt.date(_year(m[3]), int(m[2]), int(m[1])),
    "mm/dd/yyyy": lambda m: dt.date(_year(m[3]), int(m[1]), int(m[2])),
    "ISO week": lambda m: dt.date.fromisocalendar(int(m[1]), int(m[2]), 1),
    "week/year": lambda m: dt.date.fromisocalendar(int(m[2]), int(m[1]), 1),
    "day month year": lambda m: dt.date(_year(m[3]), _MONTHS[m[2].lower()], int(m[1])),
    "month day year": lambda m: dt.date(int(m[3]), _MONTHS[m[1].lower()], int(m[2])),
}
