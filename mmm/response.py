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
from mmm.design import Design
from mmm.media_response import Draws, saturation_kind
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
        Shape (G, C): scaled media (reach, where it is known) a period in a geo for one euro of national spend a week.
    frequency
        Shape (G, C): recent mean frequency, scaled, of channels whose reach is known; NaN for the others.
    money
        Shape (G,): money a week per scaled unit of outcome, recent mean.
    recent_spend
        Shape (C,): mean national spend a week over the recent weeks.
    largest_spend
        Shape (C,): largest national spend in a week.
    """

    media_per_euro: FloatArray
    frequency: FloatArray
    money: FloatArray
    recent_spend: FloatArray
    largest_spend: FloatArray


def steady_state(design: Design) -> SteadyState:
    """Read shares, exposure rates and spend levels off the end of a panel."""
    panel = design.panel
    per_week = 7 // panel.days_per_period
    recent = min(RECENT_WEEKS * per_week, design.periods)
    spend = np.moveaxis(panel.data["spend"].to_numpy(), 2, 1).astype(np.float64)
    media, reach = design.media[:, :, design.lags - 1 :], design.reach[:, :, design.lags - 1 :]
    media_per_euro, frequency = np.empty(spend.shape[:2]), np.full(spend.shape[:2], np.nan)
    recent_spend = np.empty(spend.shape[1])
    for channel in range(spend.shape[1]):
        rested = spend[:, channel, -recent:].sum() == 0
        window = slice(None) if rested else slice(-recent, None)
        total = spend[:, channel, window].sum()
        amount = media[:, channel, window]
        if panel.channels[channel] in panel.reach_channels:
            people = reach[:, channel, window]
            often = (amount * people).sum(axis=1) / np.maximum(people.sum(axis=1), 1e-12)
            frequency[:, channel], amount = often, people
        media_per_euro[:, channel] = amount.sum(axis=1) / total / per_week
        recent_spend[channel] = total * per_week / spend[:, channel, window].shape[1]
    return SteadyState(
        media_per_euro=media_per_euro,
        frequency=frequency,
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


def outcome_of(
    draws: Draws, state: SteadyState, spec: ModelSpec, name: str, channel: int, spend: FloatArray
) -> FloatArray:
    """Outcome a week by geo of steady national spend (P,), money, shape (D, G, P)."""
    kind, parameters = saturation_kind(spec, name), draws.saturation[:, channel, None, :]
    course = draws.course[:, channel, -RECENT_WEEKS:].mean(axis=1)[:, None]
    parts = []
    for geo in range(len(state.money)):
        amount = state.media_per_euro[geo, channel] * spend[None, :]
        often = state.frequency[geo, channel]
        value = saturate(kind, amount if np.isnan(often) else np.full_like(amount, often), parameters)
        value = value if np.isnan(often) else value * amount
        parts.append(state.money[geo] * draws.effect[:, geo, channel, None] * value * course)
    return np.stack(parts, axis=1)


def marginal_roas(draws: Draws, design: Design, spec: ModelSpec) -> FloatArray:
    """Outcome per extra euro when steady spend rises by 1% from its mean of the recent weeks, shape (D, P)."""
    state = steady_state(design)
    result = np.empty((len(draws), len(state.recent_spend)))
    for channel, (name, now) in enumerate(zip(design.panel.channels, state.recent_spend, strict=True)):
        outcome = outcome_of(draws, state, spec, name, channel, np.array([now, 1.01 * now])).sum(axis=1)
        result[:, channel] = (outcome[:, 1] - outcome[:, 0]) / (0.01 * now)
    return result


def response_curves(
    draws: Draws, design: Design, spec: ModelSpec, *, points: int = 60, run: str = ""
) -> tuple[ResponseCurves, float]:
    """Curves for the allocator, and the share of draws whose curve had to be held level because it fell.

    A draw's national curve can fall only where a geo's effect is negative in that draw, which the normal spread of
    geo effects allows; such stretches are held at the highest value so far.
    """
    state, current, grid = _grid(design, points)
    outcome = np.stack(
        [
            outcome_of(draws, state, spec, name, channel, grid[channel]).sum(axis=1)
            for channel, name in enumerate(design.panel.channels)
        ],
        axis=1,
    )
    rising = np.maximum.accumulate(outcome, axis=2)
    held = float(np.mean((rising - outcome).max(axis=(1, 2)) > 1e-9 * np.abs(outcome).max()))
    return _curves(design, grid, rising, current, run), held


def geo_response_curves(
    draws: Draws, design: Design, spec: ModelSpec, *, points: int = 40, run: str = ""
) -> ResponseCurves:
    """A curve for each channel and geo by its own spend a week, up to the share of national spend that it has now.

    A channel has no curve in a geo where it has no spend.
    """
    state, current, grid = _grid(design, points)
    share, panel = _recent_shares(design), design.panel
    by_channel = [
        outcome_of(draws, state, spec, name, channel, grid[channel]) for channel, name in enumerate(panel.channels)
    ]
    cells = [(geo, channel) for channel in range(len(panel.channels)) for geo in np.flatnonzero(share[:, channel] > 0)]
    outcome = np.stack([by_channel[channel][:, geo] for geo, channel in cells], axis=1)
    part = np.array([share[geo, channel] for geo, channel in cells])
    places = [channel for _, channel in cells]
    return ResponseCurves(
        channels=tuple(panel.channels[channel] for channel in places),
        geos=tuple(panel.geos[geo] for geo, _ in cells),
        spend=grid[places] * part[:, None],
        outcome=np.maximum.accumulate(np.maximum(outcome, 0.0), axis=2),
        observed_spend=current[places] * part,
        currency=panel.currency,
        run=run,
    )


def _grid(design: Design, points: int) -> tuple[SteadyState, FloatArray, FloatArray]:
    """Steady state, current national spend (P,), and the spends at which curves are read (P, points)."""
    state = steady_state(design)
    current = np.array([design.panel.current_spend()[channel] for channel in design.panel.channels])
    top = REACH * np.maximum(state.largest_spend, current)
    return state, current, top[:, None] * np.linspace(0.0, 1.0, points)[None, :] ** 1.5


def _recent_shares(design: Design) -> FloatArray:
    """Share of national spend by geo and channel in the recent weeks, (G, P); of the whole panel where it rested."""
    spend = design.panel.data["spend"].to_numpy().astype(np.float64)
    recent = spend[:, -RECENT_WEEKS * (7 // design.panel.days_per_period) :].sum(axis=1)
    amount = np.where(recent.sum(axis=0) > 0, recent, spend.sum(axis=1))
    return np.asarray(amount / amount.sum(axis=0), dtype=np.float64)


def _curves(design: Design, grid: FloatArray, outcome: FloatArray, current: FloatArray, run: str) -> ResponseCurves:
    return ResponseCurves(
        channels=design.panel.channels,
        spend=grid,
        outcome=outcome,
        observed_spend=current,
        currency=design.panel.currency,
        run=run,
    )
