"""The two engines sample the same posterior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from measurement.progress import silent
from mmm.calibration import lift_design
from mmm.channel_spec import ChannelModel, Prior
from mmm.collapsed import draw_linear, kernel_data
from mmm.design import build_design
from mmm.engines import sample_posterior
from mmm.model import MMM
from mmm.parameters import parameters
from mmm.spec import ModelSpec
from simulation.market import simulate_market
from simulation.market_spec import market_spec
from tests.mmm.rich_panel import lifts_of, rich_panel


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_collapsed_and_reference_agree():
    market = simulate_market(3, market_spec(n_geos=3, n_weeks=60, n_channels=2))
    spec = ModelSpec(lags=4, knot_every=12, harmonics=1, draws=1500, tune=500, target_accept=0.9)
    collapsed = MMM(spec).fit(market.panel, seed=1)
    reference = MMM(replace(spec, engine="pymc")).fit(market.panel, seed=2)
    for name in ("effect", "retention", "half", "geo_spread", "noise", "walk_sd", "shock_sd"):
        one, two = (fit.parameters[name].reshape(-1, fit.parameters[name].shape[2]) for fit in (collapsed, reference))
        sd = two.std(axis=0)
        assert np.abs((one.mean(axis=0) - two.mean(axis=0)) / sd).max() < 0.2, name
        np.testing.assert_allclose(one.std(axis=0) / sd, 1.0, atol=0.2, err_msg=name)
    one, two = collapsed.contribution.reshape(-1, 2), reference.contribution.reshape(-1, 2)
    assert np.abs((one.mean(axis=0) - two.mean(axis=0)) / two.std(axis=0)).max() < 0.15


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.slow
def test_reference_samples_every_form_in_the_layout_of_the_collapsed_engine(make_lift):
    """Too short to compare posteriors: shapes, units, and contributions that add up."""
    panel = rich_panel(2)
    spec = ModelSpec(
        lags=4,
        knot_every=10,
        harmonics=1,
        draws=20,
        tune=60,
        chains=2,
        engine="pymc",
        noise="student_t",
        baseline="hsgp",
        channels={"search": ChannelModel(varying=True, adstock="none")},
        priors={"search": Prior(mean=2.0, sd=0.5, kind="marginal_roas")},
    )
    design, lifts = build_design(panel, spec), lifts_of(make_lift, panel)
    layout, laid = parameters(design, spec), lift_design(design, lifts)
    found = sample_posterior(design, layout, laid, spec, seed=1, progress=silent)
    data = kernel_data(design, layout, spec, laid)
    collapsed, shared = draw_linear(found.points, data, seed=1)
    assert found.by_geo.shape == collapsed.shape
    assert found.shared.shape == shared.shape
    # The same conditional posterior of the coefficients, seen from both sides.
    gap = (found.by_geo - collapsed).mean(axis=(0, 1)) / collapsed.std(axis=(0, 1))
    assert np.abs(gap[:, :5]).max() < 1.5
