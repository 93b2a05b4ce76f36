"""The normal approximation of a posterior at its mode: its draws, reweighted, and the evidence it implies.

With the mode θ̂ and the curvature H there, ``log p(y) ≈ log p(y, θ̂) + n/2·log 2π − ½·log det H``. All linear
coefficients are integrated out exactly, so the approximation is of the few non-linear parameters only.

References
----------
Tierney, Kadane (1986), Accurate approximations for posterior moments and marginal densities. Vehtari, Simpson, Gelman,
Yao, Gabry (2024), Pareto smoothed importance sampling.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmm.kernel_arrays import WEIGHT, KernelData
from mmm.preconditioning import Frame, find_frame
from mmm.sampling import density_of, weights_start

FloatArray = NDArray[np.float64]
#: Above this the smoothed weights are not to be trusted (Vehtari et al. 2024).
PARETO_LIMIT = 0.7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WeightedDraws:
    """Draws of the approximation with their importance weights.

    Attributes
    ----------
    points
        Shape (D, n): sampler points.
    weights
        Shape (D,), smoothed, sum to 1.
    pareto_k
        Shape of the weights' tail: above 0.7 the approximation is too far from the posterior for them to mend.
    """

    points: FloatArray
    weights: FloatArray
    pareto_k: float

    @property
    def effective(self) -> float:
        """Effective number of draws, 1/Σw²."""
        return float(1.0 / (self.weights**2).sum())


def laplace_frame(data: KernelData) -> Frame:
    """Mode and curvature of the collapsed density."""
    return find_frame(density_of(data), len(data.centre), separate=weights_start(data))


def weighted_draws(data: KernelData, frame: Frame, *, draws: int, seed: int) -> WeightedDraws:
    """Draw from the approximation and weight by the density."""
    density, size = density_of(data), len(data.centre)
    positions = np.random.default_rng([seed, 31]).standard_normal((draws, size))
    points = frame.points(positions)
    target = np.array([density(point)[0] for point in points])
    weights, pareto_k = smoothed_weights(target + 0.5 * (positions**2).sum(axis=1))
    return WeightedDraws(points=points, weights=weights, pareto_k=pareto_k)


def smoothed_weights(log_ratio: FloatArray) -> tuple[FloatArray, float]:
    """Pareto-smoothed importance weights (D,), summing to 1, and k̂, from log target − log proposal (D,).

    Ratios of −∞ (draws outside the posterior's reach) get weight 0.
    """
    import arviz_stats.base

    array_stats: Any = arviz_stats.base.array_stats  # type: ignore[attr-defined]  # not in its __all__
    weights = np.zeros(len(log_ratio))
    inside = np.isfinite(log_ratio)
    if inside.sum() < 25:  # no tail to fit
        return np.full(len(log_ratio), 1.0 / len(log_ratio)), math.inf
    # The library takes log likelihoods, whose negatives are the log ratios of leaving an observation out.
    smoothed, pareto_k = array_stats.psislw(-(log_ratio[inside] - log_ratio[inside].max()))
    weights[inside] = np.exp(np.asarray(smoothed) - np.max(smoothed))
    return weights / weights.sum(), float(pareto_k)


def log_evidence(data: KernelData, frame: Frame) -> float:
    """Laplace approximation of log p(scaled outcome, readouts), with every constant that models can differ in."""
    size = len(data.centre)
    value, _ = density_of(data)(frame.centre)
    half_log_det = float(np.linalg.slogdet(frame.scale)[1])  # scale is the inverse root of the curvature
    return value + prior_constant(data) + 0.5 * size * math.log(2.0 * math.pi) + half_log_det


def prior_constant(data: KernelData) -> float:
    """What `mmm.collapsed_kernel.log_density` leaves out: −½·log 2π by standard normal point and observation.

    Weights of Student-t noise, logs of Gamma(ν/2, ν/2) variables, bring the Gamma's constant and their scale instead.
    Widths and determinants of the linear part are complete in the density.
    """
    start = int(data.blocks[WEIGHT])
    size = len(data.centre) if start < 0 else start
    observations = data.outcome.size + len(data.lift_value)
    constant = -0.5 * (size + observations) * math.log(2.0 * math.pi)
    if start >= 0:
        half = 0.5 * data.degrees
        constant += data.outcome.size * (half * math.log(half) - math.lgamma(half))
        constant += float(np.log(data.spread[start:]).sum())
    return constant
