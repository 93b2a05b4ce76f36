"""Speed of the simplex solver, of simulated power tests and of a market selection, beside other solvers.

CPU time, one thread, after warm-up. cvxpy with Clarabel and SciPy's SLSQP run here; pysyncon and mlsynth run in an
environment of their own, if its interpreter is given:

    python -m venv ../peers && ../peers/bin/pip install pysyncon mlsynth
    OMP_NUM_THREADS=1 python benchmarks/geo_speed.py --data ../shared/data --peers ../peers/bin/python
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from geolift.market_selection import geolift_market_selection
from geolift.power import CandidateSets, look_back_ends, simulated_p_values
from geolift.weights import simplex_least_squares
from measurement.panel import Panel

PEERS = r"""
import json, sys, time
import numpy as np, pandas as pd
held = np.load(sys.argv[1]); pools, targets = held["pools"], held["targets"]
out = {}
def run(name, solve):
    try:
        solve(targets[0], pools[0])
        started = time.process_time(); weights = [solve(y, X) for y, X in zip(targets, pools)]
        spent = (time.process_time() - started) / len(pools)
        sums = [0.5 * float(np.sum((y - w @ X) ** 2)) for w, y, X in zip(weights, targets, pools)]
        out[name] = {"seconds": spent, "objectives": sums}
    except Exception as error:
        out[name] = {"error": f"{type(error).__name__}: {error}"[:200]}
def syncon(y, X):
    from pysyncon import Synth
    frame = pd.DataFrame(X.T, columns=[f"d{j}" for j in range(len(X))]); series = pd.Series(y, name="t")
    model = Synth(); model.fit(X0=frame, X1=series, Z0=frame, Z1=series, custom_V=np.ones(len(y)))
    return np.asarray(model.W)
def vanilla(y, X):
    from mlsynth import VanillaSC
    T = len(y); all_ = np.vstack([y, X]); post = all_[:, -1:]; full = np.hstack([all_, post])
    frame = pd.DataFrame({"unit": np.repeat([f"u{j:03d}" for j in range(len(full))], T + 1),
        "time": np.tile(np.arange(T + 1), len(full)), "y": full.ravel()})
    frame["treat"] = ((frame.unit == "u000") & (frame.time == T)).astype(int)
    result = VanillaSC({"df": frame, "outcome": "y", "treat": "treat", "unitid": "unit", "time": "time",
        "display_graphs": False}).fit()
    weights = result.weights.donor_weights
    return np.array([weights.get(f"u{j:03d}", 0.0) for j in range(1, len(full))])
