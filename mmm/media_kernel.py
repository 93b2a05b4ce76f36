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

from mmm.compilation import inner_compiled
from mmm.kernel_arrays import (
    ADSTOCK,
    BASIS,
    COEFFICIENT,
    FIRST,
    HALF,
    LAGS,
    MARGINAL,
    PATH,
    SECOND,
    SLOPE,
    SPREAD,
    SWING,
    VARYING,
    KernelData,
    Work,
)
from mmm.kernels import respond, respond_back, weights_with_slopes

FloatArray = NDArray[np.float64]
#: Media are raised by this share to read a marginal return.
NUDGE = 0.01


@inner_compiled
def _value(values: FloatArray, slot: int) -> float:
    """A parameter, 0 where the channel has none."""
    return values[slot] if slot >= 0 else 0.0


@inner_compiled
def transform_media(data: KernelData, work: Work) -> None:
    """Fill transformed media, national effects, their spread, and lift effects from ``work.values``."""
    geos, channels, _ = data.media.shape
    values = work.values
    for channel in range(channels):
        place = data.order[1 + channel]
        kinds, slots = data.kinds[channel], data.slots[channel]
        first, second = _value(values, slots[FIRST]), _value(values, slots[SECOND])
        weights_with_slopes(kinds[ADSTOCK], kinds[LAGS], first, second, work.weights[channel])
        shape = (_value(values, slots[HALF]), _value(values, slots[SLOPE]))
        if kinds[VARYING] >= 0:
            start = data.blocks[PATH] + kinds[VARYING] * len(data.path)
            _course(values[start : start + len(data.path)], values[slots[SWING]], data.path, work.factor[channel])
        total = 0.0
        for geo in range(geos):
            kept = (work.carried[geo, channel], work.saturated[geo, channel], work.rows[geo, place])
            respond(kinds, shape, data.media[geo, channel], data.reach[geo, channel], work.weights[channel], kept)
            total += _follow_course(work.factor[channel], data.money[geo], work.rows[geo, place])
        if kinds[BASIS] == COEFFICIENT:
            total = 1.0
        elif kinds[BASIS] == MARGINAL:
            total = -total / NUDGE
            for geo in range(geos):
                _nudge(data, work, geo, channel, shape)
                total += _follow_course(work.factor[channel], data.money[geo], work.nudged_result) / NUDGE
        work.total[channel] = total
        work.mean[place] = math.exp(values[channel]) * data.basis[channel] / total
        spread = math.exp(values[slots[SPREAD]]) if slots[SPREAD] >= 0 else 0.0
        work.width[place] = work.mean[place] * spread


@inner_compiled
def transform_cells(data: KernelData, work: Work) -> None:
    """Fill the lift tests' effects, after `transform_media`."""
    for cell in range(len(work.effect)):
        channel = data.cell_place[cell, 1]
        slots, place, effect = data.slots[channel], data.cell_time[cell], 0.0
        shape = (_value(work.values, slots[HALF]), _value(work.values, slots[SLOPE]))
        for path in range(2):
            value = work.cell_value[cell, path]
            kept = (work.cell_carried[cell, path], work.cell_saturated[cell, path], value)
            media, reach = data.cell_media[cell, path], data.cell_reach[cell, path]
            respond(data.kinds[channel], shape, media, reach, work.weights[channel], kept)
            for time in range(len(value)):
                value[time] *= work.factor[channel, place[time]]
                effect += (1.0 - 2.0 * path) * data.cell_window[cell, time] * value[time]
        work.effect[cell] = effect


@inner_compiled
def _course(steps: FloatArray, log_size: float, path: FloatArray, factor: FloatArray) -> None:
    """The course over time of a varying effect: exp of a random walk in steps."""
    size = math.exp(log_size)
    for time in range(len(factor)):
        walked = 0.0
        for step in range(len(steps)):
            walked += steps[step] * path[step, time]
        factor[time] = math.exp(size * walked)


@inner_compiled
def _follow_course(factor: FloatArray, money: FloatArray, row: FloatArray) -> float:
    """Multiply transformed media by the course of the effect; gives what one unit of coefficient brings."""
    total = 0.0
    for time in range(len(row)):
        row[time] *= factor[time]
        total += money[time] * row[time]
    return total


@inner_compiled
def _nudge(data: KernelData, work: Work, geo: int, channel: int, shape: tuple[float, float]) -> None:
    """`respond` to 1% more media, into the arrays kept for it."""
    more, media = work.nudged[0], data.media[geo, channel]
    for time in range(len(media)):
        more[time] = (1.0 + NUDGE) * media[time]
    kept = (work.nudged[1], work.nudged_saturated, work.nudged_result)
    respond(data.kinds[channel], shape, more, data.reach[geo, channel], work.weights[channel], kept)


