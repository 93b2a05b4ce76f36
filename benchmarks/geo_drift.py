"""False alarms and power of the geo test's default reading where gaps drift, beside those of plain ranks.

Panels of 10 to 200 geos with autocorrelated, seasonal, heavy-tailed, trending and integrated noise; one to five random
geos treated in the last days. "Ranks" is the block conformal test that takes all windows for equals. What is counted is
whether a hypothesis is kept; an interval, the hull of what is kept, covers at least as often.

    python benchmarks/geo_drift.py --windows 600
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from geolift.estimators import refitted
from geolift.inference import effect_shape
from geolift.permutation import permutation_p_values
from geolift.synthetic_control import SyntheticControl

ALPHA = 0.1 + 1e-9
#: Geos, periods and length of the test.
SIZES = (
    (10, 104, 6), (16, 80, 6), (16, 90, 7), (16, 90, 15), (16, 90, 28), (40, 90, 7), (40, 90, 15), (40, 90, 28),
    (200, 90, 15), (20, 180, 28),
)  # fmt: skip
LIFTS = (0.0, 0.05, 0.10)


def carried(shocks: np.ndarray, by: float) -> np.ndarray:
    """First-order autoregression of the shocks, its first 100 periods left out."""
    noise = np.zeros_like(shocks)
    for t in range(1, shocks.shape[1]):
        noise[:, t] = by * noise[:, t - 1] + shocks[:, t]
    return noise[:, 100:]


def noise_of(kind: str, rng: np.random.Generator, geos: int, periods: int) -> np.ndarray:
    """Each geo's own noise, (G, T); the outcome moves by 3% for each unit."""
    shocks = rng.normal(size=(geos, periods + 100))
    free, days = shocks[:, 100:], np.arange(periods)
    if kind.startswith("autocorrelated"):
        return carried(shocks, 0.4) if kind.endswith(".4") else 0.5 * carried(shocks, 0.9)
    if kind == "season":
        strength = 2 + rng.normal(size=(geos, 1))
        return carried(shocks, 0.4) + strength * np.sin(2 * np.pi * days / 7)
    if kind == "heavy tails":
        return np.asarray(rng.standard_t(3, size=(geos, periods)) / np.sqrt(3))
    if kind == "trending":
        return free + 0.02 * days * rng.normal(size=(geos, 1))
    if kind == "walk and noise":
        return 0.3 * np.cumsum(free, axis=1) + rng.normal(size=(geos, periods))
    return np.asarray(0.4 * np.cumsum(free, axis=1))


KINDS = ("autocorrelated .4", "season", "heavy tails", "trending", "autocorrelated .9", "walk and noise", "integrated")


def panel(kind: str, rng: np.random.Generator, geos: int, periods: int) -> np.ndarray:
    """Outcome (G, T): three common factors and noise, positive throughout."""
    while True:
        level = 1000 * np.exp(0.6 * rng.normal(size=(geos, 1)))
        factors, loads = rng.normal(size=(3, periods)), rng.normal(1, 0.3, size=(geos, 3))
        if kind in ("integrated", "walk and noise"):
            factors = 0.3 * np.cumsum(factors, axis=1)
        outcome = level * (1 + 0.025 * (loads @ factors) + 0.03 * noise_of(kind, rng, geos, periods))
        if (outcome > 0).all():
            return np.asarray(outcome)


def row(kind: str, geos: int, periods: int, post: int, windows: int, seed: int) -> str:
    """One line of the table."""
    rng = np.random.default_rng([seed, geos, periods, post, KINDS.index(kind)])
    plain, pre = SyntheticControl(), periods - post
    kept: dict[tuple[str, float], list[bool]] = {}
    seen: dict[str, list[bool]] = {"adaptive": [], "combined": []}
    outcome = np.empty((geos, periods))
    for window in range(windows):
        if window % 4 == 0:
            outcome = panel(kind, rng, geos, periods)
        inside = np.isin(np.arange(geos), rng.choice(geos, int(rng.integers(1, min(5, geos // 4) + 1)), replace=False))
        series, donors = outcome[inside].mean(axis=0), outcome[~inside]
        for lift in LIFTS:
            lifted = series.copy()
            lifted[pre:] *= 1 + lift
            # The true mean effect, taken away by the path that a readout gives to effects.
            fitted = plain.fit(lifted, donors, pre).counterfactual[pre:]
            tested = lifted.copy()
            tested[pre:] -= lift * series[pre:].mean() * effect_shape(fitted)
            both = np.stack([tested, lifted])
            rest, weights = refitted(plain, both, donors)
            for statistic in ("adaptive", "combined"):
                found = permutation_p_values(rest, post, statistic=statistic, donors=donors, weights=weights) <= ALPHA
                kept.setdefault((statistic, lift), []).append(not found[0])
                if lift == LIFTS[1]:
                    seen[statistic].append(bool(found[1]))
    new = [np.mean(kept["adaptive", lift]) for lift in LIFTS]
    old = 1 - np.mean(kept["combined", 0.0])
    power = f"{np.mean(seen['adaptive']):.3f} | {np.mean(seen['combined']):.3f}"
    size = f"{geos} × {periods} | {post}"
    return f"| {kind} | {size} | {1 - new[0]:.3f} | {old:.3f} | {new[1]:.3f} | {new[2]:.3f} | {power} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=600)
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    options = parser.parse_args()
    started = time.process_time()
    print(
        "| noise | geos × periods | test | A/A | A/A, ranks | kept at 5% | kept at 10% | power at 5% | power, ranks |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for kind in options.kinds:
        for size in SIZES:
            print(row(kind, *size, options.windows, options.seed), flush=True)
    print(f"\n{time.process_time() - started:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
