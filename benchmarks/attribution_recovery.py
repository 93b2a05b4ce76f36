"""Does attribution find what is true? Order of the chain, bootstrap coverage, and lift-calibrated credit."""

from __future__ import annotations

import argparse
import time

import numpy as np

from attribution.journeys import JourneyOptions, build_paths
from attribution.order import choose_order
from attribution.paths import BUCKETS, PathTable
from attribution.uncertainty import bucket_weights, draws_of, ends
from simulation.journey_spec import JourneySpec
from simulation.journeys import simulate_journeys

EVERY_TOUCH = JourneyOptions(session_minutes=0.0, gap_days=365.0, lookback_days=365.0)


def seen(seed: int, spec: JourneySpec):
    """Paths of a world, with its truth."""
    world = simulate_journeys(seed, spec)
    return build_paths(world.touchpoints, EVERY_TOUCH), world.truth


def random_chain(seed: int, *, order: int, journeys: int, channels: int = 6) -> PathTable:
    """Journeys of a chain whose every history has next steps of its own: a generator unlike `simulate_journeys`."""
    rng = np.random.default_rng([seed, 5])
    base = channels + 1
    chance = 0.75 * rng.dirichlet(np.full(channels + 2, 2.0), base**order)
    chance[:, channels:] += (0.08, 0.17)
    chance[0, channels:] = 0.0
    cumulative = (chance / chance.sum(axis=1, keepdims=True)).cumsum(axis=1)
    history, alive = np.zeros(journeys, dtype=int), np.ones(journeys, dtype=bool)
    steps, bought = np.full((journeys, 60), -1), np.zeros(journeys, dtype=bool)
    for place in range(steps.shape[1]):
        following = (rng.random(journeys)[:, None] > cumulative[history]).sum(axis=1).clip(max=channels + 1)
        bought |= alive & (following == channels)
        alive &= following < channels
        steps[alive, place] = following[alive]
        history = np.where(alive, (history * base + following + 1) % base**order, history)
    length = (steps >= 0).sum(axis=1)
    return PathTable(
        channels=tuple(f"c{place}" for place in range(channels)),
        offsets=np.concatenate([[0], length.cumsum()]),
        touches=steps[steps >= 0].astype(np.int16),
        conversions=bought.astype(float),
        nulls=(~bought).astype(float),
        value=bought.astype(float),
        bucket=rng.integers(0, BUCKETS, journeys).astype(np.int16),
    )


def orders(worlds: int, journeys: int, days: int, first: int) -> None:
    """How often the right order is chosen."""
    print(f"\n| journeys | true order | chosen 1 | 2 | 3 | 4 | right | ({journeys:,} journeys, {worlds} worlds)")
    print("|---|---|---|---|---|---|---|---|")
    for name in ("simulated market", "random chain"):
        for order in (1, 2, 3):
            counts = np.zeros(5, dtype=int)
            for seed in range(first + 1_000 * order, first + 1_000 * order + worlds):
                if name == "random chain":
                    table = random_chain(seed, order=order, journeys=journeys)
                else:
                    table, _ = seen(seed, JourneySpec(units=journeys, order=order, days=days))
                counts[choose_order(table).order] += 1
            told = " | ".join(map(str, counts[1:]))
            print(f"| {name} | {order} | {told} | {counts[order] / worlds:.0%} |", flush=True)


def coverage(worlds: int, journeys: int, first: int) -> None:
    """Share of 90% intervals that hold the true removal effect, and the true credit share."""
    hits = {"removal effect": [], "credit share": []}
    for seed in range(worlds):
        # Journeys that begin near the last day would be cut short: the truth is of whole journeys.
        table, truth = seen(first + 5_000 + seed, JourneySpec(units=journeys, days=365))
        weights = bucket_weights(1_000, seed=seed)
        draws = draws_of(table, "markov", weights)
        share = draws.effects[:, :, 0] / draws.effects[:, :, 0].sum(axis=1, keepdims=True)
        for name, values, key in (
            ("removal effect", draws.effects[:, :, 0], "removal_effect"),
            ("credit share", share, "credit_share"),
        ):
            lower, upper = ends(values, 0.9)
            true = np.array([truth[key][channel] for channel in table.channels])
            hits[name].append((lower <= true) & (true <= upper))
    print(f"\n| 90% bootstrap interval of | covers | ± | ({journeys:,} journeys, {worlds} worlds)\n|---|---|---|")
    for name, found in hits.items():
        rates = np.mean(found, axis=1)
        print(f"| {name} | {rates.mean():.1%} | {rates.std(ddof=1) / np.sqrt(worlds):.1%} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--journeys", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--first", type=int, default=40_000, help="first seed")
    parser.add_argument("--only", choices=["orders", "coverage", "calibration"])
    given = parser.parse_args()
    began = time.process_time()
    if given.only in (None, "orders"):
        orders(given.worlds, given.journeys, given.days, given.first)
    if given.only in (None, "coverage"):
        coverage(given.worlds, given.journeys, given.first)
    if given.only in (None, "calibration"):
        from attribution_calibration import calibration

        calibration(given.worlds, given.first)
    print(f"\n{time.process_time() - began:.0f} CPU seconds")


if __name__ == "__main__":
    main()
