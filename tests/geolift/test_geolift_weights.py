"""The simplex solver: optimal, certified, indifferent to order, names and units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from geolift.weights import CERTIFIED_GAP, simplex_least_squares
from measurement.errors import InputError


def problem(seed: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """A target and donors: plain, rank-deficient, with duplicates, tiny beside a huge level, or random walks."""
    rng = np.random.default_rng(seed)
    donors, periods = int(rng.integers(2, 45)), int(rng.integers(3, 90))
    pool = rng.normal(size=(donors, periods))
    if kind == "rank_deficient":
        pool = rng.normal(size=(donors, 3)) @ rng.normal(size=(3, periods))
    elif kind == "duplicates":
        pool = np.repeat(pool[: max(1, donors // 3)], 3, axis=0)
    elif kind == "huge_level":
        pool = 1e-3 * pool + 1e6
    elif kind == "walks":
        pool = np.cumsum(pool, axis=1) + 1e4 * rng.normal(size=(donors if kind == "walks" else 1, 1))
    noise = 0.0 if seed % 5 == 0 else 0.2 * pool.std()
    target = pool[rng.integers(len(pool), size=3)].mean(axis=0) + noise * rng.normal(size=periods)
    return target, pool


KINDS = ("plain", "rank_deficient", "duplicates", "huge_level", "walks")


@pytest.mark.parametrize("kind", KINDS)
def test_every_solution_lies_on_the_simplex_with_a_certificate(kind: str) -> None:
    for seed in range(60):
        target, pool = problem(seed, kind)
        solved = simplex_least_squares(target, pool)
        weights = solved.weights[0]
        assert (weights >= 0).all()
        assert weights.sum() == pytest.approx(1, abs=1e-12)
        assert solved.certified, (seed, solved.relative_gap)


@pytest.mark.parametrize("kind", KINDS)
def test_certificate_agrees_with_the_optimality_conditions(kind: str) -> None:
    """Independent of the solver's own arithmetic: no donor's slope lies below the common one of those in use."""
    for seed in range(1, 20, 3):
        target, pool = problem(seed, kind)
        weights = simplex_least_squares(target, pool).weights[0]
        centre = pool.mean(axis=0)
        moved, aim = pool - centre, target - centre
        slope = -moved @ (aim - weights @ moved)
        size = np.abs(moved).max() * np.abs(aim - weights @ moved).sum() + 1e-7 * float(np.sum(moved**2))
        assert slope.min() >= weights @ slope - 1e-7 * size
        assert np.abs(slope[weights > 1e-6] - weights @ slope).max() <= 1e-6 * size


def test_beats_or_ties_a_general_solver() -> None:
    for seed in range(12):
        target, pool = problem(seed, "plain")
        ours = simplex_least_squares(target, pool)
        start = np.full(len(pool), 1 / len(pool))
        peer = minimize(
            lambda w, target=target, pool=pool: 0.5 * np.sum((target - w @ pool) ** 2),
            start,
            jac=lambda w, target=target, pool=pool: -pool @ (target - w @ pool),
            bounds=[(0, 1)] * len(pool),
            constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 1000},
        )
        assert ours.objective[0] <= peer.fun * (1 + 1e-9) + 1e-12


def test_exact_convex_combinations_are_found() -> None:
    rng = np.random.default_rng(3)
    pool = rng.normal(size=(12, 40))
    truth = rng.dirichlet(np.ones(12))
    assert simplex_least_squares(truth @ pool, pool).weights[0] == pytest.approx(truth, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.sampled_from([1e-6, 1.0, 1e7]), shift=st.sampled_from([0.0, -5.0, 100.0]))
def test_units_level_and_order_change_nothing(seed: int, scale: float, shift: float) -> None:
    target, pool = problem(seed, "plain")
    order = np.random.default_rng(seed).permutation(len(pool))
    base = simplex_least_squares(target, pool)
    moved = simplex_least_squares(scale * (target + shift), scale * (pool[order] + shift))
    # The objective is strictly convex in the fit, not always in the weights: compare fits.
    assert moved.weights[0] @ pool[order] == pytest.approx(base.weights[0] @ pool, abs=1e-7 * np.abs(pool).max())


def test_many_targets_share_one_pool_and_may_be_warm_started() -> None:
    rng = np.random.default_rng(5)
    pool = rng.normal(size=(20, 50))
    targets = 0.3 * rng.normal(size=(30, 50)) + pool[:5].mean(axis=0)
    cold, warm = simplex_least_squares(targets, pool), simplex_least_squares(targets, pool, warm=True)
    alone = np.vstack([simplex_least_squares(row, pool).weights for row in targets])
    assert cold.weights == pytest.approx(alone, abs=1e-9)
    assert warm.weights == pytest.approx(cold.weights, abs=1e-8)
    assert warm.relative_gap.max() <= CERTIFIED_GAP


def test_donors_that_are_not_allowed_get_nothing() -> None:
    target, pool = problem(7, "plain")
    allowed = np.ones((1, len(pool)), dtype=bool)
    allowed[0, 0] = False
    masked = simplex_least_squares(target, pool, allowed=allowed).weights[0]
    dropped = simplex_least_squares(target, pool[1:]).weights[0]
    assert masked[0] == 0
    assert masked[1:] == pytest.approx(dropped, abs=1e-9)


def test_ridge_pulls_the_weights_together() -> None:
    target, pool = problem(11, "plain")
    spread = [np.ptp(simplex_least_squares(target, pool, ridge=r).weights[0]) for r in (0.0, 10.0, 1e4, 1e8)]
    assert spread == sorted(spread, reverse=True)
    assert spread[-1] < 1e-4


def test_one_donor_and_constant_donors_are_no_special_case() -> None:
    assert simplex_least_squares(np.array([1.0, 2.0]), np.array([[5.0, 5.0]])).weights.tolist() == [[1.0]]
    flat = simplex_least_squares(np.array([1.0, 2.0, 3.0]), np.ones((3, 3)))
    assert flat.weights.sum() == pytest.approx(1)
    assert flat.certified


@pytest.mark.parametrize(
    ("targets", "donors"),
    [
        (np.ones(3), np.empty((0, 3))),
        (np.ones(3), np.ones((2, 4))),
        (np.array([1.0, np.nan]), np.ones((2, 2))),
    ],
)
def test_unusable_input_is_refused_with_a_remedy(targets: np.ndarray, donors: np.ndarray) -> None:
    with pytest.raises(InputError) as refused:
        simplex_least_squares(targets, donors)
    assert refused.value.problems[0].remedy
