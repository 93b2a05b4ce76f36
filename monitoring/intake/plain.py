"""Calls that are a table already, in the columns of ``gen_call`` → rows of the day store."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from measurement.errors import InputError
from measurement.readers.event_schemas import CONTENT_TABLES, event_columns
from measurement.readers.event_tables import read_events
from measurement.readers.findings import Findings
from monitoring.intake.calls import CallRules, call_table
from monitoring.intake.fields import NUMBERS, ROW, TOO_DEEP
from monitoring.intake.gathered import Gathered, SetAside
from monitoring.intake.lines import take_object

#: Prompts are longer than the 128 KB that Python's reader of CSV allows a cell.
_LONGEST_CELL = 1 << 30
#: Where the cells beyond the last column go.
_BEYOND = "\0"
#: Columns by which a table of spans or traces is told from one of calls.
_SPANS = {"context.span_id", "spans", "run_type"}
_MORE = event_columns(
    "parent_span_id text",
    "provider text",
    "prompt_version text",
    "unit_id text",
    "cache_write_tokens number not_negative",
)


def _columns(path: Path) -> set[str]:
    try:
        return set(pq.read_schema(path).names)
    except (OSError, pa.ArrowException):
        return set()  # `read_call_table` says what is wrong with it


def take_parquet(path: Path, into: Gathered) -> None:
    """A table of spans or traces: Phoenix's, MLflow's ``search_traces``, LangSmith's bulk export."""
    number = 0
    for batch in pq.ParquetFile(path).iter_batches(10_000):
        for row in batch.to_pylist():
            number += 1
            try:
                take_object({key: value for key, value in row.items() if value is not None}, number, into)
            except RecursionError:
                into.reject(number, TOO_DEEP)


def is_call_table(path: Path) -> bool:
    """Whether a CSV or Parquet file holds calls in the contract's columns (a CSV may be a download from Langfuse)."""
    if path.suffix == ".parquet":
        return not _SPANS & _columns(path)
    if path.suffix != ".csv":
        return False
    with path.open("rb") as stream:
        return b"start_ts" in stream.readline(1 << 20)


def read_call_table(path: Path, name: str, rules: CallRules) -> tuple[pa.Table, list[SetAside]]:
    """The calls of a table as `monitoring.intake.calls.CALL_SCHEMA`, and the rows with a cell that does not fit.

    A call without an id gets one from its content.

    Raises
    ------
    InputError
        Where it is no such table at all: it cannot be read, or lacks a column.
    """
    found = Findings(name, cap=None)
    schema = (
        *(one for one in CONTENT_TABLES["gen_call"] if one.name != "currency"),
        *_MORE,
        *event_columns("currency text"),
    )
    frame = read_events(path, name, schema, rules.currency, found)
    wrong = [problem for problem in found.problems if problem.severity == "error"]
    rows = set(found.lines.tolist())
    beyond = [problem for problem in wrong if problem.line not in rows]
    if frame is None or beyond:
        raise InputError(beyond or found.problems)
    aside = [SetAside(file=name, line=one.line or 1, reason=f"'{one.column}': {one.message}") for one in wrong]
    aside.sort(key=lambda one: one.line)
    frame = frame[~np.isin(found.lines, [one.line for one in aside])].reset_index(drop=True)
    return _calls(frame, rules), aside


def _calls(frame: pd.DataFrame, rules: CallRules) -> pa.Table:
    columns = {name: frame[name] if name in frame else pd.Series([None] * len(frame)) for name in ROW}
    columns["start_us"] = pd.Series(frame["start_ts"].dt.tz_convert(None).astype("datetime64[us]").astype("int64"))
    for column in ROW:
        if column not in NUMBERS and column not in {"start_us", "duration_ms"}:
            columns[column] = columns[column].astype(object).where(columns[column].notna(), None)
    ids = np.array(columns["span_id"], dtype=object)
    without = np.flatnonzero(pd.isna(ids))
    for place in without:
        told = "\x1f".join(str(value) for value in frame.iloc[place])
        ids[place] = hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
    columns["span_id"] = pd.Series(ids, dtype=object)
    return call_table([list(row) for row in zip(*(columns[name] for name in ROW), strict=True)], rules)


def take_csv(path: Path, into: Gathered) -> None:
    """A CSV download of Langfuse: observations or scores, a row each."""
    before = csv.field_size_limit(_LONGEST_CELL)
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            reader = csv.DictReader(stream, restkey=_BEYOND)
            for row in _rows(reader, into):
                _take_row(row, reader.line_num, into)
    finally:
        csv.field_size_limit(before)


def _rows(reader: csv.DictReader[str], into: Gathered) -> Iterator[dict[str, Any]]:
    """The rows that can be read; what cannot is set aside, and the next one tried."""
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error as wrong:
            into.reject(reader.line_num, f"not CSV: {wrong}")


def _take_row(row: dict[str, Any], line: int, into: Gathered) -> None:
    if _BEYOND in row:
        into.reject(line, "the row has more cells than the table has columns")
        return
    told = {key: value for key, value in row.items() if value is not None and value != ""}
    if any("\udc80" <= letter <= "\udcff" for value in told.values() for letter in value):
        into.reject(line, "the row is not UTF-8")
        return
    try:
        take_object(told, line, into)
    except RecursionError:
        into.reject(line, TOO_DEEP)
