"""The dashboard under load: first load, page switch, widgets, bytes a rerun, 30 sessions at once.

    python -m benchmarks.app_bench [--sessions 30] [--quick] [--workspace DIR]

Builds the artifacts of a 40-geo, 156-week, 10-channel workspace (made, not fitted: their size matters here), starts
the server as `liftwerk app` does, and drives it with headless Chromium and with bare protocol sessions.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from benchmarks.app_browser import local, served
from benchmarks.app_sessions import sessions_at_once
from benchmarks.app_visit import Waits, in_browser
from benchmarks.app_workspace import build

LIMITS = {
    "first load s, slowest": 3.0,
    "page switch s, p95": 1.0,
    "widget ms, p95": 300.0,
    "kB a rerun, largest": 100.0,
    "memory MB": 1000.0,
    "errors": 0.0,
}
_IDLE_S = 0.03


def _rest(server: psutil.Process) -> None:
    """Until the server has done nothing for two seconds, on a machine that others use too."""
    quiet, before = 0, -1.0
    for _ in range(600):
        time.sleep(0.5)
        spent = sum(server.cpu_times()[:2])
        quiet = quiet + 1 if spent - before < _IDLE_S else 0
        before = spent
        if quiet >= 4:
            return


def by_kind(waits: dict[str, Waits]) -> pd.DataFrame:
    """A row a kind of wait: the slowest on the wall, CPU of server and browser, bytes."""
    return pd.DataFrame(
        [
            {
                "what": kind,
                "times": len(one),
                "median ms": 1000 * float(np.median(one.wall)),
                "slowest ms": 1000 * max(one.wall),
                "server CPU ms": 1000 * float(np.median(one.server)),
                "browser CPU ms": 1000 * float(np.median(one.browser)),
                "kB": max(one.received) / 1000,
            }
            for kind, one in waits.items()
        ]
    )


def summary(waits: dict[str, Waits]) -> dict[str, float | str]:
    """The bars."""

    def pooled(first: str, column: str) -> list[float]:
        return [value for kind, one in waits.items() if kind.startswith(first) for value in getattr(one, column)]

    def p95(values: list[float]) -> float:
        return float(np.quantile(values, 0.95))

    return {
        "first load s, slowest": max(waits["load"].wall),
        "first load: to read s, slowest": max(waits["load, to read"].wall),
        "first load: server CPU s": max(waits["load"].server),
        "first load: browser CPU s": max(waits["load"].browser),
        "page switch s, p95": p95(pooled("switch", "wall")),
        "page switch: server CPU s, p95": p95(pooled("switch", "server")),
        "page switch: browser CPU s, p95": p95(pooled("switch", "browser")),
        "widget ms, p95": 1000 * p95(pooled("widget", "wall")),
        "widget: server CPU ms, p95": 1000 * p95(pooled("widget", "server")),
        "widget: browser CPU ms, p95": 1000 * p95(pooled("widget", "browser")),
        "kB a rerun, largest": max(pooled("widget", "received")) / 1000,
        "kB a page, largest": max(pooled("switch", "received")) / 1000,
    }


def main() -> int:
    """Measure, and tell whether the bars were met; status 1 where one was not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="one round instead of three")
    parser.add_argument("--workspace", type=Path, default=None, help="a workspace of your own instead of a made one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = asked.workspace or build(Path(scratch) / "workspace")
        with served(workspace, local(workspace)) as (url, number):
            process = psutil.Process(number)
            _rest(process)  # the warm-up thread: a server starts before the first person comes
            idle = process.memory_info().rss / 1e6
            waits = in_browser(url, 1 if asked.quick else 3, process)
            found = summary(waits) | {"memory MB, one person": idle}
            found |= sessions_at_once(url, asked.sessions, process)
    print(by_kind(waits).to_string(index=False, float_format="%.0f"))
    rows = [
        {"measure": name, "found": value if isinstance(value, str) else f"{value:.2f}", "limit": LIMITS.get(name, ""),
         "met": "" if name not in LIMITS else "yes" if float(value) <= LIMITS[name] else "no"}
        for name, value in found.items()
    ]  # fmt: skip
    print(pd.DataFrame(rows).to_string(index=False))
    return int(any(row["met"] == "no" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
