"""Demand without media: seasons, holidays, trend, a wandering level, prices, promotions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.germany import holidays_in_week
from simulation.market_spec import MarketSpec

FloatArray = NDArray[np.float64]
#: Change of the baseline for one unit of the control's column.
CONTROL_EFFECTS: dict[str, float] = {"price_index": -0.006, "competitor_promotion": -0.05, "promotion": 0.75}
#: Change of the baseline in a week for each public holiday in it.
HOLIDAY_EFFECT = -0.015
#: Share of `MarketSpec.weekly_revenue` that is neither media nor newsletter.
BASELINE_SHARE = 0.66


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Demand:
    """Baseline and controls over G geos and T weeks (warm-up included).

    Attributes
    ----------
    components
        Name → money, shape (G, T); they add up to expected outcome without media.
    controls
        Name → column of the panel, shape (G, T).
    season
        Relative seasonal demand, mean near 0, shape (T,).
    walk
        Relative wandering shared by all geos, mean 0 over the window, shape (T,).
    """

    components: dict[str, FloatArray]
    controls: dict[str, FloatArray]
    season: FloatArray
    walk: FloatArray

    @property
    def total(self) -> FloatArray:
        """Expected outcome without media, shape (G, T)."""
        return np.asarray(sum(self.components.values()), dtype=np.float64)


def seasonality(mondays: pd.DatetimeIndex) -> FloatArray:
    """Relative demand over the year, shape (T,): three harmonics with the summit in early December."""
    year = 2.0 * np.pi * (mondays.day_of_year.to_numpy() - 340) / 365.25
    wave = 0.085 * np.cos(year) + 0.040 * np.cos(2 * year) + 0.018 * np.cos(3 * year) + 0.015 * np.sin(year)
    return np.asarray(wave, dtype=np.float64)


def promotion_depth(mondays: pd.DatetimeIndex, rng: np.random.Generator) -> FloatArray:
    """Mean discount of the shop in each week (0 to 0.25), shape (T,): the Black week, sales in January and July, more.

    The Black week is the week of the Friday after the fourth Thursday of November.
    """
    depth = np.where(rng.random(len(mondays)) < 0.09, rng.uniform(0.05, 0.14, len(mondays)), 0.0)
    friday = mondays + pd.Timedelta(days=4)
    black = (friday.month == 11) & (friday.day >= 23) & (friday.day <= 29)
    sale = ((mondays.month == 1) & (mondays.day >= 8) & (mondays.day <= 21)) | (
        (mondays.month == 7) & (mondays.day >= 15) & (mondays.day <= 28)
    )
    depth = np.where(sale, 0.12, depth)
    return np.asarray(np.round(np.where(black, 0.24, depth), 2), dtype=np.float64)


def wander(steps: FloatArray, start: int) -> FloatArray:
    """Random walk along the last axis that crosses zero mean over the window (from ``start``)."""
    path = np.cumsum(steps, axis=-1)
    return np.asarray(path - path[..., start:].mean(axis=-1, keepdims=True), dtype=np.float64)


def simulate_demand(
    spec: MarketSpec, mondays: pd.DatetimeIndex, population: FloatArray, rng: np.random.Generator
) -> Demand:
    """Baseline and controls of a market.

    Parameters
    ----------
    spec
        The market.
    mondays
        T weeks, warm-up included.
    population
        Shape (G,).
    rng
        Source of chance of this part alone.
    """
    geos, weeks = len(population), len(mondays)
    controls = _controls(mondays, geos, rng)
    head = spec.weekly_revenue * BASELINE_SHARE / float(population.sum())
    level = (population * head * np.exp(rng.normal(0.0, 0.10, geos)))[:, None]
    season = seasonality(mondays)
    walk = wander(rng.normal(0.0, 1.0, weeks), spec.warmup_weeks) * spec.walk
    own = wander(rng.normal(0.0, 1.0, (geos, weeks)), spec.warmup_weeks) * spec.geo_walk
    trend = spec.trend * (np.arange(weeks) - spec.warmup_weeks) / max(spec.n_weeks - 1, 1)
    components = {
        "baseline": level * np.ones((geos, weeks)),
        "trend": level * trend,
        "seasonality": level * season,
        "holidays": level * (HOLIDAY_EFFECT * holidays_in_week(mondays)),
        # Prices move around 100, so that the price component is a deviation and not a level.
        **{name: level * CONTROL_EFFECTS[name] * _centred(name, values) for name, values in controls.items()},
        "unexplained": level * np.maximum(walk + own + _shocks(spec, weeks, rng), -0.5),
    }
    if spec.promotion_cv > 0:
        sd = float(np.sqrt(np.log1p(spec.promotion_cv**2)))
        # Drawn last, so that markets whose geos respond alike stay as they are.
        components["promotion"] *= np.exp(rng.normal(-0.5 * sd**2, sd, (geos, 1)))
    return Demand(components=components, controls=controls, season=season, walk=walk)


def _controls(mondays: pd.DatetimeIndex, geos: int, rng: np.random.Generator) -> dict[str, FloatArray]:
    weeks = len(mondays)
    price = np.zeros(weeks)
    for start in rng.integers(0, weeks, 6):
        price[start:] += rng.normal(0.25, 1.1)
    price += rng.normal(0.0, 0.6, weeks)
    competitor = np.zeros((geos, weeks))
    for start in rng.integers(0, weeks, max(weeks // 9, 1)):
        there = rng.random(geos) < rng.uniform(0.3, 1.0)
        competitor[there, start : start + int(rng.integers(1, 4))] = rng.uniform(0.3, 1.0)
    everywhere = np.ones((geos, 1))
    return {
        "price_index": everywhere * np.round(100.0 + price - price.mean(), 1),
        "competitor_promotion": np.round(competitor, 2),
        "promotion": everywhere * promotion_depth(mondays, rng),
    }


def _centred(name: str, values: FloatArray) -> FloatArray:
    return values - 100.0 if name == "price_index" else values


def _shocks(spec: MarketSpec, weeks: int, rng: np.random.Generator) -> FloatArray:
    effect = np.zeros(weeks)
    for _ in range(spec.shocks):
        start = int(rng.integers(spec.warmup_weeks, weeks))
        effect[start : start + int(rng.integers(2, 4))] += rng.uniform(-0.12, 0.12)
    return effect
