"""The pipeline's tables inside DuckDB: one connection, one view per source of the catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pandas as pd
import pyarrow as pa

from measurement.errors import InputError
from monitoring.views import COLUMNS, KEPT, VIEWS, need_columns, raw_sql, view_sql

if TYPE_CHECKING:
    import duckdb

#: Where a table of events is: rows, or the path of Parquet files (with ``*`` for many), or several of these.
Table = pd.DataFrame | Path | Sequence[pd.DataFrame | Path]

ALL = "(all)"
#: What DuckDB calls nanoseconds with a zone.
_FINE = "TIMESTAMPTZ_NS"


class Answer(Protocol):
    """The rows of a query."""

    def df(self) -> pd.DataFrame:
        """All of them."""

    def to_arrow_reader(self, batch_size: int, /) -> pa.RecordBatchReader:
        """A piece at a time."""


class Database(Protocol):
    """What answers the catalogue's queries: DuckDB (`open_tables`), or `monitoring.warehouse.Warehouse`."""

    def sql(self, query: str, /) -> Answer:
        """Run a query in DuckDB's dialect over the views of `monitoring.views`."""


def open_tables(tables: Mapping[str, Table], currency: str) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that holds the views ``calls``, ``scores``, ``outputs``, ….

    A table is a DataFrame, or the path of a Parquet file (or a glob of them), which is read where it lies. Missing
    tables and optional columns read as empty. Times become UTC without a zone, in which DuckDB is fastest.
    Costs in another currency than ``currency`` read as unknown: amounts of different currencies are never added.

    Raises
    ------
    InputError
        If there is no ``gen_call`` table, or a table lacks a column it cannot do without.
    """
    import duckdb

    if "gen_call" not in tables:
        raise InputError.of(
            "the content tables hold no model calls",
            "Provide gen_call.csv or gen_call.parquet",
            column="content.tables",
        )
    connection = duckdb.connect(":memory:")
    connection.execute("SET preserve_insertion_order = false")
    connection.execute("SET TimeZone = 'UTC'")
    for name in COLUMNS:
        have = _register(connection, name, tables.get(name))
        connection.execute(f"CREATE VIEW {name}_raw AS {raw_sql(name, f'{name}_input', have)}")
    connection.execute("CREATE TEMP TABLE workspace AS SELECT ? AS home", [currency])
    for name in VIEWS:
        # 64 bits of hash are compared faster than text; two of 10 million ids collide once in 400,000 logs
        kind = "TEMP TABLE" if name in KEPT else "VIEW"
        # without a score there is nothing to look for in the calls, but DuckDB would
        none = " LIMIT 0" if name == "scores" and "gen_score" not in tables else ""
        connection.execute(f"CREATE {kind} {name} AS {view_sql(name, currency, 'hash(output_id)')}{none}")
    return connection


@contextmanager
def one_thread(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Add floats in one order: several threads' sums differ in the last digit from run to run."""
    connection.execute("SET threads = 1")
    try:
        yield
    finally:
        connection.execute("RESET threads")


def parquet_files(table: Table) -> list[Path]:
    """The Parquet files of a table; none where part of it is no file."""
    if isinstance(table, pd.DataFrame):
        return []
    if not isinstance(table, Path):
        found = [parquet_files(part) for part in table]
        return [file for part in found for file in part] if all(found) else []
    return sorted(table.parent.glob(table.name)) if "*" in table.name else [table]


def _register(connection: duckdb.DuckDBPyConnection, name: str, table: Table | None) -> tuple[str, ...]:
    """Make ``table`` readable as ``{name}_input``; returns its columns."""
    parts = [] if table is None else [table] if isinstance(table, pd.DataFrame | Path) else list(table)
    if not parts:
        return ()
    for number, part in enumerate(parts):
        have = _register_part(connection, f"{name}_part{number}", part)
        need_columns(name, have, file=name)
    union = " UNION ALL BY NAME ".join(f"SELECT * FROM {name}_part{number}" for number in range(len(parts)))  # noqa: S608
    connection.execute(f"CREATE VIEW {name}_input AS {union}")
    return tuple(connection.sql(f"SELECT * FROM {name}_input LIMIT 0").columns)  # noqa: S608 - names of this module


def _register_part(connection: duckdb.DuckDBPyConnection, view: str, part: pd.DataFrame | Path) -> tuple[str, ...]:
    if isinstance(part, pd.DataFrame):
        connection.register(view, _without_zone(part))
        return tuple(map(str, part.columns))
    relation = connection.read_parquet(str(part), union_by_name=True)
    # DuckDB cannot take nanoseconds with a zone for a time without one, unless by way of microseconds
    fine = [name for name, kind in zip(relation.columns, relation.types, strict=True) if str(kind) == _FINE]
    if fine:
        relation = relation.project(
            f"* REPLACE ({', '.join(f'{_quoted(n)}::TIMESTAMPTZ AS {_quoted(n)}' for n in fine)})"
        )
    relation.create_view(view)
    return tuple(relation.columns)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _without_zone(frame: pd.DataFrame) -> pd.DataFrame:
    zoned = {
        column: frame[column].dt.tz_convert("UTC").dt.tz_localize(None)
        for column in frame.columns
        if isinstance(frame[column].dtype, pd.DatetimeTZDtype)
    }
    return frame.assign(**zoned) if zoned else frame
