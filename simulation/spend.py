"""Media plans: budgets with steps and flights, spread over geos, and what was delivered for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.market_spec import ChannelSpec, MarketSpec

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Delivery:
    """What was spent and what came of it, G geos, T weeks, C channels.

    Attributes
    ----------
    spend
        Money, in cents, shape (G, T, C).
    exposure
        Whole clicks, impressions or views, shape (G, T, C); equal to spend where a channel counts none.
    media
        The media the effect rests on, in euros at mean cost, shape (G, T, C): exposure × mean unit cost.
    """

    spend: FloatArray
    exposure: FloatArray
    media: FloatArray


def national_plan(spec: MarketSpec, season: FloatArray, promotion: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Budget of all geos by week and channel, shape (T, C), before rounding."""
    weeks = len(season)
    company = _steps(weeks, int(rng.integers(3, 6)), 0.13, rng) + rng.normal(0.0, 0.05, weeks)
    plan = np.empty((weeks, len(spec.channels)))
    for index, channel in enumerate(spec.channels):
        own = _steps(weeks, int(rng.integers(5, 8)), 0.26, rng)
        log = company + own + rng.normal(0.0, 0.09, weeks)
        path = np.exp(log) * np.maximum(1.0 + channel.season * season, 0.2) * (1.0 + 0.8 * promotion)
        path *= _on_air(channel, weeks, rng)
        plan[:, index] = path * (channel.weekly_spend / path[spec.warmup_weeks :].mean())
    return plan


def spread_over_geos(
    spec: MarketSpec, plan: FloatArray, population: FloatArray, quiet: BoolArray, rng: np.random.Generator
) -> FloatArray:
    """Business-as-usual spend in cents, shape (G, T, C).

    Parameters
    ----------
    spec
        The market.
    plan
        National budgets, shape (T, C).
    population
        Shape (G,).
    quiet
        Weeks without regional pushes and pauses (a geo test is running), shape (T,).
    rng
        Source of chance of this part alone.
    """
    geos, (weeks, channels) = len(population), plan.shape
    if geos == 1:
        return np.round(plan[None], 2)
    weight = population[:, None] * np.exp(rng.normal(0.0, 0.12, (geos, channels)))
    deviation = np.stack([_drift(geos, weeks, channel.geo_sd, rng) for channel in spec.channels], axis=2)
    pulses = _pulses(spec, geos, quiet, rng)
    share = weight / weight.sum(axis=0)
    return np.asarray(np.round(plan[None] * share[:, None, :] * np.exp(deviation) * pulses, 2), dtype=np.float64)


def unit_cost(spec: MarketSpec, season: FloatArray, geos: int, rng: np.random.Generator) -> FloatArray:
    """Cost of one exposure by geo, week and channel, shape (G, T, C): dearer when demand is high."""
    noise = rng.normal(0.0, 1.0, (geos, len(season), len(spec.channels))) * spec.cost_noise
    auction = 1.0 + 0.8 * season[None, :, None]
    mean = np.array([channel.unit_cost for channel in spec.channels])
    counted = np.array([bool(channel.exposure) for channel in spec.channels])
    return np.asarray(np.where(counted, mean * np.exp(noise) * auction, 1.0), dtype=np.float64)


def deliver(spec: MarketSpec, spend: FloatArray, cost: FloatArray) -> Delivery:
    """Exposures bought for ``spend`` (G, T, C) at ``cost`` (G, T, C)."""
    counted = np.array([bool(channel.exposure) for channel in spec.channels])
    mean = np.array([channel.unit_cost if channel.exposure else 1.0 for channel in spec.channels])
    cents = np.round(spend, 2)
    exposure = np.where(counted, np.rint(cents / cost), cents)
    return Delivery(spend=cents, exposure=exposure, media=exposure * mean)


def _steps(weeks: int, count: int, size: float, rng: np.random.Generator) -> FloatArray:
    """Piecewise constant level with ``count`` changes, standard deviation ``size``, shape (T,)."""
    edges = np.sort(rng.choice(np.arange(4, weeks - 4), size=count, replace=False))
    levels = rng.normal(0.0, size, count + 1)
    return np.asarray(levels[np.searchsorted(edges, np.arange(weeks), side="right")], dtype=np.float64)


def _on_air(channel: ChannelSpec, weeks: int, rng: np.random.Generator) -> FloatArray:
    """1 on air, 0 off, shape (T,); laid from the end, so that the last week is on air and has a spend to change."""
    if channel.flight is None:
        return np.ones(weeks)
    on, off = channel.flight
    pattern: list[float] = [1.0] * int(rng.integers(2, on + 1))
    while len(pattern) < weeks:
        pattern += [0.0] * max(off + int(rng.integers(-1, 2)), 1)
        pattern += [1.0] * max(on + int(rng.integers(-1, 2)), 1)
    return np.array(pattern[:weeks])[::-1].copy()


def _drift(geos: int, weeks: int, sd: float, rng: np.random.Generator) -> FloatArray:
    """First-order autoregression (0.7) of standard deviation ``sd`` in every geo, shape (G, T)."""
    shock = rng.normal(0.0, sd, (geos, weeks))
    path = np.empty_like(shock)
    path[:, 0] = shock[:, 0]
    for week in range(1, weeks):
        path[:, week] = 0.7 * path[:, week - 1] + np.sqrt(1.0 - 0.7**2) * shock[:, week]
    return path


def _pulses(spec: MarketSpec, geos: int, quiet: BoolArray, rng: np.random.Generator) -> FloatArray:
    """Regional pushes (×1.6 to ×2.4) and pauses (×0 or ×0.4), shape (G, T, C)."""
    weeks = len(quiet)
    factor = np.ones((geos, weeks, len(spec.channels)))
    for index in range(len(spec.channels)):
        for _ in range(spec.regional_pulses):
            start, length = int(rng.integers(2, weeks - 8)), int(rng.integers(3, 7))
            where = rng.choice(geos, size=max(geos // 4, 1), replace=False)
            size = rng.choice([0.0, 0.4, 1.6, 2.0, 2.4])
            if not quiet[start : start + length].any():
                factor[where, start : start + length, index] = size
    return factor
