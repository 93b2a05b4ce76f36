"""Calls in Parquet are read past SQL whatever wrote them, and give the same table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring import callbatches, outputs
from monitoring.content import content_report
from monitoring.encoding import hashes_of
from monitoring.rollup import read_files
from monitoring.tables import open_tables, parquet_files

TEXTS = ("team", "model", "error_type", "currency", "output_id")


def calls(rows=1_500):
    rng = np.random.default_rng(4)
    start = np.datetime64("2026-06-01", "us") + rng.integers(0, 4 * 86_400_000_000, rows).astype("timedelta64[us]")
    return pa.table(
        {
            "start_ts": pa.array(start),
            "duration_ms": np.round(rng.lognormal(6, 1, rows), 2),
            "team": rng.choice(["web", "crm", "seo"], rows),
            "model": rng.choice(["m1", "m2"], rows),
            "output_id": pa.array([str(n) for n in rng.integers(0, rows // 2, rows)]),
            "error_type": pa.array(rng.choice(np.array(["timeout", ""]), rows, p=[0.1, 0.9])),
            "input_tokens": rng.integers(1, 4_000, rows),
            "output_tokens": rng.integers(1, 900, rows),
            "cache_read_tokens": rng.integers(0, 50, rows),
            "context_window": np.full(rows, 128_000),
            "ttft_ms": np.round(rng.lognormal(5, 0.5, rows), 2),
            "cost": np.round(rng.gamma(2, 0.004, rows), 6),
            "currency": np.full(rows, "EUR"),
        }
    )


def changed(table, names, kind):
    for name in names:
        column = table[name].combine_chunks().cast(pa.string()) if kind == pa.string_view() else table[name]
        table = table.set_column(table.column_names.index(name), name, column.cast(kind))
    return table


LAYOUTS = {
    "dictionary": lambda t: changed(t, TEXTS, pa.dictionary(pa.int32(), pa.string())),
    "large_string": lambda t: changed(t, TEXTS, pa.large_string()),
    "string_view": lambda t: changed(t, TEXTS, pa.string_view()),
    "ids as numbers": lambda t: changed(t, ["output_id"], pa.int64()),
    "decimal": lambda t: changed(t, ["cost", "duration_ms"], pa.decimal128(18, 6)),
    "small numbers": lambda t: changed(changed(t, ["input_tokens"], pa.uint16()), ["output_tokens"], pa.int32()),
    "nanoseconds with a zone": lambda t: changed(t, ["start_ts"], pa.timestamp("ns", tz="UTC")),
    "nanoseconds": lambda t: changed(t, ["start_ts"], pa.timestamp("ns")),
    "another zone": lambda t: changed(
        changed(t, ["start_ts"], pa.timestamp("us", tz="UTC")), ["start_ts"], pa.timestamp("us", tz="Asia/Tokyo")
    ),
}


def kpis(file):
    return content_report({"gen_call": file}, currency="EUR").kpis()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    file = tmp_path_factory.mktemp("plain") / "a.parquet"
    pq.write_table(calls(), file)
    return kpis(file)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read_past_sql_and_gives_the_same_bytes(tmp_path, plain, layout):
    file = tmp_path / "a.parquet"
    pq.write_table(LAYOUTS[layout](calls()), file, compression="zstd")
    connection = open_tables({"gen_call": file}, "EUR")
    assert read_files(connection, parquet_files(file)) is not None
    assert kpis(file).to_csv(index=False) == plain.to_csv(index=False)


def test_columns_without_a_value_are_none(tmp_path):
    table = calls()
    for name in ("error_type", "cost", "ttft_ms", "currency"):
        table = table.set_column(table.column_names.index(name), name, pa.nulls(len(table)))
    pq.write_table(table, tmp_path / "a.parquet")
    found = kpis(tmp_path / "a.parquet")
    assert not {"cost_per_output", "ttft_p95"} & set(found["kpi"])
    assert (found.loc[found["kpi"] == "error_rate", "value"] == 0).all()


@pytest.mark.parametrize("batch", [7, 100, 1_499])
def test_pieces_of_any_size_give_the_same_table(tmp_path, plain, monkeypatch, batch):
    pq.write_table(calls(), tmp_path / "a.parquet")
    monkeypatch.setattr(callbatches, "BATCH", batch)
    monkeypatch.setattr(outputs, "_BUCKET", 100)
    found = kpis(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(found, plain, rtol=1e-12)


def test_outputs_whose_hashes_share_their_leading_bits_are_told_apart():
    # places are leading bits: all of the near ones want the same place, and go round again
    rng = np.random.default_rng(1)
    near = np.uint64(12345 << 20) + rng.integers(0, 5, 150).astype(np.uint64)
    far = rng.integers(0, 2**62, 150).astype(np.uint64)
    hashes = rng.permutation(np.concatenate([near, far, far[:20]]))
    leaves = [(day, team, model) for day in (3, 4, 5) for team in ("a", "b") for model in ("m1", "m2")]
    leaf = rng.integers(0, len(leaves), len(hashes)).astype(np.int32)
    cost = rng.choice([np.nan, 1.0, 2.0, 3.0], len(hashes))
    names = outputs._Names.of(leaves)
    found, rest = [], outputs._Rows(hashes=hashes, leaf=leaf, cost=cost, top=None)
    while len(rest.hashes):
        one, rest = outputs._outputs(rest, names, 0)
        found.append(one)
    assert len(found) > 2
    rows = {}
    for one, place, amount in zip(hashes.tolist(), leaf.tolist(), cost.tolist(), strict=True):
        rows.setdefault(one, []).append((*leaves[place], amount))
    expected = []
    for calls_of_one in rows.values():
        days, teams, models, amounts = zip(*calls_of_one, strict=True)
        dearest = max(
            (0.0 if np.isnan(amount) else amount, model) for amount, model in zip(amounts, models, strict=True)
        )
        total = np.nansum(amounts) if not np.isnan(amounts).all() else -1.0
        expected.append((min(days) - 3, names.teams.index(max(teams)), names.models.index(dearest[1]), total))
    columns = [np.concatenate([getattr(one, name) for one in found]) for name in ("day", "team", "model", "cost")]
    told = zip(*columns[:3], np.nan_to_num(columns[3], nan=-1.0), strict=True)
    assert sorted((int(d), int(t), int(m), float(c)) for d, t, m, c in told) == sorted(expected)


@pytest.mark.parametrize("size", [1, 5, 8, 9, 12, 13, 16, 17, 20, 36, 500, 600])
def test_texts_of_one_length_have_the_hashes_they_have_among_others(size):
    rng = np.random.default_rng(size)
    texts = ["".join(rng.choice(list("0123456789abcdef"), size)) for _ in range(50)]
    alike, mixed = hashes_of(pa.array(texts)), hashes_of(pa.array(["", *texts, "another one, and a longer one"]))
    assert (alike == mixed[1:-1]).all()
    assert (hashes_of(pa.array(["x", *texts, "y"])[1:-1]) == alike).all()
    if size < 12:
        assert (hashes_of(pa.array([*texts, "a"])[:-1]) == alike).all()
    assert (hashes_of(pa.array(texts).dictionary_encode()) == alike).all()
