"""CPU time and memory of a fresh process for the daily KPI table, by layout of the Parquet file.

Run: python benchmarks/content_layouts.py --calls 10_000_000

Each layout holds the same calls: at random times of 30 days, in no order, 5 teams, 6 models, outputs of three calls in
any place.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

_FEW = ("team", "model", "pipeline", "error_type", "currency")
_IDS = ("team", "model", "output_id")


def calls(rows, seed=3):
    """As a table of plain columns."""
    rng = np.random.default_rng(seed)

    def names(*known, share=None):
        code = rng.integers(0, len(known), rows) if share is None else (rng.random(rows) > share).astype(int)
        return pa.DictionaryArray.from_arrays(pa.array(code.astype(np.int8)), pa.array(known)).cast(pa.string())

    start = np.datetime64("2026-06-01", "us") + rng.integers(0, 30 * 86_400_000_000, rows).astype("timedelta64[us]")
    output = pa.array(rng.integers(0, max(rows // 3, 1), rows)).cast(pa.string())
    return pa.table(
        {
            "start_ts": pa.array(start).cast(pa.timestamp("us", tz="UTC")),
            "duration_ms": rng.lognormal(6.5, 0.8, rows),
            "team": names("brand", "crm", "performance", "seo", "social"),
            "pipeline": names("copy"),
            "model": names("m1", "m2", "m3", "m4", "m5", "m6"),
            "output_id": pc.binary_join_element_wise("out-", output, ""),
            "error_type": names("timeout", "", share=0.02),
            "input_tokens": rng.integers(50, 4_000, rows),
            "output_tokens": rng.integers(1, 1_500, rows),
            "cache_read_tokens": rng.integers(0, 50, rows),
            "context_window": np.full(rows, 128_000),
            "ttft_ms": rng.lognormal(5.0, 0.5, rows),
            "cost": rng.gamma(2.0, 0.004, rows).round(6),
            "currency": names("EUR"),
        }
    )


def _cast(table, names, kind):
    for name in names:
        table = table.set_column(table.column_names.index(name), name, table[name].cast(kind))
    return table


def write(layout, rows, folder):
    """One layout; called in a process of its own."""
    table = calls(rows)
    if layout == "plain, in order of time":
        table = table.sort_by("start_ts")
    elif layout == "dictionaries, nanoseconds, zstd":
        table = _cast(
            _cast(table, ["start_ts"], pa.timestamp("ns", tz="UTC")), _FEW, pa.dictionary(pa.int32(), pa.string())
        )
    elif layout == "large_string, decimal cost":
        table = _cast(_cast(table, (*_FEW, "output_id"), pa.large_string()), ["cost"], pa.decimal128(18, 6))
    elif layout == "string_view":
        table = _cast(table, _IDS, pa.string_view())
    options = {"row_group_size": rows} if layout == "one huge row group" else {}
    if layout == "30 files, gzip":
        day = pc.cast(pc.floor_temporal(table["start_ts"], unit="day"), pa.int64())
        for number, one in enumerate(pc.unique(day).to_pylist()):
            pq.write_table(table.filter(pc.equal(day, one)), folder / f"d{number}.parquet", compression="gzip")
    else:
        pq.write_table(table, folder / "d.parquet", compression="zstd" if "zstd" in layout else "snappy", **options)


def read(folder, told):
    """All that is between a fresh process and the table."""
    from monitoring.rollup import roll_up
    from monitoring.tables import open_tables, parquet_files

    imported = time.process_time()
    path = folder / "*.parquet"
    table = roll_up(open_tables({"gen_call": path}, "EUR"), level=0.95, files=parquet_files(path))
    digest = hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:8]
    used = resource.getrusage(resource.RUSAGE_SELF)
    told.put((time.process_time() - imported, used.ru_utime + used.ru_stime, used.ru_maxrss / 1e6, len(table), digest))


LAYOUTS = (
    "plain", "plain, in order of time", "one huge row group", "dictionaries, nanoseconds, zstd",
    "large_string, decimal cost", "string_view", "30 files, gzip",
)  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--only", nargs="+", default=LAYOUTS, choices=LAYOUTS)
    options = parser.parse_args()
    print("| layout | table, CPU-s | whole process, CPU-s | peak memory, GB | rows | bytes of the table |")
    print("|---|---|---|---|---|---|")
    spawn = get_context("spawn")
    for layout in options.only:
        with tempfile.TemporaryDirectory() as name:
            writer = spawn.Process(target=write, args=(layout, options.calls, Path(name)))
            writer.start()
            writer.join()
            told = spawn.SimpleQueue()
            reader = spawn.Process(target=read, args=(Path(name), told))
            reader.start()
            alone, whole, memory, rows, digest = told.get()
            reader.join()
            print(f"| {layout} | {alone:.2f} | {whole:.2f} | {memory:.2f} | {rows:,} | {digest} |", flush=True)


if __name__ == "__main__":
    main()
