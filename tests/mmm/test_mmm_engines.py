"""The two engines sample the same posterior."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmm.model import MMM
from mmm.spec import ModelSpec
from simulation.market import simulate_market
from simulation.market_spec import market_spec


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_collapsed_and_reference_agree():
    market = simulate_market(3, market_spec(n_geos=3, n_weeks=60, n_channels=2))
    spec = ModelSpec(lags=4, knot_every=12, harmonics=1, draws=1500, tune=500, target_accept=0.9)
    collapsed = MMM(spec).fit(market.panel, seed=1)
    reference = MMM(replace(spec, engine="pymc")).fit(market.panel, seed=2)
    for name in ("roas", "retention", "half", "geo_spread", "noise", "walk_sd"):
        one, two = (fit.parameters[name].reshape(-1, fit.parameters[name].shape[2]) for fit in (collapsed, reference))
        sd = two.std(axis=0)
        assert np.abs((one.mean(axis=0) - two.mean(axis=0)) / sd).max() < 0.2, name
        np.testing.assert_allclose(one.std(axis=0) / sd, 1.0, atol=0.2, err_msg=name)
    one, two = collapsed.contribution.reshape(-1, 2), reference.contribution.reshape(-1, 2)
    assert np.abs((one.mean(axis=0) - two.mean(axis=0)) / two.std(axis=0)).max() < 0.15
