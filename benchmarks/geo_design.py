"""Whether a design keeps its word: power at the promised MDE in weeks after the design was made.

Sixteen simulated geos, 240 weeks. The design sees the first 180; its three best sets are then tested in ten windows of
the rest, with the promised MDE put in (both signs) and with nothing put in.

    python benchmarks/geo_design.py --panels 12
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from geo_aa import simulated

from geolift.design import design_geo_test
from geolift.design_study import Effort
from geolift.estimators import Comparison
from geolift.inference import block_conformal
from geolift.power import CandidateSets, simulated_p_values
from geolift.selection import choice_stretch
from geolift.synthetic_control import SyntheticControl
from measurement.panel import Panel

KNOWN, WEEKS, BEST = 180, 6, 3


def reject(outcome: np.ndarray, members: np.ndarray, end: int, lift: float) -> bool:
    """Whether the readout's default test, widened for chosen geos, rejects "no effect" on one window."""
    series = outcome[members, :end].mean(axis=0)
    series[-WEEKS:] *= 1 + lift
    names = tuple(str(place) for place in np.flatnonzero(~members))
    item = Comparison(treated=series, donors=outcome[~members, :end], pre=int(end) - WEEKS, names=names)
    stretch = choice_stretch(outcome[:, : int(end) - WEEKS], np.flatnonzero(members), seed=0).factor
    return block_conformal(SyntheticControl(), item, stretch=stretch).p_value <= 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--panels", type=int, default=12)
    options = parser.parse_args()
    columns = [
        *("panel", "wanted power", "power of the readout", "readout rejects without a lift", "power, not widened"),
        *("rejects, not widened", "mean MDE", "reliability", "stretch", "CPU-s"),
    ]
    print("| " + " | ".join(columns) + " |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for kind in ("stationary", "trending", "integrated"):
        kept, alarms, mdes, corrections, read, aa = [], [], [], [], [], []
        started = time.process_time()
        for seed in range(options.panels):
            outcome = simulated(kind, 100 + seed, geos=16, periods=240)
            panel = Panel.from_arrays(
                outcome=outcome[:, :KNOWN],
                dates=pd.date_range("2022-01-03", periods=KNOWN, freq="7D"),
                geos=[f"g{place:02d}" for place in range(16)],
            )
            effort = Effort(exhaustive=2000, beam=30, keep=60)
            designs = design_geo_test(panel, channel="any", weeks=WEEKS, effort=effort)
            corrections.append((designs.reliability, designs.stretch))
            for design in designs.designs[:BEST]:
                ends = np.arange(KNOWN + WEEKS, 241, WEEKS)
                members = np.array([[geo in design.treated for geo in panel.geos]])
                found = simulated_p_values(
                    outcome,
                    CandidateSets(members=members, allowed=~members),
                    post=WEEKS,
                    ends=ends,
                    effects=np.array([-design.mde, 0.0, design.mde]),
                )[0]
                kept.append((found[:, [0, 2]] <= 0.1).mean())
                alarms.append((found[:, 1] <= 0.1).mean())
                read += [reject(outcome, members[0], end, design.mde) for end in ends]
                aa += [reject(outcome, members[0], end, 0.0) for end in ends]
                mdes.append(design.mde)
        reliability, stretch = np.mean(corrections, axis=0)
        shares = " | ".join(f"{np.mean(values):.0%}" for values in (read, aa, kept, alarms))
        rest = f"{np.mean(mdes):.1%} | {reliability:.2f} | {stretch:.2f} | {time.process_time() - started:.0f}"
        print(f"| {kind} | 80% | {shares} | {rest} |", flush=True)


if __name__ == "__main__":
    main()
