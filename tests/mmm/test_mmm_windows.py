"""Tests that change spend at different times in different geos."""

from dataclasses import replace
from datetime import timedelta

import numpy as np

from measurement.estimates import Estimate, Interval, LiftEstimate, SpendWindow
from mmm.archive import _lift_of, _lift_to_dict
from mmm.calibration import lift_design
from mmm.design import build_design
from mmm.spec import ModelSpec
from simulation.market import simulate_market
from simulation.market_spec import market_spec


def test_a_staggered_test_moves_spend_from_each_geos_own_start():
    panel = simulate_market(2, market_spec(n_geos=3, n_weeks=40, n_channels=1)).panel
    start, geos = panel.dates[20].date(), panel.geos[:2]
    end = panel.dates[27].date() + timedelta(days=6)
    late = panel.dates[24].date()
    outcome = Estimate(
        value=10.0, interval=Interval(lower=0.0, upper=20.0, level=0.9, kind="confidence"), unit="EUR", method="told"
    )
    lift = LiftEstimate(
        channel=panel.channels[0], geos=geos, start=start, end=end, incremental_outcome=outcome,
        incremental_spend=100.0, standard_error=6.0,
        windows=(
            SpendWindow(geo=geos[0], start=start, end=end),
            SpendWindow(geo=geos[1], start=late, end=end),
        ),
    )  # fmt: skip
    design = build_design(panel, ModelSpec())
    moved = np.diff(lift_design(design, [lift]).media, axis=1)[:, 0, design.lags - 1 :]
    assert (np.abs(moved[0]) > 0).sum() == 8
    assert (np.abs(moved[1]) > 0).sum() == 4
    assert (moved[1, :4] == 0).all()
    everywhere = np.diff(lift_design(design, [replace(lift, windows=())]).media, axis=1)[:, 0, design.lags - 1 :]
    assert (np.abs(everywhere[1]) > 0).sum() == 8
    assert _lift_of(_lift_to_dict(lift)) == lift
