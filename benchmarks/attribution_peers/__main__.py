"""``python -m benchmarks.attribution_peers``: see the package's docstring."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.attribution_peers.environments import HERE, attribution_python
from benchmarks.attribution_peers.journeys import write_journeys
from benchmarks.peer_environments import ROOT, MissingEnvironmentError

PACKAGES = ("ours", "channelattribution", "do_attribution")
SIZES = (10_000, 1_000_000, 10_000_000)
#: do-attribution keeps every journey as Python objects: beyond this many it would fill the machine.
MOST_OBJECTS = 2_000_000


def arguments():
    parser = argparse.ArgumentParser(prog="benchmarks.attribution_peers", description="Markov credit side by side.")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--only", nargs="+", choices=PACKAGES, default=list(PACKAGES))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv-peers")
    return parser.parse_args()


def main():
    asked = arguments()
    print("| journeys | package | CPU-s | peak MB | largest error of a channel, order 1 | order 2 | times our CPU |")
    print("|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="attribution_peers_") as name:
        for size in asked.sizes:
            file = Path(name) / f"{size}.parquet"
            write_journeys(file, size, asked.seed)
            results = {"ours": run(Path(sys.executable), "ours", file)}
            for package in asked.only:
                if package != "ours":
                    results[package] = peer(package, file, size, asked.environments)
            for package, result in results.items():
                print(row(size, package, result, results["ours"]), flush=True)
            for order, spent in results["ours"]["bootstrap"].items():
                took = f"{spent['draws']:.2f} CPU-s after {spent['count']:.2f} of counting"
                print(f"  1,000 intervals, order {order}: {took}", flush=True)
            file.unlink()


def peer(package, file, size, environments):
    """A peer's result, or why there is none."""
    if package == "do_attribution" and size > MOST_OBJECTS:
        return {"error": "not tried: it keeps every journey as objects"}
    try:
        return run(attribution_python(package, environments), package, file)
    except MissingEnvironmentError as reason:
        return {"error": f"no environment: {reason}"}


def run(python, package, file):
    """One process: its answer, CPU and peak memory."""
    out, log = file.with_suffix(".json"), file.with_suffix(".log")
    out.unlink(missing_ok=True)
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with log.open("w") as sink:
        command = [str(python), str(HERE / f"work_{package}.py"), str(file), str(out)]
        path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]) if package == "ours" else ""
        process = subprocess.Popen(
            command, stdout=sink, stderr=subprocess.STDOUT, env={**os.environ, **one, "PYTHONPATH": path}
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not out.exists():
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        return {"error": f"ended with {process.returncode}: {lines[-1][:200] if lines else 'no word'}"}
    spent = {"cpu": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}
    # Ours tells what it had used before the bootstrap, which no peer offers.
    return spent | json.loads(out.read_text())


def row(size, package, result, ours):
    """A line of the table; errors are against the exact solution, relative, of the channel that is off most."""
    if "error" in result:
        return f"| {size:,} | {package} | {result['error']} | | | | |"
    gaps = []
    for order in ("1", "2"):
        exact = ours["credit"][order]
        found = result["credit"][order]
        gaps.append(max(abs(found.get(name, 0.0) / value - 1.0) for name, value in exact.items() if value > 0))
    told = "exact" if package == "ours" else f"{gaps[0]:.1%} | {gaps[1]:.1%}"
    return (
        f"| {size:,} | {package} | {result['cpu']:.2f} | {result['peak_mb']:,.0f} | "
        f"{'exact | exact' if package == 'ours' else told} | {result['cpu'] / ours['cpu']:.1f} |"
    )


if __name__ == "__main__":
    main()
