"""The pipeline's tables inside DuckDB: one connection, one view per source of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from measurement.errors import InputError

if TYPE_CHECKING:
    import duckdb

#: Where a table of events is: rows, or the path of Parquet files (with ``*`` for many), or several of these.
Table = pd.DataFrame | Path | Sequence[pd.DataFrame | Path]

ALL = "(all)"

#: Columns of the contract with the SQL type they are read as; the first line of each table must be there.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "gen_call": {
        "start_ts": "TIMESTAMP", "duration_ms": "DOUBLE", "span_id": "VARCHAR", "team": "VARCHAR", "model": "VARCHAR",
        "pipeline": "VARCHAR", "output_id": "VARCHAR", "arm": "VARCHAR", "error_type": "VARCHAR",
        "input_tokens": "DOUBLE", "output_tokens": "DOUBLE", "cache_read_tokens": "DOUBLE", "context_window": "DOUBLE",
        "ttft_ms": "DOUBLE", "cost": "DOUBLE", "currency": "VARCHAR", "prompt_version": "VARCHAR",
    },
    "gen_score": {
        "span_id": "VARCHAR", "output_id": "VARCHAR", "scored_ts": "TIMESTAMP", "name": "VARCHAR", "value": "DOUBLE",
        "source": "VARCHAR", "judge_version": "VARCHAR",
    },
    "gen_output": {
        "output_id": "VARCHAR", "team": "VARCHAR", "requested_ts": "TIMESTAMP", "approved_ts": "TIMESTAMP",
        "published_ts": "TIMESTAMP", "status": "VARCHAR",
    },
    "gen_incident": {
        "incident_id": "VARCHAR", "team": "VARCHAR", "kind": "VARCHAR", "opened_ts": "TIMESTAMP",
        "detected_ts": "TIMESTAMP", "resolved_ts": "TIMESTAMP", "severity": "VARCHAR",
    },
    "business_outcome": {
        "day": "TIMESTAMP", "experiment_id": "VARCHAR", "arm_id": "VARCHAR", "metric": "VARCHAR", "value": "DOUBLE",
        "n": "DOUBLE", "lower": "DOUBLE", "upper": "DOUBLE", "method": "VARCHAR",
    },
    "creative_variant": {
        "variant_id": "VARCHAR", "output_id": "VARCHAR", "experiment_id": "VARCHAR", "arm_id": "VARCHAR",
        "valid_from": "TIMESTAMP", "valid_to": "TIMESTAMP",
    },
    "team_budget": {"team": "VARCHAR", "month": "VARCHAR", "amount": "DOUBLE", "currency": "VARCHAR"},
}  # fmt: skip

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "gen_call": ("start_ts", "duration_ms", "team", "model"),
    "gen_score": ("name", "value"),
    "gen_output": ("output_id", "team", "requested_ts", "published_ts"),
    "gen_incident": ("team", "opened_ts", "resolved_ts"),
    "business_outcome": ("day", "metric", "value"),
    "creative_variant": ("output_id", "experiment_id", "arm_id"),
    "team_budget": ("team", "month", "amount"),
}

_VIEWS = """
-- what other tables speak of: everything else about an output is summed in one pass, in the view outputs
CREATE TEMP TABLE output_dim AS
  SELECT output_id, min(day) AS day, max(team) AS team, max((coalesce(cost, 0), model))[2] AS model,
         sum(cost) AS cost
  FROM calls
  WHERE output_id IN (SELECT output_id FROM gen_score_raw UNION SELECT output_id FROM gen_output_raw
                      UNION SELECT output_id FROM creative_variant_raw)
  GROUP BY output_id;
INSERT INTO output_dim BY NAME
  SELECT output_id, CAST(min(requested_ts) AS DATE) AS day, max(team) AS team, '(unknown)' AS model
  FROM gen_output_raw o WHERE NOT EXISTS (SELECT 1 FROM output_dim d WHERE d.output_id = o.output_id)
  GROUP BY output_id;
CREATE VIEW outputs AS
  SELECT * FROM (SELECT min(day) AS day, max(team) AS team, max((coalesce(cost, 0), model))[2] AS model,
                        sum(cost) AS cost
                 -- 64 bits of hash are compared faster than text; two of 10 million ids collide once in 400,000 logs
                 FROM calls WHERE output_id IS NOT NULL GROUP BY hash(output_id))
  WHERE cost IS NOT NULL;
CREATE VIEW published AS
  SELECT CAST(r.published_ts AS DATE) AS day, coalesce(r.team, d.team) AS team, coalesce(d.model, '(unknown)') AS model,
         epoch(r.published_ts - r.requested_ts) / 3600.0 AS hours
  FROM gen_output_raw r LEFT JOIN output_dim d USING (output_id)
  WHERE r.published_ts IS NOT NULL AND r.requested_ts IS NOT NULL;
CREATE VIEW incidents AS
  SELECT CAST(opened_ts AS DATE) AS day, team, '(all)' AS model, epoch(resolved_ts - opened_ts) / 3600.0 AS hours
  FROM gen_incident_raw WHERE resolved_ts IS NOT NULL AND opened_ts IS NOT NULL;
CREATE VIEW business AS
  SELECT CAST(b.day AS DATE) AS day, coalesce(v.team, '(unknown)') AS team, '(all)' AS model, b.metric, b.value,
         b.lower, b.upper, coalesce(b.n, 1) AS n
  FROM business_outcome_raw b
  LEFT JOIN (SELECT experiment_id, arm_id, min(d.team) AS team
             FROM creative_variant_raw JOIN output_dim d USING (output_id) GROUP BY ALL) v USING (experiment_id, arm_id)
  WHERE b.value IS NOT NULL;
