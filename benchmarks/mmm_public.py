"""Fit the two public data sets at the defaults and report cost and convergence.

python benchmarks/mmm_public.py --data ../shared/data/mmm --seeds 3
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd


def robyn_panel(folder):
    """National, 208 weeks, 5 paid channels, a competitor control, a newsletter."""
    from measurement.panel import Panel

    table = pd.read_csv(folder / "robyn_simulated_weekly.csv", parse_dates=["DATE"])
    spend = ["tv_S", "ooh_S", "print_S", "facebook_S", "search_S"]
    exposure = ["tv_S", "ooh_S", "print_S", "facebook_I", "search_clicks_P"]
    return Panel.from_arrays(
        outcome=table["revenue"].to_numpy()[None],
        dates=pd.DatetimeIndex(table["DATE"].to_numpy()),
        spend=table[spend].to_numpy()[None],
        exposure=table[exposure].to_numpy()[None],
        channels=["tv", "ooh", "print", "facebook", "search"],
        control=table[["competitor_sales_B"]].to_numpy()[None],
        controls=["competitor_sales"],
        organic=table[["newsletter"]].to_numpy()[None],
        organics=["newsletter"],
    )


def meridian_panel(folder):
    """40 geos, 156 weeks, 5 paid channels, controls, promotion, organic media; conversions × revenue each."""
    from measurement.panel import Panel

    table = pd.read_csv(folder / "meridian_geo_all_channels.csv", parse_dates=["time"], index_col=0)
    geos = sorted(table["geo"].unique(), key=lambda name: int(name[3:]))
    table["geo"] = pd.Categorical(table["geo"], geos)
    table = table.sort_values(["geo", "time"])
    dates = pd.DatetimeIndex(table["time"].unique())

    def block(columns):
        return np.stack([table[name].to_numpy(dtype=float).reshape(len(geos), -1) for name in columns], axis=2)

    names = [f"Channel{index}" for index in range(5)]
    controls = ["competitor_sales_control", "sentiment_score_control", "Promo"]
    return Panel.from_arrays(
        outcome=block(["conversions"])[..., 0],
        value_per_unit=block(["revenue_per_conversion"])[..., 0],
        outcome_kind="units",
        dates=dates,
        geos=geos,
        spend=block([f"{name}_spend" for name in names]),
        exposure=block([f"{name}_impression" for name in names]),
        channels=names,
        control=block(controls),
        controls=controls,
        organic=block(["Organic_channel0_impression"]),
        organics=["organic"],
        population=block(["population"])[:, 0, 0],
    )


def main():
    from mmm.model import MMM
    from mmm.spec import ModelSpec

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/mmm"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", choices=["robyn", "meridian"])
    arguments = parser.parse_args()
    panels = {"robyn": robyn_panel, "meridian": meridian_panel}
    print("| data | seed | CPU s | gradients | healthy | R-hat | bulk ESS | tail ESS | divergences | retried | ROAS |")
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for name, make in panels.items():
        if arguments.only not in (None, name):
            continue
        for seed in range(1, arguments.seeds + 1):
            started = time.process_time()
            fitted = MMM(ModelSpec()).fit(make(arguments.data), seed=seed)
            seconds = time.process_time() - started
            found = {check.name: check.value for check in fitted.checks}
            failed = [check.name for check in fitted.checks if check.blocking and not check.passed]
            roas = ", ".join(
                f"{estimate.value:.2f} [{estimate.interval.lower:.2f}, {estimate.interval.upper:.2f}]"
                for estimate in fitted.roas().values()
            )
            print(
                f"| {name} | {seed} | {seconds:.1f} | {fitted.options['gradients']} | {failed or 'yes'} "
                f"| {found['r_hat']} | {found['ess_bulk']} | {found['ess_tail']} | {found['divergences']} "
                f"| {fitted.options.get('retried_after', 'no')} | {roas} |",
                flush=True,
            )
            hints = [f"{check.name}={check.value}" for check in fitted.checks if not check.passed]
            print("hints:", "; ".join(hints) or "none", flush=True)


if __name__ == "__main__":
    main()
