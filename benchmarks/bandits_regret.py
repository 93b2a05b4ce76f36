"""Regret of Thompson sampling at T = 10,000, many runs at once; and the cost of decisions from a table.

Run: python benchmarks/bandits_regret.py --runs 1000
"""

from __future__ import annotations

import argparse
import time
from collections import deque

import numpy as np

from bandits.propensity import best_arm, with_floor
from bandits.rewards import BetaBernoulli
from bandits.thompson import PolicyTable, ThompsonPolicy

CASES = {
    ".9 / .8": ((0.9, 0.8), 9.8),
    ".5 / .45": ((0.5, 0.45), 30.2),
    "ten arms": ((0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01), 80.5),
}


OTHERS = {
    "five alike, .03 to .05": (0.05, 0.045, 0.04, 0.035, 0.03),
    "thirty, .01 to .04": tuple(np.linspace(0.01, 0.04, 30)),
    "rare, .001 to .004": (0.004, 0.003, 0.002, 0.001),
}
LATE = (
    ("ten arms", 1000), (".9 / .8", 1000), (".5 / .45", 1000), ("five alike, .03 to .05", 1000),
    ("thirty, .01 to .04", 1000), ("rare, .001 to .004", 1000), ("ten arms", 100), ("ten arms", 3000),
)  # fmt: skip


def sampled_regret(rates, runs, horizon, seed):
    """Thompson sampling with Beta(1, 1), updated at every step: mean regret and its standard error."""
    rng = np.random.default_rng(seed)
    rates = np.asarray(rates)
    won, lost = np.ones((runs, len(rates))), np.ones((runs, len(rates)))
    rows, regret = np.arange(runs), np.zeros(runs)
    for _ in range(horizon):
        arm = rng.beta(won, lost).argmax(axis=1)
        hit = rng.random(runs) < rates[arm]
        won[rows, arm] += hit
        lost[rows, arm] += ~hit
        regret += rates.max() - rates[arm]
    return regret.mean(), regret.std() / np.sqrt(runs)


