"""Off-policy estimators on simulated logs with known truth: coverage of their 95% intervals, bias, error, width.

Run: python benchmarks/bandits_off_policy.py --runs 1000, or --served-only: logs whose shares follow what was learnt.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from bandits.evaluation import LoggedDecisions, arm_means, evaluate_policy
from benchmarks.bandits_served_logs import served_log
from measurement.checks import healthy
from measurement.errors import InputError

ESTIMATORS = ("ipw", "snipw", "dm", "dr", "sndr", "switch_dr", "dros", "replay")


@dataclass(frozen=True)
class World:
    """Two kinds of context, equally frequent; arrays of shape (2, arms); ``kind`` of the rewards."""

    name: str
    n: int
    truth: np.ndarray
    logging: np.ndarray
    target: np.ndarray
    kind: str = "rate"

    def draw(self, rng):
        """A log, the segment of each decision, and what the policy really earns."""
        segment = rng.integers(0, 2, self.n)
        ends = np.cumsum(self.logging[segment], axis=1)
        action = np.minimum((rng.random(self.n)[:, None] > ends).sum(axis=1), ends.shape[1] - 1)
        mean = self.truth[segment, action]
        if self.kind == "rate":
            reward = (rng.random(self.n) < mean).astype(float)
        elif self.kind == "revenue":  # one decision in twenty buys; log-normal order values
            reward = (rng.random(self.n) < 0.05) * rng.lognormal(np.log(mean / 0.05) - 0.32, 0.8)
        else:
            reward = mean + rng.normal(size=self.n)
        value = float((self.truth * self.target).sum() / 2.0)
        return action, reward, self.logging[segment, action], self.target[segment], segment, value


def tilted(arms, share, arm):
    """One arm with ``share``, the others alike."""
    row = np.full(arms, (1.0 - share) / (arms - 1))
    row[arm] = share
    return np.array([row, row])


TRUTH = np.array([[0.10, 0.05, 0.20, 0.08], [0.05, 0.15, 0.04, 0.12]])
TARGET = np.array([[0.1, 0.1, 0.7, 0.1], [0.1, 0.6, 0.1, 0.2]])
TEN = np.array([np.linspace(0.02, 0.06, 10), np.linspace(0.03, 0.09, 10)])
WORLDS = (
    World("rates, context matters", 3_000, TRUTH, np.array([[0.4, 0.4, 0.1, 0.1], [0.25] * 4]), TARGET),
    World("500 decisions, equal shares", 500, TRUTH[:, :3], np.full((2, 3), 1 / 3), tilted(3, 0.8, 2)),
    World("ten arms, floor of 2%", 20_000, TEN, tilted(10, 0.82, 0), tilted(10, 0.91, 9)),
    World("a hundred arms", 50_000, np.tile(np.linspace(0.01, 0.05, 100), (2, 1)), np.full((2, 100), 0.01),
          tilted(100, 0.5, 99)),
    World("revenue", 20_000, TRUTH * 20, np.array([[0.6, 0.2, 0.1, 0.1], [0.25] * 4]), TARGET, "revenue"),
    World("any number, policy without chance", 4_000, np.array([[0.0, 1.0, 2.0], [1.0, 1.0, 0.0]]),
          np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]]), np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]), "number"),
)  # fmt: skip


def judged(action, reward, propensity, policy, segment, value, run):
    """By estimator: whether the interval holds the truth, relative error and width, whether it may be acted on."""
    arms = policy.shape[1]
    # DM is judged with a model that could be right, the others with one that knows nothing of the context
    right = arm_means(action, reward, arms, segment=segment, prior_decisions=1.0, seed=run)
    plain = arm_means(action, reward, arms, seed=run)
    found = {}
    for name in ESTIMATORS:
        log = LoggedDecisions(
            action=action, reward=reward, propensity=propensity, policy=policy,
            prediction=right if name == "dm" else plain,
        )  # fmt: skip
        try:
            result = evaluate_policy(log, estimator=name, seed=run)
        except InputError:  # nothing in the log is what the policy would have shown
            continue
        estimate, ends = result.estimate, result.estimate.interval
        width = (ends.upper - ends.lower) / value
        found[name] = (ends.contains(value), estimate.value / value - 1.0, width, healthy(result.checks))
    return found, evaluate_policy(log, estimator="ipw").effective_n if found else np.nan


def collect(results):
    """Shape (logs, 4) by estimator, and the median effective sample size."""
    results = list(results)
    rows = {name: np.array([found[name] for found, _ in results if name in found], dtype=float) for name in ESTIMATORS}
    return rows, np.median([effective for _, effective in results])


def measure(world, runs, seed):
    def one(run):
        action, reward, propensity, policy, segment, value = world.draw(np.random.default_rng([seed, run]))
        return judged(action, reward, propensity, policy, segment, value, run)

    return collect(one(run) for run in range(runs))


def served(options):
    """Logs of plain and contextual Thompson sampling, several sizes, floors and policies."""
    print(f"\n| served log, floor | policy | effective n | {' | '.join(ESTIMATORS)} | may not be acted on |")
    print(f"|{'---|' * (len(ESTIMATORS) + 4)}")
    for n in options.sizes:
        for floor in (0.01, 0.05):
            for contextual in (False, True):
                logs = [
                    served_log(n, floor, contextual, np.random.default_rng([options.seed, 7, run]))
                    for run in range(options.runs)
                ]
                for policy in logs[0].targets():
                    rows, effective = collect(of_served(log, policy, run) for run, log in enumerate(logs))
                    label = f"{n:,}, {'contextual' if contextual else 'plain'}, {floor:.0%}"
                    cells = [f"{row[:, 0].mean():.1%}" for row in rows.values()]
                    refused = 1.0 - rows["dr"][:, 3].mean()
                    print(f"| {label} | {policy} | {effective:.0f} | {' | '.join(cells)} | {refused:.0%} |", flush=True)


def of_served(log, policy, run):
    shares = log.targets()[policy]
    return judged(log.action, log.reward, log.propensity, shares[log.kind], log.kind, log.value(shares), run)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 3_000, 10_000])
    parser.add_argument("--served-only", action="store_true")
    options = parser.parse_args()
    begun = time.process_time()
    print(f"Share of 95% intervals that hold the truth (mean relative bias, width), {options.runs} logs each\n")
    if not options.served_only:
        print(f"| log | {' | '.join(ESTIMATORS)} |\n|{'---|' * (len(ESTIMATORS) + 1)}")
        for world in WORLDS:
            found, _ = measure(world, options.runs, options.seed)
            cells = [
                f"{rows[:, 0].mean():.1%} ({rows[:, 1].mean():+.1%}, {rows[:, 2].mean():.2f})"
                for rows in found.values()
            ]
            print(f"| {world.name} | {' | '.join(cells)} |", flush=True)
    served(options)
    print(f"\n{time.process_time() - begun:.0f} CPU-s")


if __name__ == "__main__":
    main()
