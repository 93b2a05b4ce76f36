"""Simulation-based calibration: the test of uniform ranks finds what it must, and the model's own ranks are uniform."""

from __future__ import annotations

import numpy as np
import pytest

from mmm.design import build_design
from mmm.parameters import parameters
from mmm.rank_calibration import replicate, uniformity
from mmm.spec import ModelSpec
from simulation.market import simulate_market
from simulation.market_spec import market_spec

DRAWS = 99


def ranks(seed: int, *, count: int = 100, members: int = 4, shift: float = 0.0, width: float = 1.0, tie: float = 0.0):
    """Ranks of a truth from N(shift, width²) among N(0, 1) draws; ``tie``: how far the members of one world agree."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(count):
        own = np.sqrt(tie) * rng.standard_normal() + np.sqrt(1.0 - tie) * rng.standard_normal(members)
        drawn = rng.standard_normal((DRAWS, members))
        result.append((drawn < shift + width * own).sum(axis=0))
    return result


def test_p_values_of_uniform_ranks_are_uniform_even_where_members_agree():
    found = np.array([uniformity(ranks(seed, tie=0.8), draws=DRAWS, bins=10) for seed in range(200)])
    assert abs(found.mean() - 0.5) < 0.08
    assert (found < 0.05).mean() < 0.11


@pytest.mark.parametrize("fault", [{"shift": 0.35}, {"width": 0.7}, {"width": 1.4}])
def test_bias_and_wrong_spread_are_found(fault):
    found = [uniformity(ranks(seed, **fault), draws=DRAWS, bins=10) for seed in range(20)]
    assert np.median(found) < 0.01


@pytest.mark.slow
def test_ranks_of_the_model_are_uniform():
    """20 worlds, coarse bins: a wrong density or simulator shows, a small bias does not (see benchmarks/mmm_sbc.py)."""
    spec = ModelSpec(lags=4, harmonics=1, draws=200, tune=150)
    panel = simulate_market(1, market_spec(n_geos=3, n_weeks=40, n_channels=2)).panel
    design = build_design(panel, spec)
    layout = parameters(design, spec)
    worlds = [replicate(design, layout, spec, seed=seed, draws=DRAWS) for seed in range(20)]
    for family in worlds[0].ranks:
        found = [world.ranks[family] for world in worlds]
        assert uniformity(found, draws=DRAWS, bins=4) > 1e-3, family
        assert abs(np.mean([one.mean() for one in found]) / DRAWS - 0.5) < 0.2, family
