"""The non-linear parameters: their order in the sampler's vector, their priors, and the way back to natural units.

Every parameter is normal a priori on an unconstrained scale (log of a scale, logit of a share); the sampler sees it
in units of that prior, ``value = centre + spread · point``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmm.design import Design
from mmm.spec import AdstockKind, ModelSpec, SaturationKind
from mmm.transforms import ADSTOCK_PARAMETERS, SATURATION_PARAMETERS

FloatArray = NDArray[np.float64]

#: (prior mean, prior sd) on the unconstrained scale. Media are scaled so that a typical active week is 1.
ADSTOCK_PRIORS: dict[AdstockKind, tuple[tuple[float, float], ...]] = {
    "geometric": ((-0.2, 1.0),),
    "delayed": ((0.4, 1.0), (-1.7, 1.0)),
    "weibull": ((float(np.log(2.0)), 0.6), (0.0, 0.5)),
}
SATURATION_PRIORS: dict[SaturationKind, tuple[tuple[float, float], ...]] = {
    "hill": ((float(np.log(1.5)), 0.6), (float(np.log(1.15)), 0.3)),
    "logistic": ((float(np.log(1.5)), 0.7),),
    "michaelis_menten": ((float(np.log(1.5)), 0.7),),
    "tanh": ((float(np.log(1.5)), 0.7),),
}
GEO_SPREAD_PRIOR = (float(np.log(0.25)), 0.6)
NOISE_PRIOR = (float(np.log(0.1)), 1.0)
WALK_PRIOR = (float(np.log(0.03)), 0.8)
SHOCK_PRIOR = (float(np.log(0.01)), 0.8)
#: Prior of a geo's intercept, in shares of its mean outcome.
INTERCEPT_PRIOR = (0.75, 0.5)
#: Parameters on the logit scale; all others are on the log scale.
_SHARES = frozenset({"retention", "peak"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Parameters:
    """Layout and priors of the parameter vector.

    Attributes
    ----------
    names
        Blocks in order: ``roas``, adstock and saturation parameters, ``geo_spread`` (more than one geo), ``noise``,
        ``walk_sd``, ``shock_sd`` (more than one geo).
    sizes
        Length of each block.
    centre, spread
        Shape (n,): prior mean and standard deviation on the unconstrained scale.
    lags
        Length of the carry-over; ``peak`` is a share of ``lags − 1``.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    centre: FloatArray
    spread: FloatArray
    lags: int

    def natural(self, points: FloatArray) -> dict[str, FloatArray]:
        """Sampler points (..., n) → named parameters (..., size) in natural units."""
        values = self.centre + self.spread * points
        result, start = {}, 0
        for name, size in zip(self.names, self.sizes, strict=True):
            block = values[..., start : start + size]
            if name in _SHARES:
                result[name] = 1.0 / (1.0 + np.exp(-block)) * (self.lags - 1 if name == "peak" else 1.0)
            else:
                result[name] = np.exp(block)
            start += size
        return result


def parameters(design: Design, spec: ModelSpec) -> Parameters:
    """Layout and priors for a design."""
    channels = design.channels
    blocks: list[tuple[str, FloatArray, FloatArray]] = [("roas", design.roas_log_mean, design.roas_log_sd)]

    def add(name: str, size: int, prior: tuple[float, float]) -> None:
        blocks.append((name, np.full(size, prior[0]), np.full(size, prior[1])))

    for name, prior in zip(ADSTOCK_PARAMETERS[spec.adstock], ADSTOCK_PRIORS[spec.adstock], strict=True):
        add(name, channels, prior)
    for name, prior in zip(SATURATION_PARAMETERS[spec.saturation], SATURATION_PRIORS[spec.saturation], strict=True):
        add(name, channels, prior)
    if design.geos > 1:
        add("geo_spread", channels, GEO_SPREAD_PRIOR)
    add("noise", design.geos, NOISE_PRIOR)
    add("walk_sd", 1, WALK_PRIOR)
    if design.shared.group.max() > 0:
        add("shock_sd", 1, SHOCK_PRIOR)
    return Parameters(
        names=tuple(name for name, _, _ in blocks),
        sizes=tuple(len(centre) for _, centre, _ in blocks),
        centre=np.concatenate([centre for _, centre, _ in blocks]),
        spread=np.concatenate([spread for _, _, spread in blocks]),
        lags=design.lags,
    )
