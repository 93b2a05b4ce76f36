"""The collapsed density against dense linear algebra, its gradient, and the PyMC reference."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from mmm.calibration import lift_design
from mmm.collapsed import draw_linear, kernel_data
from mmm.collapsed_kernel import draw_coefficients, log_density
from mmm.contributions import collect_draws
from mmm.design import build_design
from mmm.kernel_arrays import new_work
from mmm.lift_fit import predicted_lifts
from mmm.parameters import INTERCEPT_PRIOR, parameters
from mmm.spec import ModelSpec
from simulation.market import simulate_market
from simulation.market_spec import market_spec


@pytest.fixture(scope="module")
def problem(make_lift):
    return lambda geos, **changes: _problem(make_lift, geos, **changes)


def _problem(lift, geos: int, **changes):
    panel = simulate_market(2, market_spec(n_geos=geos, n_weeks=40, n_channels=2)).panel
    spec = ModelSpec(lags=4, knot_every=10, harmonics=1, **changes)
    design = build_design(panel, spec)
    first, second = panel.channels
    lifts = [
        lift(channel=first, geos=panel.geos[:2], start=dt.date(2026, 5, 4), end=dt.date(2026, 6, 3), value=9e4,
             standard_error=3e4, incremental_spend=5e4, weeks=1),
        lift(channel=first, geos=(), start=dt.date(2026, 8, 3), end=dt.date(2026, 8, 30), value=-9e4,
             standard_error=5e4, incremental_spend=-6e4),
        lift(channel=second, geos=(), start=dt.date(2024, 8, 5), end=dt.date(2024, 9, 1), value=4e4,
             standard_error=5e4, incremental_spend=3e4),
    ]  # fmt: skip
    layout, laid = parameters(design, spec), lift_design(design, lifts)
    return spec, design, layout, laid, kernel_data(design, layout, spec, laid)


def _dense(point, data, spec, design, layout, laid):
    """Mean and covariance of (outcome, lifts), and of every linear coefficient, without any elimination."""
    work, gradient = new_work(data), np.zeros(len(point))
    log_density(point, data, work, gradient)
    natural = layout.natural(point)
    (geos, periods), rows = design.outcome.shape, design.channels + 1
    national = natural["roas"] * design.spend / work.total
    spread = natural["geo_spread"] if geos > 1 else np.zeros(design.channels)
    mean = np.r_[INTERCEPT_PRIOR[0], national]
    sd = np.r_[INTERCEPT_PRIOR[1], national * spread]
    group = design.shared.group
    learnt = [natural[name][0] for name in ("walk_sd", "shock_sd") if name in natural]
    shared_sd = np.where(group < 0, design.shared.prior_sd, np.array(learnt)[np.maximum(group, 0)])
    columns = len(group)
    basis = np.zeros((geos * periods + len(laid.value), geos * rows + columns))
    for geo in range(geos):
        at = slice(geo * periods, (geo + 1) * periods)
        basis[at, geo * rows : (geo + 1) * rows] = work.rows[geo].T
        basis[at, geos * rows :] = design.shared.values[geo]
    for number, (geo, channel, test) in enumerate(laid.place):
        effect = (work.cell_saturated[number, 0, 0] - work.cell_saturated[number, 1, 0]) @ laid.window[number]
        basis[geos * periods + test, geo * rows + channel + 1] += effect / laid.error[test]
    centre = np.r_[np.tile(mean, geos), np.zeros(columns)]
    prior = np.r_[np.tile(sd, geos), shared_sd]
    noise = np.r_[np.repeat(natural["noise"], periods), np.ones(len(laid.value))]
    observed = np.r_[design.outcome.ravel(), laid.value / laid.error]
    return basis, centre, prior, noise, observed


def _log_marginal(point, *problem_parts):
    basis, centre, prior, noise, observed = _dense(point, *problem_parts)
    covariance = (basis * prior**2) @ basis.T + np.diag(noise**2)
    return multivariate_normal.logpdf(observed, basis @ centre, covariance) - 0.5 * point @ point


@pytest.mark.parametrize("geos", [1, 3])
@pytest.mark.parametrize("shocks", [False, True])
def test_density_is_the_dense_marginal_likelihood(problem, geos, shocks):
    spec, design, layout, laid, data = problem(geos, shocks=shocks)
    rng = np.random.default_rng(1)
    gaps = []
    for _ in range(4):
        point = rng.normal(0.0, 0.7, len(layout.centre))
        value = log_density(point, data, new_work(data), np.zeros(len(point)))
        gaps.append(value - _log_marginal(point, data, spec, design, layout, laid))
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-8 * abs(value))


@pytest.mark.parametrize(
    ("geos", "adstock", "saturation"),
    [
        (3, "geometric", "hill"),
        (1, "delayed", "tanh"),
        (3, "weibull", "michaelis_menten"),
        (1, "geometric", "logistic"),
    ],
)
def test_gradient_against_finite_differences_of_the_compiled_entry(problem, geos, adstock, saturation):
    _, _, layout, _, data = problem(geos, adstock=adstock, saturation=saturation)
    size, step = len(layout.centre), 1e-5
    point, work, found = np.random.default_rng(2).normal(0.0, 0.5, size), new_work(data), np.zeros(size)
    log_density(point, data, work, found)
    expected, ignored = np.zeros(size), np.zeros(size)
    for index in range(size):
        shift = np.zeros(size)
        shift[index] = step
        above = log_density(point + shift, data, work, ignored)
        expected[index] = (above - log_density(point - shift, data, work, ignored)) / (2 * step)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_coefficient_draws_have_the_exact_conditional_moments(problem):
    spec, design, layout, laid, data = problem(3)
    point = np.random.default_rng(3).normal(0.0, 0.5, len(layout.centre))
    basis, centre, prior, noise, observed = _dense(point, data, spec, design, layout, laid)
    precision = (basis / noise[:, None] ** 2).T @ basis + np.diag(1 / prior**2)
    covariance = np.linalg.inv(precision)
    mean = covariance @ ((basis / noise[:, None] ** 2).T @ observed + centre / prior**2)
    by_geo, shared = draw_linear(np.broadcast_to(point, (1, 4000, len(point))), data, seed=4)
    drawn = np.concatenate([by_geo.reshape(4000, -1), shared.reshape(4000, -1)], axis=1)
    sd = np.sqrt(np.diag(covariance))
    assert np.abs((drawn.mean(axis=0) - mean) / sd).max() < 5 / np.sqrt(4000)
    assert np.abs(drawn.std(axis=0) / sd - 1).max() < 0.07
    correlation = covariance / np.outer(sd, sd)
    assert np.abs(np.corrcoef(drawn.T) - correlation).max() < 0.09


def test_predicted_lifts_agree_with_the_kernel(problem):
    spec, _, layout, laid, data = problem(3)
    point = np.random.default_rng(5).normal(0.0, 0.5, len(layout.centre))
    work = new_work(data)
    by_geo, shared = draw_coefficients(point, data, work, np.zeros(3 * 3 + data.shared.shape[2] + len(laid.value)))
    natural = {name: values[None] for name, values in layout.natural(point).items()}
    predicted = predicted_lifts(collect_draws(natural, by_geo[None], shared[None], spec), laid, spec)[0]
    expected = np.zeros(len(laid.value))
    for number, (geo, channel, test) in enumerate(laid.place):
        expected[test] += work.effect[number] * by_geo[geo, channel + 1]
    np.testing.assert_allclose(predicted / laid.error, expected, rtol=1e-10)


# pymc 6.3 imports names that its own pytensor has moved.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_reference_model_has_the_same_posterior_density(problem):
    """PyMC's joint density minus the exact conditional of the coefficients is the collapsed density, up to a constant."""
    from mmm.build import build_model

    spec, design, layout, laid, data = problem(3)
    model = build_model(design, layout, laid, spec)
    logp = model.compile_logp(mode="FAST_COMPILE")
    rng = np.random.default_rng(6)
    gaps = []
    for _ in range(3):
        point = rng.normal(0.0, 0.5, len(layout.centre))
        unit, column = rng.normal(size=(3, design.channels + 1)), rng.normal(size=data.shared.shape[2])
        values, start = {"unit": unit, "column": column}, 0
        for name, size in zip(layout.names, layout.sizes, strict=True):
            values[f"{name}_point"] = point[start : start + size]
            start += size
        basis, centre, prior, noise, observed = _dense(point, data, spec, design, layout, laid)
        scaled = basis * prior / noise[:, None]
        precision = scaled.T @ scaled + np.eye(len(prior))
        mean = np.linalg.solve(precision, scaled.T @ ((observed - basis @ centre) / noise))
        whitened = np.r_[unit.ravel(), column] - mean
        conditional = 0.5 * np.linalg.slogdet(precision)[1] - 0.5 * whitened @ precision @ whitened
        collapsed = log_density(point, data, new_work(data), np.zeros(len(point)))
        gaps.append(float(logp(values)) - conditional - collapsed)
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-8 * abs(collapsed))
