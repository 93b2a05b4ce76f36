"""CPU time and memory of the daily KPI table over many model calls in Parquet, as `liftwerk content` computes it.

Run: python benchmarks/content_speed.py --calls 10_000_000
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import duckdb

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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gen_call.parquet"
        write_calls(path, options.calls, options.days)
        begun, clock = time.process_time(), time.perf_counter()
        connection = open_tables({"gen_call": path}, "EUR")
        opened = time.process_time()
        table = roll_up(connection, level=0.95, files=parquet_files(path))
        done = time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print("| calls | rows of the table | open, CPU-s | KPIs, CPU-s | together | wall s | peak GB (with writing) |")
        print("|---|---|---|---|---|---|---|")
        print(
            f"| {options.calls:,} | {len(table):,} | {opened - begun:.2f} | {done - opened:.2f} | {done - begun:.2f} "
            f"| {time.perf_counter() - clock:.1f} | {peak:.2f} |"
        )


if __name__ == "__main__":
    main()
