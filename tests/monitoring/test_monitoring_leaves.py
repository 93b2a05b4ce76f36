"""Order statistics of totals from sorted groups, and values read past SQL, are exactly those of sorting everything."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from monitoring.arithmetic import evaluate
from monitoring.callpass import read_calls
from monitoring.catalogue import MEASURES
from monitoring.content import content_report
from monitoring.encoding import hashes_of
from monitoring.leaves import order_statistics
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
    assert read_calls([tmp_path / "a.parquet"], (), "EUR") is not None


def test_columns_that_need_converting_go_through_sql(tmp_path):
    calls = simulate_content(5).tables["gen_call"].head(500).assign(start_ts=lambda t: t["start_ts"].astype(str))
    calls.to_parquet(tmp_path / "a.parquet")
    assert read_calls([tmp_path / "a.parquet"], (), "EUR") is None
    assert len(content_report({"gen_call": tmp_path / "a.parquet"}, currency="EUR").kpis())


def _spoilt(seed, rows=4_000):
    """Calls with everything missing somewhere: outputs over several days, ties in cost, other money, no output."""
    rng = np.random.default_rng(seed)

    def holes(values, share=0.1):
        return np.where(rng.random(rows) < share, None, values)

    return pd.DataFrame(
        {
            "start_ts": pd.Timestamp("2026-03-01") + pd.to_timedelta(rng.integers(0, 9 * 86_400_000, rows), unit="ms"),
            "duration_ms": rng.lognormal(6, 1, rows).round(1),
            "ttft_ms": holes(rng.lognormal(5, 1, rows)).astype(float),
            "team": holes(rng.choice(["web", "shop", "Ärzte", ""], rows)),
            "model": holes(rng.choice(["m1", "m2", "m3"], rows)),
            "output_id": holes(
                np.array([f"{n:x}" * (1 + n % 40) for n in rng.integers(0, rows // 3, rows)], dtype=object)
            ),
            "error_type": rng.choice(np.array([None, "", "timeout"], dtype=object), rows),
            "currency": rng.choice(np.array([None, "EUR", "USD"], dtype=object), rows, p=[0.3, 0.6, 0.1]),
            "input_tokens": holes(rng.integers(0, 3, rows)).astype(float),
            "output_tokens": holes(rng.integers(0, 3, rows)).astype(float),
            "cache_read_tokens": holes(rng.integers(0, 2, rows)).astype(float),
            "context_window": holes(rng.choice([0.0, 8_000.0], rows)).astype(float),
            "cost": holes(rng.choice([0.0, 0.01, 0.02], rows)).astype(float),
        }
    )


@pytest.mark.parametrize("seed", range(6))
def test_one_pass_gives_what_sql_gives(tmp_path, seed):
    calls = _spoilt(seed)
    calls.iloc[:1500].to_parquet(tmp_path / "a.parquet", row_group_size=400)
    calls.iloc[1500:].to_parquet(tmp_path / "b.parquet", row_group_size=700)
    in_memory = content_report({"gen_call": calls}, currency="EUR").kpis()
    in_files = content_report({"gen_call": tmp_path / "*.parquet"}, currency="EUR").kpis()
    assert {"cost_per_output", "cache_hit_share", "context_utilisation"} <= set(in_files["kpi"])
    pd.testing.assert_frame_equal(in_memory, in_files, check_dtype=False, rtol=1e-9)


@pytest.mark.parametrize("longest", [4, 30])
def test_outputs_whose_calls_follow_each_other_are_put_together(tmp_path, longest):
    # in order of time, outputs cut by the row groups' ends: by steps where runs are short, by segments where not
    rng = np.random.default_rng(longest)
    calls = _spoilt(7).sort_values("start_ts", ignore_index=True)
    sizes = rng.integers(2, longest, len(calls))
    calls["output_id"] = [f"o{number}" for number in np.repeat(np.arange(len(calls)), sizes)[: len(calls)]]
    calls.to_parquet(tmp_path / "a.parquet", row_group_size=301)
    in_memory = content_report({"gen_call": calls}, currency="EUR").kpis()
    in_files = content_report({"gen_call": tmp_path / "a.parquet"}, currency="EUR").kpis()
    pd.testing.assert_frame_equal(in_memory, in_files, check_dtype=False, rtol=1e-9)


def test_every_expression_of_calls_means_the_same_without_a_database():
    import duckdb

    rng = np.random.default_rng(2)
    names = ("error", "input_tokens", "output_tokens", "cache_read_tokens", "context_window", "cost", "ttft_ms",
             "duration_ms")  # fmt: skip
    columns = {name: np.where(rng.random(500) < 0.2, np.nan, rng.integers(0, 4, 500)) for name in names}
    table = pd.DataFrame(columns).astype("Float64")  # a missing value is NULL, not NaN
    for measure in MEASURES:
        if measure.source != "calls":
            continue
        for sql in (measure.value, measure.per, measure.where):
            with duckdb.connect() as connection:
                connection.register("calls", table)
                expected = connection.sql(f"SELECT CAST(({sql}) AS DOUBLE) AS v FROM calls").df()["v"].to_numpy()
            if sql == measure.where:
                expected = np.nan_to_num(expected)  # a row for which it is not known does not count
            found = np.broadcast_to(np.asarray(evaluate(sql, columns), dtype=float), len(table))
            np.testing.assert_allclose(np.nan_to_num(found, nan=-1), np.nan_to_num(expected, nan=-1), err_msg=sql)
    with pytest.raises(NotImplementedError, match="exp"):
        evaluate("exp(cost)", columns)


def test_hashes_tell_texts_apart_whatever_lies_around_them():
    texts = [*(f"o{n}" for n in range(200_000)), "", "\0", "\0\0", "a" * 511, "a" * 512, "a" * 513, "a" * 5_000, "é"]
    texts += [f"{n:032x}" for n in range(100_000)]
    found = hashes_of(pa.array(texts))
    assert len(np.unique(found)) == len(texts)
    assert (hashes_of(pa.array(texts, pa.large_string())) == found).all()
    assert (hashes_of(pa.array(["x", *texts, "y"])[1:-1]) == found).all()
    # half of the bits change with the last letter
    flipped = np.bitwise_count(found[:100_000:2] ^ found[1:100_000:2]).mean()
    assert 31 < flipped < 33
