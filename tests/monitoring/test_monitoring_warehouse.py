"""The catalogue's expressions give the same KPI table in DuckDB, through Ibis, and on local PySpark."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from measurement.errors import InputError
from monitoring.catalogue import MEASURES
from monitoring.rollup import roll_up
from monitoring.tables import open_tables
from monitoring.warehouse import warehouse_kpis
from simulation.content import simulate_content
from tests.spark_run import answer_of_spark

SCRIPT = Path(__file__).with_name("spark_kpis.py")
#: Sums of floats, added in another order.
CLOSE = 1e-9


def arrow(connection):
    """How a DuckDB connection answers a warehouse's queries."""
    return lambda sql: connection.sql(sql).to_arrow_table()


def test_a_warehouse_gives_the_table_that_the_files_give(tmp_path):
    duck, files = duckdb.connect(), {}
    for name, table in simulate_content(6).tables.items():
        files[name] = tmp_path / f"{name}.parquet"
        table.to_parquet(files[name])
        duck.execute(f"CREATE VIEW my_{name} AS SELECT * FROM read_parquet('{files[name]}')")
    theirs = warehouse_kpis(arrow(duck), "duckdb", {name: f"my_{name}" for name in files}, currency="EUR")
    ours = roll_up(open_tables(files, "EUR"), level=0.95)
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=CLOSE, atol=CLOSE)
    assert len(ours) > 10_000


def test_a_warehouse_that_lacks_a_column_is_refused():
    duck = duckdb.connect()
    duck.execute("CREATE TABLE calls AS SELECT now() AS start_ts, 1 AS duration_ms, 'web' AS team")
    with pytest.raises(InputError, match="no column 'model'"):
        warehouse_kpis(arrow(duck), "duckdb", {"gen_call": "calls"}, currency="EUR")
    with pytest.raises(InputError, match="no table of model calls"):
        warehouse_kpis(arrow(duck), "duckdb", {}, currency="EUR")


@pytest.mark.slow
def test_spark_gives_the_table_that_duckdb_gives(tmp_path):
    for name, table in simulate_content(5).tables.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    found = answer_of_spark(SCRIPT, tmp_path, tmp_path)
    assert found["same_keys"], found
    assert min(found["rows"]) > 10_000
    assert set(found["gaps"]) == {measure.kpi.id for measure in MEASURES}
    assert max(found["gaps"].values()) < CLOSE, found
