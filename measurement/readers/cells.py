"""Columns of a raw table as numbers, dates and names; every cell that does not fit is a finding with its line."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.readers.dates import AMBIGUOUS, MISSING, OUTSIDE, YEARS, parse_dates
from measurement.readers.findings import BoolArray, Findings
from measurement.readers.numerals import (
    FAULTS,
    SHARED_SIGNS,
    Fault,
    Numbers,
    Style,
    decide_style,
    parse_numbers,
)
from measurement.readers.tables import RawTable


def read_numbers(
    table: RawTable, columns: Sequence[str], found: Findings, *, currency: str = ""
) -> dict[str, NDArray[np.float64]]:
    """Number columns, parsed together because they share one decimal sign.

    Parameters
    ----------
    columns
        Names that exist in ``table``.
    currency
        Every currency sign in a cell must agree with this ISO code; ``""`` allows any.

    Returns
    -------
    dict
        Column → values, shape (N,), NaN where a cell is no number.
    """
    texts = {column: table.frame[column] for column in columns if table.frame[column].dtype == "str"}
    verdict = decide_style(list(texts.values()), table.delimiter)
    if verdict.style is None and verdict.example is not None:
        column, row = list(texts)[verdict.example[0]], verdict.example[1]
        found.add(
            "thousands and fractions cannot be told apart in this file: its numbers fit 1.234 and 1234 alike",
            "Export the numbers without thousands separators, or with two decimals (1234.00), or as xlsx",
            column=column,
            line=int(table.lines[row]),
            value=table.cell(column, row),
        )
        return {column: np.full(len(table.frame), np.nan) for column in columns}
    parsed: dict[str, NDArray[np.float64]] = {}
    for column in columns:
        numbers = _numbers(table.frame[column], verdict.style or "point")
        _name_faults(table, column, numbers.faults, found)
        _name_currencies(table, column, numbers.currencies, currency, found)
        parsed[column] = numbers.values
    return parsed


def _numbers(column: pd.Series, style: Style) -> Numbers:
    if column.dtype == "str":
        return parse_numbers(column, style)
    if pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        faults = np.zeros(len(values), dtype=np.int8)
        faults[np.isnan(values)] = Fault.MISSING
        faults[np.isinf(values)] = Fault.INFINITE
        return Numbers(values=np.where(np.isinf(values), np.nan, values), faults=faults, currencies={})
    if column.dtype == object:
        return _mixed_numbers(column, style)
    fault = Fault.DATE if pd.api.types.is_datetime64_any_dtype(column.dtype) else Fault.TEXT
    faults = np.where(column.isna(), Fault.MISSING, fault).astype(np.int8)
    return Numbers(values=np.full(len(column), np.nan), faults=faults, currencies={})


def _mixed_numbers(column: pd.Series, style: Style) -> Numbers:
    """Cells of a sheet: numbers as they are, text parsed."""
    cells = column.tolist()
    real = np.asarray([isinstance(cell, int | float) for cell in cells], dtype=bool)
    text = ["" if cell is None else str(cell) for cell in cells]
    style = style if real.all() else decide_style([pd.Series(text, dtype="str")[~real]], "").style or style
    parsed = parse_numbers(pd.Series(text, dtype="str").where(~real, "0"), style)
    parsed.values[real] = [float(cell) for cell, number in zip(cells, real, strict=True) if number]
    parsed.faults[real & np.isnan(parsed.values)] = Fault.MISSING
    return parsed


def _name_faults(table: RawTable, column: str, faults: NDArray[np.int8], found: Findings) -> None:
    for fault, (message, remedy) in FAULTS.items():
        where = faults == fault
        if where.any():
            found.rows(where, column, message, remedy, value=partial(table.cell, column))


def _name_currencies(table: RawTable, column: str, currencies: dict[int, str], currency: str, found: Findings) -> None:
    if not currency:
        return
    foreign = [row for row, code in currencies.items() if currency not in SHARED_SIGNS.get(code, {code})]
    if foreign:
        found.rows(
            np.asarray(sorted(foreign), dtype=np.int64),
            column,
            f"the amount is in another currency than the workspace ({currency})",
            f"Convert it to {currency} before the export, or change workspace.currency",
            value=partial(table.cell, column),
        )


def read_dates(table: RawTable, column: str, found: Findings) -> NDArray[np.datetime64]:
    """A date column as ``datetime64[ns]`` days, shape (N,), NaT where a cell is no date."""
    cells = table.frame[column]
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        possible, outside = possible_times(cells)
        found.rows(cells.isna().to_numpy(dtype=bool), column, *MISSING)
        found.rows(outside, column, *OUTSIDE, value=partial(table.cell, column))
        return np.asarray(possible.dt.tz_localize(None).dt.normalize().to_numpy(), dtype="datetime64[ns]")
    text = cells if cells.dtype == "str" else cells.map(_plain).astype("str")
    parsed = parse_dates(text)
    for (message, remedy), mask in parsed.faults.items():
        # Ambiguity is a fault of the column, told once; the others are faults of cells.
        where = np.flatnonzero(mask)[:1] if (message, remedy) == AMBIGUOUS else mask
        found.rows(where, column, message, remedy, value=partial(table.cell, column))
    return parsed.values


def possible_times(times: pd.Series) -> tuple[pd.Series, BoolArray]:
    """Times with those outside `YEARS` taken out, and the mask of these, shape (N,)."""
    outside = ((times.dt.year < YEARS[0]) | (times.dt.year > YEARS[1])).to_numpy(dtype=bool)
    return times.mask(outside), np.asarray(outside, dtype=np.bool_)


def _plain(cell: float | str | None) -> str:
    if pd.isna(cell):
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def read_names(table: RawTable, column: str, found: Findings) -> NDArray[np.object_]:
    """A column of names, blanks trimmed; empty cells and two spellings of one name are findings.

    The spelling most rows use is taken to be the right one.
    """
    cells = table.frame[column]
    raw = (cells if cells.dtype == "str" else cells.map(_plain).astype("str")).fillna("")
    trimmed = raw.str.strip()
    found.rows((trimmed == "").to_numpy(dtype=bool), column, "the name is missing", "Fill it in, or remove the row")
    counts = raw.value_counts()
    usual: dict[str, str] = {}
    for name in counts.index:
        usual.setdefault(_folded(str(name)), str(name))
    for name in counts.index:
        right = usual[_folded(str(name))]
        if str(name) != right and str(name).strip():
            found.rows(
                (raw == name).to_numpy(dtype=bool),
                column,
                f"two spellings of one name: most rows say '{right}'",
                f"Write '{right.strip()}' in every row",
                value=lambda row: f"'{raw.iloc[row]}'",
            )
    return trimmed.to_numpy(dtype=object)


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
