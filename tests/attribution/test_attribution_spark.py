"""The same expression on DuckDB and on local PySpark gives identical paths."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.spark_run import answer_of_spark

SCRIPT = Path(__file__).with_name("spark_paths.py")


def touchpoints(count, seed):
    """Touches and purchases with ties, silences, sessions, missing values and names that sort awkwardly."""
    rng = np.random.default_rng(seed)
    unit = rng.integers(0, count // 6, count)
    kind = rng.choice(["click", "impression", "conversion"], count, p=[0.45, 0.45, 0.1])
    bought = kind == "conversion"
    # Whole minutes, so that many rows of a person fall on the same instant.
    minutes = rng.integers(0, 120 * 1440, count)
    channel = rng.choice(np.array(["search", "Search", "social", "é-mail", "tv spot", "10"], dtype=object), count)
    return pd.DataFrame(
        {
            "unit_id": np.array([f"u{number:08x}" for number in unit], dtype=object),
            "ts": pd.Timestamp("2026-07-01")
            + pd.to_timedelta(minutes, unit="min")
            # More than half a second too: engines differ in whether whole seconds are cut or rounded.
            + pd.to_timedelta(rng.integers(0, 3, count) * 412_347, unit="us"),
            "channel": np.where(bought, None, channel),
            "kind": kind,
            "value": np.where(bought, np.round(rng.lognormal(4, 0.6, count), 2), np.nan),
            "cost": np.where(bought, np.nan, np.round(rng.uniform(0, 1, count), 2)),
        }
    ).astype({"ts": "datetime64[us]"})


@pytest.mark.slow
def test_spark_and_duckdb_give_identical_paths(tmp_path):
    file = tmp_path / "touchpoints.parquet"
    pq.write_table(pa.Table.from_pandas(touchpoints(1_000_000, 5), preserve_index=False), file)
    found = answer_of_spark(SCRIPT, file, tmp_path)
    assert found["journeys"] > 100_000
    assert all(found["same"].values()), found
    assert max(found["gaps"].values()) < 1e-6  # sums of floats, added in another order
