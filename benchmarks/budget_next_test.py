"""Does the test that `next_test` picks lower the regret of the next plan more than other ways to pick?

Run: python benchmarks/budget_next_test.py [--markets 200]
Each market: a posterior over correlated Hill curves, a truth drawn from it, one geo test (true effect plus noise),
the posterior weighted by its reading, a new plan. Regret is what the plan earns below the optimum for the truth.
All ways share truth and noise in a market (paired differences).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import Bounds, Rule, TotalBudget
from budget_optimizer.next_test import next_test
from measurement.curves import ResponseCurves

DRAWS, CHANNELS, POINTS = 600, 6, 40


def market(rng: np.random.Generator) -> tuple[ResponseCurves, ResponseCurves, list[Rule]]:
    """Posterior curves, the true curves (one more draw), and rules within a factor of two of today's spend."""
    today = np.exp(rng.normal(9.5, 0.6, CHANNELS))
    slope, half = rng.uniform(0.7, 2.0, CHANNELS), today * np.exp(rng.normal(0.3, 0.5, CHANNELS))
    top = today * rng.uniform(2.0, 5.0, CHANNELS)
    loading = rng.normal(0, 0.5, (CHANNELS, 2))
    spread = rng.uniform(0.05, 0.6, CHANNELS)
    shocks = rng.normal(size=(DRAWS + 1, CHANNELS)) + rng.normal(size=(DRAWS + 1, 2)) @ loading.T
    scale = np.exp(shocks * spread)
    grid = np.linspace(0, 1, POINTS)[None] ** 1.5 * 2.2 * today[:, None]
    ratio = (grid / half[:, None]) ** slope[:, None]
    outcome = scale[:, :, None] * (top[:, None] * ratio / (1 + ratio))

    def curves(draws: np.ndarray) -> ResponseCurves:
        return ResponseCurves(
            channels=tuple(f"c{i}" for i in range(CHANNELS)),
            spend=grid,
            outcome=draws,
            observed_spend=today,
            currency="EUR",
        )

    rules: list[Rule] = [TotalBudget(float(today.sum()))]
    rules += [Bounds(f"c{i}", 0.5 * x, 2.0 * x) for i, x in enumerate(today)]
    return curves(outcome[:-1]), curves(outcome[-1:]), rules


def regret_after(
    channel: int | None, beliefs: ResponseCurves, truth: ResponseCurves, rules: list[Rule], noise: np.ndarray
) -> float:
    """Weekly outcome lost against the optimum for the truth, after testing ``channel`` (None: no test)."""
    effects = beliefs.outcome_at(beliefs.observed_spend)
    weights = np.full(beliefs.draws, 1.0 / beliefs.draws)
    if channel is not None:
        error = effects[:, channel].std() / 2
        reading = truth.outcome_at(truth.observed_spend)[0, channel] + error * noise[channel]
        weights = np.exp(-0.5 * ((effects[:, channel] - reading) / error) ** 2) + 1e-300
        weights /= weights.sum()
    mean = ResponseCurves(
        channels=beliefs.channels,
        spend=beliefs.spend,
        outcome=np.tensordot(weights, beliefs.outcome, axes=1)[None],
        observed_spend=beliefs.observed_spend,
        currency="EUR",
    )
    plan = Allocator(rules, gap=1e-5).best_spend(mean)
    best = Allocator(rules, gap=1e-5).best_spend(truth)
    return float(truth.outcome_at(best).sum() - truth.outcome_at(plan).sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=200)
    options = parser.parse_args()
    ways = ("no test", "widest interval", "random", "next_test")
    lost = np.zeros((options.markets, len(ways)))
    differs, seconds = 0, []
    for seed in range(options.markets):
        rng = np.random.default_rng([31, seed])
        beliefs, truth, rules = market(rng)
        start = time.process_time()
        ranked = next_test(beliefs, rules, seed=seed)
        seconds.append(time.process_time() - start)
        chosen = beliefs.channels.index(ranked[0].channel)
        spread = beliefs.outcome_at(beliefs.observed_spend).std(axis=0)
        widest = int(spread.argmax())
        differs += chosen != widest
        noise = rng.standard_normal(CHANNELS)
        at_random = int(rng.integers(CHANNELS))
        regrets = {c: regret_after(c, beliefs, truth, rules, noise) for c in {None, chosen, widest, at_random}}
        scale = truth.outcome_at(truth.observed_spend).sum()
        lost[seed] = [regrets[c] / scale for c in (None, widest, at_random, chosen)]
    print(f"\n{options.markets} markets, {CHANNELS} channels; regret in % of today's outcome\n")
    print("| pick | mean regret | next_test is better by (95% interval, paired bootstrap) |\n|---|---|---|")
    rng = np.random.default_rng(5)
    for index, way in enumerate(ways):
        better = lost[:, index] - lost[:, -1]
        again = rng.integers(len(better), size=(20000, len(better)))
        low, high = np.quantile(better[again].mean(axis=1), [0.025, 0.975])
        interval = "" if way == "next_test" else f"{better.mean():.3%} [{low:.3%}, {high:.3%}]"
        print(f"| {way} | {lost[:, index].mean():.3%} | {interval} |")
    print(f"\nnext_test differs from the widest interval in {differs / options.markets:.0%}; "
          f"median {np.median(seconds):.2f} CPU-s a ranking")  # fmt: skip


if __name__ == "__main__":
    main()
