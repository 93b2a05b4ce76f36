"""Order statistics of totals from sorted groups, and values read past SQL, are exactly those of sorting everything."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from monitoring.content import content_report
from monitoring.leaves import leaves_of_parquet, order_statistics
from simulation.content import simulate_content


@pytest.mark.parametrize("seed", range(40))
def test_bands_give_what_sorting_gives(seed):
    rng = np.random.default_rng(seed)
    leaves = [
        np.sort(np.round(rng.lognormal(rng.normal(5, 2), rng.uniform(0, 1), rng.integers(1, 400)), rng.integers(0, 3)))
        for _ in range(rng.integers(1, 25))
    ]
    everything = np.sort(np.concatenate(leaves))
    ranks = np.array([1 + (len(everything) - 1) * rng.random(), np.nan, 1 + (len(everything) - 1) * rng.random(), 1.0])
    found = order_statistics(leaves, ranks)
    expected = np.interp(ranks, np.arange(1, len(everything) + 1), everything)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_calls_in_parquet_give_the_same_table_as_calls_in_memory(tmp_path):
    calls = simulate_content(5).tables["gen_call"]
    calls.loc[::97, ["team", "model"]] = None
    calls.loc[::89, "duration_ms"] = np.nan
    calls.iloc[: len(calls) // 2].to_parquet(tmp_path / "a.parquet", row_group_size=700)
    calls.iloc[len(calls) // 2 :].sample(frac=1, random_state=1).to_parquet(tmp_path / "b.parquet")
    in_memory = content_report({"gen_call": calls}, currency="EUR").kpis()
    in_files = content_report({"gen_call": tmp_path / "*.parquet"}, currency="EUR").kpis()
    pd.testing.assert_frame_equal(in_memory, in_files, check_dtype=False, rtol=1e-12)
    assert leaves_of_parquet([tmp_path / "a.parquet"], ("duration_ms", "ttft_ms")) is not None


def test_columns_that_need_converting_go_through_sql(tmp_path):
    calls = simulate_content(5).tables["gen_call"].head(500).assign(start_ts=lambda t: t["start_ts"].astype(str))
    calls.to_parquet(tmp_path / "a.parquet")
    assert leaves_of_parquet([tmp_path / "a.parquet"], ("duration_ms",)) is None
    assert len(content_report({"gen_call": tmp_path / "a.parquet"}, currency="EUR").kpis())
