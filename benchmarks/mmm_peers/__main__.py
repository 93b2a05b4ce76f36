"""``python -m benchmarks.mmm_peers``: see the package's docstring."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.mmm_peers import report
from benchmarks.mmm_peers.stages import HERE, PACKAGES, Bar, measure
from benchmarks.peer_environments import ROOT, MissingEnvironmentError, peer_python
from benchmarks.public_panels import PANELS


def arguments():
    parser = argparse.ArgumentParser(prog="benchmarks.mmm_peers", description="Media mix models side by side.")
    parser.add_argument("--data", type=Path, default=ROOT / "../shared/data/mmm", help="folder of the CSVs")
    parser.add_argument("--only", nargs="+", choices=sorted(PACKAGES), help="the others keep their results")
    parser.add_argument("--panels", nargs="+", choices=sorted(PANELS), default=list(PANELS))
    parser.add_argument("--limit", type=float, default=600.0, help="CPU-s after which no longer stage is tried")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--environments", type=Path, default=ROOT / ".venv-peers")
    parser.add_argument("--json", type=Path, help="results, merged; default beside the environments")
    return parser.parse_args()


def main():
    asked = arguments()
    path = asked.json or asked.environments / "results.json"
    bar = Bar(limit=asked.limit)
    for name in asked.only or PACKAGES:
        try:
            python = (
                Path(sys.executable) if name == "ours" else peer_python(HERE / f"{name}.txt", asked.environments / name)
            )
        except MissingEnvironmentError as reason:
            print(f"{name}: skipped, no environment: {reason}", file=sys.stderr, flush=True)
            report.merge(path, {(panel, name): {"skipped": str(reason)} for panel in asked.panels})
            continue
        for panel in asked.panels:
            result = measure(PACKAGES[name], python, PANELS[panel](asked.data), bar, seed=asked.seed)
            report.merge(path, {(panel, name): result})
    print(report.table(report.read(path)))


if __name__ == "__main__":
    main()
