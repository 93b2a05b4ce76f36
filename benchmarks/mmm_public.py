"""Fit the two public data sets at the defaults and report cost and convergence.

python benchmarks/mmm_public.py --data ../shared/data/mmm --seeds 3
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from public_panels import PANELS


def main():
    from mmm.model import MMM
    from mmm.spec import ModelSpec

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/mmm"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", choices=sorted(PANELS))
    arguments = parser.parse_args()
    print("| data | seed | CPU s | gradients | healthy | R-hat | bulk ESS | tail ESS | divergences | retried | ROAS |")
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    for name, make in PANELS.items():
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
