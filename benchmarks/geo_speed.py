"""Speed and memory of simulated power tests, and of GeoLift's market selection. One thread, CPU time, after warm-up.

OMP_NUM_THREADS=1 python benchmarks/geo_speed.py [--data ../shared/data]

Weights beside those of other packages: ``python -m benchmarks.geo_peers``.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd

from geolift.market_selection import geolift_market_selection
from geolift.power import CandidateSets, look_back_ends, simulated_p_values
from measurement.panel import Panel

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def power_table() -> None:
    print("| simulated power tests | tests | tests a CPU-second |")
    print("|---|---|---|")
    rng = np.random.default_rng(0)
    for geos, periods, post, sets in ((40, 90, 15, 3000), (210, 365, 28, 2000)):
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
    parser.add_argument("--data", type=Path, default=DATA, help="folder that holds geo/geolift_pretest.csv")
    options = parser.parse_args()
    power_table()
    print(f"\npeak memory, 100,000 tests on 210 x 365 among them: {_peak():.0f} MB")
    if (options.data / "geo" / "geolift_pretest.csv").is_file():
        selection(options.data)
    else:
        print(f"no {options.data}/geo/geolift_pretest.csv: market selection not timed")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
