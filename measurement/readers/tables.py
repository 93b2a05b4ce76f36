"""One way to read a table: CSV, Parquet, Excel or a database table, with the line of every row."""

from __future__ import annotations

import csv
import datetime as dt
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import parquet

from measurement.errors import shorten
from measurement.readers.csv_text import read_text_table
from measurement.readers.findings import Findings, IntArray

TEXT_ENDINGS = {".csv", ".tsv", ".txt"}
SHEET_ENDINGS = {".xlsx", ".xlsm"}
PARQUET_ENDINGS = {".parquet", ".pq"}
SQLITE_ENDINGS = {".sqlite", ".sqlite3"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RawTable:
    """A table as it was found, nothing interpreted yet.

    Attributes
    ----------
    file
        As the user wrote it.
    frame
        N rows. Columns of text files hold text, empty cells as ``""``; those of Parquet, sheets and databases
        have their own types, mixed columns of sheets are objects.
    lines
        Line of each row, shape (N,): the header is line 1, also where the format knows no lines (Parquet).
    delimiter
        Of text files, else ``""``.
    header_line
        Line of the header.
    """

    file: str
    frame: pd.DataFrame
    lines: IntArray
    delimiter: str = ""
    header_line: int = 1

    def cell(self, column: str, row: int) -> str:
        """What stands in a cell, for a message."""
        value = self.frame[column].iloc[row]
        if isinstance(value, dt.datetime) and value == value.replace(hour=0, minute=0, second=0, microsecond=0):
            return value.date().isoformat()
        return "" if pd.isna(value) else shorten(value)


def read_table(
    path: Path, name: str, found: Findings, *, sheet: str | None = None, expects: Sequence[str] = ()
) -> RawTable | None:
    """Read a file by its ending, or a folder of Parquet files; ``None`` where that is impossible.

    Parameters
    ----------
    path
        The file.
    name
        The file as the user wrote it, for messages.
    found
        Receives what is wrong with the file as a whole, its encoding, its header and its rows' lengths.
    sheet
        Sheet of a workbook; left out, the only one that holds a table.
    expects
        Columns by which the header is known where a title stands above it.
    """
    is_parquet_folder = path.is_dir() and any(path.rglob("*.parquet"))
    if not path.is_file() and not is_parquet_folder:
        what = "is a folder" if path.is_dir() else "does not exist"
        found.add(f"the file {what}", f"Correct the path in liftwerk.toml; it is relative to that file{_near(path)}")
        return None
    ending = path.suffix.lower()
    known = TEXT_ENDINGS | SHEET_ENDINGS | PARQUET_ENDINGS
    try:
        if is_parquet_folder:
            return _from_arrow(parquet.read_table(path), name, found)
        if path.stat().st_size == 0:
            found.add("the file is empty", "Export the data again, with a header line and one row for each period")
        elif ending not in known:
            remedy = f"Save it as one of {', '.join(sorted(known))}"
            found.add("liftwerk does not read files with this ending", remedy, value=ending)
        else:
            return _by_ending(path, name, found, sheet, expects)
    except (OSError, pa.ArrowException, csv.Error) as error:
        reason = str(error).replace(str(path), name)
        found.add("the file cannot be read", "Export it again, or check its access rights", value=reason)
    return None


def _by_ending(path: Path, name: str, found: Findings, sheet: str | None, expects: Sequence[str]) -> RawTable | None:
    if path.suffix.lower() in PARQUET_ENDINGS:
        return _from_arrow(parquet.read_table(path), name, found)
    if path.suffix.lower() in SHEET_ENDINGS:
        from measurement.readers.sheets import read_sheet  # openpyxl is only needed here

        return read_sheet(path, name, found, sheet=sheet, expects=expects)
    return _from_text(path.read_bytes(), name, found, expects)


def read_database(url: str, table: str, root: Path, found: Findings) -> RawTable | None:
    """A table of any database Ibis can open, e.g. ``duckdb://data/panel.duckdb``; ``None`` where that fails.

    ``${NAME}`` in the url is replaced from the environment, so that passwords stay out of the settings. Relative
    paths of DuckDB and SQLite files are relative to ``root``.
    """
    import ibis

    scheme, _, rest = os.path.expandvars(url).partition("://")
    if scheme in {"duckdb", "sqlite"}:
        place, _, query = rest.partition("?")
        if not (root / place).is_file():
            found.add(
                "the database file does not exist",
                f"Correct panel.url in liftwerk.toml; it is relative to that file{_near(root / place)}",
                column="panel.url",
                value=place,
            )
            return None
        rest = f"{root / place}?{query or ('read_only=True' if scheme == 'duckdb' else '')}".rstrip("?")
    try:
        with warnings.catch_warnings():
            # Ibis 12 still calls DuckDB's older fetch methods, which DuckDB 2 calls deprecated.
            warnings.filterwarnings("ignore", r"fetch_\w+\(\) is deprecated", DeprecationWarning)
            connection = ibis.connect(f"{scheme}://{rest}")
            try:
                schema, _, bare = table.rpartition(".")
                content = connection.table(bare, database=schema or None).to_pyarrow()
            finally:
                connection.disconnect()
    except Exception as error:  # every database driver has errors of its own, which share no base
        ours = type(error).__module__.partition(".")[0] == "measurement"
        if ours or isinstance(error, AssertionError | TypeError | AttributeError):
            raise
        found.add(
            f"the table '{table}' cannot be read through {scheme}://",
            "Check panel.url, panel.table and your access to the database",
            column="panel.table",
            value=f"{type(error).__name__}: {str(error).partition('://')[0]}",
        )
        return None
    return _from_arrow(content, found.file, found)


def read_sqlite(path: Path, table: str, found: Findings) -> RawTable | None:
    """A table or view of an SQLite file, which another process may be writing; ``None`` where that fails."""
    import sqlite3

    connection = sqlite3.connect(path, timeout=10.0)
    try:
        frame = pd.read_sql_query(f'SELECT * FROM "{table}"', connection)  # noqa: S608 - one of the contract's names
    except (sqlite3.Error, pd.errors.DatabaseError) as error:
        reason = str(error).rpartition(": ")[2]
        found.add(f"the table '{table}' cannot be read", "Name the log of `liftwerk serve`", value=reason)
        return None
    finally:
        connection.close()
    if frame.empty:
        found.add("the table has no rows", "Export the data again, with one row for each period")
    return RawTable(file=found.file, frame=frame, lines=np.arange(2, len(frame) + 2, dtype=np.int64))


def _from_text(content: bytes, name: str, found: Findings, expects: Sequence[str]) -> RawTable | None:
    text = read_text_table(content, found, expects)
    if text is None:
        return None
    frame = name_columns(text.rows, text.header, found, text.header_line)
    return RawTable(file=name, frame=frame, lines=text.lines, delimiter=text.delimiter, header_line=text.header_line)


def _from_arrow(table: pa.Table, name: str, found: Findings) -> RawTable:
    for index, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(pa.float64()))
        elif pa.types.is_dictionary(field.type):
            table = table.set_column(index, field.name, table.column(index).cast(field.type.value_type))
    header = tuple(" ".join(str(column).split()) for column in table.column_names)
    frame = table.rename_columns([str(index) for index in range(len(header))]).to_pandas(
        date_as_object=False, ignore_metadata=True
    )
    for column in frame.columns[frame.dtypes == "str"]:
        frame[column] = frame[column].fillna("")
    if frame.empty:
        found.add("the table has no rows", "Export the data again, with one row for each period")
    return RawTable(
        file=name, frame=name_columns(frame, header, found, 1), lines=np.arange(2, len(frame) + 2, dtype=np.int64)
    )


def name_columns(rows: pd.DataFrame, header: tuple[str, ...], found: Findings, line: int) -> pd.DataFrame:
    """Name the numbered columns; unnamed ones are dropped, repeated ones are findings."""
    keep: dict[str, int] = {}
    for index, column in enumerate(header):
        if column and column in keep:
            found.add(
                "two columns have the same name",
                "Rename or remove one of them",
                column=column,
                line=line,
                value=f"columns {keep[column] + 1} and {index + 1}",
            )
        elif column:
            keep[column] = index
    frame = rows.iloc[:, list(keep.values())]
    frame.columns = pd.Index(list(keep))
    return frame


def _near(path: Path) -> str:
    """A hint at a file of a similar name beside ``path``."""
    import difflib

    if not path.parent.is_dir():
        return f" (there is no folder '{path.parent.name}')"
    near = difflib.get_close_matches(path.name, [file.name for file in path.parent.iterdir()], 1)
    return f". Did you mean '{near[0]}'?" if near else ""
