"""From parameters to transformed media and back: the chain rule of every media channel, compiled.

A series becomes outcome in one of two orders: carry-over then saturation, or saturation then carry-over; the second,
with reach as a multiplier of the saturated frequency, is also the form of channels whose reach is known. The national
coefficient of a channel is exp(effect) × basis / total, where the total is what one unit of coefficient brings in the
panel (or brings for 1% more media, where the prior is on the marginal ROAS), so that the effect keeps its meaning
whatever the shape parameters are.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import compiled, inner_compiled
from mmm.kernel_arrays import (
    ADSTOCK,
    BASIS,
    COEFFICIENT,
    FIRST,
    HALF,
    LAGS,
    MARGINAL,
    ORDER,
    PATH,
    SATURATION,
    SECOND,
    SLOPE,
    SPREAD,
    SWING,
    VARYING,
    IntArray,
    KernelData,
    Work,
)
from mmm.kernels import carry_back, carry_into, saturate_into, weight_slopes, weights_with_slopes

FloatArray = NDArray[np.float64]
#: Media are raised by this share to read a marginal return.
NUDGE = 0.01


@inner_compiled
def _value(values: FloatArray, slot: int) -> float:
    """A parameter, 0 where the channel has none."""
    return values[slot] if slot >= 0 else 0.0


@compiled
def respond(
    kinds: IntArray,
    shape: tuple[float, float],
    media: FloatArray,
    reach: FloatArray,
    weights: FloatArray,
    kept: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    """Transform one series.

    Parameters
    ----------
    kinds
        Shape (6,), the channel's row of `KernelData.kinds`.
    shape
        Log half saturation and log slope.
    media, reach
        Shape (L − 1 + T,).
    weights
        Shape (3, L).
    kept
        Written: carried (L − 1 + T,), saturated (4, L − 1 + T) and the result (T,).
    """
    carried, saturated, out = kept
    if kinds[ORDER] == 0:
        inner = carried[: len(out)]
        carry_into(media, weights[0], kinds[LAGS], inner)
        saturate_into(kinds[SATURATION], shape[0], shape[1], inner, saturated)
        for time in range(len(out)):
            out[time] = saturated[0, time]
    else:
        saturate_into(kinds[SATURATION], shape[0], shape[1], media, saturated)
        for time in range(len(media)):
            carried[time] = saturated[0, time] * reach[time]
        carry_into(carried, weights[0], kinds[LAGS], out)


@compiled
def respond_back(
    kinds: IntArray,
    by_out: FloatArray,
    media: FloatArray,
    reach: FloatArray,
    weights: FloatArray,
    kept: tuple[FloatArray, FloatArray, FloatArray],
) -> tuple[float, float]:
    """The chain rule of `respond`: derivatives by log half saturation and log slope; adds those by the weights.

    Parameters
    ----------
    kinds, media, reach, weights
        As in `respond`.
    by_out
        Shape (T,), derivative by the result.
    kept
        Carried and saturated of `respond`, and the slopes by the weights (L,), which are added to.
    """
    carried, saturated, by_weight = kept
    half, steep = 0.0, 0.0
    inner = np.empty(len(media))
    if kinds[ORDER] == 0:
        for time in range(len(by_out)):
            half += by_out[time] * saturated[2, time]
            steep += by_out[time] * saturated[3, time]
            inner[time] = by_out[time] * saturated[1, time]
        weight_slopes(media, inner[: len(by_out)], kinds[LAGS], by_weight)
    else:
        weight_slopes(carried, by_out, kinds[LAGS], by_weight)
        carry_back(by_out, weights[0], kinds[LAGS], inner)
        for time in range(len(media)):
            half += inner[time] * reach[time] * saturated[2, time]
            steep += inner[time] * reach[time] * saturated[3, time]
    return half, steep


@inner_compiled
def transform_media(data: KernelData, work: Work) -> None:
    """Fill transformed media, national effects, their spread, and lift effects from ``work.values``."""
    geos, channels, _ = data.media.shape
    values = work.values
    for channel in range(channels):
        kinds, slots = data.kinds[channel], data.slots[channel]
        first, second = _value(values, slots[FIRST]), _value(values, slots[SECOND])
        weights_with_slopes(kinds[ADSTOCK], kinds[LAGS], first, second, work.weights[channel])
        shape = (_value(values, slots[HALF]), _value(values, slots[SLOPE]))
        _course(data, work, channel)
        for geo in range(geos):
            kept = (work.carried[geo, channel], work.saturated[geo, channel], work.rows[geo, channel + 1])
            respond(kinds, shape, data.media[geo, channel], data.reach[geo, channel], work.weights[channel], kept)
            if kinds[VARYING] >= 0:
                work.rows[geo, channel + 1] *= work.factor[channel]
        work.total[channel] = _normaliser(data, work, channel, shape)
        work.mean[channel + 1] = math.exp(values[channel]) * data.basis[channel] / work.total[channel]
        spread = math.exp(values[slots[SPREAD]]) if slots[SPREAD] >= 0 else 0.0
        work.width[channel + 1] = work.mean[channel + 1] * spread
    for cell in range(len(work.effect)):
        channel = data.cell_place[cell, 1]
        slots = data.slots[channel]
        shape = (_value(values, slots[HALF]), _value(values, slots[SLOPE]))
        for path in range(2):
            kept = (work.cell_carried[cell, path], work.cell_saturated[cell, path], work.cell_value[cell, path])
            media, reach = data.cell_media[cell, path], data.cell_reach[cell, path]
            respond(data.kinds[channel], shape, media, reach, work.weights[channel], kept)
            if data.kinds[channel, VARYING] >= 0:
                for time in range(data.cell_time.shape[1]):
                    work.cell_value[cell, path, time] *= work.factor[channel, data.cell_time[cell, time]]
        work.effect[cell] = (data.cell_window[cell] * (work.cell_value[cell, 0] - work.cell_value[cell, 1])).sum()


@inner_compiled
def _course(data: KernelData, work: Work, channel: int) -> None:
    """The course over time of a varying effect: exp of a random walk in steps."""
    place = data.kinds[channel, VARYING]
    if place < 0:
        return
    steps = len(data.path)
    start = data.blocks[PATH] + place * steps
    swing = math.exp(work.values[data.slots[channel, SWING]])
    work.factor[channel] = np.exp(swing * np.dot(work.values[start : start + steps], data.path))


@inner_compiled
def _normaliser(data: KernelData, work: Work, channel: int, shape: tuple[float, float]) -> float:
    if data.kinds[channel, BASIS] == COEFFICIENT:
        return 1.0
    total = 0.0
    for geo in range(len(data.money)):
        total += np.dot(data.money[geo], work.rows[geo, channel + 1])
    if data.kinds[channel, BASIS] != MARGINAL:
        return total
    more = 0.0
    for geo in range(len(data.money)):
        kept = _nudged(data, work, geo, channel, shape)
        more += np.dot(data.money[geo], kept[2] * work.factor[channel])
    return (more - total) / NUDGE


@compiled
def _nudged(
    data: KernelData, work: Work, geo: int, channel: int, shape: tuple[float, float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """`respond` to 1% more media, in fresh arrays: carried, saturated, result."""
    reach = data.media.shape[2]
    kept = (np.empty(reach), np.empty((4, reach)), np.empty(data.money.shape[1]))
    media = (1.0 + NUDGE) * data.media[geo, channel]
    respond(data.kinds[channel], shape, media, data.reach[geo, channel], work.weights[channel], kept)
    return kept


@inner_compiled
def media_chain_rule(
    data: KernelData,
    work: Work,
    slopes: tuple[FloatArray, FloatArray, FloatArray],
    effect_slope: FloatArray,
    gradient: FloatArray,
) -> None:
    """From slopes by transformed media, m and s to the gradient by effects, shapes, spreads and courses.

    Parameters
    ----------
    data, work
        As in `mmm.collapsed_kernel.log_density`; ``work.slope`` holds the slopes by transformed media.
    slopes
        By m (G, J), by s (G, J), by log σ (G,).
    effect_slope
        Shape (N,): by the lift cells' effects.
    gradient
        Shape (n,), by parameters on the unconstrained scale; entries of media are written.
    """
    for channel in range(data.media.shape[1]):
        slots, row = data.slots[channel], channel + 1
        by_width = slopes[1][:, row].sum()
        by_mean = slopes[0][:, row].sum()
        if slots[SPREAD] >= 0:
            gradient[slots[SPREAD]] = by_width * work.width[row]
            by_mean += by_width * work.width[row] / work.mean[row]
        gradient[channel] = by_mean * work.mean[row]
        through_total = -by_mean * work.mean[row] / work.total[channel]
        by_weight, by_course = np.zeros(work.weights.shape[2]), np.zeros(data.money.shape[1])
        half, steep = _panel_slopes(data, work, channel, through_total, by_weight, by_course)
        cell_half, cell_steep = _cell_slopes(data, work, channel, effect_slope, by_weight, by_course)
        if slots[HALF] >= 0:
            gradient[slots[HALF]] = half + cell_half
        if slots[SLOPE] >= 0:
            gradient[slots[SLOPE]] = steep + cell_steep
        if slots[FIRST] >= 0:
            gradient[slots[FIRST]] = np.dot(by_weight, work.weights[channel, 1])
        if slots[SECOND] >= 0:
            gradient[slots[SECOND]] = np.dot(by_weight, work.weights[channel, 2])
        _course_slopes(data, work, channel, by_course, gradient)


@inner_compiled
def _panel_slopes(
    data: KernelData, work: Work, channel: int, through_total: float, by_weight: FloatArray, by_course: FloatArray
) -> tuple[float, float]:
    """Slopes of one channel through the panel's media: by shape (returned), weights and log course (added)."""
    kinds, slots = data.kinds[channel], data.slots[channel]
    shape = (_value(work.values, slots[HALF]), _value(work.values, slots[SLOPE]))
    basis, varying = kinds[BASIS], kinds[VARYING] >= 0
    per_total = 0.0 if basis == COEFFICIENT else (-1.0 / NUDGE if basis == MARGINAL else 1.0)
    half, steep = 0.0, 0.0
    for geo in range(len(data.money)):
        media, reach = data.media[geo, channel], data.reach[geo, channel]
        by_out = work.slope[geo, channel] + (through_total * per_total) * data.money[geo]
        if varying:
            by_course += by_out * work.rows[geo, channel + 1]
            by_out = by_out * work.factor[channel]
        kept = (work.carried[geo, channel], work.saturated[geo, channel], by_weight)
        found = respond_back(kinds, by_out, media, reach, work.weights[channel], kept)
        half, steep = half + found[0], steep + found[1]
        if basis == MARGINAL:
            carried, saturated, out = _nudged(data, work, geo, channel, shape)
            by_out = (through_total / NUDGE) * data.money[geo] * work.factor[channel]
            if varying:
                by_course += by_out * out
            more = (1.0 + NUDGE) * media
            found = respond_back(kinds, by_out, more, reach, work.weights[channel], (carried, saturated, by_weight))
            half, steep = half + found[0], steep + found[1]
    return half, steep


