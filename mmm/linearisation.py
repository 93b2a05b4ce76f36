"""The media mix model made linear at the centre of its priors: every unknown as a column, in units of its prior.

Log effects, the shapes of carry-over and saturation, courses of varying effects, shared columns and shocks become
columns that all geos share; the geos' own channel effects and further rows stay theirs. Student-t noise is taken as
normal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmm.baseline import PROCESS, WALK
from mmm.design import Design
from mmm.kernel_arrays import COEFFICIENT, MARGINAL
from mmm.media_response import channel_response, collect_draws
from mmm.parameters import GP_LENGTH_PRIOR, GP_SD_PRIOR, SHOCK_PRIOR, WALK_PRIOR, Parameters, parameters
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]

#: Step, in prior standard deviations, over which a derivative by shape is taken: wide, so that it stands for the prior.
SHAPE_STEP = 0.7
#: Blocks of parameters whose entries each move one medium.
_BY_MEDIUM = ("retention", "scale", "peak", "shape", "half", "slope")
#: Media are raised by this share to read a marginal return, as in the density.
_NUDGE = 0.01
#: Values of `Linearised.learnt`.
KNOWN, WANDER, SHOCKS = -1, 0, 1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linearised:
    """A linear model of the outcome. G geos, T periods, C media, N shared columns, Q further columns of a geo.

    Attributes
    ----------
    shared
        Shape (G, N, T); the first C are the log effects, whitened by ``Parameters.mix``.
    own
        Shape (G, Q, T), in units of their prior standard deviation.
    rest
        Shape (G, T): outcome less media at the centre of their priors.
    prior_sd
        Shape (N,): prior standard deviation, up to a learnt factor.
    learnt
        Shape (N,): that factor: `KNOWN` (it is one), `WANDER` of the baseline, or size of the `SHOCKS`.
    scale_priors
        By learnt factor: mean and standard deviation of its logarithm. Without shocks the second is not used.
    """

    shared: FloatArray
    own: FloatArray
    rest: FloatArray
    prior_sd: FloatArray
    learnt: NDArray[np.int64]
    scale_priors: tuple[tuple[float, float], ...]

    def sd(self, scales: FloatArray) -> FloatArray:
        """Prior standard deviations (N,) at given learnt factors (2,)."""
        factor = np.where(self.learnt == KNOWN, 1.0, scales[np.maximum(self.learnt, 0)])
        return np.asarray(self.prior_sd * factor, dtype=np.float64)


def linearise(design: Design, spec: ModelSpec) -> Linearised:
    """Lay the linearised model out; everything is taken about its mean over time, which leaves geo levels open."""
    layout = parameters(design, spec)
    origin = np.zeros(len(layout.centre))
    centre = media_effect(design, spec, layout, origin)
    columns = [np.einsum("gct,ck->gkt", centre, layout.mix), *_shape_columns(design, spec, layout)]
    unknown = sum(block.shape[1] for block in columns)
    fixed, group = _shared_sd(design), design.shared.group
    prior_sd = [np.ones(unknown), fixed]
    learnt = [np.full(unknown, KNOWN), np.where((group == WALK) | (group == PROCESS), WANDER, KNOWN)]
    columns.append(np.swapaxes(design.shared.values, 1, 2))
    if design.shocks:
        columns.append(np.broadcast_to(np.eye(design.periods), (design.geos, design.periods, design.periods)))
        prior_sd.append(np.ones(design.periods))
        learnt.append(np.full(design.periods, SHOCKS))
    natural = layout.natural(origin)
    spread = natural.get("geo_spread", np.zeros(centre.shape[1]))
    rows = [centre * spread[None, :, None]]
    if len(design.extra.group):
        rows.append(design.extra.values * natural["extra_sd"][design.extra.group][None, :, None])
    return Linearised(
        shared=_about_mean(np.concatenate(columns, axis=1)),
        own=_about_mean(np.concatenate(rows, axis=1)),
        rest=_about_mean(design.outcome - centre.sum(axis=1)),
        prior_sd=np.concatenate(prior_sd),
        learnt=np.concatenate(learnt).astype(np.int64),
        scale_priors=(GP_SD_PRIOR if (group == PROCESS).any() else WALK_PRIOR, SHOCK_PRIOR),
    )


def _about_mean(values: FloatArray) -> FloatArray:
    return np.asarray(values - values.mean(axis=-1, keepdims=True), dtype=np.float64)


def _shared_sd(design: Design) -> FloatArray:
    """Prior standard deviations of the shared columns (K,), learnt ones up to their factor."""
    shared = design.shared
    length = np.exp(GP_LENGTH_PRIOR[0]) * design.periods
    spectrum = np.sqrt(2.0 * np.pi) * length * np.exp(-0.5 * (length * shared.frequency) ** 2)
    wave = np.sqrt(spectrum) + 1e-9
    return np.asarray(
        np.where(shared.group == PROCESS, wave, np.where(shared.group == WALK, 1.0, shared.prior_sd)), dtype=np.float64
    )


def _shape_columns(design: Design, spec: ModelSpec, layout: Parameters) -> list[FloatArray]:
    """Derivatives of expected outcome (G, ·, T) by the shape parameters, and by the steps of varying effects."""
    columns = []
    starts = dict(zip(layout.names, np.cumsum([0, *layout.sizes[:-1]]), strict=True))
    for name in _BY_MEDIUM:
        if name in starts:
            members = layout.members[name]
            block = slice(starts[name], starts[name] + len(members))
            columns.append(_slope(design, spec, layout, block)[:, members])
    if "path" in starts:
        first, steps = starts["path"], len(design.path)
        for number, channel in enumerate(layout.members["swing"]):
            places = range(first + number * steps, first + (number + 1) * steps)
            columns += [_slope(design, spec, layout, slice(place, place + 1))[:, [channel]] for place in places]
    return columns


def _slope(design: Design, spec: ModelSpec, layout: Parameters, block: slice) -> FloatArray:
    """Change of every medium's expected outcome (G, C, T) for each prior standard deviation of a block."""
    step = np.zeros(len(layout.centre))
    step[block] = SHAPE_STEP
    rise = media_effect(design, spec, layout, step) - media_effect(design, spec, layout, -step)
    return np.asarray(rise / (2.0 * SHAPE_STEP), dtype=np.float64)


def media_effect(design: Design, spec: ModelSpec, layout: Parameters, point: FloatArray) -> FloatArray:
    """Expected effect of every medium in scaled outcome, shape (G, C, T), at a point of the prior."""
    natural = layout.natural(point[None])
    rows = 1 + len(design.media_names) + len(design.extra.group)
    empty = (np.zeros((1, design.geos, rows)), np.zeros((1, len(design.shared.names))))
    draws = collect_draws(natural, empty, layout, design, spec)
    result = np.empty((design.geos, len(design.media_names), design.periods))
    for channel, normaliser in enumerate(design.priors.normaliser):
        media, reach = design.media[:, channel], design.reach[:, channel]
        level = channel_response(draws, design, spec, channel, (media, reach))[0]
        total = float((design.money * level).sum())
        if normaliser == MARGINAL:
            more = channel_response(draws, design, spec, channel, ((1.0 + _NUDGE) * media, reach))[0]
            total = (float((design.money * more).sum()) - total) / _NUDGE
        elif normaliser == COEFFICIENT:
            total = 1.0
        result[:, channel] = level * (natural["effect"][0, channel] * design.priors.basis[channel] / total)
    return result
