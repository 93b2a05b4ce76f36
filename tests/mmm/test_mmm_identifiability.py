"""The forecast of what a fit will know: exact linear algebra, sensible noise, and near what a fit then finds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from measurement.panel import Panel
from mmm.channel_spec import ChannelModel, Prior
from mmm.design import build_design
from mmm.identifiability import identifiability, inner_products, posterior
from mmm.linearisation import linearise, media_effect
from mmm.parameters import parameters
from mmm.spec import ModelSpec
from tests.mmm.rich_panel import rich_panel


def panel(*, geos: int = 4, weeks: int = 110, noise: float = 0.03, scale=(1.0, 1.0), seed: int = 2) -> Panel:
    rng = np.random.default_rng(seed)
    spend = 1000.0 * rng.lognormal(0.0, 0.5, (geos, weeks, len(scale))) * np.array(scale)
    spend *= rng.random(spend.shape) > 0.2
    outcome = 20000.0 * (1 + noise * rng.standard_normal((geos, weeks))) + spend.sum(axis=2)
    dates = pd.date_range("2024-01-01", periods=weeks, freq="7D")
    names = [f"c{number}" for number in range(len(scale))]
    return Panel.from_arrays(
        outcome=outcome, dates=dates, geos=[f"g{number}" for number in range(geos)], spend=spend, channels=names
    )


@pytest.mark.parametrize("adstock", ["geometric", "weibull"])
def test_eliminating_the_geo_effects_is_exact(adstock):
    """Against one dense Gaussian model of all unknowns, geo effects included."""
    spec = ModelSpec(adstock=adstock, lags=6)
    design = build_design(panel(geos=3, weeks=40), spec)
    grams = inner_products(linearise(design, spec))
    size, own = grams.shared.shape[1], grams.own.shape[1]
    prior_sd, noise = np.linspace(0.05, 1.0, size), np.array([0.05, 0.1, 0.2])
    precision, score, _ = posterior(grams, prior_sd, noise)
    full = np.zeros((size + 3 * own, size + 3 * own))
    right = np.zeros(size + 3 * own)
    full[:size, :size] = np.diag(prior_sd**-2.0)
    for geo in range(3):
        block = slice(size + geo * own, size + (geo + 1) * own)
        full[:size, :size] += grams.shared[geo] / noise[geo] ** 2
        full[block, block] = grams.own[geo] / noise[geo] ** 2 + np.eye(own)
        full[block, :size] = grams.cross[geo] / noise[geo] ** 2
        full[:size, block] = full[block, :size].T
        right[:size] += grams.outcome_shared[geo] / noise[geo] ** 2
        right[block] = grams.outcome_own[geo] / noise[geo] ** 2
    np.testing.assert_allclose(np.linalg.inv(precision), np.linalg.inv(full)[:size, :size], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(
        np.linalg.solve(precision, score), np.linalg.solve(full, right)[:size], rtol=1e-6, atol=1e-10
    )


def test_the_marginal_likelihood_is_that_of_the_dense_model():
    """Differences between two settings, which are all that the search sees."""
    from scipy.linalg import null_space
    from scipy.stats import multivariate_normal

    spec = ModelSpec(lags=6, harmonics=1, knot_every=20)
    design = build_design(panel(geos=2, weeks=30), spec)
    model = linearise(design, spec)
    grams = inner_products(model)
    X, R = model.shared, model.own
    contrasts = null_space(np.ones((1, 30)))  # what is left of the weeks once the level is open, (30, 29)
    X, R, rest = X @ contrasts, R @ contrasts, model.rest @ contrasts

    def dense(prior_sd, noise):
        wide = np.concatenate(list(np.swapaxes(X, 1, 2)), axis=0) * prior_sd
        covariance = wide @ wide.T
        for geo in range(2):
            part = slice(29 * geo, 29 * geo + 29)
            covariance[part, part] += R[geo].T @ R[geo] + noise[geo] ** 2 * np.eye(29)
        return -2.0 * multivariate_normal(np.zeros(58), covariance).logpdf(rest.ravel())

    def ours(prior_sd, noise):
        precision, score, rest_of_it = posterior(grams, prior_sd, noise)
        log_det = np.linalg.slogdet(precision)[1] + 2.0 * np.log(prior_sd).sum()
        return rest_of_it - score @ np.linalg.solve(precision, score) + log_det

    size = X.shape[1]
    first, second = (
        (np.full(size, 0.3), np.array([0.1, 0.2])),
        (np.linspace(0.1, 0.5, size), np.array([0.15, 0.12])),
    )
    assert ours(*first) - ours(*second) == pytest.approx(dense(*first) - dense(*second), abs=1e-6)


@pytest.mark.parametrize("noise", [0.02, 0.08])
def test_noise_is_found(noise):
    found = identifiability(build_design(panel(noise=noise), ModelSpec()), ModelSpec())
    assert found.noise == pytest.approx(noise, rel=0.2)


def test_a_tiny_channel_is_known_to_be_unknown():
    found = identifiability(build_design(panel(scale=(1.0, 0.002)), ModelSpec()), ModelSpec())
    assert found.table["ratio"][0] < 0.3
    assert found.table["ratio"][1] > 0.95


@pytest.mark.parametrize("geos", [4, 40])
def test_a_constant_channel_teaches_nothing_however_many_geos(geos):
    data = panel(geos=geos)
    spend = data.data["spend"].to_numpy().copy()
    spend[..., 1] = 1000.0
    again = Panel.from_arrays(
        outcome=data.data["outcome"].to_numpy(), dates=data.dates, geos=data.geos, spend=spend, channels=data.channels
    )
    found = identifiability(build_design(again, ModelSpec()), ModelSpec())
    assert found.table["ratio"][1] > 0.9
    assert found.table["ratio"][0] < 0.3


def test_more_data_and_less_noise_teach_more():
    def ratio(**how) -> float:
        spec = ModelSpec()
        return float(identifiability(build_design(panel(scale=(1.0, 0.1), **how), spec), spec).table["ratio"][1])

    usual = ratio()
    assert ratio(geos=12) < usual < ratio(noise=0.09)


def test_a_sharp_prior_leaves_little_to_learn():
    data = panel(scale=(1.0, 0.1))
    spec = ModelSpec(priors={"c1": Prior(mean=1.0, sd=0.02)})
    table = identifiability(build_design(data, spec), spec).table
    assert table["prior_sd"][1] == pytest.approx(0.02, rel=0.01)
    assert table["ratio"][1] > 0.95


def test_a_lift_test_of_the_named_error_halves_what_is_unknown():
    table = identifiability(build_design(panel(), ModelSpec()), ModelSpec()).table
    both = 1.0 / np.sqrt(table["expected_sd"] ** -2 + table["test_sd"] ** -2)
    np.testing.assert_allclose(both, table["expected_sd"] / 2)


@pytest.mark.slow
def test_the_forecast_is_near_what_a_fit_finds(small_fit):
    """Within a factor of 2.5 once the channel's return is known: half the return is known half as well."""
    found = identifiability(small_fit.design, small_fit.spec)
    draws = np.log(np.maximum(small_fit.roas_draws, 1e-9))
    paid = draws.shape[1]  # organic media come after them and have no ROAS
    earned = np.exp(np.median(draws, axis=0) - small_fit.design.effect_log_mean[:paid])
    forecast = found.table["expected_sd"].to_numpy()[:paid] / earned
    assert (np.abs(np.log(draws.std(axis=0) / forecast)) < np.log(2.5)).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"baseline": "hsgp", "order": "saturation_first"},
        {
            "channels": {
                "search": ChannelModel(varying=True, group="online"),
                "social": ChannelModel(adstock="none", saturation="none", group="online"),
            },
            "priors": {
                "search": Prior(mean=2.0, sd=0.5, kind="marginal_roas"),
                "newsletter": Prior(mean=900.0, sd=400.0, kind="coefficient"),
            },
        },
    ],
)
def test_every_part_of_the_model_is_in_the_forecast(changes):
    spec = ModelSpec(lags=4, knot_every=10, harmonics=1, **changes)
    design = build_design(rich_panel(3), spec)
    layout, model = parameters(design, spec), linearise(design, spec)
    step, origin = np.zeros(len(layout.centre)), np.zeros(len(layout.centre))
    step[:4] = np.array([1.0, -2.0, 3.0, 0.5]) * 1e-6
    rise = (media_effect(design, spec, layout, step) - media_effect(design, spec, layout, origin)).sum(axis=1)
    rise = rise - rise.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(np.einsum("gnt,n->gt", model.shared[:, :4], step[:4]), rise, atol=1e-10)
    found = identifiability(design, spec)
    assert list(found.table["channel"]) == ["tv", "search", "social"]
    assert ((found.table["ratio"] > 0) & (found.table["ratio"] <= 1.0001)).all()
    assert found.shocks > 0


def test_shocks_that_all_geos_share_are_told_from_noise():
    quiet = panel(geos=8)
    rng = np.random.default_rng(6)
    shaken = quiet.data["outcome"].to_numpy() * (1 + 0.05 * rng.standard_normal(110))
    data = Panel.from_arrays(
        outcome=shaken,
        dates=quiet.dates,
        geos=quiet.geos,
        spend=quiet.data["spend"].to_numpy(),
        channels=quiet.channels,
    )
    before, after = (identifiability(build_design(one, ModelSpec()), ModelSpec()) for one in (quiet, data))
    assert after.shocks == pytest.approx(0.05, rel=0.3)
    assert before.shocks < 0.02
    assert after.noise == pytest.approx(before.noise, rel=0.2)


def test_channels_of_a_group_teach_each_other():
    data = panel(scale=(1.0, 0.02))
    alone = ModelSpec()
    together = ModelSpec(
        group_correlation=0.9, channels={"c0": ChannelModel(group="all"), "c1": ChannelModel(group="all")}
    )
    ratio = [float(identifiability(build_design(data, spec), spec).table["ratio"][1]) for spec in (alone, together)]
    assert ratio[1] < 0.8 * ratio[0]