CREATE TEMP TABLE verdicts AS
  SELECT * FROM gen_score_raw WHERE value IS NOT NULL AND (span_id IS NOT NULL OR output_id IS NOT NULL)
  QUALIFY row_number() OVER (
    PARTITION BY name, coalesce(span_id, output_id)
    ORDER BY CASE source WHEN 'human' THEN 0 WHEN 'llm_judge' THEN 1 ELSE 2 END, scored_ts DESC NULLS LAST,
             judge_version DESC NULLS LAST, value DESC) = 1;
CREATE TEMP TABLE scores AS
  SELECT v.name, v.value, v.source, v.judge_version, v.scored_ts, v.span_id, v.output_id,
         coalesce(c.arm, a.arm) AS arm, coalesce(c.pipeline, a.pipeline) AS pipeline,
         coalesce(c.start_ts, a.start_ts) AS start_ts,
         coalesce(c.day, d.day, CAST(v.scored_ts AS DATE)) AS day,
         coalesce(c.team, d.team, '(unknown)') AS team, coalesce(c.model, d.model, '(unknown)') AS model,
         c.day IS NOT NULL OR d.day IS NOT NULL AS matched
  FROM verdicts v
  LEFT JOIN (SELECT span_id, any_value(day) AS day, max(team) AS team, any_value(model) AS model,
                    any_value(arm) AS arm, any_value(pipeline) AS pipeline, any_value(start_ts) AS start_ts
             FROM calls WHERE span_id IN (SELECT span_id FROM verdicts) GROUP BY span_id) c USING (span_id)
  LEFT JOIN output_dim d ON c.span_id IS NULL AND v.output_id = d.output_id
  LEFT JOIN (SELECT output_id, min(arm) AS arm, min(pipeline) AS pipeline, min(start_ts) AS start_ts
             FROM calls WHERE output_id IN (SELECT output_id FROM verdicts) GROUP BY output_id) a
         ON c.span_id IS NULL AND v.output_id = a.output_id;
"""


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
    for name, columns in COLUMNS.items():
        have = _register(connection, name, tables.get(name))
        connection.execute(f"CREATE VIEW {name}_raw AS {_select(name, columns, have)}")
    connection.execute("CREATE TEMP TABLE workspace AS SELECT ? AS home", [currency])
    home = currency.replace("'", "''")  # a constant is compared once a block, a subquery once a row
    connection.execute(
        f"""CREATE VIEW calls AS
        SELECT CAST(start_ts AS DATE) AS day, start_ts, coalesce(team, '(unknown)') AS team,
               coalesce(model, '(unknown)') AS model, pipeline, prompt_version, arm, span_id, output_id,
               duration_ms, ttft_ms, input_tokens, output_tokens, cache_read_tokens, context_window,
               CASE WHEN error_type IS NULL OR error_type = '' THEN 0.0 ELSE 1.0 END AS error,
               CASE WHEN currency IS NULL OR currency = '{home}' THEN cost END AS cost,
               currency, cost AS reported_cost
        FROM gen_call_raw WHERE start_ts IS NOT NULL"""  # noqa: S608 - quoted above
    )
    connection.execute(_VIEWS)
    return connection


def parquet_files(table: Table) -> list[Path]:
    """The Parquet files of a table; none where part of it is no file."""
    if not isinstance(table, Path):
        return []
    return sorted(table.parent.glob(table.name)) if "*" in table.name else [table]


def _register(connection: duckdb.DuckDBPyConnection, name: str, table: Table | None) -> tuple[str, ...]:
    """Make ``table`` readable as ``{name}_input``; returns its columns."""
    parts = [] if table is None else [table] if isinstance(table, pd.DataFrame | Path) else list(table)
    if not parts:
        return ()
    for number, part in enumerate(parts):
        have = _register_part(connection, f"{name}_part{number}", part)
        missing = [column for column in _REQUIRED[name] if column not in have]
        if missing:
            raise InputError.of(
                f"the table has no column '{missing[0]}'", f"Give it the columns {', '.join(COLUMNS[name])}", file=name,
                column=missing[0], value=", ".join(have),
            )  # fmt: skip
    union = " UNION ALL BY NAME ".join(f"SELECT * FROM {name}_part{number}" for number in range(len(parts)))  # noqa: S608
    connection.execute(f"CREATE VIEW {name}_input AS {union}")
    return tuple(connection.sql(f"SELECT * FROM {name}_input LIMIT 0").columns)  # noqa: S608 - names of this module


def _register_part(connection: duckdb.DuckDBPyConnection, view: str, part: pd.DataFrame | Path) -> tuple[str, ...]:
    if isinstance(part, pd.DataFrame):
        connection.register(view, _without_zone(part))
        return tuple(map(str, part.columns))
    relation = connection.read_parquet(str(part), union_by_name=True)
    relation.create_view(view)
    return tuple(relation.columns)


def _select(name: str, columns: Mapping[str, str], have: tuple[str, ...]) -> str:
    """SQL that gives every column of the contract with its type, NULL where the table has none."""
    fields = ", ".join(
        f'CAST({f""""{column}\"""" if column in have else "NULL"} AS {kind}) AS "{column}"'
        for column, kind in columns.items()
    )
    # every part of this text is a constant of this module
    return f"SELECT {fields} FROM {name}_input" if have else f"SELECT {fields} WHERE FALSE"  # noqa: S608


def _without_zone(frame: pd.DataFrame) -> pd.DataFrame:
    zoned = {
        column: frame[column].dt.tz_convert("UTC").dt.tz_localize(None)
        for column in frame.columns
        if isinstance(frame[column].dtype, pd.DatetimeTZDtype)
    }
    return frame.assign(**zoned) if zoned else frame
