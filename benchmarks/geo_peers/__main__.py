"""``python -m benchmarks.geo_peers``: see the package's docstring."""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.geo_peers.problems import objective_problems, shared_problems, speed_problems
from benchmarks.peer_environments import ROOT, MissingEnvironmentError, peer_python
from geolift.weights import simplex_least_squares

PEERS = ("cvxpy", "scipy", "pysyncon", "mlsynth")
HERE = Path(__file__).parent


def ours(speed):
    """CPU seconds a problem: one call each, and a thousand right-hand sides a call."""
    simplex_least_squares(*speed[0])
    rounds = max(1, 2000 // len(speed))
    started = time.process_time()
    for _ in range(rounds):
        for target, pool in speed:
            simplex_least_squares(target, pool)
    single = (time.process_time() - started) / rounds / len(speed)
    targets, pool = shared_problems(1000)
    simplex_least_squares(targets[:2], pool)
    started = time.process_time()
    for _ in range(5):
        shared = simplex_least_squares(targets, pool)
    return single, (time.process_time() - started) / 5 / len(targets), shared.certified


def objective(weights, target, pool):
    """``½‖y − wX‖²`` of weights made feasible."""
    inside = np.maximum(weights, 0.0)
    return 0.5 * float(np.sum((target - inside / inside.sum() @ pool) ** 2))


def compare(found, problems, own):
    """Worst relative excess of ours over a peer's, of the peer's over ours, and how often the peer failed."""
    above, below, failed = -np.inf, -np.inf, 0
    for weights, (_, target, pool), mine in zip(found, problems, own, strict=True):
        if weights is None or np.maximum(weights, 0.0).sum() <= 0:
            failed += 1
            continue
        theirs = objective(weights, target, pool)
        centre = pool.mean(axis=0)
        rounding = 2e-16 * (np.sum((target - centre) ** 2) + np.sum((pool - centre) ** 2, axis=1).max())
        above = max(above, (mine - theirs - rounding) / max(theirs, rounding))
        below = max(below, (theirs - mine - rounding) / max(mine, rounding))
    return above, below, failed


def peers(folder, speed, problems):
    """Answers of every peer; its own name where it could not run."""
    with tempfile.TemporaryDirectory() as held:
        asked, told = Path(held) / "problems.pickle", Path(held) / "answers.pickle"
        asked.write_bytes(pickle.dumps({"speed": speed, "objective": [(y, pool) for _, y, pool in problems]}))
        for name in PEERS:
            try:
                python = peer_python(HERE / "pinned.txt", folder)
            except MissingEnvironmentError as error:
                python = Path(sys.executable)  # cvxpy and SciPy are ours as well
                if name in {"pysyncon", "mlsynth"}:
                    yield f"{name}: no environment ({error})"
                    continue
            done = subprocess.run(
                [str(python), str(HERE / "work.py"), str(asked), str(told), name],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                yield f"{name}: {done.stderr.strip().splitlines()[-1]}"
            else:
                yield pickle.loads(told.read_bytes())  # written by our own child


def main():
    parser = argparse.ArgumentParser(description="Weights of synthetic controls beside other solvers.")
    parser.add_argument("--problems", type=int, default=100, help="problems of 40 x 90 whose time is taken")
    parser.add_argument("--objectives", type=int, default=500, help="problems whose objectives are compared")
    parser.add_argument("--environment", type=Path, default=ROOT / ".venv-peers" / "geo")
    parser.add_argument("--seed", type=int, default=0, help="of the problems: another one gives fresh ones")
    asked = parser.parse_args()
    speed = speed_problems(asked.problems, seed=asked.seed)
    problems = objective_problems(asked.objectives, seed=asked.seed + 2)
    single, shared, certified = ours(speed)
    solved = [simplex_least_squares(target, pool) for _, target, pool in problems]
    own = [objective(one.weights[0], target, pool) for one, (_, target, pool) in zip(solved, problems, strict=True)]
    print(
        f"{len(speed)} problems of 40 donors x 90 periods, cold; objectives on {len(problems)} problems of all kinds\n"
    )
    print("| solver | ms a problem | one call of ours | one of 1,000 in a call | ours above | above ours | failed |")
    print("|---|---|---|---|---|---|---|")
    print(f"| liftwerk, one call, certified | {1e3 * single:.4f} | 1x | | | | {sum(not s.certified for s in solved)} |")
    print(
        f"| liftwerk, 1,000 right-hand sides a call, certified | {1e3 * shared:.4f} | | 1x | | | {int(not certified)} |"
    )
    for answer in peers(asked.environment, speed, problems):
        if isinstance(answer, str):
            print(f"| {answer} | | | | | | |")
            continue
        above, below, failed = compare(answer["weights"], problems, own)
        cost = answer["seconds"]
        print(
            f"| {answer['name']} | {1e3 * cost:.2f} | {cost / single:,.0f}x | {cost / shared:,.0f}x "
            f"| {max(above, 0.0):.1e} | {max(below, 0.0):.1e} | {failed} |"
        )


if __name__ == "__main__":
    main()
