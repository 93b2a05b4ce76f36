"""Error and cost of exact P(best) for 2 to 100 arms: cold, cold with delays, mature and mixed.

Run: python benchmarks/bandits_propensity.py
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy import special

from bandits.propensity import best_arm
from bandits.rewards import BetaBernoulli


def posteriors(rng, arms, kind):
    shown = {
        "cold": rng.integers(0, 20, arms),
        "cold, by delay": rng.integers(1, 21, arms),
        "mature": rng.integers(20_000, 60_000, arms),
        "mixed": (10 ** rng.uniform(0, 7, arms)).astype(int),
    }[kind]
    won = rng.binomial(shown, rng.uniform(0.02, 0.03, arms))
    if kind == "cold, by delay":  # young decisions count by the chance that their reward has come
        shown = np.maximum(shown * rng.uniform(0.3, 1.0, arms), won)
    return BetaBernoulli(arms=tuple(map(str, range(arms))), successes=won.astype(float), exposure=shown.astype(float))


def dense(posterior, better):
    """The same integral by a fine trapezoid with the library's incomplete beta function."""
    low, high = posterior.support()
    start, stop = (low.max(), high.max()) if better == "higher" else (low.min(), high.min())
    x = np.linspace(start, stop, int(np.clip((stop - start) / posterior.width.min() * 40, 4000, 400_000)))
    a, b = posterior.alpha, posterior.beta
    p, q = special.expit(x), special.expit(-x)
    pairs = zip(a, b, strict=True)
    beaten = np.array([special.betainc(i, j, p) if better == "higher" else special.betainc(j, i, q) for i, j in pairs])
    log = np.log(np.clip(beaten, 1e-300, 1))
    return (posterior.density(x) * np.exp(log.sum(axis=0) - log)).sum(axis=1) * (x[1] - x[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    options = parser.parse_args()
    print("| arms | evidence | largest error | CPU ms | arms at exactly 0 |")
    print("|---|---|---|---|---|")
    for arms in (2, 10, 30, 100):
        for kind in ("cold", "cold, by delay", "mature", "mixed"):
            posterior = posteriors(np.random.default_rng([arms, len(kind)]), arms, kind)
            error = max(
                np.abs(best_arm(posterior, better=better).p_best - dense(posterior, better)).max()
                for better in ("higher", "lower")
            )
            begun = time.process_time()
            for _ in range(options.repeats):
                best = best_arm(posterior)
            cost = (time.process_time() - begun) / options.repeats * 1e3
            print(f"| {arms} | {kind} | {error:.0e} | {cost:.2f} | {(best.p_best == 0).sum()} |")


if __name__ == "__main__":
    main()