@inner_compiled
def media_chain_rule(data: KernelData, work: Work, gradient: FloatArray) -> None:
    """From slopes by transformed media, lift effects, m and s to the gradient by effects, shapes, spreads, courses.

    Parameters
    ----------
    data, work
        As in `mmm.collapsed_kernel.log_density`; ``work.slope``, ``by_mean``, ``by_width``, ``by_effect`` are filled.
    gradient
        Shape (n,), by parameters on the unconstrained scale; entries of media are written.
    """
    for channel in range(data.media.shape[1]):
        slots, row = data.slots[channel], data.order[1 + channel]
        by_mean = work.by_mean[row] * work.mean[row]
        if slots[SPREAD] >= 0:  # s is a multiple of m
            gradient[slots[SPREAD]] = work.by_width[row]
            by_mean += work.by_width[row]
        gradient[channel] = by_mean
        work.by_weight[:] = 0.0
        work.by_course[:] = 0.0
        half, steep = _panel_slopes(data, work, channel, -by_mean / work.total[channel])
        cell_half, cell_steep = _cell_slopes(data, work, channel)
        if slots[HALF] >= 0:
            gradient[slots[HALF]] = half + cell_half
        if slots[SLOPE] >= 0:
            gradient[slots[SLOPE]] = steep + cell_steep
        if slots[FIRST] >= 0:
            gradient[slots[FIRST]] = _inner(work.by_weight, work.weights[channel, 1])
        if slots[SECOND] >= 0:
            gradient[slots[SECOND]] = _inner(work.by_weight, work.weights[channel, 2])
        if data.kinds[channel, VARYING] >= 0:
            start = data.blocks[PATH] + data.kinds[channel, VARYING] * len(data.path)
            steps, size = gradient[start : start + len(data.path)], math.exp(work.values[slots[SWING]])
            gradient[slots[SWING]] = _course_slopes(work.by_course, work.factor[channel], data.path, size, steps)


@inner_compiled
def _course_slopes(
    by_course: FloatArray, factor: FloatArray, path: FloatArray, size: float, steps: FloatArray
) -> float:
    """From slopes by the log course (T,) to those by its steps (B,), written, and by their log size, returned."""
    by_size = 0.0
    for time in range(len(by_course)):
        by_size += by_course[time] * math.log(factor[time])
    for step in range(len(path)):
        steps[step] = size * _inner(path[step], by_course)
    return by_size


@inner_compiled
def _inner(first: FloatArray, second: FloatArray) -> float:
    total = 0.0
    for index in range(len(first)):
        total += first[index] * second[index]
    return total


@inner_compiled
def _panel_slopes(data: KernelData, work: Work, channel: int, through_total: float) -> tuple[float, float]:
    """Slopes of one channel through the panel's media: by shape (returned), weights and log course (added)."""
    kinds, slots, factor = data.kinds[channel], data.slots[channel], work.factor[channel]
    marginal = kinds[BASIS] == MARGINAL
    per_total = 0.0 if kinds[BASIS] == COEFFICIENT else (-1.0 / NUDGE if marginal else 1.0)
    half, steep, weights = 0.0, 0.0, work.weights[channel]
    for geo in range(len(data.money)):
        media, reach, money = data.media[geo, channel], data.reach[geo, channel], data.money[geo]
        row, slope, by_out = work.rows[geo, data.order[1 + channel]], work.slope[geo, channel], work.by_series[0]
        for time in range(len(row)):
            by_row = slope[time] + (through_total * per_total) * money[time]
            work.by_course[time] += by_row * row[time]
            by_out[time] = by_row * factor[time]
        kept = (work.carried[geo, channel], work.saturated[geo, channel], work.by_weight)
        found = respond_back(kinds, work.by_series, media, reach, weights, kept)
        half, steep = half + found[0], steep + found[1]
        if marginal:
            _nudge(data, work, geo, channel, (_value(work.values, slots[HALF]), _value(work.values, slots[SLOPE])))
            row = work.nudged_result
            for time in range(len(row)):
                by_out[time] = (through_total / NUDGE) * money[time] * factor[time]
                work.by_course[time] += by_out[time] * row[time]
            kept = (work.nudged[1], work.nudged_saturated, work.by_weight)
            found = respond_back(kinds, work.by_series, work.nudged[0], reach, weights, kept)
            half, steep = half + found[0], steep + found[1]
    return half, steep


@inner_compiled
def _cell_slopes(data: KernelData, work: Work, channel: int) -> tuple[float, float]:
    """The same through the lift tests' cells."""
    half, steep = 0.0, 0.0
    for cell in range(len(work.effect)):
        if data.cell_place[cell, 1] != channel:
            continue
        window, place, by_out = data.cell_window[cell], data.cell_time[cell], work.by_series[0]
        for path in range(2):
            value = work.cell_value[cell, path]
            for time in range(len(window)):
                by_value = (1.0 - 2.0 * path) * work.by_effect[cell] * window[time]
                work.by_course[place[time]] += by_value * value[time]
                by_out[time] = by_value * work.factor[channel, place[time]]
            kept = (work.cell_carried[cell, path], work.cell_saturated[cell, path], work.by_weight)
            media, reach = data.cell_media[cell, path], data.cell_reach[cell, path]
            found = respond_back(data.kinds[channel], work.by_series, media, reach, work.weights[channel], kept)
            half, steep = half + found[0], steep + found[1]
    return half, steep
