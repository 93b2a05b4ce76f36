"""False alarms of the canary at every look with four guardrails at once, and how soon a worse canary is stopped.

Run: python benchmarks/content_canary.py --streams 4000 --seed 1
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from monitoring.canary import e_process
from monitoring.canary_evidence import BIN, Looks, bounded_mean, quantile, unbounded_mean

Floats = NDArray[np.float64]
ALPHA, GUARDRAILS = 0.05, 4
THRESHOLD = GUARDRAILS / ALPHA
PER_LOOK, LOOKS = 100, 100


def traffic(rng: np.random.Generator, world: str) -> NDArray[np.int64]:
    """Observations by look and arm: half and half, or a canary whose share grows from 5 to 50%."""
    everyone = rng.poisson(PER_LOOK, LOOKS) + 2
    share = np.linspace(0.05, 0.5, LOOKS) if world == "ramp" else np.full(LOOKS, 0.5)
    canary = np.clip(rng.binomial(everyone, share), 1, everyone - 1)
    return np.stack([everyone - canary, canary], axis=-1)


def level(world: str) -> Floats:
    """Strength of what hits both arms: an outage and a busy day's shape, where the canary's share grows as well."""
    if world == "steady":
        return np.zeros(LOOKS)
    outage = np.where((np.arange(LOOKS) > 60) & (np.arange(LOOKS) < 70), 1.5, 0.0)
    return 0.3 * np.sin(np.arange(LOOKS) / 4.0) + np.linspace(0.0, 0.4, LOOKS) + outage


def draw(rng: np.random.Generator, kind: str, world: str, worse: float = 0.0) -> Looks:
    """One stream; ``worse`` is the canary's relative excess (score: points lost)."""
    n = traffic(rng, world)
    shift = level(world)
    look = np.repeat(np.arange(2 * LOOKS), n.ravel())
    drift, canary = shift[look // 2], (look % 2).astype(float)
    normal = rng.standard_normal(len(look))
    if kind == "rate":
        rate = np.minimum(0.02 * np.exp(drift), 0.5) * (1.0 + worse * canary)
        value = (rng.random(len(look)) < rate).astype(float)
    elif kind == "score":
        mean = np.clip(0.9 - 0.1 * np.abs(drift) - worse * canary, 0.05, 0.99)
        value = rng.beta(30.0 * mean, 30.0 * (1.0 - mean))
    elif kind == "money":
        value = np.exp(1.2 * normal + drift) * (1.0 + worse * canary)
    else:
        value = 900.0 * np.exp(0.5 * normal + drift) * (1.0 + worse * canary)
    return as_looks(look, n, value, by_bin=kind == "latency")


def as_looks(look: NDArray[np.int64], n: NDArray[np.int64], value: Floats, *, by_bin: bool) -> Looks:
    ends = np.arange(LOOKS).astype("datetime64[h]").astype("datetime64[us]")

    def summed(weights: Floats) -> Floats:
        return np.bincount(look, weights=weights, minlength=2 * LOOKS).reshape(LOOKS, 2)

    ones, y = n.astype(float), summed(value)
    sums = {"n": ones, "y": y, "yy": summed(value**2), "x": ones, "xx": ones, "xy": y}
    if not by_bin:
        return Looks(**sums, ends=ends)
    bins, place = np.unique(np.floor(np.log(value) / BIN).astype(np.int64), return_inverse=True)
    binned = np.bincount(look * len(bins) + place, minlength=2 * LOOKS * len(bins))
    return Looks(**sums, ends=ends, bins=bins, binned=binned.reshape(LOOKS, 2, len(bins)))


TESTS: dict[str, Callable[[Looks], Floats]] = {
    "rate": lambda looks: e_process(looks.y, looks.n),
    "score": lambda looks: bounded_mean(looks, 0.0, -1.0),
    "money": lambda looks: unbounded_mean(looks, 0.0, 1.0, 200),
    "latency": lambda looks: quantile(looks, 0.0, 0.95, ALPHA / GUARDRAILS),
}


def naive(looks: Looks, sign: float) -> bool:
    """Two-sample z test at every look, one-sided 5%."""
    n, y, yy = (np.cumsum(part, axis=0) for part in (looks.n, looks.y, looks.yy))
    variance = np.maximum(yy / n - (y / n) ** 2, 1e-12) / n
    z = sign * (y[:, 1] / n[:, 1] - y[:, 0] / n[:, 0]) / np.sqrt(variance.sum(axis=1))
    return bool((z[(n.min(axis=1) >= 200)] > 1.645).any())


def false_alarms(streams: int, world: str, seed: int) -> list[str]:
    """Share of streams that are stopped, by type; and of families of one stream of each type."""
    rows, family = [], np.zeros(streams, dtype=bool)
    for number, (kind, test) in enumerate(TESTS.items()):
        fooled, alone, same = 0, np.zeros(streams, dtype=bool), np.zeros(streams, dtype=bool)
        rng = np.random.default_rng([number, len(world), *_more(seed)])
        for i in range(streams):
            looks = draw(rng, kind, world)
            highest = test(looks).max()
            alone[i], same[i] = highest >= 1.0 / ALPHA, highest >= THRESHOLD
            fooled += naive(looks, -1.0 if kind == "score" else 1.0)
        family |= same
        of_four = 1.0 - (1.0 - same.mean()) ** GUARDRAILS
        naively = "–" if kind == "latency" else f"{fooled / streams:.0%}"
        rows.append(f"| {world} | {kind} | {alone.mean():.2%} | {same.mean():.2%} | {of_four:.2%} | {naively} |")
    return [*rows, f"| {world} | one of each at once | | | {family.mean():.2%} | |"]


def detection(streams: int, seed: int) -> list[str]:
    """How many observations an arm a worse canary takes, with the threshold for four guardrails."""
    cases = (("rate", 1.0, "2% doubled"), ("rate", 2.0, "2% tripled"), ("latency", 0.25, "p95 + 25%"),
             ("latency", 0.1, "p95 + 10%"), ("money", 0.25, "cost + 25%"), ("score", 0.02, "score − .02"))  # fmt: skip
    rows = []
    for number, (kind, worse, words) in enumerate(cases):
        rng, seen = np.random.default_rng([7, number, *_more(seed)]), []
        for _ in range(streams):
            looks = draw(rng, kind, "steady", worse)
            over = np.flatnonzero(TESTS[kind](looks) >= THRESHOLD)
            seen.append(looks.n[: over[0] + 1, 1].sum() if len(over) else np.inf)
        rows.append(f"| {kind} | {words} | {np.isfinite(seen).mean():.1%} | {np.median(seen):.0f} |")
    return rows


def _more(seed: int) -> list[int]:
    return [seed] if seed else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0, help="other streams than those of seed 0")
    options = parser.parse_args()
    begun = time.process_time()
    print("| world | KPI type | alone, limit 20 | limit 80 | four of this type, limit 80 | naive z, every look |")
    print("|---|---|---|---|---|---|")
    for world in ("steady", "ramp"):
        print("\n".join(false_alarms(options.streams, world, options.seed)))
    print("\n| KPI type | canary | stopped within 5,000 an arm | median observations an arm |\n|---|---|---|---|")
    print("\n".join(detection(max(options.streams // 10, 50), options.seed)))
    print(f"\n{options.streams} streams a row of {LOOKS} looks at {PER_LOOK}; {time.process_time() - begun:.0f} CPU-s")


if __name__ == "__main__":
    main()
