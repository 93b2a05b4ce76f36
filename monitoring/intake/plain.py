"""Calls that are a table already, in the columns of ``gen_call`` → rows of the day store."""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from measurement.errors import InputError
from measurement.readers.event_schemas import CONTENT_TABLES, event_columns
from measurement.readers.event_tables import read_events
from measurement.readers.findings import Findings
from monitoring.intake.calls import CallRules, call_table
from monitoring.intake.fields import NUMBERS, ROW
from monitoring.intake.gathered import Gathered
from monitoring.intake.lines import take_object

_MORE = event_columns(
    "parent_span_id text",
    "provider text",
    "prompt_version text",
    "unit_id text",
    "cache_write_tokens number not_negative",
)


def is_call_table(path: Path) -> bool:
    """Whether a CSV or Parquet file holds calls in the contract's columns (a CSV may be a download from Langfuse)."""
    if path.suffix == ".parquet":
        return True
    if path.suffix != ".csv":
        return False
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return "start_ts" in stream.readline()


def read_call_table(path: Path, name: str, rules: CallRules) -> pa.Table:
    """The calls of a table as `monitoring.intake.calls.CALL_SCHEMA`; a call without an id gets one from its content.

    Raises
    ------
    InputError
        Every cell that does not fit, with line, column and remedy.
    """
    found = Findings(name)
    schema = (
        *(one for one in CONTENT_TABLES["gen_call"] if one.name != "currency"),
        *_MORE,
        *event_columns("currency text"),
    )
    frame = read_events(path, name, schema, rules.currency, found)
    if frame is None or found.has_errors:
        raise InputError(found.problems)
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
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        try:
            for row in reader:
                take_object(
                    {key: value for key, value in row.items() if value not in {None, ""}}, reader.line_num, into
                )
        except (csv.Error, UnicodeDecodeError) as wrong:
            into.reject(reader.line_num + 1, f"not CSV: {wrong}")
