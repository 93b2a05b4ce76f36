"""Worlds drawn from the prior agree with the compiled density's own parametrisation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmm.calibration import lift_design
from mmm.channel_spec import ChannelModel, Prior
from mmm.collapsed import kernel_data
from mmm.collapsed_kernel import log_density
from mmm.design import build_design
from mmm.kernel_arrays import new_work
from mmm.media_response import collect_draws
from mmm.parameters import parameters
from mmm.prior_checks import national_effects, prior_predictive, simulate_from_prior
from mmm.spec import ModelSpec

PLAIN = ModelSpec(lags=6, knot_every=8)
RICH = ModelSpec(
    lags=6,
    baseline="hsgp",
    noise="student_t",
    channels={"video": ChannelModel(adstock="weibull", saturation="tanh", varying=True, order="saturation_first")},
    priors={"video": Prior(mean=1.0, sd=0.5, kind="marginal_roas"), "search": Prior(mean=0.1, sd=0.05, kind="share")},
)


@pytest.mark.parametrize("spec", [PLAIN, RICH], ids=["plain", "rich"])
def test_national_effects_and_scales_are_those_of_the_density(small_market, spec):
    design = build_design(small_market.panel, spec)
    layout = parameters(design, spec)
    data = kernel_data(design, layout, spec, lift_design(design, ()))
    work = new_work(data)
    point = np.random.default_rng(1).normal(0.0, 0.7, len(layout.centre))
    log_density(point, data, work, np.zeros(len(point)))
    natural = layout.natural(point[None])
    media = len(design.media_names)
    blank = np.zeros((1, design.geos, work.rows.shape[1]))
    draws = collect_draws(natural, (blank, np.zeros((1, len(work.shared_sd)))), layout, design, spec)
    national = national_effects(draws, natural["effect"], design, spec)
    np.testing.assert_allclose(national[0], work.mean[data.order[1 : 1 + media]], rtol=1e-8)


@pytest.mark.parametrize("spec", [PLAIN, RICH], ids=["plain", "rich"])
def test_coefficients_have_the_spread_of_their_prior(small_market, spec):
    """Divided by the density's own standard deviations, draws are standard normal."""
    design = build_design(small_market.panel, spec)
    layout = parameters(design, spec)
    data = kernel_data(design, layout, spec, lift_design(design, ()))
    work, order = new_work(data), data.order
    sample = simulate_from_prior(design, layout, spec, 4, draws=150)
    by_geo, shared = sample.coefficients
    found, pooled = [], []
    for draw in range(150):
        point = _points(layout, sample.natural, draw)
        log_density(point, data, work, np.zeros(len(point)))
        found.append((by_geo[draw] - work.mean[order]) / work.width[order])
        pooled.append(shared[draw] / work.shared_sd)
    for values in (np.array(found), np.array(pooled)):
        assert abs(values.mean()) < 5 / np.sqrt(values.size)
        assert values.std() == pytest.approx(1.0, abs=5 / np.sqrt(values.size))


def _points(layout, natural, draw):
    """Sampler points from natural parameters: the inverse of `Parameters.natural`."""
    values = []
    for name in layout.names:
        block = natural[name][draw]
        if name in {"retention", "peak"}:
            share = block / (layout.peak_reach if name == "peak" else 1.0)
            values.append(np.log(share / (1.0 - share)))
        else:
            values.append(block if name == "path" else np.log(block))
    whole = np.concatenate(values)
    point = (whole - layout.centre) / layout.spread
    channels = len(layout.mix)
    point[:channels] = np.linalg.solve(layout.mix, whole[:channels] - layout.centre[:channels])
    return point


def test_outcome_is_expected_plus_noise_of_the_stated_size(small_market):
    design = build_design(small_market.panel, RICH)
    layout = parameters(design, RICH)
    one, two = (simulate_from_prior(design, layout, RICH, seed, draws=3) for seed in (1, 1))
    np.testing.assert_array_equal(one.outcome, two.outcome)
    assert one.outcome.shape == (3, design.geos, design.periods)
    assert not np.allclose(one.outcome, simulate_from_prior(design, layout, RICH, 2, draws=3).outcome)
    assert one.natural["weight"].mean() == pytest.approx(1.0, abs=0.1)


def test_prior_predictive_tables(small_market):
    panel = small_market.panel
    found = prior_predictive(panel, PLAIN, draws=200, seed=1)
    table = found.table()
    assert list(table.columns) == ["date", "geo", "observed", "mean", "lower", "upper"]
    assert len(table) == len(panel.geos) * len(panel.dates)
    inside = (table["observed"] > table["lower"]) & (table["observed"] < table["upper"])
    assert inside.mean() > 0.9
    narrow = replace(PLAIN, priors={"search": Prior(mean=3.0, sd=0.1)})
    told = prior_predictive(panel, narrow, draws=200, seed=1).channels_table().set_index("channel")
    assert told.loc["search", "median"] == pytest.approx(3.0, rel=0.1)
    assert told.loc["search", "upper"] - told.loc["search", "lower"] < 3.0
