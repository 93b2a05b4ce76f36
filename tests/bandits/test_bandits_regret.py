"""Regret of the product's way: draws from exact propensity tables that are renewed in batches."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.propensity import best_arm
from bandits.rewards import BetaBernoulli

#: Reference regret of Thompson sampling at T = 10,000.
CASES = {
    "easy": ((0.9, 0.8), 9.8),
    "close": ((0.5, 0.45), 30.2),
    "ten": ((0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01), 80.5),
}


def sampled(rates, runs, horizon, seed):
    """Thompson sampling updated at every step, ``runs`` at once: regrets, shape (runs,)."""
    rng, rates = np.random.default_rng(seed), np.asarray(rates)
    won, lost = np.ones((runs, len(rates))), np.ones((runs, len(rates)))
    rows, regret = np.arange(runs), np.zeros(runs)
    for _ in range(horizon):
        arm = rng.beta(won, lost).argmax(axis=1)
        hit = rng.random(runs) < rates[arm]
        won[rows, arm] += hit
        lost[rows, arm] += ~hit
        regret += rates.max() - rates[arm]
    return regret


def tabled(rates, runs, horizon, seed, batch):
    """The product: an exact table, renewed every ``batch`` decisions."""
    rng, rates, regret = np.random.default_rng(seed), np.asarray(rates), np.zeros(runs)
    for run in range(runs):
        belief = BetaBernoulli.empty(tuple(map(str, range(len(rates)))))
        for _ in range(horizon // batch):
            arm = rng.choice(len(rates), batch, p=best_arm(belief).p_best)
            regret[run] += (rates.max() - rates[arm]).sum()
            belief = belief.update(arm, (rng.random(batch) < rates[arm]).astype(float))
    return regret


def test_tables_lose_little_against_sampling_at_every_step():
    rates = (0.5, 0.3)
    step, table = sampled(rates, 400, 1000, 1), tabled(rates, 60, 1000, 2, 10)
    assert table.mean() <= step.mean() + 0.2 * 10 + 3 * table.std() / np.sqrt(60)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_regret_at_ten_thousand(case):
    """Within 5% of the reference, beside what renewing only every 10 decisions costs and three standard errors."""
    rates, published = CASES[case]
    regret = tabled(rates, 40, 10_000, 2, 10)
    error = 3 * regret.std() / np.sqrt(40)
    assert 0.95 * published - error <= regret.mean() <= 1.05 * published + 10 * (max(rates) - np.mean(rates)) + error
