"""Panels from which little or nothing can be learnt: a message, or a fit that no gate lets through; never a traceback."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from measurement.panel import Panel
from mmm.model import MMM
from mmm.spec import ModelSpec

#: Sampling gates aside: enough to walk through the whole fit.
TINY = ModelSpec(lags=4, knot_every=8, harmonics=1, draws=40, tune=60, chains=2)


def panel_of(kind: str) -> Panel:
    """3 geos and 60 weeks with two channels of ROAS 1.5, spoilt in one way."""
    rng = np.random.default_rng(4)
    geos, periods = (1, 30) if kind == "one geo, 30 weeks" else (3, 60)
    spend = rng.gamma(2.0, 50.0, (geos, periods, 2))
    if kind == "collinear":
        spend[:, :, 1] = 2.0 * spend[:, :, 0]
    if kind == "constant":
        spend[:, :, 1] = 100.0
    if kind == "never spent":
        spend[:, :, 1] = 0.0
    outcome = 2000.0 + 1.5 * spend.sum(axis=2) + rng.normal(0, 40, (geos, periods))
    if kind == "outliers":
        outcome[:, 10] *= 30.0
    if kind == "zero weeks":
        outcome[:, 20:23] = 0.0
    return Panel.from_arrays(
        outcome=outcome,
        dates=pd.date_range("2025-01-06", periods=periods, freq="7D"),
        geos=[f"g{index}" for index in range(geos)],
        spend=spend,
        channels=["a", "b"],
    )


def failed(fitted) -> dict[str, object]:
    return {check.name: check.value for check in fitted.checks if check.blocking and not check.passed}


@pytest.mark.parametrize(
    ("kind", "gate", "value"),
    [
        ("one geo, 30 weeks", "history", 30),
        ("collinear", "inseparable_channels", "a, b"),
        ("constant", "constant_channels", "b"),
        ("outliers", "outcome_outliers", "g0 2025-03-17, g1 2025-03-17, g2 2025-03-17"),
        ("zero weeks", "zero_outcome", "g0 2025-05-26, g0 2025-06-02, g0 2025-06-09 and 6 more"),
    ],
)
def test_nothing_can_be_known_and_the_gate_says_why(kind, gate, value):
    fitted = MMM(TINY).fit(panel_of(kind), seed=2)
    assert failed(fitted)[gate] == value
    assert not fitted.healthy
    assert all(np.isfinite(estimate.value) for estimate in fitted.roas().values())
    assert all(np.isfinite(estimate.interval.width) for estimate in fitted.marginal_roas().values())


def test_a_sound_panel_passes_every_gate_but_those_of_sampling():
    found = failed(MMM(TINY).fit(panel_of("sound"), seed=2))
    assert set(found) <= {"r_hat", "ess_bulk", "ess_tail", "divergences"}


def test_a_lift_test_speaks_for_a_constant_channel(make_lift):
    start = dt.date(2025, 9, 1)
    lift = make_lift(
        channel="b",
        geos=("g0",),
        start=start,
        end=start + dt.timedelta(days=27),
        value=-600.0,
        standard_error=80.0,
        incremental_spend=-400.0,
    )
    assert "constant_channels" not in failed(MMM(TINY).fit(panel_of("constant"), [lift], seed=2))


def test_a_channel_that_never_ran_is_refused_by_name():
    with pytest.raises(InputError, match="b") as refused:
        MMM(TINY).fit(panel_of("never spent"), seed=2)
    assert "Remove it" in str(refused.value)
