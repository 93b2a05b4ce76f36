"""Does the score that chooses the baseline (``baseline = "auto"``) choose what forecasts well?

    python benchmarks/mmm_baseline.py --kinds plain,random_walk,wandering --markets 4 --geos 1

Each market is fitted with every form and knot spacing that competes. The score is that of the panel without the weeks
that are forecast; the forecast's CRPS is that of rolling time slices over those weeks, national, relative to the mean
outcome. Every candidate is one line of ``--out``; a study that was stopped goes on where it stood.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from dataclasses import replace

import numpy as np
from mmm_studies import add_study_options, middle, model_spec, run_study, settings, table
from mmm_worlds import add_size_options, cases, world
from scipy.stats import spearmanr

HORIZON, SLICES = 8, 3


def study(case: dict) -> dict:
    """Score and CRPS of one candidate on one market."""
    from mmm.selection import log_score
    from mmm.validation import time_slices

    started, one = time.process_time(), world(case)
    spec = replace(model_spec(case, one.holidays), baseline=case["form"], knot_every=case["spacing"])
    known = one.panel.select(until=one.panel.dates[len(one.panel.dates) - 1 - HORIZON * SLICES])
    found = time_slices(one.panel, spec, horizon=HORIZON, slices=SLICES, seed=case["fit_seed"])
    whole = found.table().set_index("slice").loc["all"]
    return {
        "log_score": log_score(known, spec),
        "crps": float(whole["national_crps"]),
        "skill": float(whole["national_skill"]),
        "coverage": float(whole["national_coverage"]),
        "healthy": all(found.healthy.values()),
        "cpu_s": time.process_time() - started,
    }


def report(rows: list[dict]) -> None:
    """One line a kind: what the score's choice forecasts beside the best, the worst and the default candidate."""
    from mmm.spec import ModelSpec

    default = ModelSpec()
    markets: dict[str, dict[int, list[dict]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        markets[row["case"]["kind"]][row["case"]["seed"]].append(row)
    lines = []
    for kind, found in markets.items():
        best, worst, usual, ranks, behind = [], [], [], [], []
        for candidates in found.values():
            score = np.array([row["log_score"] for row in candidates])
            crps = np.array([row["crps"] for row in candidates])
            plain = [(row["case"]["form"], row["case"]["spacing"]) for row in candidates]
            chosen = crps[score.argmax()]
            best.append(chosen / crps.min() - 1.0)
            worst.append(chosen / crps.max() - 1.0)
            usual.append(chosen / crps[plain.index((default.baseline, default.knot_every))] - 1.0)
            ranks.append(float(spearmanr(score, -crps).statistic))
            behind.append(float(score.max() - score.min()))
        healthy = [row["healthy"] for candidates in found.values() for row in candidates]
        covered = float(np.mean([row["coverage"] for candidates in found.values() for row in candidates]))
        values = [middle(best, "+.1%"), f"{max(best):+.1%}", middle(worst, "+.1%"), middle(usual, "+.1%")]
        values += [f"{np.mean(ranks):.2f}", f"{np.median(behind):.1f}", f"{covered:.0%}"]
        lines.append([kind, str(len(found)), *values, f"{sum(healthy)} of {len(healthy)}"])
    columns = ["kind", "markets", "CRPS of the chosen over the best", "at most", "over the worst", "over the default"]
    table([*columns, "rank correlation", "spread of scores", "forecast in 90%", "healthy"], lines)


def main() -> None:
    from mmm.selection import FORMS, SPACINGS

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_size_options(parser, markets=4, kinds="plain,random_walk,wandering")
    add_study_options(parser, out="build/mmm_baseline.jsonl")
    arguments = parser.parse_args()
    todo = [
        case | settings(arguments) | {"form": form, "spacing": spacing}
        for case in cases(arguments)
        for form in FORMS
        for spacing in (SPACINGS if form == "knots" else SPACINGS[1:2])
    ]
    rows = run_study(study, todo, arguments)
    if rows:
        report(rows)
    if len(rows) < len(todo) and not arguments.report_only:
        raise SystemExit(f"{len(todo) - len(rows)} of {len(todo)} candidates are missing")


if __name__ == "__main__":
    main()
