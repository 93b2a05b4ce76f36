"""Does one more week change the advice? The same panel fitted with its last weeks left out in turn.

    python benchmarks/mmm_stability.py --kinds plain,wandering --markets 20 --weeks-left-out 3 --jobs 2

Each pair of fits that are one week apart is a refit. A channel moves where its ROAS (posterior mean, over the panel)
changes; the bar is a third of the width of its 90% interval before the week was added. Every fit is one line of
``--out``; a study that was stopped goes on where it stood.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

import numpy as np
from mmm_studies import add_study_options, fitted_row, middle, run_study, settings, share, table
from mmm_worlds import add_size_options, cases, world


def study(case: dict) -> dict:
    """Fit one market without its last ``left_out`` weeks."""
    one = world(case)
    dates = one.panel.dates
    panel = one.panel.select(until=dates[len(dates) - 1 - case["left_out"]])
    _, row = fitted_row(case, panel, one.holidays)
    return row


def moves(before: dict, after: dict, name: str) -> list[float]:
    """Change of every channel's mean over the width of its interval before."""
    # A channel may enter the panel with the added week; then there is no before.
    kept = [channel for channel in after["channels"] if channel in before["channels"]]
    found = []
    for channel in kept:
        old, new = before["channels"].index(channel), after["channels"].index(channel)
        width = before[f"{name}_upper"][old] - before[f"{name}_lower"][old]
        found.append(abs(after[name][new] - before[name][old]) / width)
    return found


def report(rows: list[dict]) -> None:
    """One line a kind."""
    fits: dict[str, dict[int, dict[int, dict]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows:
        case = row["case"]
        fits[case["kind"]][case["seed"]][case["left_out"]] = row
    lines = []
    for kind, markets in fits.items():
        healthy = [row["healthy"] for one in markets.values() for row in one.values()]
        by_market = [[(one[cut + 1], one[cut]) for cut in sorted(one) if cut + 1 in one] for one in markets.values()]
        roas = [[moves(*pair, "roas") for pair in pairs] for pairs in by_market]
        marginal = [[moves(*pair, "marginal_roas") for pair in pairs] for pairs in by_market]
        every = [value for pairs in roas for one in pairs for value in one]
        refits = sum(map(len, roas))
        if not refits:
            continue
        lines.append(
            [
                kind,
                str(len(markets)),
                str(refits),
                share([[value < 1 / 3 for one in pairs for value in one] for pairs in roas]),
                share([[max(one) < 1 / 3 for one in pairs] for pairs in roas]),
                middle(every),
                f"{np.quantile(every, 0.95):.1%}",
                f"{max(every):.1%}",
                share([[value < 1 / 3 for one in pairs for value in one] for pairs in marginal]),
                f"{sum(healthy)} of {len(healthy)}",
            ]
        )
    columns = ["kind", "markets", "refits", "channels within a third", "refits with all within", "median move"]
    table([*columns, "95% of moves below", "largest", "marginal within a third", "healthy"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_options(parser, markets=20, kinds="plain")
    add_study_options(parser, out="build/mmm_stability.jsonl")
    parser.add_argument("--weeks-left-out", type=int, default=2, help="most weeks left out: so many refits a market")
    arguments = parser.parse_args()
    todo = [
        case | settings(arguments) | {"left_out": left_out}
        for case in cases(arguments)
        for left_out in range(arguments.weeks_left_out + 1)
    ]
    rows = run_study(study, todo, arguments)
    if rows:
        report(rows)
    if len(rows) < len(todo) and not arguments.report_only:
        raise SystemExit(f"{len(todo) - len(rows)} of {len(todo)} fits are missing")


if __name__ == "__main__":
    main()
