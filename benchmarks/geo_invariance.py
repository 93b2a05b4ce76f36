"""Whether p-value and interval of a geo readout ever contradict each other, and what names, order and units change.

Random panels of 10 to 30 geos and 40 to 110 days (stationary, trending, integrated noise, as in `geo_aa`), one to
three geos treated, lifts of 0 to 12%, read by the code of `geo read`. Each tenth one is read again with its rows
reversed, its geos renamed, and its outcome in other units.

    python benchmarks/geo_invariance.py --readouts 2000
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from geo_aa import simulated

from geolift.inference import TestResult
from geolift.measure import measure
from geolift.test_plan import GeoTest
from measurement.panel import Panel

KINDS = ("stationary", "trending", "integrated")


def read(outcome: np.ndarray, names: list[str], treated: list[str], post: int) -> TestResult:
    """The default reading of the last ``post`` days."""
    dates = pd.date_range("2026-01-01", periods=outcome.shape[1])
    test = GeoTest(
        channel="tv", treated=tuple(treated), start=dates[-post].date(), end=dates[-1].date(), incremental_spend=1.0
    )
    return measure(Panel.from_arrays(outcome=outcome, dates=dates, geos=names), test, estimator=None, seed=1).result


def moved(first: TestResult, second: TestResult, unit: float) -> float:
    """Largest change of an interval's end, in widths of the interval; infinite where the p-value changed."""
    if first.p_value != second.p_value:
        return float("inf")
    one, other = first.interval, second.interval
    if not np.isfinite([one.lower, one.upper]).all():
        return 0.0 if (one.lower, one.upper) == (other.lower, other.upper) else float("inf")
    ends = (other.lower / unit - one.lower, other.upper / unit - one.upper)
    return max(map(abs, ends)) / max(one.width, 1e-300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readouts", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=20261129)
    options = parser.parse_args()
    rng, started = np.random.default_rng(options.seed), time.process_time()
    contradictions, rejected = 0, 0
    worst = {"rows reversed": 0.0, "geos renamed": 0.0, "outcome × 100,000": 0.0, "outcome / 1,000": 0.0}
    for number in range(options.readouts):
        geos, periods, post = int(rng.integers(10, 31)), int(rng.integers(40, 111)), int(rng.integers(5, 15))
        outcome = simulated(KINDS[number % 3], options.seed + number, geos=geos, periods=periods)
        names = [f"geo {place:02d}" for place in range(geos)]
        places = np.sort(rng.choice(geos, int(rng.integers(1, 4)), replace=False))
        outcome[places, -post:] *= 1 + 0.02 * (number % 7)
        treated = [names[place] for place in places]
        result = read(outcome, names, treated, post)
        contradictions += (result.p_value <= 0.1) == result.interval.contains(0.0)
        rejected += result.p_value <= 0.1
        if number % 10:
            continue
        other = [f"{rng.integers(1 << 40):x}" for _ in names]
        again = {
            "rows reversed": (outcome[::-1], names[::-1], treated, 1.0),
            "geos renamed": (outcome, other, [other[place] for place in places], 1.0),
            "outcome × 100,000": (outcome * 1e5, names, treated, 1e5),
            "outcome / 1,000": (outcome / 1e3, names, treated, 1e-3),
        }
        for change, (panel, geo_names, geo_treated, unit) in again.items():
            found = read(np.ascontiguousarray(panel), geo_names, geo_treated, post)
            worst[change] = max(worst[change], moved(result, found, unit))
    print(f"{options.readouts:,} readouts, {rejected:,} reject no effect: {contradictions} contradictions")
    for change, size in worst.items():
        told = "a p-value changed" if np.isinf(size) else f"p-values the same, ends moved by {size:.1e} widths at most"
        print(f"{change}: {told}")
    print(f"{time.process_time() - started:.0f} CPU-seconds")


if __name__ == "__main__":
    main()
