"""The delay learnt from a truncated log."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bandits.delay import DelayDistribution
from measurement.errors import InputError


def _truncated(rng, count, scale=20.0, span=80.0):
    age, delay = rng.uniform(0, span, count), rng.exponential(scale, count)
    return delay[delay <= age], age[delay <= age]


def test_truncation_is_undone():
    delay, age = _truncated(np.random.default_rng(1), 40_000)
    learnt = DelayDistribution.learn(delay, age)
    for hours in (5.0, 20.0, 40.0):
        truth = (1 - np.exp(-hours / 20)) / (1 - np.exp(-80 / 20))
        assert learnt.weight(np.array([hours]))[0] == pytest.approx(truth, abs=0.02)
        assert (delay <= hours).mean() > truth + 0.02  # what the plain histogram would say
    assert learnt.quantile(0.5) == pytest.approx(13.2, abs=0.8)


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 50)), min_size=30, max_size=80))
@settings(max_examples=50, deadline=None)
def test_it_is_a_distribution_function_whatever_the_log(pairs):
    delay = np.array([min(pair) for pair in pairs])
    learnt = DelayDistribution.learn(delay, np.array([max(pair) for pair in pairs]))
    weight = learnt.weight(np.linspace(0, 60, 200))
    assert (np.diff(weight) >= 0).all()
    assert 0 <= weight[0] <= weight[-1] == 1.0


def test_few_rewards_mean_no_delay():
    learnt = DelayDistribution.learn(np.array([1.0, 2.0]), np.array([9.0, 9.0]))
    assert learnt.weight(np.array([0.0, 5.0])).tolist() == [1.0, 1.0]
    assert learnt.quantile(0.9) == 0.0


def test_a_reward_from_the_future_is_refused():
    with pytest.raises(InputError, match="after the end"):
        DelayDistribution.learn(np.full(40, 3.0), np.full(40, 2.0))
