"""Sampling that reckons with rewards under way and with the end of the experiment."""

from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from bandits.foresight import foresee, foresighted, usable_share
from bandits.propensity import best_arm, draws_above_leader
from bandits.revenue import NormalMean
from bandits.rewards import BetaBernoulli, GammaPoisson
from bandits.thompson import ThompsonPolicy
from measurement.errors import InputError

BETA = BetaBernoulli(arms=("a", "b", "c"), successes=np.array([3.0, 5.0, 4.0]), exposure=np.array([40.0, 50.0, 300.0]))
GAMMA = GammaPoisson(arms=("a", "b", "c"), events=np.array([3.0, 5.0, 4.0]), exposure=np.array([40.0, 50.0, 60.0]))
AMOUNT = NormalMean(
    arms=("a", "b", "c"), total=np.array([60.0, 90.0, 100.0]), squares=np.array([400.0, 600.0, 500.0]),
    exposure=np.array([40.0, 50.0, 60.0]),
)  # fmt: skip


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize("belief", [BETA, GAMMA, AMOUNT], ids=["rate", "count", "amount"])
def test_propensities_are_those_of_draws_that_never_fall_short_of_the_mean(belief, better):
    drawn, mean = belief.sample(np.random.default_rng(0), 200_000), belief.mean()
    arm = np.maximum(drawn, mean).argmax(axis=1) if better == "higher" else np.minimum(drawn, mean).argmin(axis=1)
    share = np.bincount(arm, minlength=3) / len(drawn)
    exact = draws_above_leader(belief, better=better)
    np.testing.assert_allclose(exact, share, atol=5 * 0.5 / np.sqrt(len(drawn)))
    assert exact.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("belief", [BETA, GAMMA, AMOUNT], ids=["rate", "count", "amount"])
def test_what_is_foreseen_keeps_the_means_and_loses_uncertainty(belief):
    pending = np.array([0.0, 100.0, 10_000.0])
    ahead = foresee(belief, pending)
    np.testing.assert_allclose(ahead.mean(), belief.mean(), rtol=1e-12)
    before, after = np.diff(belief.interval(0.5), axis=0)[0], np.diff(ahead.interval(0.5), axis=0)[0]
    assert after[0] == pytest.approx(before[0], rel=1e-9)
    assert (after[1:] < [0.7 * before[1], 0.2 * before[2]]).all()
    halved = np.diff(foresee(belief, np.zeros(3), 0.5).interval(0.5), axis=0)[0]
    np.testing.assert_allclose(halved, before / 2.0, rtol=0.1)


def test_arms_with_more_under_way_are_asked_less():
    propensity = foresighted(BetaBernoulli.empty(("a", "b", "c")), np.array([0.0, 0.0, 30.0]))
    assert propensity[0] == pytest.approx(propensity[1])
    assert propensity[2] < 0.7 * propensity[0]


def test_one_arm_and_arms_that_are_alike():
    assert foresighted(BetaBernoulli.empty(("a",)), np.zeros(1)).tolist() == [1.0]
    for better in ("higher", "lower"):
        alike = foresighted(GammaPoisson.empty(("a", "b")), np.zeros(2), better=better)
        np.testing.assert_allclose(alike, [0.5, 0.5], atol=1e-12)


def test_the_horizon_ends_exploration():
    share = usable_share(decided=9_000, pending=900, horizon=10_000)
    assert share == 0.02  # never quite 0
    assert foresighted(BETA, np.zeros(3), share).max() > 0.99
    assert usable_share(decided=9_000, pending=900, horizon=None) == 1.0


@pytest.mark.parametrize(
    "act",
    [
        lambda: foresee(BETA, np.array([1.0, -1.0, 0.0])),
        lambda: foresee(BETA, np.zeros(2)),
        lambda: foresee(BETA, np.zeros(3), 0.0),
        lambda: usable_share(decided=1, pending=0, horizon=0),
    ],
)
def test_spoilt_input_is_refused(act):
    with pytest.raises(InputError):
        act()


def test_the_policy_logs_what_it_draws_from_and_counts_what_is_under_way():
    policy = ThompsonPolicy("x", ("a", "b"), seed=1, sampling="foresight", floor=0.05)
    decisions = [policy.decide(str(unit)) for unit in range(400)]
    for decision in decisions[:100]:
        policy.reward(decision.decision_id, float(decision.arm_id == "a"))
    table = policy.refresh()
    waiting = [sum(one.arm_id == arm for one in decisions[100:]) for arm in "ab"]
    expected = 0.05 + 0.9 * foresighted(table.posteriors, np.array(waiting, dtype=float))
    np.testing.assert_allclose(table.propensity, expected, rtol=1e-12)
    assert policy.decide("u").propensity == table.propensity["ab".index(policy.decide("u").arm_id)]


def late(rates, runs, horizon, delay, sampling):
    """Mean regret of the policy when each reward comes ``delay`` decisions late."""
    rng, total = np.random.default_rng(5), np.zeros(runs)
    for run in range(runs):
        names = [str(arm) for arm in range(len(rates))]
        end = horizon if sampling == "foresight" else None
        policy = ThompsonPolicy("x", names, seed=run, floor=0.0, sampling=sampling, horizon=end)
        hits, waiting = rng.random((horizon, len(rates))) < rates, deque()
        for step in range(horizon):
            shown = policy.decide(str(step))
            arm = int(shown.arm_id)
            total[run] += max(rates) - rates[arm]
            waiting.append((shown.decision_id, float(hits[step, arm])))
            if len(waiting) > delay:
                policy.reward(*waiting.popleft())
            if step % 20 == 19:
                policy.refresh()
    return total


def test_late_rewards_cost_less_with_foresight():
    rates = (0.5, 0.3, 0.3, 0.3)
    ours, plain = (late(rates, 12, 1500, 300, sampling) for sampling in ("foresight", "thompson"))
    blind = 300 * 0.15
    assert ours.mean() < plain.mean()
    assert ours.mean() < blind + 25.0


@pytest.mark.slow
def test_regret_with_a_thousand_steps_of_delay_is_at_most_a_hundred():
    """66 of it is unavoidable: the first thousand steps, in which nothing is known. Delay-blind sampling: 124."""
    rates = (0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01)
    assert late(rates, 200, 10_000, 1000, "foresight").mean() <= 100.0


def test_p_best_is_still_what_it_was():
    """The quadrature is shared: the plain probabilities are untouched."""
    belief = BetaBernoulli(arms=("a", "b", "c"), successes=np.array([1.0, 2.0, 3.0]), exposure=np.full(3, 199.0))
    np.testing.assert_allclose(best_arm(belief).p_best, [0.11758, 0.29803, 0.58439], atol=5e-6)
