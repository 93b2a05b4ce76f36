"""Response curves: national outcome a week, in steady state, against national spend a week.

Each geo takes the share of the channel's spend, and the exposure per euro, that it had in the last
`RECENT_WEEKS` weeks (over the whole panel where the channel rested then). Steady state: spend is held long enough
that carry-over is complete, so normalised adstock leaves it as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measurement.curves import ResponseCurves
from measurement.panel import Panel
from mmm.contributions import Draws
from mmm.design import Design
from mmm.spec import ModelSpec
from mmm.transforms import saturate

FloatArray = NDArray[np.float64]
#: Weeks at the end of the panel that count as "now".
RECENT_WEEKS = 8
#: The curve reaches this multiple of the larger of the largest and the current weekly spend.
REACH = 2.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SteadyState:
    """How a channel's steady spend becomes outcome. G geos, C channels.

    Attributes
    ----------
    media_per_euro
        Shape (G, C): scaled media a period in a geo for one euro of national spend a week.
    money
        Shape (G,): money a week per scaled unit of outcome, recent mean.
    recent_spend
        Shape (C,): mean national spend a week over the recent weeks.
    largest_spend
        Shape (C,): largest national spend in a week.
    """

    media_per_euro: FloatArray
    money: FloatArray
    recent_spend: FloatArray
    largest_spend: FloatArray


def steady_state(design: Design) -> SteadyState:
    """Read shares, exposure rates and spend levels off the end of a panel."""
    panel = design.panel
    per_week = 7 // panel.days_per_period
    recent = min(RECENT_WEEKS * per_week, design.periods)
    spend = np.moveaxis(panel.data["spend"].to_numpy(), 2, 1).astype(np.float64)
    media = design.media[:, :, design.lags - 1 :]
    media_per_euro = np.empty(spend.shape[:2])
    recent_spend = np.empty(spend.shape[1])
    for channel in range(spend.shape[1]):
        rested = spend[:, channel, -recent:].sum() == 0
        window = slice(None) if rested else slice(-recent, None)
        total = spend[:, channel, window].sum()
        media_per_euro[:, channel] = media[:, channel, window].sum(axis=1) / total / per_week
        recent_spend[channel] = total * per_week / spend[:, channel, window].shape[1]
    return SteadyState(
        media_per_euro=media_per_euro,
        money=design.money[:, -recent:].mean(axis=1) * per_week,
        recent_spend=recent_spend,
        largest_spend=weekly(panel, spend.sum(axis=0)).max(axis=1),
    )


def weekly(panel: Panel, values: FloatArray) -> FloatArray:
    """Sums by week along the last axis (C, T): as they are for weekly panels, 7-day blocks from the end for daily."""
    if panel.days_per_period == 7:
        return values
    weeks = max(1, values.shape[-1] // 7)
    kept = values[..., -7 * weeks :]
    return np.asarray(kept.reshape(*values.shape[:-1], weeks, -1).sum(axis=-1), dtype=np.float64)


def outcome_of(draws: Draws, state: SteadyState, spec: ModelSpec, channel: int, spend: FloatArray) -> FloatArray:
    """National outcome a week of steady national spend (P,), money, shape (D, P)."""
    result = np.zeros((len(draws), len(spend)))
    parameters = draws.saturation[:, channel, None, :]
    for geo in range(len(state.money)):
        media = state.media_per_euro[geo, channel] * spend[None, :]
        value = saturate(spec.saturation, media, parameters)
        result += state.money[geo] * draws.effect[:, geo, channel, None] * value
    return result


def marginal_roas(draws: Draws, state: SteadyState, spec: ModelSpec) -> FloatArray:
    """Outcome per extra euro when steady spend rises by 1% from its mean of the recent weeks, shape (D, C)."""
    result = np.empty((len(draws), len(state.recent_spend)))
    for channel, now in enumerate(state.recent_spend):
        outcome = outcome_of(draws, state, spec, channel, np.array([now, 1.01 * now]))
        result[:, channel] = (outcome[:, 1] - outcome[:, 0]) / (0.01 * now)
    return result


def response_curves(
    draws: Draws, design: Design, spec: ModelSpec, *, points: int = 60, run: str = ""
) -> tuple[ResponseCurves, float]:
    """Curves for the allocator, and the share of draws whose curve had to be held level because it fell.

    A draw's national curve can fall only where a geo's effect is negative in that draw, which the normal spread of
    geo effects allows; such stretches are held at the highest value so far.
    """
    state = steady_state(design)
    current = np.array([design.panel.current_spend()[channel] for channel in design.panel.channels])
    top = REACH * np.maximum(state.largest_spend, current)
    share = np.linspace(0.0, 1.0, points) ** 1.5
    grid = top[:, None] * share[None, :]
    outcome = np.stack(
        [outcome_of(draws, state, spec, channel, grid[channel]) for channel in range(design.channels)], axis=1
    )
    rising = np.maximum.accumulate(outcome, axis=2)
    held = float(np.mean((rising - outcome).max(axis=(1, 2)) > 1e-9 * np.abs(outcome).max()))
    curves = ResponseCurves(
        channels=design.panel.channels,
        spend=grid,
        outcome=rising,
        observed_spend=current,
        currency=design.panel.currency,
        run=run,
    )
    return curves, held
