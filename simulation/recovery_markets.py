"""Markets after PyMC Labs' published parameter-recovery benchmark, with the true contribution of every channel.

See `simulation.recovery_spec` for the source and for what each setting means. Sales of a region and week are
base · (1 + growth + yearly sine + noise) + controls + channels, all independent between regions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.panel import Panel
from simulation.market_truth import RECENT_WEEKS
from simulation.media import saturate
from simulation.recovery_series import draw_series, regional
from simulation.recovery_spec import LAGS, RecoveryChannel, RecoverySpec

FloatArray = NDArray[np.float64]
FIRST_WEEK = "2020-01-05"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecoveryMarket:
    """A market of R regions, T weeks, C channels.

    Attributes
    ----------
    seed, spec
        What it was made from.
    panel
        As a model gets it; population unknown, spend is the exposure.
    contribution
        True outcome of each channel, money, shape (R, T, C).
    baseline
        Outcome without media, noise included, shape (R, T).
    truth
        By channel over all regions and weeks: ``spend``, ``contribution``, ``roas``, and ``marginal_roas_recent``
        (outcome of the next euro at the mean spend of the last 8 weeks, in steady state, a rise of 1%); and
        ``total_contribution``.
    """

    seed: int
    spec: RecoverySpec
    panel: Panel
    contribution: FloatArray
    baseline: FloatArray
    truth: dict[str, Any]


def simulate_recovery_market(seed: int, spec: RecoverySpec) -> RecoveryMarket:
    """Simulate a market.

    Parameters
    ----------
    seed
        Non-negative; the same seed and spec give the same market.
    spec
        From `simulation.recovery_spec.recovery_spec`, or one's own.

    Raises
    ------
    InputError
        Where a channel's chance has it spend nothing anywhere.

    Examples
    --------
    >>> from simulation.recovery_spec import recovery_spec
    >>> market = simulate_recovery_market(1, recovery_spec("small", 1))
    >>> market.panel.channels, market.contribution.shape
    (('search', 'social', 'local_ads', 'email'), (1, 104, 4))
    """
    dates = pd.date_range(FIRST_WEEK, periods=spec.n_weeks, freq="7D")
    spend = _columns(seed, spec, dates, [channel.spend for channel in spec.channels], linked=True)
    control = _columns(seed, spec, dates, [one.value for one in spec.controls], linked=spec.linked_controls)
    effect = _effects(seed, spec)
    largest = spend.max(axis=1)
    contribution = np.stack(
        [
            effect[:, c, None] * hill_share(channel, spend[:, :, c], largest[:, c])
            for c, channel in enumerate(spec.channels)
        ],
        axis=2,
    )
    baseline = _baseline(seed, spec) + control @ np.array([one.effect for one in spec.controls])
    panel = Panel.from_arrays(
        outcome=baseline + contribution.sum(axis=2),
        dates=dates,
        geos=spec.regions,
        spend=spend,
        channels=[channel.name for channel in spec.channels],
        control=control,
        controls=[one.name for one in spec.controls],
    )
    return RecoveryMarket(
        seed=seed,
        spec=spec,
        panel=panel,
        contribution=contribution,
        baseline=baseline,
        truth=_truth(spec, spend, contribution, effect),
    )


def carried(spend: FloatArray, retention: float) -> FloatArray:
    """Carry-over with weights retention^l, l < `LAGS`, not normalised; spend (…, T), nothing before the first week.

    Examples
    --------
    >>> carried(np.array([1.0, 0.0, 1.0]), 0.5).tolist()
    [1.0, 0.5, 1.25]
    """
    result = spend.copy()
    for lag in range(1, min(LAGS, spend.shape[-1])):
        result[..., lag:] += retention**lag * spend[..., :-lag]
    return result


def hill_share(channel: RecoveryChannel, spend: FloatArray, largest: FloatArray) -> FloatArray:
    """Share of the effect at full saturation, shape (R, T), from spend (R, T) and the region's largest (R,)."""
    # A region that never spent on the channel has no largest spend to divide by, and no effect.
    relative = np.divide(spend, largest[:, None], out=np.zeros_like(spend), where=largest[:, None] > 0)
    return saturate(carried(relative, channel.retention), channel.half, channel.slope)