import importlib.metadata as m
run("pysyncon " + m.version("pysyncon"), syncon)
run("mlsynth " + m.version("mlsynth") + " VanillaSC", vanilla)
print("RESULT" + json.dumps(out))
"""


def problems(count: int, donors: int = 40, periods: int = 90) -> tuple[np.ndarray, np.ndarray]:
    """Geos that share a season: targets (N, T), pools (N, J, T)."""
    rng = np.random.default_rng(0)
    season = 2 * np.sin(np.arange(periods) / 5)
    pools = rng.normal(size=(count, donors, periods)) + season
    targets = pools[:, :5].mean(axis=1) + 0.2 * rng.normal(size=(count, periods))
    return targets, pools


def timed(solve: Callable[[np.ndarray, np.ndarray], np.ndarray], targets: np.ndarray, pools: np.ndarray):
    solve(targets[0], pools[0])
    started = time.process_time()
    weights = [solve(target, pool) for target, pool in zip(targets, pools, strict=True)]
    spent = (time.process_time() - started) / len(pools)
    sums = [0.5 * float(np.sum((t - w @ p) ** 2)) for w, t, p in zip(weights, targets, pools, strict=True)]
    return spent, np.array(sums)


def clarabel(target: np.ndarray, pool: np.ndarray) -> np.ndarray:
    import cvxpy as cp

    weights = cp.Variable(len(pool), nonneg=True)
    cp.Problem(cp.Minimize(cp.sum_squares(target - weights @ pool)), [cp.sum(weights) == 1]).solve(solver=cp.CLARABEL)
    return np.asarray(weights.value)


def slsqp(target: np.ndarray, pool: np.ndarray) -> np.ndarray:
    return minimize(
        lambda w: 0.5 * np.sum((target - w @ pool) ** 2),
        np.full(len(pool), 1 / len(pool)),
        jac=lambda w: -pool @ (target - w @ pool),
        bounds=[(0, 1)] * len(pool),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
    ).x


def compiled_cold(count: int) -> float:
    """Seconds for one cold 40 × 90 solve inside the compiled loop: no call overhead, nothing warm."""
    from geolift import active_set

    _, pools = problems(1)
    rng = np.random.default_rng(1)
    rows = pools[0][rng.integers(40, size=(count, 5))].mean(axis=1) + 0.2 * rng.normal(size=(count, 90))
    pool = pools[0] - pools[0].mean(axis=0)
    rows = rows - pools[0].mean(axis=0)
    gram = pool @ pool.T
    weights, gaps = np.zeros((count, 40)), np.zeros(count)
    mask = np.ones((count, 40), dtype=bool)
    run = (gram, rows @ pool.T, np.sum(rows**2, axis=1), mask, float(np.mean(np.diag(gram))), False, weights, gaps)
    active_set.solve_many(*run)
    started = time.process_time()
    active_set.solve_many(*run)
    return (time.process_time() - started) / count


def solver_table(count: int, peers: Path | None) -> None:
    targets, pools = problems(count)
    rows: list[tuple[str, float, np.ndarray | None]] = []
    ours, best = timed(lambda y, X: simplex_least_squares(y, X).weights[0], targets, pools)
    rows.append(("liftwerk, one call with certificate", ours, best))
    rows.append(("liftwerk, compiled loop, cold", compiled_cold(5000), None))
    rows.append(("cvxpy + Clarabel", *timed(clarabel, targets, pools)))
    rows.append(("SciPy SLSQP", *timed(slsqp, targets, pools)))
    if peers is not None:
        with tempfile.TemporaryDirectory() as folder:
            held = Path(folder) / "problems.npz"
            np.savez(held, targets=targets, pools=pools)
            done = subprocess.run(
                [str(peers), "-c", PEERS, str(held)], capture_output=True, text=True, check=True, timeout=500
            )
        found = json.loads(done.stdout.split("RESULT")[1])
        for name, value in found.items():
            if "error" in value:
                print(f"{name}: {value['error']}")
            else:
                rows.append((name, value["seconds"], np.array(value["objectives"])))
    print(f"\n{count} problems of 40 donors x 90 periods, cold\n")
    print("| solver | ms a problem | against one call | against compiled loop | worst excess over ours |")
    print("|---|---|---|---|---|")
    loop = rows[1][1]
    for name, spent, sums in rows:
        excess = "" if sums is None else f"{np.max(sums / best - 1):.1e}"
        print(f"| {name} | {1e3 * spent:.4f} | {spent / ours:.1f}x | {spent / loop:.0f}x | {excess} |")


def power_table() -> None:
    print("\n| simulated power tests | tests | tests a CPU-second |")
    print("|---|---|---|")
    rng = np.random.default_rng(0)
    for geos, periods, post, sets in ((40, 90, 15, 3000), (210, 365, 28, 400)):
        walk = np.cumsum(rng.normal(size=(geos, periods)), axis=1)
        outcome = 1000 + 3 * walk + 20 * rng.normal(size=(geos, periods)) + 10 * np.cumsum(rng.normal(size=periods))
        members = np.zeros((sets, geos), dtype=bool)
        for row in range(sets):
            members[row, rng.choice(geos, 3, replace=False)] = True
        chosen = CandidateSets(members=members, allowed=~members)
        ends = look_back_ends(periods, post, look_backs=2)
        for label, effects in (("cold, one effect", np.zeros(1)), ("a curve of 25 effects", np.linspace(0, 0.24, 25))):
            simulated_p_values(outcome, chosen.take(np.arange(2)), post=post, ends=ends, effects=effects)
            started = time.process_time()
            found = simulated_p_values(outcome, chosen, post=post, ends=ends, effects=effects)
            spent = time.process_time() - started
            print(f"| {geos} geos x {periods} periods, {label} | {found.size:,} | {found.size / spent:,.0f} |")


def selection(folder: Path) -> None:
    table = pd.read_csv(folder / "geo" / "geolift_pretest.csv").pivot_table(
        index="location", columns="date", values="Y"
    )
    panel = Panel.from_arrays(
        outcome=table.to_numpy(dtype=float), geos=list(table.index), dates=pd.DatetimeIndex(table.columns)
    )
    for _ in range(2):
        started = time.process_time()
        geolift_market_selection(
            panel,
            sizes=(2, 3, 4, 5),
            periods=(10, 15),
            effects=np.arange(0, 0.26, 0.05),
            cost_per_unit=7.5,
            budget=100_000,
            include=("chicago",),
            exclude=("honolulu",),
        )
        spent = time.process_time() - started
    print(f"\nGeoLift walkthrough's market selection: {1e3 * spent:.0f} ms CPU after warm-up")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds geo/geolift_pretest.csv")
    parser.add_argument("--peers", type=Path, help="interpreter of an environment with pysyncon and mlsynth")
    parser.add_argument("--problems", type=int, default=30)
    options = parser.parse_args()
    solver_table(options.problems, options.peers)
    power_table()
    if options.data is not None:
        selection(options.data)
    print(f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
