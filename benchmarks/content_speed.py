"""CPU time and memory of the daily KPI table over many model calls in Parquet, and of one more day.

Run: python benchmarks/content_speed.py --calls 10_000_000
"""

from __future__ import annotations

import argparse
import datetime as dt
import resource
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from monitoring.daily import DayRollups
from monitoring.rollup import roll_up
from monitoring.tables import open_tables, parquet_files


def write_calls(path, calls, days):
    """Calls of 6 teams and 4 models, three to an output, in order of time as a daily export has them."""
    connection = duckdb.connect()
    connection.execute("SELECT setseed(0.5)")
    connection.execute(
        f"""COPY (SELECT TIMESTAMP '2026-08-01' + INTERVAL 1 second * (i * {days} * 86400.0 / {calls}) AS start_ts,
              exp(7.2 + 0.7 * sqrt(-2 * ln(random() + 1e-12)) * cos(6.2831853 * random())) AS duration_ms,
              'team ' || CAST(hash(i // 3) % 6 AS VARCHAR) AS team, 'model ' || CAST(hash(i) % 4 AS VARCHAR) AS model,
              'copy' AS pipeline, 'o' || CAST(i // 3 AS VARCHAR) AS output_id, 's' || CAST(i AS VARCHAR) AS span_id,
              CASE WHEN random() < 0.02 THEN 'timeout' END AS error_type,
              CAST(200 + 3000 * random() AS BIGINT) AS input_tokens, CAST(900 * random() AS BIGINT) AS output_tokens,
              CAST(200 * random() AS BIGINT) AS cache_read_tokens, 128000 AS context_window,
              200 + 400 * random() AS ttft_ms, 0.002 + 0.01 * random() AS cost, 'EUR' AS currency
            FROM range({calls}) t(i)) TO '{path}' (FORMAT parquet)"""
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=10_000_000)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gen_call.parquet"
        # in a process of its own: memory that writing takes is not memory that KPIs take
        writer = get_context("spawn").Process(target=write_calls, args=(str(path), options.calls, options.days))
        writer.start()
        writer.join()
        print("| calls | rows of the table | open, CPU-s | KPIs, CPU-s | together | wall s | peak memory, GB |")
        print("|---|---|---|---|---|---|---|")
        for _ in range(options.repeats):
            whole_table(path, options.calls)
        print("\n| days kept | calls kept | calls of the new day | days computed | CPU-s |")
        print("|---|---|---|---|---|")
        new_day(path, Path(folder), options)


def whole_table(path, calls):
    """The table from nothing."""
    begun, clock = time.process_time(), time.perf_counter()
    connection = open_tables({"gen_call": path}, "EUR")
    opened = time.process_time()
    table = roll_up(connection, level=0.95, files=parquet_files(path))
    done = time.process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"| {calls:,} | {len(table):,} | {opened - begun:.2f} | {done - opened:.2f} | {done - begun:.2f} "
        f"| {time.perf_counter() - clock:.1f} | {peak:.2f} |"
    )


def new_day(path, folder, options):
    """The same calls kept by day, and one day more: none of its outputs is on another day, then half of them."""
    days = split(path, folder / "calls")
    last = pq.read_table(days[-1])
    one_day = dt.timedelta(days=1)
    rollups = DayRollups(folder / "rollups")
    rollups.update(days, [], currency="EUR", level=0.95)
    for number, shared in enumerate([False] * options.repeats + [True]):
        file = days[-1].with_name(f"{dt.date.fromisoformat(days[-1].stem) + (number + 1) * one_day}.parquet")
        start = pc.add(last["start_ts"], pa.scalar((number + 1) * one_day, pa.duration("us")))
        made = last.set_column(last.schema.get_field_index("start_ts"), "start_ts", start)
        if not shared:
            ids = pc.binary_join_element_wise(made["output_id"], str(number), "-")
            made = made.set_column(made.schema.get_field_index("output_id"), "output_id", ids)
        pq.write_table(made, file)
        begun = time.process_time()
        _, facts, computed = rollups.update([*days, file], [], currency="EUR", level=0.95)
        took = time.process_time() - begun
        kept = facts.table["calls"].sum() - len(made)
        print(f"| {len(days)} | {kept:,.0f} | {len(made):,} | {len(computed)} | {took:.2f} |")
        file.unlink()
        rollups.update(days, [], currency="EUR", level=0.95)


def split(path, folder):
    """A file for each day."""
    folder.mkdir()
    table = pq.read_table(path)
    day = table["start_ts"].to_numpy().astype("datetime64[D]")
    names, begin = np.unique(day, return_index=True)
    files = []
    for name, start, end in zip(names, begin, [*begin[1:], len(day)], strict=True):
        files.append(folder / f"{name}.parquet")
        pq.write_table(table.slice(start, end - start), files[-1])
    return files


if __name__ == "__main__":
    main()
