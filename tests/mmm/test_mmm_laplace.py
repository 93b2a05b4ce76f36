"""The normal approximation: weights against a known tail, evidence against dense algebra, the choice of a baseline."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from measurement.errors import InputError
from mmm.laplace import laplace_frame, log_evidence, prior_constant, smoothed_weights, weighted_draws
from mmm.model import MMM
from mmm.preview import resampled
from mmm.sampling import density_of
from mmm.selection import choose_baseline, log_score, score_table
from mmm.spec import ModelSpec
from simulation.market import simulate_market
from simulation.market_spec import market_spec
from tests.mmm.dense_model import Problem, dense, log_prior

SPEC = ModelSpec(lags=4, knot_every=8, harmonics=1)


@pytest.fixture(scope="module")
def tiny_market():
    return simulate_market(3, market_spec(n_geos=2, n_weeks=60, n_channels=2))


@pytest.mark.parametrize(("narrow", "tail"), [(0.6, 0.64), (0.8, 0.36)])
def test_weights_of_a_normal_by_a_narrower_one_have_the_tail_they_must(narrow, tail):
    """Proposal N(0, s²) for N(0, 1): the ratio exceeds u with probability u^(−1/(1 − s²)), so k = 1 − s²."""
    drawn = np.random.default_rng(3).normal(0.0, narrow, 200_000)
    ratio = -0.5 * drawn**2 + 0.5 * (drawn / narrow) ** 2
    weights, pareto_k = smoothed_weights(ratio)
    assert pareto_k == pytest.approx(tail, abs=0.12)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights * drawn**2).sum() == pytest.approx(1.0, abs=0.1)


def test_a_wider_proposal_has_no_tail_and_impossible_draws_no_weight():
    drawn = np.random.default_rng(3).normal(0.0, 1.5, 5000)
    ratio = np.where(drawn > 3.0, -np.inf, -0.5 * drawn**2 + 0.5 * (drawn / 1.5) ** 2)
    weights, pareto_k = smoothed_weights(ratio)
    assert pareto_k < 0.3
    assert (weights[drawn > 3.0] == 0.0).all()


def test_resampling_keeps_shares():
    found = resampled(np.array([0.5, 0.25, 0.25]), 400, np.random.default_rng(0))
    np.testing.assert_allclose(np.bincount(found), [200, 100, 100], atol=1)


@pytest.mark.parametrize(
    "changes", [{}, {"baseline": "hsgp"}, {"shocks": False, "geo_drift": 0}, {"noise": "student_t"}]
)
def test_density_and_constant_are_the_joint_density_of_a_dense_gaussian(tiny_market, changes):
    """Nothing in which models differ is left out: the density plus its constant is log p(y, θ) to rounding."""
    problem = Problem.of(tiny_market.panel, replace(SPEC, **changes))
    point = np.random.default_rng(5).normal(0.0, 0.5, problem.size)
    laid = dense(problem, point)
    covariance = (laid.basis * laid.prior**2) @ laid.basis.T + np.diag(laid.noise**2)
    gap = laid.observed - laid.basis @ laid.centre
    likelihood = -0.5 * (gap @ np.linalg.solve(covariance, gap) + np.linalg.slogdet(2.0 * np.pi * covariance)[1])
    weights = problem.layout.sizes[problem.layout.names.index("weight")] if "weight" in problem.layout.names else 0
    constant = -0.5 * (problem.size - weights) * math.log(2.0 * math.pi)
    half = 0.5 * problem.spec.degrees
    if weights:
        constant += weights * (half * math.log(half) - math.lgamma(half) + math.log(problem.layout.spread[-1]))
    expected = likelihood + log_prior(problem, point) + constant
    assert density_of(problem.data)(point)[0] + prior_constant(problem.data) == pytest.approx(expected, abs=1e-6)


def test_evidence_agrees_with_importance_sampling(tiny_market):
    problem = Problem.of(tiny_market.panel, replace(SPEC, shocks=False, geo_drift=0))
    frame = laplace_frame(problem.data)
    rng, density, count = np.random.default_rng(1), density_of(problem.data), 4000
    positions = rng.standard_normal((count, problem.size))
    target = np.array([density(point)[0] for point in frame.points(positions)]) + prior_constant(problem.data)
    proposal = -0.5 * (positions**2).sum(axis=1) - 0.5 * problem.size * math.log(2.0 * math.pi)
    ratio = target - proposal + np.linalg.slogdet(frame.scale)[1]
    top = ratio.max()
    sampled = top + math.log(np.exp(ratio - top).mean())
    assert log_evidence(problem.data, frame) == pytest.approx(sampled, abs=1.0)


def test_a_preview_says_what_it_is_and_decides_nothing(small_market, small_fit):
    seen = MMM(small_fit.spec).preview(small_market.panel, seed=1)
    assert "Preview" in seen.label
    assert f"{seen.pareto_k:.2f}" in seen.label
    assert not seen.healthy
    table = seen.roas_table()
    assert list(table["channel"]) == list(small_fit.channels)
    assert (table["pareto_k"] == seen.pareto_k).all()
    assert all(estimate.method == seen.label for estimate in seen.roas().values())
    middle, spread = small_fit.roas_draws.mean(axis=0), small_fit.roas_draws.std(axis=0)
    assert (np.abs(seen.roas_draws.mean(axis=0) - middle) < 1.0 * spread).all()
    with pytest.raises(InputError, match="preview"):
        seen.response_curves()


def test_previews_repeat_and_draws_that_do_not_fit_are_told(tiny_market):
    one, two = (MMM(SPEC).preview(tiny_market.panel, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one.contribution, two.contribution)
    problem = Problem.of(tiny_market.panel, SPEC)
    frame = laplace_frame(problem.data)
    off = replace(frame, scale=0.2 * frame.scale)
    assert weighted_draws(problem.data, off, draws=600, seed=1).pareto_k > 0.7


def test_the_baseline_is_chosen_by_score_and_the_scores_are_kept(tiny_market):
    chosen, scores = choose_baseline(tiny_market.panel, replace(SPEC, baseline="auto"))
    assert len(scores) == 8
    assert chosen.baseline in ("knots", "hsgp")
    best = scores[0]
    assert (chosen.baseline, chosen.knot_every, chosen.shocks, chosen.geo_drift) == (
        best.baseline,
        best.knot_every,
        best.shocks,
        best.geo_drift,
    )
    assert best.log_score == pytest.approx(log_score(tiny_market.panel, chosen), abs=1e-3)
    table = score_table(scores)
    assert (table["behind"] >= 0).all()
    assert table["behind"].iloc[0] == 0.0
    spec = replace(SPEC, baseline="auto", draws=20, tune=20, chains=2)
    fitted = MMM(spec).fit(tiny_market.panel, seed=1)
    assert fitted.spec.baseline == chosen.baseline
    assert len(json.loads(json.dumps(fitted.options["baseline_scores"]))) == 8


def test_a_level_that_jumps_about_wants_close_knots_and_a_calm_one_wide_knots():
    rng = np.random.default_rng(2)
    market = simulate_market(3, market_spec(n_geos=1, n_weeks=104, n_channels=2))
    panel = market.panel
    quick = np.cumsum(rng.normal(0.0, 0.08, 104))
    restless = replace(panel, data=panel.data.assign(outcome=panel.data["outcome"] * np.exp(quick - quick.mean())))
    gains = []
    for data in (panel, restless):
        close, wide = (log_score(data, replace(SPEC, knot_every=every)) for every in (2, 8))
        gains.append(close - wide)
    assert gains[1] > gains[0] + 3.0
    assert gains[1] > 0.0
