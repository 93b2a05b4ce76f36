"""The non-linear parameters: their order in the sampler's vector, their priors, and the way back to natural units.

Every parameter is normal a priori on an unconstrained scale (log of a scale, logit of a share); the sampler sees it
in units of that prior, ``value = centre + spread · point``. Log effects of channels in one group are correlated a
priori: their values are ``centre + mix · point``. Log weights of Student-t noise have the prior of the log of a Gamma
variable instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmm.channel_spec import AdstockKind, SaturationKind
from mmm.design import Design
from mmm.kernel_arrays import (
    EXTRA,
    FIRST,
    GP_LENGTH,
    GP_SD,
    HALF,
    LONGEST_DELAY,
    NOISE,
    PATH,
    SECOND,
    SHOCK,
    SLOPE,
    SPREAD,
    SWING,
    WALK,
    WEIGHT,
    IntArray,
)
from mmm.spec import ModelSpec
from mmm.transforms import ADSTOCK_PARAMETERS, SATURATION_PARAMETERS

FloatArray = NDArray[np.float64]

#: (prior mean, prior sd) on the unconstrained scale. Media are scaled so that a typical active week is 1.
ADSTOCK_PRIORS: dict[AdstockKind, tuple[tuple[float, float], ...]] = {
    "geometric": ((-0.2, 1.0),),
    "delayed": ((0.4, 1.0), (-1.7, 1.0)),
    "weibull": ((float(np.log(2.0)), 0.6), (0.0, 0.5)),
    "none": (),
}
SATURATION_PRIORS: dict[SaturationKind, tuple[tuple[float, float], ...]] = {
    "hill": ((float(np.log(1.5)), 0.6), (float(np.log(1.15)), 0.3)),
    "logistic": ((float(np.log(1.5)), 0.7),),
    "michaelis_menten": ((float(np.log(1.5)), 0.7),),
    "tanh": ((float(np.log(1.5)), 0.7),),
    "none": (),
}
GEO_SPREAD_PRIOR = (float(np.log(0.25)), 0.6)
NOISE_PRIOR = (float(np.log(0.1)), 1.0)
WALK_PRIOR = (float(np.log(0.03)), 0.8)
SHOCK_PRIOR = (float(np.log(0.01)), 0.8)
#: Of further rows of a geo: its drift by knot, and the deviation of its response to controls.
DRIFT_PRIOR = (float(np.log(0.01)), 0.8)
CONTROL_SPREAD_PRIOR = (float(np.log(0.01)), 0.8)
GP_SD_PRIOR = (float(np.log(0.08)), 0.8)
#: Length scale of the Gaussian process as a share of the panel's length.
GP_LENGTH_PRIOR = (float(np.log(0.12)), 0.5)
#: Size of a step of a varying effect, on the log scale.
SWING_PRIOR = (float(np.log(0.15)), 0.6)
#: Prior of a geo's intercept, in shares of its mean outcome. Of many geos it lies around the level that they share,
#: which has a prior of its own: without it, their mean would be known to 0.5/√G beforehand. The spread is wide and not
#: learnt. Each geo is divided by its own mean, so intercept and media add up to one in every geo, whatever the truth; a
#: spread learnt from geos would be the smaller, the less media do where they are bought more, and many geos alike in
#: that way would pass for proof that media do little.
INTERCEPT_PRIOR = (0.75, 0.5)
#: Parameters on the logit scale; those of the second group are as they are; all others are on the log scale.
_SHARES, _PLAIN = frozenset({"retention", "peak"}), frozenset({"path"})
#: Block of the sampler's vector → column of `KernelData.slots`.
_SLOTS = {"retention": FIRST, "scale": FIRST, "peak": SECOND, "shape": SECOND, "half": HALF, "slope": SLOPE}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parameters:
    """Layout and priors of the parameter vector. C media channels (paid, then organic).

    Attributes
    ----------
    names
        Blocks in order: ``effect``, shapes, ``geo_spread``, ``noise`` and further scales, ``path``, ``weight``.
    sizes
        Length of each block.
    members
        Block → channels it belongs to, for the blocks that are by channel.
    centre, spread
        Shape (n,): prior mean and standard deviation on the unconstrained scale.
    mix
        Shape (C, C): ``effect = centre + mix · point``.
    slots
        Shape (C, 6): where each channel's parameters stand, −1 where it has none; see `mmm.kernel_arrays`.
    blocks
        Shape (8,): where the blocks that are not by channel start.
    peak_reach
        By member of ``peak``: the largest delay, periods.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    members: dict[str, tuple[int, ...]]
    centre: FloatArray
    spread: FloatArray
    mix: FloatArray
    slots: IntArray
    blocks: IntArray
    peak_reach: FloatArray

    def natural(self, points: FloatArray) -> dict[str, FloatArray]:
        """Sampler points (..., n) → named parameters (..., size) in natural units."""
        values = self.centre + self.spread * points
        channels = len(self.mix)
        values[..., :channels] = self.centre[:channels] + points[..., :channels] @ self.mix.T
        result, start = {}, 0
        for name, size in zip(self.names, self.sizes, strict=True):
            block = values[..., start : start + size]
            if name in _SHARES:
                result[name] = 1.0 / (1.0 + np.exp(-block)) * (self.peak_reach if name == "peak" else 1.0)
            else:
                result[name] = block if name in _PLAIN else np.exp(block)
            start += size
        return result

    def by_channel(self, natural: dict[str, FloatArray], names: tuple[str, ...], channel: int) -> FloatArray:
        """Some parameters of one channel, shape (..., len(names)), from what `natural` gives."""
        return np.stack([natural[name][..., self.members[name].index(channel)] for name in names], axis=-1)


