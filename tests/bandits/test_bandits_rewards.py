"""Conjugate posteriors: order, merging, moments, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandits.revenue import NormalMean
from bandits.rewards import BetaBernoulli, GammaPoisson
from measurement.errors import InputError

ARMS = ("a", "b", "c")
batches = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1)), max_size=60)


def _learn(kind, batch):
    arm, reward = [a for a, _ in batch], [float(r) for _, r in batch]
    return kind.empty(ARMS).update(np.array(arm, dtype=int), reward)


def _state(posterior):
    return {name: getattr(posterior, name) for name in posterior.__slots__ if name not in ("arms", "prior")}


@pytest.mark.parametrize("kind", [BetaBernoulli, GammaPoisson, NormalMean])
@given(first=batches, second=batches, data=st.data())
@settings(max_examples=40, deadline=None)
def test_order_and_batching_do_not_matter(kind, first, second, data):
    together = _learn(kind, first + second)
    shuffled = _learn(kind, data.draw(st.permutations(first + second)))
    merged = _learn(kind, first).merge(_learn(kind, second))
    for name, value in _state(together).items():
        np.testing.assert_array_equal(value, _state(shuffled)[name])
        np.testing.assert_array_equal(value, _state(merged)[name])


@pytest.mark.parametrize(
    "posterior",
    [
        BetaBernoulli(arms=("a", "b"), successes=np.array([3.0, 4e6]), exposure=np.array([7.5, 1e8])),
        GammaPoisson(arms=("a", "b"), events=np.array([3.0, 4e6]), exposure=np.array([7.5, 1e8])),
        NormalMean(
            arms=("a", "b"), total=np.array([5.0, -30.0]), squares=np.array([90.0, 80.0]), exposure=np.full(2, 40.0)
        ),
    ],
)
def test_density_on_the_line_integrates_to_the_distribution(posterior):
    low, high = posterior.support()
    for arm in range(2):
        x = np.linspace(low[arm], high[arm], 40_001)
        mass = np.trapezoid(posterior.density(x)[arm], x)
        assert mass == pytest.approx(1.0, abs=1e-9)
        mean = np.trapezoid(posterior.density(x)[arm] * posterior.value(x), x)
        assert mean == pytest.approx(posterior.mean()[arm], rel=1e-8)
        half = np.trapezoid(posterior.density(x[:20_001])[arm], x[:20_001])
        assert half == pytest.approx(posterior.below(float(x[20_000]))[arm], abs=1e-7)
        assert posterior.below(0.3)[arm] + posterior.above(0.3)[arm] == pytest.approx(1.0)
    lower, upper = posterior.interval(0.9)
    draws = posterior.sample(np.random.default_rng(3), 40_000)
    assert np.mean((draws > lower) & (draws < upper), axis=0) == pytest.approx(0.9, abs=0.01)
    np.testing.assert_allclose(posterior.below_each(posterior.line(lower))[[0, 1], [0, 1]], 0.05, atol=1e-9)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: BetaBernoulli.empty(()),
        lambda: BetaBernoulli.empty(("a", "a")),
        lambda: BetaBernoulli.empty(("a",), prior=(0.1, 1.0)),
        lambda: BetaBernoulli.empty(("a",)).update([0], [0.5]),
        lambda: BetaBernoulli.empty(("a",)).update([1], [1.0]),
        lambda: BetaBernoulli.empty(("a",)).update([0, 0], [1.0]),
        lambda: BetaBernoulli(arms=("a",), successes=np.array([2.0]), exposure=np.array([1.0])),
        lambda: BetaBernoulli.empty(("a",)).merge(BetaBernoulli.empty(("b",))),
        lambda: GammaPoisson.empty(("a",)).update([0], [-1.0]),
        lambda: GammaPoisson.empty(("a",)).update([0], [np.nan]),
        lambda: GammaPoisson.empty(("a",), prior=(1.0, 0.0)),
        lambda: NormalMean.empty(("a",)).merge(NormalMean.empty(("b",))),
    ],
)
def test_impossible_input_is_refused_with_a_remedy(spoil):
    with pytest.raises(InputError) as refused:
        spoil()
    assert refused.value.problems[0].remedy
