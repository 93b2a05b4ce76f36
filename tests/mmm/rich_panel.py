"""A small panel with everything in it: reach and frequency, organic media, a control, a treatment, named holidays."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from measurement.panel import Panel

PERIODS = 40
CHANNELS = ("tv", "search", "social")


def rich_panel(geos: int, seed: int = 3) -> Panel:
    """Reach and frequency of ``tv`` are known; ``social`` rests for a while."""
    rng = np.random.default_rng(seed)
    spend = rng.gamma(3.0, 40.0, (geos, PERIODS, 3))
    spend[:, 10:16, 2] = 0.0
    reach = spend[..., :1] * rng.uniform(8.0, 12.0, (geos, PERIODS, 1))
    sends = rng.poisson(30.0, (geos, PERIODS, 1)) * (rng.random((geos, PERIODS, 1)) > 0.3)
    price = 20.0 + rng.normal(0.0, 1.0, (geos, PERIODS, 1))
    holiday = np.zeros((PERIODS, 2))
    holiday[[5, 25], [0, 1]] = 1.0
    outcome = 3000.0 + spend @ np.array([2.0, 1.5, 1.0]) + 2.0 * sends[..., 0] + rng.normal(0, 80, (geos, PERIODS))
    return Panel.from_arrays(
        outcome=outcome,
        dates=pd.date_range("2025-01-06", periods=PERIODS, freq="7D"),
        geos=[f"g{index}" for index in range(geos)],
        spend=spend,
        channels=CHANNELS,
        reach=reach,
        frequency=rng.uniform(1.0, 4.0, (geos, PERIODS, 1)),
        reach_channels=["tv"],
        control=rng.normal(size=(geos, PERIODS, 1)),
        controls=["weather"],
        treatment=price,
        treatments=["price"],
        treatment_reference=[20.0],
        organic=sends.astype(float),
        organics=["newsletter"],
        holiday=holiday,
        holidays=["Easter", "Labour Day"],
        population=np.linspace(1.0, 2.0, geos) * 1e5 if geos > 1 else None,
    )


def lifts_of(make_lift, panel: Panel) -> list:
    """Go-dark on a channel with known reach, a scale-up in two geos, and a test older than the panel."""
    return [
        make_lift(channel="tv", geos=(), start=dt.date(2025, 5, 5), end=dt.date(2025, 6, 1), value=-900.0,
                  standard_error=500.0, incremental_spend=-600.0),
        make_lift(channel="search", geos=panel.geos[:2], start=dt.date(2025, 8, 4), end=dt.date(2025, 9, 3), value=700.0,
                  standard_error=300.0, incremental_spend=500.0, weeks=1),
        make_lift(channel="social", geos=(), start=dt.date(2024, 8, 5), end=dt.date(2024, 9, 1), value=300.0,
                  standard_error=400.0, incremental_spend=300.0),
    ]  # fmt: skip
