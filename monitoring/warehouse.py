"""The KPI table of tables that lie in a warehouse: the catalogue's expressions, run there.

Nothing is written twice and nothing is written there: the views are put before each query, and sqlglot says the text
in the warehouse's dialect. Quantiles are exact and their values are fetched for it: for a log of hundreds of millions
of calls, take the calls as Parquet instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pandas as pd
import pyarrow as pa

from measurement.errors import InputError
from monitoring.rollup import roll_up
from monitoring.views import COLUMNS, VIEWS, need_columns, raw_sql, view_sql

#: Runs a query in the warehouse's own dialect.
Run = Callable[[str], pa.Table]
_WORD = re.compile(r"[a-z_]+")


def warehouse_kpis(
    run: Run, dialect: str, tables: Mapping[str, str], *, currency: str, level: float = 0.95
) -> pd.DataFrame:
    """Every KPI of the catalogue by day, team and model.

    Parameters
    ----------
    run
        For a connection of Ibis ``lambda sql: connection.sql(sql).to_pyarrow()``, for a Spark session
        ``lambda sql: session.sql(sql).toArrow()``. Times are read as UTC: set ``spark.sql.session.timeZone`` to it.
    dialect
        What it speaks, by sqlglot's name: ``"spark"``, ``"snowflake"``, ``"bigquery"``, ``"duckdb"``, ….
    tables
        Table of the contract (``gen_call`` is needed) → what it is called there.
    currency
        The workspace's; costs in another count as unknown.
    level
        Of the intervals.

    Returns
    -------
    DataFrame
        Columns `monitoring.rollup.VALUE_COLUMNS`.

    Raises
    ------
    InputError
        Where ``gen_call`` is not named, or a table lacks a column it cannot do without.

    Examples
    --------
    >>> import duckdb
    >>> duck = duckdb.connect()
    >>> row = "TIMESTAMP '2026-03-02 10:00' AS start_ts, 800 AS duration_ms, 'web' AS team, 'm' AS model"
    >>> _ = duck.execute(f"CREATE TABLE llm_calls AS SELECT {row}")
    >>> run = lambda sql: duck.sql(sql).to_arrow_table()
    >>> kpis = warehouse_kpis(run, "duckdb", {"gen_call": "llm_calls"}, currency="EUR")
    >>> kpis.loc[kpis["kpi"] == "latency_p50", "value"].tolist()
    [800.0, 800.0, 800.0, 800.0]
    """
    return roll_up(Warehouse(run, dialect, tables, currency), level=level)


class Warehouse:
    """A `monitoring.tables.Database` that lies elsewhere; parameters as in `warehouse_kpis`."""

    def __init__(self, run: Run, dialect: str, tables: Mapping[str, str], currency: str) -> None:
        if "gen_call" not in tables:
            raise InputError.of(
                "no table of model calls is named", "Name one: {'gen_call': 'schema.table'}", column="gen_call"
            )
        self._run, self._dialect = run, dialect
        self._texts: dict[str, str] = {}
        for name in COLUMNS:
            have = self._columns(name, tables[name]) if name in tables else ()
            self._texts[f"{name}_raw"] = raw_sql(name, tables.get(name, ""), have)
        self._texts |= {name: view_sql(name, currency) for name in VIEWS}

    def sql(self, query: str, /) -> Rows:
        """Run a query over the views."""
        wanted = _words(query)
        # backwards: a view asks for those before it
        for name in reversed(self._texts):
            if name in wanted:
                wanted |= _words(self._texts[name])
        above = ", ".join(f"{name} AS ({text})" for name, text in self._texts.items() if name in wanted)
        return Rows(self._run(self._said(f"WITH {above} {query}")))

    def _said(self, query: str) -> str:
        """The query in the warehouse's dialect."""
        import sqlglot

        return sqlglot.transpile(query, read="duckdb", write=self._dialect)[0]

    def _columns(self, name: str, table: str) -> tuple[str, ...]:
        found = self._run(self._said(f"SELECT * FROM {table} LIMIT 0"))  # noqa: S608 - the caller's own name
        have = tuple(found.column_names)
        need_columns(name, have, file=table)
        return have


class Rows:
    """A `monitoring.tables.Answer`."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def df(self) -> pd.DataFrame:
        """All rows."""
        found: pd.DataFrame = self._table.to_pandas(date_as_object=False)
        return found

    def to_arrow_reader(self, batch_size: int, /) -> pa.RecordBatchReader:
        """A piece at a time."""
        return self._table.to_reader(batch_size)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text))
