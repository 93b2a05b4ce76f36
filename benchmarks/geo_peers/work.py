"""The peers' side: runs in their environment, reads problems (pickled arrays), answers with weights and CPU seconds."""

from __future__ import annotations

import importlib.metadata
import logging
import pickle
import sys
import time
import warnings
from pathlib import Path

import numpy as np


def clarabel(target, pool):
    import cvxpy as cp

    weights = cp.Variable(len(pool), nonneg=True)
    cp.Problem(cp.Minimize(cp.sum_squares(target - weights @ pool)), [cp.sum(weights) == 1]).solve(solver=cp.CLARABEL)
    return np.asarray(weights.value)


def slsqp(target, pool):
    from scipy.optimize import minimize

    return minimize(
        lambda w: 0.5 * np.sum((target - w @ pool) ** 2),
        np.full(len(pool), 1 / len(pool)),
        jac=lambda w: -pool @ (target - w @ pool),
        bounds=[(0, 1)] * len(pool),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 1000},
    ).x


def pysyncon(target, pool):
    import pandas as pd
    from pysyncon import Synth

    frame, series = pd.DataFrame(pool.T, columns=[f"d{j}" for j in range(len(pool))]), pd.Series(target, name="t")
    model = Synth()
    model.fit(X0=frame, X1=series, Z0=frame, Z1=series, custom_V=np.ones(len(target)))
    return np.asarray(model.W)


def mlsynth(target, pool):
    import pandas as pd
    from mlsynth import VanillaSC

    periods, units = len(target), np.vstack([target, pool])
    full = np.hstack([units, units[:, -1:]])  # it wants a period after the treatment
    frame = pd.DataFrame(
        {
            "unit": np.repeat([f"u{j:03d}" for j in range(len(full))], periods + 1),
            "time": np.tile(np.arange(periods + 1), len(full)),
            "y": full.ravel(),
        }
    )
    frame["treat"] = ((frame.unit == "u000") & (frame.time == periods)).astype(int)
    asked = {"df": frame, "outcome": "y", "treat": "treat", "unitid": "unit", "time": "time", "display_graphs": False}
    found = VanillaSC(asked).fit().weights.donor_weights
    return np.array([found.get(f"u{j:03d}", 0.0) for j in range(1, len(full))])


SOLVERS = {
    "cvxpy": ("cvxpy {} + Clarabel", clarabel),
    "scipy": ("SciPy {} SLSQP", slsqp),
    "pysyncon": ("pysyncon {}", pysyncon),
    "mlsynth": ("mlsynth {} VanillaSC", mlsynth),
}


def weights_of(solve, problems):
    """Weights of each problem, ``None`` where the peer failed, and CPU seconds a problem."""
    found, started = [], time.process_time()
    for target, pool in problems:
        try:
            weights = np.asarray(solve(target, pool), dtype=float).ravel()
            found.append(weights if len(weights) == len(pool) and np.isfinite(weights).all() else None)
        except Exception:  # noqa: BLE001 - whatever a peer raises counts as a failure, and is counted
            found.append(None)
    return found, (time.process_time() - started) / max(len(problems), 1)


def main():
    """``work.py PROBLEMS ANSWERS PACKAGE``."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    problems = pickle.loads(Path(sys.argv[1]).read_bytes())  # written by the caller a moment ago
    label, solve = SOLVERS[sys.argv[3]]
    solve(*problems["speed"][0])
    _, seconds = weights_of(solve, problems["speed"])
    found, _ = weights_of(solve, problems["objective"])
    answer = {"name": label.format(importlib.metadata.version(sys.argv[3])), "seconds": seconds, "weights": found}
    Path(sys.argv[2]).write_bytes(pickle.dumps(answer))


if __name__ == "__main__":
    main()
