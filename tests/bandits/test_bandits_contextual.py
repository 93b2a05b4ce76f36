"""Contextual Thompson sampling against closed forms, against itself in batch, and against a peer's defects."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from bandits.contextual import ContextualThompson
from bandits.stepwise_contextual import StepwiseContextual
from measurement.errors import InputError


def history(n=400, d=5, arms=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.integers(arms, size=n), rng.normal(size=(arms, d)), rng


def test_the_linear_posterior_is_the_closed_form():
    x, arm, beta, rng = history()
    y = (x * beta[arm]).sum(axis=1) + 0.5 * rng.normal(size=len(x))
    policy = ContextualThompson.empty(("a", "b", "c"), 5, ridge=2.0, noise=0.5).update(x, arm, y)
    at = rng.normal(size=(7, 5))
    table = policy.scores(at)
    for k in range(3):
        rows = arm == k
        precision = (2.0 * np.eye(5) + x[rows].T @ x[rows]) / 0.25
        mean = np.linalg.solve(precision, x[rows].T @ y[rows] / 0.25)
        np.testing.assert_allclose(policy.coefficients[k], mean, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(table.means[:, k], at @ mean, rtol=1e-9, atol=1e-11)
        width = np.sqrt(np.einsum("ni,ij,nj->n", at, np.linalg.inv(precision), at))
        np.testing.assert_allclose(table.widths[:, k], width, rtol=1e-9)


def test_batches_in_any_split_and_order_give_the_same_linear_posterior():
    x, arm, _, rng = history()
    y = rng.normal(size=len(x))
    whole = ContextualThompson.empty("abc", 5).update(x, arm, y)
    order = rng.permutation(len(x))
    parts = ContextualThompson.empty("abc", 5)
    for piece in np.array_split(order, 7):
        parts = parts.update(x[piece], arm[piece], y[piece])
    np.testing.assert_allclose(parts.coefficients, whole.coefficients, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(parts.root, whole.root, rtol=1e-8, atol=1e-10)
    assert parts.seen.tolist() == whole.seen.tolist()


def test_the_logistic_posterior_is_close_to_the_laplace_approximation():
    rng = np.random.default_rng(1)
    x, beta = rng.normal(size=(4000, 4)), np.array([0.5, -0.7, 0.0, 0.3])
    y = (rng.random(4000) < 1 / (1 + np.exp(-x @ beta))).astype(float)
    policy = ContextualThompson.empty(("a",), 4, family="logistic").update(x, np.zeros(4000, dtype=int), y)

    def loss(b):
        return np.logaddexp(0, x @ b).sum() - y @ x @ b + 0.5 * b @ b

    best = optimize.minimize(loss, np.zeros(4)).x
    share = 1 / (1 + np.exp(-x @ best))
    width = np.sqrt(np.diag(np.linalg.inv(np.eye(4) + (x * (share * (1 - share))[:, None]).T @ x)))
    assert (np.abs(policy.coefficients[0] - best) < 0.35 * width).all()
    np.testing.assert_allclose(policy.scores(np.eye(4)).widths[:, 0], width, rtol=0.05)


def test_the_propensities_are_those_of_the_draws():
    x, arm, beta, _ = history(n=30)
    y = (x * beta[arm]).sum(axis=1)
    policy = ContextualThompson.empty("abc", 5, noise=2.0).update(x, arm, y)
    one = np.array([[0.3, -0.2, 0.5, 0.1, -0.6]])
    drawn = np.bincount(policy.decide(np.repeat(one, 40_000, axis=0), np.random.default_rng(5)), minlength=3)
    expected = policy.propensities(one)[0] * drawn.sum()
    assert expected.sum() == pytest.approx(40_000)
    assert stats.chisquare(drawn, expected).pvalue > 1e-3
    lower = np.bincount(policy.decide(np.repeat(one, 40_000, axis=0), np.random.default_rng(6), better="lower"))
    expected = policy.propensities(one, better="lower")[0] * 40_000
    assert stats.chisquare(lower, expected).pvalue > 1e-3


def test_an_untrained_arm_is_drawn_with_its_priors_spread():
    """A peer draws it with the square root of the ridge instead of its inverse: 10 where .1 is right."""
    policy = ContextualThompson.empty(("a", "b"), 1, ridge=100.0)
    assert policy.scores([[1.0]]).widths[0].tolist() == pytest.approx([0.1, 0.1])


def test_contexts_draw_independently_also_with_one_feature():
    """A peer gives every context of a batch the same draw where there is one feature."""
    policy = ContextualThompson.empty(("a", "b"), 1)
    chosen = policy.decide(np.ones((1000, 1)), np.random.default_rng(0))
    assert 400 < chosen.sum() < 600


def test_it_finds_the_arm_that_each_context_wants():
    rng = np.random.default_rng(3)
    policy = ContextualThompson.empty(("a", "b"), 2, noise=0.5)
    good = 0
    for step in range(600):
        x = np.array([[1.0, 0.0] if rng.random() < 0.5 else [0.0, 1.0]])
        arm = policy.decide(x, rng)
        best = int(x[0, 1])
        reward = float(arm[0] == best) + 0.5 * rng.normal()
        good += step >= 300 and arm[0] == best
        policy = policy.update(x, arm, [reward])
    assert good > 285


def test_a_replay_ends_where_single_steps_with_the_same_noise_end():
    rng = np.random.default_rng(7)
    x, rewards = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    end, chosen = ContextualThompson.empty("ab", 3).replay(x, rewards, np.random.default_rng(8))
    policy, same = ContextualThompson.empty("ab", 3), np.random.default_rng(8)
    for row in range(50):
        arm = policy.decide(x[row : row + 1], same)
        assert arm[0] == chosen[row]
        policy = policy.update(x[row : row + 1], arm, rewards[row, arm])
    np.testing.assert_allclose(end.coefficients, policy.coefficients, rtol=1e-9)


@pytest.mark.parametrize(
    ("contexts", "arm", "reward"),
    [([[1.0]], [0], [1.0]), ([[1.0, np.nan]], [0], [1.0]), ([[1.0, 1.0]], [2], [1.0]), ([[1.0, 1.0]], [0], [0.5])],
)
def test_bad_batches_are_refused(contexts, arm, reward):
    with pytest.raises(InputError):
        ContextualThompson.empty(("a", "b"), 2, family="logistic").update(contexts, arm, reward)


def test_a_replay_looks_at_every_reward_before_it_believes_that_they_are_yes_or_no():
    """Half a success hides between a 0 and a 1 of other arms."""
    policy = ContextualThompson.empty(("a", "b", "c"), 1, family="logistic")
    with pytest.raises(InputError, match="neither 0 nor 1"):
        policy.replay([[1.0]], [[0.0, 0.5, 1.0]], np.random.default_rng(0))


def test_the_stepwise_policy_believes_what_the_policy_with_propensities_believes():
    rng = np.random.default_rng(2)
    x, beta = rng.normal(size=(3000, 4)), rng.normal(size=(3, 4))
    single, arms, rewards = StepwiseContextual("abc", 4, seed=1, ridge=2.0, noise=0.5), [], []
    for row in x:
        arms.append(single.choose(row))
        rewards.append(float(row @ beta[arms[-1]]) + 0.5 * rng.normal())
        single.learn(arms[-1], rewards[-1])
    whole = ContextualThompson.empty("abc", 4, ridge=2.0, noise=0.5).update(x, arms, rewards)
    mine = single.policy()
    np.testing.assert_allclose(mine.coefficients, whole.coefficients, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(mine.root, whole.root, rtol=1e-9, atol=1e-12)
    assert mine.seen.tolist() == whole.seen.tolist()
    best = (x @ beta.T).argmax(axis=1)
    assert (np.array(arms)[500:] == best[500:]).mean() > 0.95


def test_the_stepwise_policy_draws_arms_as_often_as_its_propensities_say():
    single = StepwiseContextual("abc", 2, seed=4)
    for arm, reward in ((0, 0.5), (1, 0.3), (2, -0.2), (0, 0.1)):
        single.learn(arm, reward, np.array([1.0, 0.5]))
    at = np.array([0.7, -0.3])
    drawn = np.bincount([single.choose(at) for _ in range(30_000)], minlength=3)
    assert stats.chisquare(drawn, single.policy().propensities(at[None])[0] * 30_000).pvalue > 1e-3


@pytest.mark.parametrize(
    "act",
    [
        lambda one: one.choose(np.ones(3)),
        lambda one: one.choose(np.array([1.0, np.nan])),
        lambda one: one.learn(0, float("nan")),
        lambda one: one.learn(2, 1.0),
        lambda one: one.learn(0, 1.0, np.array([np.inf, 0.0])),
    ],
)
def test_the_stepwise_policy_refuses_what_it_cannot_learn_from(act):
    one = StepwiseContextual("ab", 2, seed=1)
    with pytest.raises(InputError):
        act(one)
    assert one.policy().seen.sum() == 0
