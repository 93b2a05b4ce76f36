"""Spend and control series of the published parameter-recovery markets (source: see `simulation.recovery_spec`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.recovery_spec import Series

FloatArray = NDArray[np.float64]


def regional(series: Series, variation: float, rng: np.random.Generator) -> Series:
    """A series as it is in one region: every figure but the weeks up to ``variation`` off (a fraction)."""
    names = ("base", "volatility", "growth", "amplitude", "phase", "activation")
    factor = 1.0 + variation * rng.uniform(-1.0, 1.0, len(names))
    return replace(
        series, **{name: getattr(series, name) * float(off) for name, off in zip(names, factor, strict=True)}
    )


def draw_series(series: Series, dates: pd.DatetimeIndex, rng: np.random.Generator) -> FloatArray:
    """The values of a series, not negative, shape (T,).

    Parameters
    ----------
    series
        Its pattern.
    dates
        T weeks.
    rng
        Source of chance of this series alone.
    """
    if series.pattern == "on_off":
        return _spells(series, len(dates), rng)
    path = _autoregression(len(dates), rng) * series.base * series.volatility
    week = np.arange(len(dates))
    if series.pattern == "trend":
        shape = 1.0 + series.growth * len(dates) * week / max(len(dates) - 1, 1)
    elif series.pattern == "seasonal":
        day = dates.day_of_year.to_numpy()
        shape = series.amplitude * np.cos(series.phase + 4.0 * np.pi * day / 365.25)
    else:
        shape = np.clip((week - series.start) / max(series.ramp - 1, 1), 0.0, 1.0)
    return np.maximum(path * shape, 0.0)


def _autoregression(weeks: int, rng: np.random.Generator) -> FloatArray:
    """x_t = max(0, 0.6 x_{t−1} + 0.3 x_{t−2} + shock), standard normal shocks, shape (T,)."""
    shock = rng.normal(0.0, 1.0, weeks)
    path = shock.copy()
    for week in range(2, weeks):
        path[week] = max(0.0, 0.6 * path[week - 1] + 0.3 * path[week - 2] + shock[week])
    return path


def _spells(series: Series, weeks: int, rng: np.random.Generator) -> FloatArray:
    """``base`` with noise in spells, at least one idle week between two, zero elsewhere, shape (T,)."""
    on = np.zeros(weeks, dtype=bool)
    week = 0
    while week < weeks:
        if rng.random() < series.activation:
            length = int(rng.integers(series.shortest, series.longest + 1))
            on[week : week + length] = True
            week += length + 1
        else:
            week += 1
    level = series.base * (1.0 + rng.normal(0.0, series.volatility, weeks))
    return np.where(on, np.maximum(level, 0.0), 0.0)
