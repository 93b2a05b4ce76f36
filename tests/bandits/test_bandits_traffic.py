"""Shares of creatives that cost: net earnings, and budgets."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.propensity import best_arm
from bandits.revenue import NormalMean
from bandits.rewards import BetaBernoulli, GammaPoisson
from bandits.thompson import ThompsonPolicy
from bandits.traffic import Terms, net_best, paid_traffic
from measurement.errors import InputError

RATES = BetaBernoulli(
    arms=("a", "b", "c"), successes=np.array([30.0, 45.0, 9.0]), exposure=np.array([1000.0, 1200.0, 200.0])
)
COUNTS = GammaPoisson(
    arms=("a", "b", "c"), events=np.array([30.0, 45.0, 0.0]), exposure=np.array([1000.0, 1200.0, 20.0])
)
AMOUNTS = NormalMean(
    arms=("a", "b", "c"), total=np.array([50.0, 66.0, 9.0]), squares=np.array([500.0, 600.0, 95.0]),
    exposure=np.array([1000.0, 1200.0, 200.0]),
)  # fmt: skip
DEAR = Terms(cost=(0.05, 0.15, 0.1), reward_value=10.0)


@pytest.mark.parametrize("belief", [RATES, COUNTS, AMOUNTS], ids=["rate", "count", "amount"])
def test_net_p_best_is_that_of_draws(belief):
    net = 10.0 * belief.sample(np.random.default_rng(1), 400_000) - np.array(DEAR.cost)
    share = np.bincount(net.argmax(axis=1), minlength=3) / len(net)
    np.testing.assert_allclose(net_best(belief, DEAR), share, atol=5 * 0.5 / np.sqrt(len(net)))


@pytest.mark.parametrize("arms", [2, 10, 60])
def test_without_costs_it_is_the_exact_p_best(arms):
    rng = np.random.default_rng(arms)
    belief = BetaBernoulli(
        arms=tuple(map(str, range(arms))), successes=rng.integers(0, 60, arms) * 1.0,
        exposure=rng.integers(100, 3000, arms) * 1.0,
    )  # fmt: skip
    free = net_best(belief, Terms(cost=np.zeros(arms), reward_value=1.0))
    np.testing.assert_allclose(free, best_arm(belief).p_best, atol=1e-4)
    # one cost for all changes nothing either
    np.testing.assert_allclose(net_best(belief, Terms(cost=np.full(arms, 0.3), reward_value=1.0)), free, atol=1e-9)


def test_a_budget_is_kept_at_the_lowest_price_of_money():
    free = paid_traffic(RATES, DEAR)
    assert free.price == 0.0
    tight = Terms(cost=DEAR.cost, reward_value=10.0, budget=0.08)
    assert free.cost > 0.08
    kept = paid_traffic(RATES, tight, floor=0.02)
    assert kept.cost == pytest.approx(0.08, abs=1e-9)
    assert kept.propensity.sum() == pytest.approx(1.0)
    assert kept.propensity.min() >= 0.02
    assert kept.price > 0
    assert kept.net < free.net
    loose = paid_traffic(RATES, Terms(cost=DEAR.cost, reward_value=10.0, budget=0.2))
    np.testing.assert_array_equal(loose.propensity, free.propensity)
    exact = paid_traffic(RATES, Terms(cost=DEAR.cost, reward_value=10.0, budget=0.05))
    assert exact.cost == pytest.approx(0.05, abs=1e-6)  # all of it on the cheapest arm


@pytest.mark.parametrize(
    ("terms", "floor"),
    [
        (lambda: Terms(cost=(0.1, -0.1, 0.1), reward_value=1.0), 0.0),
        (lambda: Terms(cost=(0.1, np.nan, 0.1), reward_value=1.0), 0.0),
        (lambda: Terms(cost=(0.1, 0.1, 0.1), reward_value=0.0), 0.0),
        (lambda: Terms(cost=(0.1, 0.2, 0.3), reward_value=1.0, budget=0.09), 0.0),
        (lambda: Terms(cost=(0.1, 0.2), reward_value=1.0), 0.0),
        (lambda: Terms(cost=(0.1, 0.2, 0.9), reward_value=1.0, budget=0.11), 0.1),
    ],
)
def test_terms_that_cannot_be_met_are_refused(terms, floor):
    with pytest.raises(InputError):
        paid_traffic(RATES, terms(), floor=floor)


def test_a_policy_with_terms_earns_more_than_one_that_looks_at_rewards_alone():
    """Arm b converts a little more often and costs more than that brings in."""
    rates, cost, rng = np.array([0.05, 0.06]), np.array([0.0, 0.3]), np.random.default_rng(2)
    earned = {}
    for name, terms in (("blind", None), ("aware", Terms(cost=cost, reward_value=10.0))):
        policy, total = ThompsonPolicy("x", ("a", "b"), seed=3, floor=0.0, terms=terms), 0.0
        for step in range(4000):
            shown = policy.decide(str(step))
            arm = "ab".index(shown.arm_id)
            hit = float(rng.random() < rates[arm])
            policy.reward(shown.decision_id, hit)
            total += 10.0 * hit - cost[arm]
            if step % 100 == 99:
                policy.refresh()
        earned[name] = total
    assert earned["aware"] > earned["blind"] + 200.0


def test_a_policy_keeps_to_its_budget():
    terms = Terms(cost=(0.1, 0.5), reward_value=100.0, budget=0.2)
    belief = BetaBernoulli(arms=("a", "b"), successes=np.array([10.0, 90.0]), exposure=np.full(2, 1000.0))
    policy = ThompsonPolicy("x", ("a", "b"), seed=3, floor=0.01, posteriors=belief, terms=terms)
    assert policy.table.propensity @ np.array(terms.cost) == pytest.approx(0.2, abs=1e-9)
    shown = [policy.decide(str(unit)).arm_id for unit in range(4000)]
    assert np.mean([terms.cost["ab".index(arm)] for arm in shown]) == pytest.approx(0.2, abs=0.015)
    with pytest.raises(InputError, match="other sampling"):
        ThompsonPolicy("x", ("a", "b"), seed=3, sampling="top_two", terms=terms)
    with pytest.raises(InputError, match="lower"):
        ThompsonPolicy("x", ("a", "b"), seed=3, better="lower", terms=terms)
