"""Scores on their way to the day of the call they judge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from measurement.store import write_parquet

if TYPE_CHECKING:
    import duckdb

SCORE_SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()), ("span_id", pa.string()), ("output_id", pa.string()),
        ("scored_ts", pa.timestamp("us")), ("name", pa.string()), ("value", pa.float64()), ("source", pa.string()),
        ("judge_version", pa.string()),
    ]
)  # fmt: skip
UNPLACED = "unplaced"


def score_table(scores: Sequence[dict[str, Any]]) -> pa.Table:
    """Gathered scores as `SCORE_SCHEMA`; a score of a whole trace judges what the trace made."""
    source = {name: "scored_us" if name == "scored_ts" else name for name in SCORE_SCHEMA.names}
    return pa.Table.from_pylist(
        [{name: score.get(key) for name, key in source.items()} for score in scores], SCORE_SCHEMA
    )


def place_scores(folder: Path, fresh: pa.Table) -> set[str]:
    """Put new scores, and those that found no call so far, beside the calls they judge; returns the days that changed.

    Days are searched from the newest back, and no further than needed: verdicts mostly follow their call at once.
    """
    import duckdb

    waiting = folder / "scores" / f"{UNPLACED}.parquet"
    waiting.parent.mkdir(parents=True, exist_ok=True)
    left = pa.concat_tables([fresh, pq.read_table(waiting)]) if waiting.exists() else fresh
    before, changed = len(left), set[str]()
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for file in sorted((folder / "calls").glob("*.parquet"), reverse=True):
            if not len(left):
                break
            found, left = _matched(connection, left, file)
            if len(found) and _merge(connection, folder / "scores" / file.name, found):
                changed.add(file.stem)
        if len(left):
            write_parquet(waiting, _once(connection, left))
        elif waiting.exists():
            waiting.unlink()
    if len(left) and len(left) != before - len(fresh):
        changed.add(UNPLACED)
    return changed


def _matched(connection: duckdb.DuckDBPyConnection, scores: pa.Table, file: Path) -> tuple[pa.Table, pa.Table]:
    """Scores of one day's calls with their output, and the rest; a trace's score goes to its last call's output."""
    connection.register("waiting", scores)
    connection.execute(
        """CREATE OR REPLACE TEMP TABLE judged AS
        WITH day AS (SELECT trace_id, span_id, output_id, start_ts FROM read_parquet(?)),
             traces AS (SELECT trace_id, arg_max(output_id, start_ts) AS output_id FROM day GROUP BY trace_id),
             known AS (SELECT DISTINCT output_id FROM day)
        SELECT w.* REPLACE (coalesce(s.output_id, t.output_id, k.output_id) AS output_id,
                            s.span_id AS span_id),
               w.span_id AS asked, coalesce(s.output_id, t.output_id, k.output_id) IS NOT NULL AS matched
        FROM waiting w
        LEFT JOIN day s ON w.span_id = s.span_id AND (w.trace_id IS NULL OR w.trace_id = s.trace_id)
        LEFT JOIN traces t ON w.trace_id = t.trace_id
        LEFT JOIN known k ON w.output_id = k.output_id""",
        [str(file)],
    )
    found = connection.sql("SELECT * EXCLUDE (asked, matched) FROM judged WHERE matched").to_arrow_table()
    rest = connection.sql(
        "SELECT * EXCLUDE (asked, matched) REPLACE (asked AS span_id) FROM judged WHERE NOT matched"
    ).to_arrow_table()
    return found.cast(SCORE_SCHEMA), rest.cast(SCORE_SCHEMA)


def _merge(connection: duckdb.DuckDBPyConnection, file: Path, found: pa.Table) -> bool:
    old = [pq.read_table(file)] if file.exists() else []
    merged = _once(connection, pa.concat_tables([*old, found]))
    if old and old[0].equals(merged):
        return False
    write_parquet(file, merged)
    return True


def _once(connection: duckdb.DuckDBPyConnection, scores: pa.Table) -> pa.Table:
    """Every score once, in an order that does not depend on when it came."""
    connection.register("all_scores", scores)
    return connection.sql("SELECT DISTINCT * FROM all_scores ORDER BY ALL").to_arrow_table().cast(SCORE_SCHEMA)
