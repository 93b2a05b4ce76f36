"""The collapsed density against dense linear algebra, its gradient, and the PyMC reference."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from mmm.channel_spec import ChannelModel, Prior
from mmm.collapsed import draw_linear
from mmm.collapsed_kernel import draw_coefficients, log_density
from mmm.contributions import channel_totals, geo_parts
from mmm.kernel_arrays import SHOCK, new_work
from mmm.lift_fit import predicted_lifts
from mmm.media_response import collect_draws
from mmm.spec import ModelSpec
from tests.mmm.dense_model import Problem, dense, log_prior, national_effects
from tests.mmm.rich_panel import lifts_of, rich_panel

FORMS = {
    "tv": ChannelModel(varying=True, lags=3),
    "search": ChannelModel(adstock="none", saturation="logistic", varying=True, group="online"),
    "social": ChannelModel(saturation="none", order="saturation_first", group="online", lags=2),
    "newsletter": ChannelModel(adstock="delayed", saturation="michaelis_menten"),
}
PRIORS = {
    "tv": Prior(mean=2.0, sd=0.5, kind="marginal_roas"),
    "search": Prior(mean=2.0, sd=0.5, kind="marginal_roas"),
    "social": Prior(mean=0.1, sd=0.05, kind="share"),
    "newsletter": Prior(mean=900.0, sd=400.0, kind="coefficient"),
}
#: Name → geos, and what the specification says; between them they use every part of the model.
CASES = {
    "defaults": (3, {}),
    "national": (1, {"adstock": "delayed", "saturation": "tanh"}),
    "forms and priors by channel": (3, {"channels": FORMS, "priors": PRIORS, "shocks": False}),
    "Gaussian process, Student-t": (3, {"baseline": "hsgp", "noise": "student_t", "order": "saturation_first"}),
    "national, Student-t": (
        1,
        {"noise": "student_t", "adstock": "weibull", "saturation": "michaelis_menten", "channels": {"tv": FORMS["tv"]}},
    ),
    "no geo rows": (3, {"geo_drift": 0, "geo_controls": False, "priors": {"social": PRIORS["search"]}}),
}


@pytest.fixture(scope="module")
def problem(make_lift):
    def make(name: str) -> Problem:
        geos, changes = CASES[name]
        panel = rich_panel(geos)
        spec = ModelSpec(**{"lags": 4, "knot_every": 10, "harmonics": 1, **changes})
        return Problem.of(panel, spec, lifts_of(make_lift, panel))

    return make


def _value(problem, point):
    return log_density(point, problem.data, new_work(problem.data), np.zeros(len(point)))


def _dense_value(problem, point):
    full = dense(problem, point)
    covariance = (full.basis * full.prior**2) @ full.basis.T + np.diag(full.noise**2)
    likelihood = multivariate_normal.logpdf(full.observed, full.basis @ full.centre, covariance)
    return likelihood + log_prior(problem, point)


@pytest.mark.parametrize("case", CASES)
def test_density_is_the_dense_marginal_likelihood(problem, case):
    found = problem(case)
    rng = np.random.default_rng(1)
    gaps = []
    for _ in range(4):
        point = rng.normal(0.0, 0.7, found.size)
        value = _value(found, point)
        gaps.append(value - _dense_value(found, point))
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-8 * max(abs(value), 100.0))


@pytest.mark.parametrize("case", ["defaults", "Gaussian process, Student-t"])
def test_small_shocks_take_no_digits_off_the_density(problem, case):
    """Columns and shocks are one series, whose prior precision grows without bound as the shocks vanish."""
    found = problem(case)
    point, gaps = np.random.default_rng(9).normal(0.0, 0.5, found.size), []
    for sd in (1e-2, 1e-3, 1e-4):
        place = found.data.blocks[SHOCK]
        point[place] = (np.log(sd) - found.data.centre[place]) / found.data.spread[place]
        gaps.append(_value(found, point) - _dense_value(found, point))
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_gradient_against_finite_differences_of_the_compiled_entry(problem, case):
    found, step = problem(case), 1e-5
    point, work, gradient = (
        np.random.default_rng(2).normal(0.0, 0.5, found.size),
        new_work(found.data),
        np.zeros(found.size),
    )
    log_density(point, found.data, work, gradient)
    expected, ignored = np.zeros(found.size), np.zeros(found.size)
    for index in range(found.size):
        shift = np.zeros(found.size)
        shift[index] = step
        above = log_density(point + shift, found.data, work, ignored)
        expected[index] = (above - log_density(point - shift, found.data, work, ignored)) / (2 * step)
    np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-4)


def test_gradient_without_lift_tests():
    found = Problem.of(rich_panel(3), ModelSpec(lags=4, knot_every=10, harmonics=1))
    rng, work, gradient, ignored = np.random.default_rng(2), new_work(found.data), *np.zeros((2, found.size))
    point, way = rng.normal(0.0, 0.5, found.size), rng.normal(size=found.size)
    log_density(point, found.data, work, gradient)
    ends = [log_density(point + step * way, found.data, work, ignored) for step in (1e-5, -1e-5)]
    assert gradient @ way == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-6)


@pytest.mark.parametrize("case", ["defaults", "Gaussian process, Student-t", "national, Student-t"])
def test_coefficient_draws_have_the_exact_conditional_moments(problem, case):
    found, count = problem(case), 4000
    point = np.random.default_rng(3).normal(0.0, 0.5, found.size)
    full = dense(found, point)
    mean, precision = full.posterior()
    covariance = np.linalg.inv(precision) * np.outer(full.prior, full.prior)
    sd, free = np.sqrt(np.diag(covariance)), full.prior > 0
    by_geo, shared = draw_linear(np.broadcast_to(point, (1, count, found.size)), found.data, seed=4)
    drawn = np.concatenate([by_geo.reshape(count, -1), shared.reshape(count, -1)], axis=1)
    away = drawn - full.centre - full.prior * mean
    np.testing.assert_allclose(away[:, ~free], 0.0, atol=1e-9)
    away, sd = away[:, free] / sd[free], sd[free]
    assert np.abs(away.mean(axis=0)).max() < 5 / np.sqrt(count)
    assert np.abs(away.std(axis=0) - 1).max() < 0.07
    correlation = covariance[np.ix_(free, free)] / np.outer(sd, sd)
    assert np.abs(np.corrcoef(away.T) - correlation).max() < 0.09


@pytest.mark.parametrize("case", ["defaults", "forms and priors by channel", "national, Student-t"])
def test_media_of_kernel_and_results_are_the_same(problem, case):
    """Lifts, totals and the decomposition are read off draws by other code than the density's."""
    found = problem(case)
    design, laid = found.design, found.lifts
    rng, work = np.random.default_rng(5), new_work(found.data)
    point = rng.normal(0.0, 0.5, found.size)
    normals = rng.normal(size=found.columns + design.geos * found.rows + len(laid.value))
    by_geo, shared = draw_coefficients(point, found.data, work, normals)
    draws = collect_draws(found.natural(point), (by_geo[None], shared[None]), found.layout, design, found.spec)
    expected = np.zeros(len(laid.value))
    for cell, (geo, channel, test) in enumerate(laid.place):
        expected[test] += work.effect[cell] * by_geo[geo, channel + 1]
    predicted = predicted_lifts(draws, laid, design, found.spec)[0]
    np.testing.assert_allclose(predicted / laid.error, expected, rtol=1e-10)
    parts = [geo_parts(draws, design, found.spec, geo) for geo in range(design.geos)]
    totals = channel_totals(point[None], by_geo[None], found.data)[0]
    for channel, name in enumerate(("tv", "search", "social", "organic:newsletter")):
        assert sum(part[name].sum() for part in parts) == pytest.approx(totals[channel], rel=1e-10)
    full = dense(found, point)
    whole = np.stack([np.sum(list(part.values()), axis=0)[0] for part in parts]) / design.money
    coefficient = np.r_[by_geo.ravel(), shared]
    np.testing.assert_allclose(whole.ravel(), (full.basis @ coefficient)[: whole.size], rtol=1e-9)


