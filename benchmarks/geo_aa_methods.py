"""How honest the other readings of a geo test are: cells, staggered starts, jackknife+, placebo sets, a test that
is looked at every week, and the Bayesian control.

Panels of 16 geos and 80 weeks (stationary, trending, integrated noise, as in `geo_aa`); two or three random geos are
treated in the last six weeks. Each test is read without a lift and with 10% put in, by the code that `geo read` uses.

    python benchmarks/geo_aa_methods.py --windows 150
    python benchmarks/geo_aa_methods.py --windows 20 --only bayesian
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
from geo_aa import simulated

from geolift.measure import measure
from geolift.sequential import watch_geo_test
from geolift.test_plan import GeoTest
from measurement.panel import Panel

GEOS = tuple(f"g{place:02d}" for place in range(16))
WEEKS, LENGTH = 80, 6
DATES = pd.date_range("2025-03-03", periods=WEEKS, freq="7D")
START, END = DATES[-LENGTH].date(), DATES[-1].date() + timedelta(days=6)
LATE = START + timedelta(weeks=2)
LIFTS = (0.0, 0.1)


def plain(treated: tuple[str, ...], **changes: object) -> GeoTest:
    """A test of these geos."""
    return GeoTest(channel="tv", treated=treated, start=START, end=END, incremental_spend=1.0, **changes)  # type: ignore[arg-type]


METHODS: dict[str, Callable[[tuple[str, ...]], GeoTest]] = {
    "default": plain,
    "cells, pooled": lambda geos: plain(geos, cells={"each": ()}),
    "staggered starts": lambda geos: plain(geos, starts={geos[-1]: LATE}),
    "jackknife+": lambda geos: plain(geos, inference="jackknife_plus"),
    "placebo sets": lambda geos: plain(geos, inference="placebo_sets"),
    "looked at weekly": plain,
    "bayesian": lambda geos: plain(geos, estimator="bayesian"),
}


def first_period(test: GeoTest, geo: str) -> int:
    """Period in which a geo starts."""
    begin: date = test.starts.get(geo, test.start)
    return int(np.flatnonzero(pd.Timestamp(begin) == DATES)[0])


def read(outcome: np.ndarray, test: GeoTest, lift: float) -> tuple[bool, bool, float]:
    """Whether "no effect" is rejected, whether the interval holds the truth, its width over the outcome."""
    changed, truth = outcome.copy(), 0.0
    for geo in test.treated:
        row, begin = GEOS.index(geo), first_period(test, geo)
        truth += lift * float(outcome[row, begin:].sum())
        changed[row, begin:] *= 1 + lift
    found = measure(Panel.from_arrays(outcome=changed, dates=DATES, geos=GEOS), test, estimator=None, seed=1)
    # An effect is that of the mean treated geo and period; a staggered one too is told over all periods of the test.
    counted, interval = len(test.treated) * LENGTH, found.result.interval
    covers = interval.contains(truth / counted)
    return found.result.p_value <= 0.1 + 1e-12, covers, interval.width * counted / found.base


def watch(outcome: np.ndarray, test: GeoTest, lift: float) -> tuple[bool, bool, float]:
    """`read` of the running reading: whether it stops at any look, whether all bands hold the mean effect so far."""
    changed, rows = outcome.copy(), [GEOS.index(geo) for geo in test.treated]
    changed[rows, -LENGTH:] *= 1 + lift
    truth = lift * outcome[rows, -LENGTH:].mean(axis=0).cumsum() / np.arange(1, LENGTH + 1)
    found = watch_geo_test(Panel.from_arrays(outcome=changed, dates=DATES, geos=GEOS), test, seed=1)
    held = bool(((found.lower <= truth) & (truth <= found.upper)).all())
    width = float(found.upper[-1] - found.lower[-1]) / float(outcome[rows, -LENGTH:].mean())
    return found.stopped is not None, held, width


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=150)
    parser.add_argument("--only", nargs="+", choices=list(METHODS), default=list(METHODS)[:-1])
    parser.add_argument("--first", type=int, default=500, help="first seed of the panels")
    options = parser.parse_args()
    print("| panel | reading | tests | A/A rejection | coverage at 0% | coverage at 10% | median width | CPU-s |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in ("stationary", "trending", "integrated"):
        for name in options.only:
            rng, started = np.random.default_rng([options.first, len(kind)]), time.process_time()
            rows: dict[float, list[tuple[bool, bool, float]]] = {lift: [] for lift in LIFTS}
            for window in range(options.windows):
                outcome = simulated(kind, options.first + window, geos=len(GEOS), periods=WEEKS)
                geos = tuple(GEOS[place] for place in np.sort(rng.choice(len(GEOS), 2 + window % 2, replace=False)))
                test = METHODS[name](geos)
                for lift in LIFTS:
                    look = watch if name == "looked at weekly" else read
                    rows[lift].append(look(outcome, test, lift))
            alarms = np.mean([row[0] for row in rows[0.0]])
            kept = [np.mean([row[1] for row in rows[lift]]) for lift in LIFTS]
            width = np.median([row[2] for row in rows[0.0]])
            shares = f"{alarms:.3f} | {kept[0]:.3f} | {kept[1]:.3f} | {width:.1%}"
            spent = f"{time.process_time() - started:.0f}"
            print(f"| {kind} | {name} | {options.windows} | {shares} | {spent} |", flush=True)


if __name__ == "__main__":
    main()
