"""An event table against its schema: typed columns, UTC times, and a finding for every cell that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.readers.cells import possible_times, read_numbers
from measurement.readers.dates import OUTSIDE
from measurement.readers.event_schemas import EventColumn
from measurement.readers.findings import BoolArray, Findings
from measurement.readers.numerals import FAULTS, Fault
from measurement.readers.panel_columns import suggest
from measurement.readers.tables import SQLITE_ENDINGS, RawTable, read_sqlite, read_table

FloatArray = NDArray[np.float64]
_OUTSIDE = {
    "share": ("must be above 0 and at most 1", "Enter the probability with which the arm was chosen, e.g. 0.25"),
    "not_negative": ("is negative", "Enter 0 or more, or leave the cell empty where nothing was measured"),
    "positive": ("must be above zero", "Enter the true number, or leave the cell empty"),
}


def read_events(
    path: Path, name: str, schema: Sequence[EventColumn], currency: str, found: Findings, *, table_name: str = ""
) -> pd.DataFrame | None:
    """A table in the schema's types.

    Text columns are ``str``, times ``datetime64[ns, UTC]``, numbers ``float64``. Optional columns the table lacks
    are added empty; columns the schema does not know are kept as they are (the context of a decision, for one).

    Parameters
    ----------
    path, name
        The file, and how the user wrote it.
    currency
        ISO code of the workspace.
    found
        Receives every problem; look at ``found.has_errors`` before using the frame.
    table_name
        The contract's name of the table, which is what it is called in an SQLite file: the log of ``liftwerk serve``.
    """
    table = _read(path, name, table_name, found)
    if table is None:
        return None
    found.lines = table.lines
    header = [str(column) for column in table.frame.columns]
    absent = {column.name for column in schema if column.name not in header}
    for column in schema:
        if column.required and column.name in absent:
            spare = [entry for entry in header if entry not in {known.name for known in schema}]
            found.add(
                "this column is needed and missing",
                suggest(column.name, spare, header),
                column=column.name,
                line=table.header_line,
                value=", ".join(header),
            )
    present = [column for column in schema if column.name not in absent]
    frame = table.frame.copy()
    for column in present:
        if column.kind == "time":
            frame[column.name] = _times(table, column, found)
        elif column.kind == "text":
            frame[column.name] = _texts(table, column, currency, found)
    for column_name, values in _numbers(table, present, found).items():
        frame[column_name] = values
    for column in schema:
        if column.name in absent:
            empty = {"text": "str", "number": "float64", "time": "datetime64[ns, UTC]"}[column.kind]
            frame[column.name] = pd.Series([None] * len(frame), index=frame.index, dtype=empty)
    return frame


def _read(path: Path, name: str, table_name: str, found: Findings) -> RawTable | None:
    if table_name and path.is_file() and path.suffix.lower() in SQLITE_ENDINGS:
        return read_sqlite(path, table_name, found)
    return read_table(path, name, found)


def _times(table: RawTable, column: EventColumn, found: Findings) -> pd.Series:
    cells = table.frame[column.name]
    if pd.api.types.is_datetime64_any_dtype(cells.dtype):
        times = cells.dt.tz_localize("UTC") if cells.dt.tz is None else cells.dt.tz_convert("UTC")
        empty = cells.isna().to_numpy(dtype=bool)
    else:
        text = cells.astype("str").fillna("").str.strip()
        empty = (text == "").to_numpy(dtype=bool)
        times = pd.to_datetime(text.where(~empty, None), format="ISO8601", utc=True, errors="coerce")
        found.rows(
            times.isna().to_numpy(dtype=bool) & ~empty,
            column.name,
            "this is not a time",
            "Write times as ISO 8601 in UTC, e.g. 2026-11-16T08:30:00Z",
            value=partial(table.cell, column.name),
        )
    if column.required:
        found.rows(empty, column.name, "the time is missing", "Fill it in, or remove the row")
    times, outside = possible_times(times)
    found.rows(outside, column.name, *OUTSIDE, value=partial(table.cell, column.name))
    return pd.Series(times.astype("datetime64[ns, UTC]"))


def _texts(table: RawTable, column: EventColumn, currency: str, found: Findings) -> pd.Series:
    cells = table.frame[column.name].astype("str").str.strip()
    text = cells.where(cells != "", None)
    empty = text.isna().to_numpy(dtype=bool)
    if column.required:
        found.rows(empty, column.name, "the cell is empty", "Fill it in, or remove the row")
    if column.unique:
        found.rows(
            text.duplicated().to_numpy(dtype=bool) & ~empty,
            column.name,
            "this id stands twice",
            "Give every row an id of its own; remove rows that were logged twice",
            value=partial(table.cell, column.name),
        )
    if column.limit == "currency":
        found.rows(
            (text.str.upper() != currency).to_numpy(dtype=bool, na_value=False) & ~empty,
            column.name,
            f"the amount is in another currency than the workspace ({currency})",
            f"Convert it to {currency}, or change workspace.currency",
            value=partial(table.cell, column.name),
        )
    return text


def _numbers(table: RawTable, schema: Sequence[EventColumn], found: Findings) -> dict[str, FloatArray]:
    columns = {column.name: column for column in schema if column.kind == "number"}
    raw = Findings(found.file, found.lines, found.cap)
    values = read_numbers(table, list(columns), raw)
    missing = FAULTS[Fault.MISSING][0]
    for problem in raw.problems:  # an empty cell of an optional column means: not measured
        if columns[problem.column].required or not problem.message.endswith(missing):
            found.problems.append(problem)
    for name, column in columns.items():
        outside = _outside(values[name], column.limit)
        if outside.any():
            message, remedy = _OUTSIDE[column.limit]
            found.rows(outside, name, f"'{name}' {message}", remedy, value=partial(table.cell, name))
    return values


def _outside(values: FloatArray, limit: str) -> BoolArray:
    if limit == "share":
        return np.asarray((values <= 0) | (values > 1), dtype=np.bool_)
    if limit == "not_negative":
        return np.asarray(values < 0, dtype=np.bool_)
    return np.asarray(values <= 0, dtype=np.bool_) if limit == "positive" else np.zeros(len(values), dtype=np.bool_)