def _columns(seed: int, spec: RecoverySpec, dates: pd.DatetimeIndex, series: list[Any], *, linked: bool) -> FloatArray:
    """Series of all regions, shape (R, T, K)."""
    result = np.empty((len(spec.regions), len(dates), len(series)))
    for region in range(len(spec.regions)):
        # As published, a region's chance moves on by ten series, so that the eleventh is the next region's first.
        for place, one in enumerate(series):
            figures = np.random.default_rng([seed, 81 if linked else 82, region, place])
            chance = np.random.default_rng([seed, 83 if linked else 84, 10 * region + place])
            result[region, :, place] = draw_series(regional(one, spec.region_variation, figures), dates, chance)
    return result


def _effects(seed: int, spec: RecoverySpec) -> FloatArray:
    """Money a week at full saturation, shape (R, C)."""
    rng = np.random.default_rng([seed, 85])
    shape = (len(spec.regions), len(spec.channels))
    factor = 1.0 + spec.effect_variation * rng.uniform(-1.0, 1.0, shape)
    return np.asarray(
        spec.base_sales * factor * np.array([channel.effect for channel in spec.channels]), dtype=np.float64
    )


def _baseline(seed: int, spec: RecoverySpec) -> FloatArray:
    """Base sales with growth, season and noise, not below zero, shape (R, T)."""
    rng = np.random.default_rng([seed, 86])
    week = np.arange(spec.n_weeks)
    level = spec.base_sales * (1.0 + spec.region_variation * rng.uniform(-1.0, 1.0, (len(spec.regions), 1)))
    noise = rng.normal(0.0, spec.noise, (len(spec.regions), spec.n_weeks))
    path = 1.0 + spec.growth * week + spec.season * np.sin(2.0 * np.pi * week / 52.0) + noise
    return np.maximum(level * path, 0.0)


def _truth(spec: RecoverySpec, spend: FloatArray, contribution: FloatArray, effect: FloatArray) -> dict[str, Any]:
    names = [channel.name for channel in spec.channels]
    silent = [name for name, money in zip(names, spend.sum(axis=(0, 1)), strict=True) if not money > 0]
    if silent:
        raise InputError.of("the channel never spends", "Take another seed", column=", ".join(silent), value=0)
    money, brought = spend.sum(axis=(0, 1)), contribution.sum(axis=(0, 1))
    marginal = [_marginal(channel, spend[:, :, c], effect[:, c]) for c, channel in enumerate(spec.channels)]
    return {
        "spend": dict(zip(names, money.tolist(), strict=True)),
        "contribution": dict(zip(names, brought.tolist(), strict=True)),
        "roas": dict(zip(names, (brought / money).tolist(), strict=True)),
        "marginal_roas_recent": dict(zip(names, marginal, strict=True)),
        "total_contribution": float(brought.sum()),
    }


def _marginal(channel: RecoveryChannel, spend: FloatArray, effect: FloatArray) -> float:
    """Steady-state outcome of the next euro, spread over regions as in the last weeks, or as ever if it rested then."""
    recent = spend[:, -RECENT_WEEKS:] if spend[:, -RECENT_WEEKS:].sum() > 0 else spend
    now = recent.mean(axis=1)
    largest = spend.max(axis=1)
    weight = float((channel.retention ** np.arange(LAGS)).sum())

    def outcome(factor: float) -> float:
        relative = np.divide(factor * now, largest, out=np.zeros_like(now), where=largest > 0)
        return float(effect @ saturate(weight * relative, channel.half, channel.slope))

    return (outcome(1.01) - outcome(1.0)) / (0.01 * float(now.sum()))