def table_regret(rates, runs, horizon, seed, batch=20):
    """The product's way: draws from a table of exact propensities without floor, renewed every ``batch`` decisions."""
    rng, rates = np.random.default_rng(seed), np.asarray(rates)
    names = tuple(map(str, range(len(rates))))
    total = np.zeros(runs)
    for run in range(runs):
        belief = BetaBernoulli.empty(names)
        for _ in range(horizon // batch):
            arm = rng.choice(len(rates), batch, p=best_arm(belief).p_best)
            total[run] += (rates.max() - rates[arm]).sum()
            belief = belief.update(arm, (rng.random(batch) < rates[arm]).astype(float))
    return total.mean(), total.std() / np.sqrt(runs)


def delayed_regret(rates, runs, horizon, seed, *, delay, fixed, aware):
    """Thompson sampling whose rewards come ``delay`` steps later (exactly, or exponential with that mean).

    ``aware``: a decision counts by the chance that its reward would have come; else every decision counts at once.
    """
    rng, rates = np.random.default_rng(seed), np.asarray(rates)
    rows, regret = np.arange(runs), np.zeros(runs)
    shown, pending, won = (np.zeros((runs, len(rates))) for _ in range(3))
    arriving = [[] for _ in range(horizon + 1)]
    late = [[] for _ in range(horizon + 1)]
    for step in range(horizon):
        for who, arm in arriving[step]:
            np.add.at(won, (who, arm), 1.0)
        for who, arm in late[step]:
            pending[who, arm] -= 1.0
        pending *= 1.0 if fixed else np.exp(-1.0 / delay)
        seen = np.maximum(shown - pending if aware else shown, won)
        arm = rng.beta(1.0 + won, 1.0 + seen - won).argmax(axis=1)
        hit = np.flatnonzero(rng.random(runs) < rates[arm])
        regret += rates.max() - rates[arm]
        shown[rows, arm] += 1.0
        pending[rows, arm] += 1.0
        if fixed:
            late[min(step + delay, horizon)].append((rows, arm))
        wait = np.full(len(hit), delay) if fixed else rng.exponential(delay, len(hit)).astype(int) + 1
        for who, when in zip(hit, np.minimum(step + wait, horizon), strict=True):
            arriving[when].append(([who], [arm[who]]))
    return regret.mean(), regret.std() / np.sqrt(runs)


def policy_regret(rates, runs, horizon, seed, *, delay, batch=20, sampling="foresight"):
    """The library's policy: each reward comes ``delay`` decisions late, the table is renewed every ``batch``."""
    rng, total = np.random.default_rng(seed), np.zeros(runs)
    for run in range(runs):
        mixed = rng.permutation(rates)
        names = tuple(map(str, range(len(mixed))))
        policy = ThompsonPolicy(
            "x", names, seed=run, floor=0.0, sampling=sampling, horizon=horizon if sampling == "foresight" else None
        )
        outcomes, waiting = rng.random((horizon, len(mixed))) < mixed, deque()
        for step in range(horizon):
            arm = policy.decide(str(step))
            place = int(arm.arm_id)
            total[run] += mixed.max() - mixed[place]
            waiting.append((arm.decision_id, float(outcomes[step, place])))
            if len(waiting) > delay:
                policy.reward(*waiting.popleft())
            if step % batch == batch - 1:
                policy.refresh()
    return total.mean(), total.std() / np.sqrt(runs)


def late_table(runs, seed):
    """Foresight beside plain delay-aware sampling: the reference rates with 1,000 steps of delay, then others."""
    print("\n| arms | steps of delay | sampled, delay-aware | foresight, tables renewed every 20 |\n|---|---|---|---|")
    for name, delay in LATE:
        rates = CASES[name][0] if name in CASES else OTHERS[name]
        share = 1.0 if name == "ten arms" else 0.25
        plain = delayed_regret(rates, 100, 10_000, seed + 4, delay=delay, fixed=True, aware=True)
        ours = policy_regret(rates, max(int(runs * share), 2), 10_000, seed + 5, delay=delay)
        print(f"| {name} | {delay:,} | {plain[0]:.1f} ± {plain[1]:.1f} | {ours[0]:.1f} ± {ours[1]:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--table-runs", type=int, default=40)
    parser.add_argument("--late-runs", type=int, default=200)
    parser.add_argument("--only-late", action="store_true", help="only the table of late rewards")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.only_late:
        late_table(options.late_runs, options.seed)
        return
    print("| arms | published | sampled each step | from tables renewed every 20 | CPU-s |")
    print("|---|---|---|---|---|")
    for name, (rates, published) in CASES.items():
        begun = time.process_time()
        mean, error = sampled_regret(rates, options.runs, 10_000, options.seed + 1)
        table, table_error = table_regret(rates, options.table_runs, 10_000, options.seed + 2)
        print(
            f"| {name} | {published} | {mean:.1f} ± {error:.1f} | {table:.1f} ± {table_error:.1f} "
            f"| {time.process_time() - begun:.0f} |"
        )
    print("\n| ten arms, delay of 1,000 steps | decisions count at once | they count as rewards would have come |")
    print("|---|---|---|")
    for fixed in (True, False):
        cells = [
            delayed_regret(CASES["ten arms"][0], 100, 10_000, options.seed + 3, delay=1000, fixed=fixed, aware=aware)
            for aware in (False, True)
        ]
        print(f"| {'exactly' if fixed else 'exponential'} | {' | '.join(f'{m:.0f} ± {e:.0f}' for m, e in cells)} |")
    late_table(options.late_runs, options.seed)
    belief = BetaBernoulli.empty(tuple(map(str, range(100))))
    table = PolicyTable(
        experiment_id="x", version=1, posteriors=belief, propensity=with_floor(best_arm(belief).p_best, 0.001)
    )
    uniform = np.random.default_rng(0).random(2_000_000)
    begun = time.process_time()
    table.draw(uniform)
    print(f"\nDecisions from a table of 100 arms: {len(uniform) / (time.process_time() - begun) / 1e6:.1f} M per CPU-s")


if __name__ == "__main__":
    main()
