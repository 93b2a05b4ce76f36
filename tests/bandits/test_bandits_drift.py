"""The half-life learnt from the log: steady creatives keep their evidence, tired ones lose it."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.drift import learn_half_life
from bandits.report import creative_report
from simulation.creatives import simulate_creatives


def _days(seed, decay, *, days=56, shown=150, arms=4, shock=0.10, own=0.08):
    rng = np.random.default_rng(seed)
    level = (
        0.04 * rng.uniform(0.8, 1.2, arms) * rng.lognormal(0, shock, (days, 1)) * rng.lognormal(0, own, (days, arms))
    )
    level[:, 0] *= (1 - decay) ** np.maximum(np.arange(days) - 20, 0)
    traffic = rng.poisson(shown, (days, arms))
    return traffic.astype(float), rng.binomial(traffic, level).astype(float)


@pytest.mark.parametrize("shown", [150, 600, 5000])
def test_steady_creatives_keep_their_evidence_despite_noisy_days(shown):
    learnt = [learn_half_life(*_days(seed, 0.0, shown=shown)) for seed in range(40)]
    assert np.mean([half_life is not None for half_life in learnt]) <= 0.1


def test_a_tired_creative_makes_old_days_fade():
    learnt = [learn_half_life(*_days(seed, 0.05)) for seed in range(20)]
    assert np.mean([half_life is not None and half_life <= 14 for half_life in learnt]) >= 0.9


def test_each_experiment_of_the_sample_learns_its_own():
    log = simulate_creatives(3)
    report = creative_report(log.decisions, log.rewards, seed=1)
    assert report.half_lives["winter-jackets"] is None
    assert report.half_lives["running"] <= 14
    assert report.stops["winter-jackets"].stop
    best = log.truth["best_today"]
    assert report.stops["winter-jackets"].leader == best["winter-jackets"]
    assert report.arms().set_index("arm_id").loc["running-1", "next_propensity"] < 0.2  # tired since a month
