"""Calibration factors against the same model by brute force: draws from its prior, weighted by how well they fit."""

import numpy as np
import pytest

from attribution.factors import Measured, log_factors

PLACE, VALUE, ERROR = np.array([0, 3, 4]), np.array([0.9, -0.1, 0.5]), np.array([0.2, 0.2, 0.1])


def weighted_prior(group, credit_error, count=300_000):
    """Log factors drawn from the model as `attribution.factors` states it, and the likelihood of the tests."""
    rng = np.random.default_rng(3)
    caused = rng.beta(2, 2, count)
    centre = np.log(caused) + rng.normal(np.log(1.5), 0.2, count)
    within = np.abs(rng.normal(size=count)) * (0.15 + 0.5 * (1 - caused))
    between = np.abs(rng.normal(0, 0.4, count)) * (len(set(group)) > 1)
    apart = between[:, None] * rng.normal(size=(count, group.max() + 1))
    noise = rng.normal(size=(count, len(group))) * np.sqrt(within[:, None] ** 2 + credit_error**2)
    logs = centre[:, None] + apart[:, group] + noise
    weight = np.exp(-0.5 * (((VALUE - np.exp(logs[:, PLACE])) / ERROR) ** 2).sum(axis=1))
    return logs, weight / weight.sum()


@pytest.mark.parametrize("group", [np.zeros(6, dtype=int), np.array([0, 0, 0, 1, 1, 1])])
def test_the_posterior_is_that_of_the_model(group):
    credit_error = np.full(6, 0.05)
    found = log_factors(Measured(place=PLACE, value=VALUE, error=ERROR), group=group, credit_error=credit_error)
    logs, weight = weighted_prior(group, credit_error)
    mean = weight @ logs
    spread = np.sqrt(weight @ (logs - mean) ** 2)
    np.testing.assert_allclose(found.centre(), mean, atol=0.06)
    np.testing.assert_allclose(found.draws(20_000, seed=1).std(axis=0), spread, rtol=0.1)


def test_one_vague_test_moves_little_and_a_sharp_one_all():
    untested = []
    for error in (0.02, 0.2, 3.0):
        tests = Measured(place=np.array([0]), value=np.array([0.3]), error=np.array([error]))
        found = log_factors(tests, group=np.zeros(4, dtype=int), credit_error=np.full(4, 0.05))
        untested.append(float(np.exp(found.centre()[1])))
    # Without a test, half of all purchases are taken to be caused; overlap makes that a factor of two thirds.
    assert 0.3 < untested[0] < 0.45 < untested[2] < 0.75
    assert untested[0] < untested[1] < untested[2]
