"""Does the weekly advice flap? Half a year of weekly refits of a market that does not change.

Run: python benchmarks/budget_stability.py [--markets 20]
Four channels with the same saturating response. Each week's posterior is off by an error that is as large as the
posterior says (15%) and follows the error of the week before with a correlation: refits share all of their data but
the last week. The advice is carried out, and the next week starts from it. Counted over 26 weeks: changes of a
channel, those that turn back the channel's last change, and money that changed place, in % of the weekly budget.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import Fixed, MaxChange, TotalBudget
from decisions.recommendation import Stability, holds, moves
from measurement.curves import ResponseCurves

CHANNELS, WEEKS, WIDTH, DRAWS = ("a", "b", "c", "d"), 26, 0.15, 600


def posterior(error: np.ndarray, today: np.ndarray, seed: int) -> ResponseCurves:
    """Curves whose level is off by ``error`` (log) and uncertain by ``WIDTH``."""
    rng = np.random.default_rng([8, seed])
    grid = np.linspace(0.0, 400.0, 81)
    level = 2.0 * np.exp(error) * np.exp(rng.normal(0.0, WIDTH, (DRAWS, len(CHANNELS))))
    return ResponseCurves(
        channels=CHANNELS,
        spend=np.tile(grid, (len(CHANNELS), 1)),
        outcome=level[:, :, None] * (grid / (grid + 150.0) * 250.0),
        observed_spend=today,
        currency="EUR",
    )


def advice(curves: ResponseCurves, *, steady: bool) -> np.ndarray:
    """The optimum; ``steady``: with everything held that is not worth moving, until nothing more is."""
    today = curves.observed_spend
    rules = [TotalBudget(float(today.sum())), MaxChange(0.25)]
    held: dict[str, float] = {}
    while True:
        if len(held) >= len(today) - 1:
            return today
        fixed = [Fixed(channel, money) for channel, money in held.items()]
        plan = moves(Allocator([*rules, *fixed]).allocate(curves), curves)
        more = [channel for channel in holds(plan, Stability()) if channel not in held] if steady else []
        if not more:
            return np.array([move.proposed for move in plan])
        held |= {channel: float(today[CHANNELS.index(channel)]) for channel in more}


def half_year(seed: int, correlation: float, *, steady: bool, weeks: int = WEEKS) -> tuple[int, int, float]:
    """Changes, changes that turn back the last one, and share of the budget that changed place."""
    rng = np.random.default_rng([7, seed])
    error, today = rng.normal(0.0, WIDTH, len(CHANNELS)), np.full(len(CHANNELS), 100.0)
    last, changes, back, moved = np.zeros(len(CHANNELS)), 0, 0, 0.0
    for week in range(weeks):
        then = advice(posterior(error, today, 1000 * seed + week), steady=steady)
        change = np.where(np.abs(then - today) < 1.0, 0.0, then - today)
        changes += int((change != 0).sum())
        back += int((change * last < 0).sum())
        moved += float(np.abs(change).sum()) / 2 / today.sum()
        last, today = np.where(change != 0, change, last), then
        error = correlation * error + rng.normal(0.0, WIDTH * np.sqrt(1 - correlation**2), len(CHANNELS))
    return changes, back, moved


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=20)
    options = parser.parse_args()
    print(f"\n{options.markets} markets, {WEEKS} weeks, {len(CHANNELS)} channels; means\n")
    print("| correlation of a refit's error with the last | advice | changes | of these back again | moved |")
    print("|---|---|---|---|---|")
    for correlation in (0.0, 0.9, 0.98, 0.99):
        for steady in (False, True):
            runs = [half_year(seed, correlation, steady=steady) for seed in range(options.markets)]
            changes, back, moved = np.mean(runs, axis=0)
            name = "held where not worth it" if steady else "the optimum"
            print(f"| {correlation} | {name} | {changes:.1f} | {back:.1f} | {moved:.0%} |")


if __name__ == "__main__":
    main()