def test_national_effects_of_the_kernel(problem):
    found, work = problem("forms and priors by channel"), None
    for point in np.random.default_rng(6).normal(0.0, 0.7, (3, found.size)):
        work = new_work(found.data)
        log_density(point, found.data, work, np.zeros(found.size))
        np.testing.assert_allclose(work.mean[found.data.order[1:5]], national_effects(found, point), rtol=1e-9)


# pymc 6.3 imports names that its own pytensor has moved.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("case", CASES)
def test_reference_model_has_the_same_posterior_density(problem, case):
    """PyMC's joint density minus the exact conditional of the coefficients is the collapsed density, up to a constant."""
    from mmm.build import build_model

    found = problem(case)
    model = build_model(found.design, found.layout, found.lifts, found.spec)
    logp = model.compile_logp(mode="FAST_COMPILE")
    rng = np.random.default_rng(6)
    gaps = []
    for _ in range(3):
        point = rng.normal(0.0, 0.5, found.size)
        unit, column = rng.normal(size=(found.design.geos, found.rows)), rng.normal(size=found.columns)
        values, start = {"unit": unit, "column": column}, 0
        for name, size in zip(found.layout.names, found.layout.sizes, strict=True):
            block = slice(start, start + size)
            if name == "weight":
                values["weight_log__"] = found.layout.centre[block] + found.layout.spread[block] * point[block]
            else:
                values[f"{name}_point"] = point[block]
            start += size
        mean, precision = dense(found, point).posterior()
        away = np.r_[unit.ravel(), column] - mean
        conditional = 0.5 * np.linalg.slogdet(precision)[1] - 0.5 * away @ precision @ away
        collapsed = _value(found, point)
        gaps.append(float(logp(values)) - conditional - collapsed)
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-8 * max(abs(collapsed), 100.0))