class _Layout:
    """Blocks as they are gathered."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.sizes: list[int] = []
        self.members: dict[str, tuple[int, ...]] = {}
        self.centre: list[float] = []
        self.spread: list[float] = []

    def add(self, name: str, priors: list[tuple[float, float]], members: tuple[int, ...] | None = None) -> int:
        """Take a block with a prior an entry; gives its start, −1 where it is empty."""
        if not priors:
            return -1
        start = len(self.centre)
        self.names.append(name)
        self.sizes.append(len(priors))
        self.centre += [prior[0] for prior in priors]
        self.spread += [prior[1] for prior in priors]
        if members is not None:
            self.members[name] = members
        return start


def parameters(design: Design, spec: ModelSpec) -> Parameters:
    """Layout and priors for a design."""
    layout, forms = _Layout(), [spec.channel(name) for name in design.media_names]
    slots = np.full((len(forms), 6), -1, dtype=np.int64)
    blocks = np.full(8, -1, dtype=np.int64)
    layout.add("effect", list(zip(design.effect_log_mean, design.effect_log_sd, strict=True)), tuple(range(len(forms))))

    def by_channel(name: str, prior: dict[int, tuple[float, float]], slot: int) -> None:
        start = layout.add(name, list(prior.values()), tuple(prior))
        for number, channel in enumerate(prior):
            slots[channel, slot] = start + number

    for name, slot in _SLOTS.items():
        found: dict[int, tuple[float, float]] = {}
        for channel, form in enumerate(forms):
            adstock, saturation = form.adstock or "none", form.saturation or "none"
            own = dict(zip(ADSTOCK_PARAMETERS[adstock], ADSTOCK_PRIORS[adstock], strict=True))
            own |= dict(zip(SATURATION_PARAMETERS[saturation], SATURATION_PRIORS[saturation], strict=True))
            if name in own:
                found[channel] = own[name]
        by_channel(name, found, slot)
    everyone = range(len(forms))
    if design.geos > 1:
        by_channel("geo_spread", dict.fromkeys(everyone, GEO_SPREAD_PRIOR), SPREAD)
    blocks[NOISE] = layout.add("noise", [NOISE_PRIOR] * design.geos)
    blocks[EXTRA] = layout.add("extra_sd", [_extra_prior(name) for name in design.extra.groups])
    blocks[WALK] = layout.add("walk_sd", [WALK_PRIOR] if (design.shared.group == 0).any() else [])
    if (design.shared.group == 1).any():
        blocks[GP_SD] = layout.add("gp_sd", [GP_SD_PRIOR])
        length = (GP_LENGTH_PRIOR[0] + float(np.log(design.periods)), GP_LENGTH_PRIOR[1])
        blocks[GP_LENGTH] = layout.add("gp_length", [length])
    blocks[SHOCK] = layout.add("shock_sd", [SHOCK_PRIOR] if design.shocks else [])
    varying = [channel for channel in everyone if design.varying[channel] >= 0]
    by_channel("swing", dict.fromkeys(varying, SWING_PRIOR), SWING)
    blocks[PATH] = layout.add("path", [(0.0, 1.0)] * (len(varying) * len(design.path)))
    if spec.noise == "student_t":
        prior = (0.0, float(np.sqrt(2.0 / spec.degrees)))
        blocks[WEIGHT] = layout.add("weight", [prior] * (design.geos * design.periods))
    delayed = [min((form.lags or 1) - 1.0, LONGEST_DELAY) for form in forms if form.adstock == "delayed"]
    return Parameters(
        names=tuple(layout.names),
        sizes=tuple(layout.sizes),
        members=layout.members,
        centre=np.array(layout.centre),
        spread=np.array(layout.spread),
        mix=_mix(design, spec),
        slots=slots,
        blocks=blocks,
        peak_reach=np.array(delayed),
    )


def _extra_prior(group: str) -> tuple[float, float]:
    return DRIFT_PRIOR if group == "drift" else CONTROL_SPREAD_PRIOR


def _mix(design: Design, spec: ModelSpec) -> FloatArray:
    """Cholesky factor of the prior covariance of log effects."""
    groups = [spec.channel(name).group for name in design.media_names]
    same = np.array([[one is not None and one == two for two in groups] for one in groups])
    correlation = np.where(same, spec.group_correlation, 0.0)
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(design.effect_log_sd[:, None] * np.linalg.cholesky(correlation), dtype=np.float64)
