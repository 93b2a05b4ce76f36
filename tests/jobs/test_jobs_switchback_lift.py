"""A switchback readout is a lift test like any other to the media mix model: all geos, totals over the test."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from experiments.switchback import Switchback, draw_schedule, with_effect
from geolift.switchback_readout import read_switchback
from geolift.test_plan import GeoTest
from jobs.lift_tests import lift_of_readout
from measurement.panel import Panel
from mmm.calibration import lift_design
from mmm.design import build_design
from mmm.spec import ModelSpec

GEOS, FIRST, USUAL, LIFT = ("north", "south", "west"), 60, 100.0, 0.1
DATES = pd.date_range("2024-01-01", periods=100, freq="7D")


def after_a_test(kind: str) -> tuple[Panel, GeoTest, pd.DataFrame, Switchback]:
    """A panel with a switchback test in it, the test, and its schedule."""
    rng, plan = np.random.default_rng(3), draw_schedule(3, 36, block=2, washout=0, seed=4)
    window = slice(FIRST, FIRST + plan.periods)
    outcome = 1000 * (1 + 0.03 * rng.normal(size=(3, 100)))
    spend = USUAL * (1 + 0.1 * rng.uniform(-1, 1, (3, 100)))
    if kind == "go_dark":
        outcome[:, window] = with_effect(outcome[:, window] / (1 + LIFT), plan, lift=LIFT, carry_over=0.0)
        spend[:, window] *= plan.active()
    else:
        outcome[:, window] = with_effect(outcome[:, window], plan, lift=LIFT, carry_over=0.0)
        spend[:, window] *= 1 + plan.active()
    rows = []
    for geo, row in zip(GEOS, plan.on, strict=True):
        for number, on in enumerate(row):
            start = DATES[FIRST + 2 * number]
            rows.append(
                {"geo": geo, "start": start, "end": start + pd.Timedelta(days=13), "counted_from": start, "on": on}
            )
    panel = Panel.from_arrays(
        outcome=outcome, dates=DATES, geos=GEOS, spend=spend[:, :, None], channels=("tv",), outcome_kind="revenue"
    )
    schedule = pd.DataFrame(rows)
    test = GeoTest(
        channel="tv",
        treated=GEOS,
        start=schedule["start"].min().date(),
        end=schedule["end"].max().date(),
        kind=kind,  # type: ignore[arg-type]
        schedule="schedule.csv",
    )
    return panel, test, schedule, plan


@pytest.mark.parametrize(("kind", "sign"), [("scale_up", 1.0), ("go_dark", -1.0)])
def test_a_switchback_readout_becomes_a_likelihood_of_the_model(kind: str, sign: float) -> None:
    panel, test, schedule, plan = after_a_test(kind)
    readout = read_switchback(panel, test, schedule, seed=1)
    lift = lift_of_readout(json.loads(json.dumps(readout.to_dict())), "EUR", "run-1")
    assert lift is not None
    assert set(lift.geos) == set(GEOS)
    assert lift.incremental_outcome.value == pytest.approx(readout.lift.incremental_outcome.value)
    assert lift.standard_error == pytest.approx(readout.lift.standard_error)
    assert lift.incremental_spend == pytest.approx(sign * USUAL * plan.active().sum(), rel=0.1)

    design = build_design(panel, ModelSpec())
    laid = lift_design(design, [lift])
    assert sorted(laid.place[:, 0]) == [0, 1, 2]
    assert laid.value[0] == pytest.approx(lift.incremental_outcome.value)
    assert abs(laid.unmatched[0]) < 1e-9
    # Actual less usual media of all cells is the money that the schedule moved.
    moved = (laid.media[:, 0] - laid.media[:, 1])[:, design.lags - 1 :].sum()
    per_money = design.media[:, 0, design.lags - 1 :].sum() / panel.data["spend"].to_numpy().sum()
    assert moved / per_money == pytest.approx(lift.incremental_spend, rel=0.1)
    # It moved in the blocks that were switched, and nowhere else.
    rows = [list(readout.test.treated).index(panel.geos[geo]) for geo in laid.place[:, 0]]
    difference = np.abs(laid.media[:, 0] - laid.media[:, 1])[:, design.lags - 1 :][:, : plan.periods]
    changed = (readout.plan.active() == (kind != "go_dark"))[rows]
    np.testing.assert_array_equal(difference > 1e-9, changed)
