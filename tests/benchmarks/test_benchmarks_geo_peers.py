"""The benchmark of weights compares fairly, and ours is never above a peer on problems of every kind."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.geo_peers.__main__ import compare, objective
from benchmarks.geo_peers.problems import KINDS, objective_problems
from benchmarks.geo_peers.work import clarabel, slsqp, weights_of
from geolift.weights import simplex_least_squares


def excess(count: int, solve: object) -> tuple[float, float, int]:
    problems = objective_problems(count)
    assert {kind for kind, _, _ in problems} == set(KINDS)
    own = []
    for _, target, pool in problems:
        solved = simplex_least_squares(target, pool)
        assert solved.certified
        own.append(objective(solved.weights[0], target, pool))
    found, seconds = weights_of(solve, [(target, pool) for _, target, pool in problems])
    assert seconds > 0
    return compare(found, problems, own)


@pytest.mark.parametrize("solve", [clarabel, slsqp])
def test_ours_is_never_above_a_peer(solve: object) -> None:
    above, below, failed = excess(40, solve)
    assert above <= 1e-9
    assert below >= 0
    assert failed <= 4


@pytest.mark.slow
def test_ours_is_never_above_clarabel_on_500_problems() -> None:
    assert excess(500, clarabel)[0] <= 1e-9


def test_a_worse_answer_and_a_failure_are_seen() -> None:
    problems = objective_problems(8)
    best = [simplex_least_squares(target, pool).weights[0] for _, target, pool in problems]
    plain = [np.full(len(pool), 1 / len(pool)) for _, _, pool in problems]
    own = [objective(weights, target, pool) for weights, (_, target, pool) in zip(plain, problems, strict=True)]
    above, _, failed = compare([None, *best[1:]], problems, own)
    assert above > 1e-3
    assert failed == 1
