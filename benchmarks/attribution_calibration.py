"""Error of raw and of lift-calibrated credit on markets where 3 of 10 channels were tested."""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from attribution.journeys import JourneyOptions, build_paths
from attribution.reconcile import NOT_INCREMENTAL, Proof, reconcile
from attribution.uncertainty import bucket_weights, draws_of, ends
from measurement.estimates import Estimate, Interval
from simulation.journey_spec import JourneySpec, random_journey_channels
from simulation.journeys import simulate_journeys

OPTIONS = JourneyOptions(session_minutes=0.0, gap_days=365.0, lookback_days=365.0)


def world(
    seed: int, *, units: int = 8_000, test_error: float = 0.2, anyway_range: tuple[float, float] = (0.1, 0.4)
) -> dict[str, float]:
    """Errors (sum of absolute errors over true incremental conversions) of one market."""
    rng = np.random.default_rng([seed, 7])
    anyway = float(rng.uniform(*anyway_range))
    spec = JourneySpec(units=units, days=365, channels=random_journey_channels(seed, 10), anyway=anyway)
    journeys = simulate_journeys(seed, spec)
    table = build_paths(journeys.touchpoints, OPTIONS)
    draws = draws_of(table, "markov", bucket_weights(300, seed=seed))
    lower, upper = ends(draws.credit[:, :, 0], 0.9)
    value = draws.credit[:, :, 0].mean(axis=0)
    credit = pd.DataFrame({"channel": table.channels, "value": value, "lower": lower, "upper": upper})
    total = float(table.conversions.sum())
    true = np.array([journeys.truth["incremental_share"][name] for name in table.channels]) * total
    tested = rng.choice(len(true), 3, replace=False)
    proofs = []
    ratio = value.copy()
    for place in tested:
        error = test_error * true[place]
        found = float(rng.normal(true[place], error))
        ends_of = Interval(lower=found - 1.645 * error, upper=found + 1.645 * error, level=0.9, kind="confidence")
        lift = Estimate(value=found, interval=ends_of, unit="conversions", method="simulated test")
        proofs.append(Proof(channel=table.channels[place], incremental=lift, source="geo_lift"))
        ratio[place] = found
    report = reconcile(credit, proofs, total=total, seed=seed).table
    rows = report[report["channel"] != NOT_INCREMENTAL]
    calibrated = rows["calibrated"].to_numpy()
    inside = (rows["calibrated_lower"].to_numpy() <= true) & (true <= rows["calibrated_upper"].to_numpy())
    scale = true.sum()
    return {
        "raw": np.abs(value - true).sum() / scale,
        "tested only": np.abs(ratio - true).sum() / scale,
        "calibrated": np.abs(calibrated - true).sum() / scale,
        "covers": float(inside.mean()),
    }


def calibration(worlds: int) -> None:
    """Print the table."""
    found = pd.DataFrame([world(20_000 + seed) for seed in range(worlds)])
    rng = np.random.default_rng(1)
    picks = rng.integers(0, worlds, (2_000, worlds))
    ratio = found["calibrated"].to_numpy()[picks].sum(axis=1) / found["raw"].to_numpy()[picks].sum(axis=1)
    low, high = np.quantile(ratio, [0.025, 0.975])
    print(f"\n| credit | mean error | ({worlds} worlds)\n|---|---|")
    for name in ("raw", "tested only", "calibrated"):
        print(f"| {name} | {found[name].mean():.1%} |")
    share = found["calibrated"].mean() / found["raw"].mean()
    print(f"\nCalibrated over raw: {share:.2f} (95% {low:.2f} to {high:.2f})")
    print(f"90% intervals of calibrated credit cover {found['covers'].mean():.0%}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=100)
    calibration(parser.parse_args().worlds)
