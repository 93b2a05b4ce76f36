"""``python -m benchmarks.bandits_peers``: see the package's docstring."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.peer_environments import ROOT, MissingEnvironmentError, peer_python

HERE = Path(__file__).parent

#: Task, arms, steps of a quick and of a slow package, and how many times faster than MABWiser ours has to be.
TASKS = (("beta", 10, 20_000, 2_000, 100), ("beta", 100, 20_000, 500, 100), ("linear", 10, 20_000, 200, 400))
PACKAGES = ("ours_replay", "ours", "mabwiser", "vowpal_wabbit")


def run(python, package, task, arms, steps, seed):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    if package.startswith("ours"):
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")]))
    command = [str(python), str(HERE / "work.py"), package, task, str(arms), str(steps), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise SystemExit(f"{package}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(prog="benchmarks.bandits_peers", description="Bandits side by side.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-peers" / "bandits")
    asked = parser.parse_args()
    try:
        peers = peer_python(HERE / "pinned.txt", asked.environment)
    except MissingEnvironmentError as reason:
        print(f"peers skipped, no environment: {reason}", file=sys.stderr)
        peers = None
    print("| task | arms | package | CPU µs a step | steps/s | times the first row | bar | mean reward |")
    print("|---|---|---|---|---|---|---|---|")
    for task, arms, quick, slow, bar in TASKS:
        base = None
        for package in PACKAGES:
            if not package.startswith("ours") and peers is None:
                continue
            steps = slow if package == "mabwiser" else quick
            found = run(sys.executable if package.startswith("ours") else peers, package, task, arms, steps, asked.seed)
            cost = found["us_a_step"]
            base = cost if base is None else base
            wanted = f"≥ {bar}" if package == "mabwiser" else ""
            print(
                f"| {task} | {arms} | {package} | {cost:,.1f} | {1e6 / cost:,.0f} | {cost / base:,.1f} | {wanted} | "
                f"{found['mean_reward']:.4f} ({found['steps']:,} steps) |",
                flush=True,
            )


if __name__ == "__main__":
    main()
