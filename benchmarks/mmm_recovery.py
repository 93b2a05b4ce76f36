"""Recovery study: simulated markets with known truth, fitted, coverage and error by kind of market.

    python benchmarks/mmm_recovery.py --kinds plain,random_walk --markets 10
    python benchmarks/mmm_recovery.py --kinds all --markets 100 --jobs 2 --out build/recovery.jsonl
    python benchmarks/mmm_recovery.py --kinds delayed_adstock --spec '{"adstock": "delayed"}'

Every fit is one line of ``--out``; a study that was stopped goes on where it stood. Truth is what each market states:
ROAS over the panel, marginal ROAS as the model defines it (the next euro at the mean spend of the last 8 weeks in
steady state), and the contribution of all channels together.
"""

from __future__ import annotations

import argparse
from collections import defaultdict

from mmm_studies import add_study_options, fitted_row, middle, model_spec, run_study, settings, share, table
from mmm_worlds import KINDS, SIZED, add_size_options, cases, world

COLUMNS = (
    "kind",
    "markets",
    "healthy",
    "ROAS in 90%",
    "healthy only",
    "marginal in 90%",
    "total in 90%",
    "ROAS error",
    "bias",
    "marginal error",
    "total error",
    "width",
    "R-hat",
    "min ESS",
    "CPU s (most)",
)


def study(case: dict) -> dict:
    """Fit one market."""
    one = world(case)
    _, row = fitted_row(case, one.panel, one.holidays)
    for name in ("roas", "marginal_roas_recent", "contribution"):
        row[f"true_{name}"] = [one.truth[name][channel] for channel in row["channels"]]
    return row | {"true_total": one.truth["total_contribution"]}


def inside(row: dict, name: str, truth: str) -> list[bool]:
    """Which channels' 90% intervals hold the truth."""
    ends = zip(row[f"{name}_lower"], row[truth], row[f"{name}_upper"], strict=True)
    return [lower <= true <= upper for lower, true, upper in ends]


def errors(rows: list[dict], name: str, truth: str) -> list[float]:
    """Estimate over truth, minus 1, of every channel."""
    return [
        value / true - 1.0 for row in rows for value, true in zip(row[name], row[truth], strict=True) if true != 0.0
    ]


def summary(name: str, rows: list[dict]) -> list[str]:
    """A line of the table."""
    roas = [inside(row, "roas", "true_roas") for row in rows]
    healthy = [one for one, row in zip(roas, rows, strict=True) if row["healthy"]]
    total = [[row["total_lower"] <= row["true_total"] <= row["total_upper"]] for row in rows]
    off = errors(rows, "roas", "true_roas")
    width = [
        (upper - lower) / true
        for row in rows
        for lower, upper, true in zip(row["roas_lower"], row["roas_upper"], row["true_roas"], strict=True)
    ]
    return [
        name,
        str(len(rows)),
        f"{sum(row['healthy'] for row in rows) / len(rows):.0%}",
        share(roas),
        share(healthy),
        share([inside(row, "marginal_roas", "true_marginal_roas_recent") for row in rows]),
        share(total),
        middle(abs(value) for value in off),
        middle(off, "+.1%"),
        middle(abs(value) for value in errors(rows, "marginal_roas", "true_marginal_roas_recent")),
        middle(abs(row["total"] / row["true_total"] - 1.0) for row in rows),
        middle(width, ".0%"),
        middle((row["r_hat"] for row in rows), ".3f"),
        middle((min(row["ess_bulk"], row["ess_tail"]) for row in rows), ".0f"),
        f"{middle((row['cpu_s'] for row in rows), '.0f')} ({max(row['cpu_s'] for row in rows):.0f})",
    ]


def report(rows: list[dict]) -> None:
    """Well specified and misspecified kinds apart, with what failed where."""
    groups: dict[bool, dict[str, list[dict]]] = {True: defaultdict(list), False: defaultdict(list)}
    for row in rows:
        kind = KINDS[row["case"]["kind"]]
        spec = model_spec(row["case"], "DE" if kind.name in SIZED else None)
        groups[kind.well_specified(spec)][kind.name].append(row)
    for well, kinds in groups.items():
        if not kinds:
            continue
        print("\n" + ("Well specified" if well else "Misspecified") + "\n")
        every = [row for found in kinds.values() for row in found]
        lines = [summary(name, found) for name, found in kinds.items()]
        table(list(COLUMNS), lines if len(kinds) == 1 else [*lines, summary("together", every)])
    failed: dict[str, int] = defaultdict(int)
    for row in rows:
        for name in row["failed"]:
            failed[f"{row['case']['kind']}: {name}"] += 1
    for name, count in sorted(failed.items()):
        print(f"failed {name} in {count}")
    print(f"sampled twice: {sum(bool(row['retried']) for row in rows)} of {len(rows)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_options(parser, markets=10, kinds="plain")
    add_study_options(parser, out="build/mmm_recovery.jsonl")
    arguments = parser.parse_args()
    todo = [case | settings(arguments) for case in cases(arguments)]
    rows = run_study(study, todo, arguments)
    if rows:
        report(rows)
    if len(rows) < len(todo) and not arguments.report_only:
        raise SystemExit(f"{len(todo) - len(rows)} of {len(todo)} fits are missing")


if __name__ == "__main__":
    main()
