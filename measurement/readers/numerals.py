"""Numbers as people write them: decimal comma or point, thousands separators, currency signs, Excel's error cells.

Whether ``1.234`` is 1234 or 1.234 cannot be seen in the cell. It is decided once for a file, from all number
columns together, and where the file gives no answer the file is refused rather than guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Style = Literal["point", "comma"]
_SAMPLE = 20_000

CURRENCY_SIGNS = {"€": "EUR", "$": "USD", "£": "GBP", "¥": "JPY", "₹": "INR", "zł": "PLN", "Kč": "CZK", "US$": "USD"}
#: Signs that several currencies share: seen beside a workspace in one of them, they are no contradiction.
SHARED_SIGNS = {
    "USD": {"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "CLP", "ARS", "COP"},
    "JPY": {"JPY", "CNY"},
    "GBP": {"GBP", "EGP"},
}
_CODES = "EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|CZK|HUF|JPY|CNY|CAD|AUD|NZD|INR|BRL|MXN|TRY|ZAR"
_MONEY = re.compile(rf"US\$|[€$£¥₹]|zł|Kč|\b(?:{_CODES})\b|(?<=\d)(?:{_CODES})\b|\b(?:{_CODES})(?=\d)")
_BLANKS = re.compile(r"[\s\u00a0\u202f\u2009'’]")
_MISSING = {"", "na", "n/a", "nan", "null", "none", "nil", "-", "–", "—", ".", "k.a.", "k. a.", "n.a.", "<na>"}
_INFINITE = {"inf", "-inf", "+inf", "infinity", "-infinity", "∞", "-∞"}
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1(?:\d{2}|\d{4})?(?:\d\d:\d\d(?::\d\d)?)?|\d{1,2}[-/]\d{1,2}")
_PLAIN = {
    "point": r"^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$",
    "comma": r"^[+-]?(?:\d+(?:,\d*)?|,\d+)(?:[eE][+-]?\d+)?$",
}
_GROUPED = {
    "point": re.compile(r"^[+-]?\d{1,3}(?:,\d{3})+(?:\.\d*)?$"),
    "comma": re.compile(r"^[+-]?\d{1,3}(?:\.\d{3})+(?:,\d*)?$"),
}
# What only one style can have written. Cells are bare: no blanks, signs or currencies.
_ONLY = {
    "point": r"\.\d{1,2}$|\.\d{4,}$|^0?\.\d+$|\.\d+[eE]|^\d{4,}\.\d+$|,\d{3}\.|,\d{3},\d{3}",
    "comma": r",\d{1,2}$|,\d{4,}$|^0?,\d+$|,\d+[eE]|^\d{4,},\d+$|\.\d{3},|\.\d{3}\.\d{3}",
}
_EITHER = {"point": r"^[1-9]\d{0,2},\d{3}$", "comma": r"^[1-9]\d{0,2}\.\d{3}$"}


class Fault(IntEnum):
    """Why a cell is not a number."""

    NONE = 0
    MISSING = 1
    EXCEL_ERROR = 2
    INFINITE = 3
    TEXT = 4
    OTHER_STYLE = 5
    DATE = 6
    UNCLEAR_GROUP = 7


#: What is wrong and how to mend it, per fault.
FAULTS: dict[Fault, tuple[str, str]] = {
    Fault.MISSING: ("the number is missing", "Fill it in (0 where nothing was spent or sold)"),
    Fault.EXCEL_ERROR: ("the cell holds an error of the spreadsheet", "Mend the formula in the sheet and export again"),
    Fault.INFINITE: ("the number is infinite", "Enter the true number: most often a division by zero in the export"),
    Fault.TEXT: (
        "text stands where a number must be",
        "Enter a number, or remove the row if it is a total or a remark",
    ),
    Fault.OTHER_STYLE: (
        "the decimal sign or thousands separator differs from the rest of the file",
        "Write all numbers of the file the same way, e.g. 1234.5 without thousands separators",
    ),
    Fault.DATE: ("a date stands where a number must be", "Format the column as number in the sheet and export again"),
    Fault.UNCLEAR_GROUP: (
        "this could be a thousand or a fraction: other numbers of the column have no thousands separators",
        "Write the number without thousands separator, e.g. 1234",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A parsed column of N cells.

    Attributes
    ----------
    values
        Shape (N,), NaN where the cell is no number.
    faults
        Codes of `Fault`, shape (N,).
    currencies
        ISO code written in the cell, row position → code; only cells that have one.
    """

    values: NDArray[np.float64]
    faults: NDArray[np.int8]
    currencies: dict[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The style of a file's numbers; ``style`` is ``None`` where the file allows both readings.

    ``example`` is a cell, ``(column position, row position)``, that shows the doubt.
    """

    style: Style | None
    example: tuple[int, int] | None = None


def decide_style(columns: Sequence[pd.Series[str]], delimiter: str) -> Verdict:
    r"""Decimal comma or decimal point, from all number columns of a file together.

    Cells that only one style can have written decide (``0,5``; ``1.234,50``). Where there are none but cells
    like ``1.234``, a column that also holds 12345 unseparated has no thousands separators, and one that holds
    950 but nothing unseparated above 999 has them; the delimiter counts as a hint (``;`` belongs to the comma).
    Hints that contradict each other leave the style open.

    Examples
    --------
    >>> decide_style([pd.Series(["1.234,50", "17"])], ";").style
    'comma'
    >>> decide_style([pd.Series(["1.234", "1.500"])], "\t").style is None
    True
    """
    bare = [_bare(column) for column in columns]
    for limit in (_SAMPLE, None):
        counts = {style: sum(_matches(column[:limit], pattern) for column in bare) for style, pattern in _ONLY.items()}
        if counts["point"] or counts["comma"]:
            return Verdict(style="point" if counts["point"] >= counts["comma"] else "comma")
    doubtful = [(index, column) for index, column in enumerate(bare) if _doubt(column).any()]
    if not doubtful:
        return Verdict(style="point")
    hints = {_column_hint(column) for _, column in doubtful} | {{",": "point", ";": "comma"}.get(delimiter)}
    hints.discard(None)
    index, column = doubtful[0]
    example = (index, int(np.flatnonzero(_doubt(column))[0]))
    return Verdict(style=hints.pop() if len(hints) == 1 else None, example=example)  # type: ignore[arg-type]  # Style


def _bare(column: pd.Series[str]) -> pd.Series[str]:
    """Cells without blanks, signs and currencies."""
    return column.str.replace(rf"[^\d.,eE]|{_CODES}", "", regex=True)


def _matches(column: pd.Series[str], pattern: str) -> int:
    return int(column.str.contains(pattern, regex=True).sum())


def _doubt(column: pd.Series[str]) -> NDArray[np.bool_]:
    return column.str.contains(f"{_EITHER['point']}|{_EITHER['comma']}", regex=True).to_numpy(dtype=bool)


def _column_hint(column: pd.Series[str]) -> Style | None:
    """What a column of doubtful cells says about the style."""
    dotted = _matches(column, _EITHER["comma"]) > 0
    if dotted and _matches(column, _EITHER["point"]) > 0:
        return None
    as_fraction: Style = "point" if dotted else "comma"
    as_thousands: Style = "comma" if dotted else "point"
    if _matches(column, r"^\d{4,}$"):
        return as_fraction
    return as_thousands if _matches(column, r"^[1-9]\d{0,2}$") else None


def parse_numbers(column: pd.Series[str], style: Style) -> Numbers:
    """A text column in a known style, every cell that is not a number with its reason.

    Examples
    --------
    >>> parse_numbers(pd.Series(["1.234,5", "-3 €", "(12,50)", "#REF!"]), "comma").values.tolist()
    [1234.5, -3.0, -12.5, nan]
    """
    text = column.str.strip()
    plain = text.str.contains(_PLAIN[style], regex=True).to_numpy(dtype=bool)
    values = np.full(len(text), np.nan)
    faults = np.zeros(len(text), dtype=np.int8)
    currencies: dict[int, str] = {}
    digits = text[plain]
    digits = digits.str.replace(",", ".", regex=False) if style == "comma" else digits
    values[plain] = digits.to_numpy(dtype=object).astype(np.float64)
    ungrouped = bool((np.abs(values[plain]) >= 1000).any())
    seen: dict[str, tuple[float, Fault, str]] = {}
    for position in np.flatnonzero(~plain).tolist():
        cell = text.iloc[position]
        if cell not in seen:
            seen[cell] = _parse_cell(cell, style, ungrouped=ungrouped)
        values[position], faults[position], currency = seen[cell]
        if currency:
            currencies[position] = currency
    overflow = np.isinf(values) & (faults == Fault.NONE)
    faults[overflow] = Fault.INFINITE
    values[overflow] = np.nan
    return Numbers(values=values, faults=faults, currencies=currencies)


def _parse_cell(cell: str, style: Style, *, ungrouped: bool) -> tuple[float, Fault, str]:
    """Value, fault and currency of a cell that is not plain digits."""
    fault = _wordy_fault(cell.lower())
    if fault is not Fault.NONE:
        return np.nan, fault, ""
    sign = _MONEY.search(cell)
    currency = CURRENCY_SIGNS.get(sign[0], sign[0]) if sign else ""
    bare = _BLANKS.sub("", _MONEY.sub("", cell)).replace("−", "-")
    if re.fullmatch(r"\(.+\)", bare):
        bare = "-" + bare[1:-1]
    elif re.fullmatch(r"[\d.,]+-", bare):
        bare = "-" + bare[:-1]
    scale = 0.01 if bare.endswith("%") else 1.0
    bare = bare.removesuffix("%")
    grouped = _GROUPED[style].match(bare)
    if grouped and ungrouped and re.search(_EITHER[style], bare.lstrip("+-")):
        return np.nan, Fault.UNCLEAR_GROUP, currency
    if grouped or re.match(_PLAIN[style], bare):
        point = bare.replace(",", "") if style == "point" else bare.replace(".", "").replace(",", ".")
        return float(point) * scale, Fault.NONE, currency
    return np.nan, _fault_of(bare), currency


def _wordy_fault(lowered: str) -> Fault:
    """Faults that a cell's whole text shows."""
    if lowered in _MISSING:
        return Fault.MISSING
    if lowered in _INFINITE:
        return Fault.INFINITE
    return Fault.EXCEL_ERROR if lowered.startswith("#") else Fault.NONE


def _fault_of(bare: str) -> Fault:
    if _DATE.fullmatch(bare):
        return Fault.DATE
    digits = re.fullmatch(r"[+-]?[\d.,]*\d[\d.,]*(?:[eE][+-]?\d+)?", bare)
    return Fault.OTHER_STYLE if digits else Fault.TEXT
