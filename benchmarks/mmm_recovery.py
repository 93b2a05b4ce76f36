"""Recovery study: simulated markets with known truth, fitted at the defaults, coverage and error reported.

python benchmarks/mmm_recovery.py --markets 10 --geos 12 --channels 6 --random-channels
python benchmarks/mmm_recovery.py --markets 5 --preset wandering
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np


def study(task):
    """Fit one market; plain values of what came out."""
    seed, arguments = task
    from mmm.model import MMM
    from mmm.spec import ModelSpec
    from simulation.market import simulate_market
    from simulation.market_spec import market_spec

    world = market_spec(
        arguments["preset"],
        n_geos=arguments["geos"],
        n_weeks=arguments["weeks"],
        n_channels=arguments["channels"],
        channel_seed=seed if arguments["random_channels"] else None,
    )
    market = simulate_market(seed, world)
    spec = ModelSpec(holidays="DE", **json.loads(arguments["spec"]))
    started = time.process_time()
    fitted = MMM(spec).fit(market.panel, seed=1)
    seconds = time.process_time() - started
    table, truth = fitted.channels_table(), market.truth
    roas = np.array([truth["roas"][name] for name in table["channel"]])
    marginal = np.array([truth["marginal_roas_recent"][name] for name in table["channel"]])
    total = fitted.total_contribution()
    found = {check.name: check.value for check in fitted.checks}
    return {
        "seed": seed,
        "cpu_s": seconds,
        "healthy": fitted.healthy,
        "failed": [check.name for check in fitted.checks if check.blocking and not check.passed],
        "retried": fitted.options.get("retried_after", ""),
        "r_hat": found["r_hat"],
        "ess": min(found["ess_bulk"], found["ess_tail"]),
        "divergences": found["divergences"],
        "inside": int(((table["roas_lower"] <= roas) & (roas <= table["roas_upper"])).sum()),
        "marginal_inside": int(
            ((table["marginal_roas_lower"] <= marginal) & (marginal <= table["marginal_roas_upper"])).sum()
        ),
        "roas_error": np.abs(table["roas"] / roas - 1).tolist(),
        "marginal_error": np.abs(table["marginal_roas"] / marginal - 1).tolist(),
        "total_error": total.value / truth["total_contribution"] - 1,
        "total_inside": bool(total.interval.contains(truth["total_contribution"])),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=101)
    parser.add_argument("--preset", default="plain")
    parser.add_argument("--geos", type=int, default=16)
    parser.add_argument("--weeks", type=int, default=130)
    parser.add_argument("--channels", type=int, default=8)
    parser.add_argument("--random-channels", action="store_true")
    parser.add_argument("--spec", default="{}", help="fields of ModelSpec as JSON")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = vars(parser.parse_args())
    tasks = [(arguments["first_seed"] + index, arguments) for index in range(arguments["markets"])]
    print("| market | CPU s | healthy | R-hat | min ESS | ROAS inside 90% | marginal inside | median error | total |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    rows = []
    with ProcessPoolExecutor(arguments["jobs"]) as pool:
        for row in pool.map(study, tasks):
            rows.append(row)
            state = "yes" if row["healthy"] else "no: " + ", ".join(row["failed"])
            state += " (retried)" if row["retried"] else ""
            print(
                f"| {row['seed']} | {row['cpu_s']:.0f} | {state} | {row['r_hat']:.3f} | {row['ess']:.0f} "
                f"| {row['inside']} of {arguments['channels']} | {row['marginal_inside']} of {arguments['channels']} "
                f"| {np.median(row['roas_error']):.0%} | {row['total_error']:+.1%} |",
                flush=True,
            )
    cells = len(rows) * arguments["channels"]
    print(
        f"\nROAS in 90% interval: {sum(row['inside'] for row in rows) / cells:.0%} of {cells} · marginal ROAS: "
        f"{sum(row['marginal_inside'] for row in rows) / cells:.0%} · total: "
        f"{np.mean([row['total_inside'] for row in rows]):.0%} · median absolute error ROAS "
        f"{np.median([row['roas_error'] for row in rows]):.1%}, marginal "
        f"{np.median([row['marginal_error'] for row in rows]):.1%}, total "
        f"{np.median([abs(row['total_error']) for row in rows]):.1%} · healthy "
        f"{np.mean([row['healthy'] for row in rows]):.0%} · median CPU "
        f"{np.median([row['cpu_s'] for row in rows]):.0f} s"
    )


if __name__ == "__main__":
    main()
