"""The catalogue's queries on DuckDB and on local PySpark give the same table."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from benchmarks.attribution_peers.environments import attribution_python
from benchmarks.peer_environments import ROOT, MissingEnvironmentError
from simulation.content import simulate_content

SCRIPT = Path(__file__).with_name("spark_kpis.py")


@pytest.mark.slow
def test_spark_and_duckdb_give_the_same_kpis(tmp_path):
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none here")
    try:
        python = attribution_python("pyspark", ROOT / ".venv-peers")
    except MissingEnvironmentError as reason:
        pytest.skip(f"the environment with PySpark cannot be made here: {reason}")
    for name, table in simulate_content(5).tables.items():
        table.to_parquet(tmp_path / f"{name}.parquet")
    done = subprocess.run(
        [str(python), str(SCRIPT), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYSPARK_PYTHON": str(python), "TZ": "UTC"},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert {"calls", "scores", "outputs", "incidents", "latency_p99", "time_to_publish"} <= set(found)
    for name, one in found.items():
        assert one["rows"] > 10, name
        assert one["same_keys"], name
        assert one["gap"] < 1e-9, (name, one)  # sums of floats, added in another order
