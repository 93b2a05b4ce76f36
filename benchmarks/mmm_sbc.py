"""Simulation-based calibration of the media mix model: is the truth found as often as the posterior says?

    python benchmarks/mmm_sbc.py --replications 200 --jobs 2
    python benchmarks/mmm_sbc.py --panels national --replications 40 --spec '{"baseline": "hsgp"}'

Worlds are drawn from the model's own prior on the media of a small panel and fitted; the rank of each true quantity
among thinned posterior draws is uniform if model, simulator and sampler agree. Every replication is one line of
``--out``; a study that was stopped goes on where it stood. No replication is left out, whatever its diagnostics:
leaving out hard worlds would bend the ranks.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections import defaultdict

import numpy as np
from mmm_studies import add_study_options, run_study, settings, table

#: Panel → geos, weeks, channels.
PANELS = {"geos": (3, 40, 2), "national": (1, 60, 2)}
DRAWS = 99
#: Short carry-over and one harmonic keep a replication to seconds; every part of the model is there.
SMALL = {"lags": 4, "harmonics": 1, "draws": 300, "tune": 200}


def study(case: dict) -> dict:
    """One world: drawn, fitted, ranked."""
    from mmm.design import build_design
    from mmm.parameters import parameters
    from mmm.rank_calibration import replicate
    from mmm.spec import ModelSpec
    from simulation.market import simulate_market
    from simulation.market_spec import market_spec

    geos, weeks, channels = PANELS[case["panel"]]
    started = time.process_time()
    spec = ModelSpec.from_json(json.dumps(SMALL | case["spec"]))
    market = simulate_market(1, market_spec(n_geos=geos, n_weeks=weeks, n_channels=channels))
    design = build_design(market.panel, spec)
    found = replicate(design, parameters(design, spec), spec, seed=case["seed"], draws=DRAWS)
    return {
        "cpu_s": round(time.process_time() - started, 2),
        "healthy": bool(found.ess > DRAWS and found.r_hat < 1.05),
        "ranks": {name: ranks.tolist() for name, ranks in found.ranks.items()},
        "r_hat": found.r_hat,
        "ess": found.ess,
        "divergences": found.divergences,
    }


def report(rows: list[dict], bins: int) -> None:
    """One line a panel and family."""
    from mmm.rank_calibration import uniformity

    by_panel: dict[str, list[dict]] = defaultdict(list)
    for row in rows:
        by_panel[row["case"]["panel"]].append(row)
    lines = []
    for panel, found in by_panel.items():
        worst = min(row["ess"] for row in found)
        print(
            f"{panel}: {len(found)} replications, {DRAWS} draws each; least ESS {worst:.0f} "
            f"(median {statistics.median(row['ess'] for row in found):.0f}), "
            f"{sum(row['ess'] < DRAWS for row in found)} below {DRAWS}, "
            f"{sum(row['divergences'] for row in found)} divergences\n"
        )
        for family in found[0]["ranks"]:
            ranks = [np.array(row["ranks"][family]) for row in found]
            place = [np.mean(one) / DRAWS for one in ranks]
            inside = [np.mean((one >= 5) & (one < DRAWS + 1 - 5)) for one in ranks]
            lines.append(
                [
                    panel,
                    family,
                    str(len(ranks[0])),
                    f"{uniformity(ranks, draws=DRAWS, bins=bins):.3f}" if len(ranks) > bins else "too few",
                    f"{np.mean(place):.3f}",
                    f"{np.mean(inside):.1%} ± {np.std(inside) / np.sqrt(len(inside)):.1%}",
                ]
            )
    table(["panel", "family", "members", "p of uniform ranks", "mean rank (0.5)", "inside 90%"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=200, help="of each panel")
    parser.add_argument("--panels", default=",".join(PANELS), help="panels with commas between them")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--bins", type=int, default=10, help="a divisor of 100")
    add_study_options(parser, out="build/mmm_sbc.jsonl")
    arguments = parser.parse_args()
    todo = [
        settings(arguments) | {"panel": panel, "seed": seed}
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.replications)
        for panel in arguments.panels.split(",")
    ]
    rows = run_study(study, todo, arguments)
    if rows:
        report(rows, arguments.bins)
    if len(rows) < len(todo) and not arguments.report_only:
        raise SystemExit(f"{len(todo) - len(rows)} of {len(todo)} replications are missing")


if __name__ == "__main__":
    main()