@inner_compiled
def _cell_slopes(
    data: KernelData,
    work: Work,
    channel: int,
    effect_slope: FloatArray,
    by_weight: FloatArray,
    by_course: FloatArray,
) -> tuple[float, float]:
    """The same through the lift tests' cells."""
    half, steep = 0.0, 0.0
    for cell in range(len(work.effect)):
        if data.cell_place[cell, 1] != channel:
            continue
        for path in range(2):
            by_out = (effect_slope[cell] if path == 0 else -effect_slope[cell]) * data.cell_window[cell]
            if data.kinds[channel, VARYING] >= 0:
                for time in range(len(by_out)):
                    place = data.cell_time[cell, time]
                    by_course[place] += by_out[time] * work.cell_value[cell, path, time]
                    by_out[time] *= work.factor[channel, place]
            kept = (work.cell_carried[cell, path], work.cell_saturated[cell, path], by_weight)
            media, reach = data.cell_media[cell, path], data.cell_reach[cell, path]
            found = respond_back(data.kinds[channel], by_out, media, reach, work.weights[channel], kept)
            half, steep = half + found[0], steep + found[1]
    return half, steep


@inner_compiled
def _course_slopes(data: KernelData, work: Work, channel: int, by_course: FloatArray, gradient: FloatArray) -> None:
    """From slopes by the log course (T,) to those by its steps and their size."""
    place = data.kinds[channel, VARYING]
    if place < 0:
        return
    steps, slot = len(data.path), data.slots[channel, SWING]
    start = data.blocks[PATH] + place * steps
    gradient[start : start + steps] = math.exp(work.values[slot]) * np.dot(data.path, by_course)
    gradient[slot] = np.dot(by_course, np.log(work.factor[channel]))
