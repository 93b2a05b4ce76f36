"""The policy: stable assignment, logged propensities, idempotent rewards, learning."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.rewards import BetaBernoulli, GammaPoisson
from bandits.thompson import ThompsonPolicy
from measurement.errors import InputError


def test_a_unit_keeps_its_arm_within_a_version_and_the_logged_propensity_is_the_one_used():
    prior = BetaBernoulli(arms=("a", "b", "c"), successes=np.array([9.0, 12.0, 10.0]), exposure=np.full(3, 100.0))
    policy = ThompsonPolicy("x", prior.arms, seed=4, posteriors=prior, floor=0.05)
    made = [policy.decide(unit=f"u{number}") for number in range(6000)]
    assert [policy.decide(unit=f"u{number}").arm_id for number in range(50)] == [one.arm_id for one in made[:50]]
    assert len({one.decision_id for one in made}) == len(made)
    for arm, name in enumerate(prior.arms):
        shown = [one for one in made if one.arm_id == name]
        assert {one.propensity for one in shown} == {float(policy.table.propensity[arm])}
        assert len(shown) / 6000 == pytest.approx(policy.table.propensity[arm], abs=0.03)


def test_another_seed_or_version_assigns_anew():
    first, second = (ThompsonPolicy("x", ("a", "b"), seed=seed) for seed in (1, 2))
    units = [f"u{number}" for number in range(200)]
    arms = [first.decide(unit).arm_id for unit in units]
    assert arms != [second.decide(unit).arm_id for unit in units]
    first.refresh()
    assert arms != [first.decide(unit).arm_id for unit in units]


def test_rewards_count_once_and_unknown_ones_are_reported():
    policy = ThompsonPolicy("x", ("a", "b"), seed=1)
    made = policy.decide(unit="u")
    assert policy.reward(made.decision_id, 1.0)
    assert not policy.reward(made.decision_id, 1.0)
    assert not policy.reward("never made", 1.0)
    table = policy.refresh()
    assert table.version == 2
    assert table.posteriors.exposure.sum() == 1
    still_open = [policy.decide(unit="v").decision_id, policy.decide(unit="w").decision_id]
    assert policy.settle([*still_open, made.decision_id]) == 2
    assert policy.refresh().posteriors.exposure.sum() == 3


@pytest.mark.parametrize(("better", "best"), [("higher", "b"), ("lower", "a")])
@pytest.mark.parametrize("sampling", ["thompson", "top_two"])
def test_traffic_moves_to_the_best_arm(better, best, sampling):
    policy = ThompsonPolicy("x", ("a", "b", "c"), seed=3, better=better, sampling=sampling)
    rng, rate = np.random.default_rng(8), {"a": 0.1, "b": 0.5, "c": 0.3}
    for day in range(10):
        for number in range(150):
            made = policy.decide(unit=f"{day}/{number}")
            policy.reward(made.decision_id, float(rng.random() < rate[made.arm_id]))
        policy.refresh()
    report = policy.stop_report(days=20.0)
    assert report.leader == best
    assert report.stop
    assert policy.table.propensity.min() >= 0.01


def test_counts_are_learnt_too():
    policy = ThompsonPolicy("x", ("a",), seed=1, posteriors=GammaPoisson.empty(("a",)))
    policy.reward(policy.decide(unit="u").decision_id, 3.0)
    assert policy.refresh().posteriors.mean()[0] == pytest.approx(2.0)


def test_impossible_rewards_are_refused():
    policy = ThompsonPolicy("x", ("a", "b"), seed=1)
    made = policy.decide(unit="u")
    with pytest.raises(InputError, match="neither 0 nor 1"):
        policy.reward(made.decision_id, 0.5)
    with pytest.raises(InputError, match="other arms"):
        ThompsonPolicy("x", ("a", "b"), seed=1, posteriors=BetaBernoulli.empty(("a", "c")))
