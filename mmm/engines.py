"""Two engines, one posterior: the collapsed density, and the readable PyMC model it is checked against."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from measurement.progress import Progress
from mmm.blas import one_blas_thread
from mmm.calibration import LiftDesign
from mmm.collapsed import draw_linear, kernel_data
from mmm.contributions import channel_totals
from mmm.design import Design
from mmm.parameters import Parameters
from mmm.sampling import Effort, sample_density
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sampled:
    """A posterior sample in the model's own parametrisation.

    Attributes
    ----------
    points
        Shape (chain, draw, n): whitened non-linear parameters.
    by_geo
        Shape (chain, draw, G, J): intercept, channel effects and further rows of each geo, scaled.
    shared
        Shape (chain, draw, Q): shared columns, then shocks.
    contribution
        Shape (chain, draw, C): money over the whole panel, paid channels, then organic media.
    diverging, energy
        Shape (chain, draw).
    gradients
        Number of gradients, tuning included.
    """

    points: FloatArray
    by_geo: FloatArray
    shared: FloatArray
    contribution: FloatArray
    diverging: NDArray[np.bool_]
    energy: FloatArray
    gradients: int


def pooled(first: Sampled, second: Sampled) -> Sampled:
    """Two samples of one posterior as one with the chains of both."""
    arrays = [item.name for item in fields(Sampled) if item.name != "gradients"]
    both = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in arrays}
    return Sampled(**both, gradients=first.gradients + second.gradients)


def end_to_end(sampled: Sampled, draws: int) -> Sampled:
    """An even number of chains as half as many chains of ``draws`` draws each, two after one another."""
    arrays = {item.name: getattr(sampled, item.name) for item in fields(Sampled) if item.name != "gradients"}
    pairs = {
        name: values.reshape(len(values) // 2, 2 * values.shape[1], *values.shape[2:])[:, :draws]
        for name, values in arrays.items()
    }
    return Sampled(**pairs, gradients=sampled.gradients)


@one_blas_thread()
def sample_posterior(
    design: Design, layout: Parameters, lifts: LiftDesign, spec: ModelSpec, *, seed: int, progress: Progress
) -> Sampled:
    """Sample the posterior with the engine that the specification names."""
    data = kernel_data(design, layout, spec, lifts)
    effort = Effort(draws=spec.draws, tune=spec.tune, chains=spec.chains, target_accept=spec.target_accept)
    if spec.engine == "pymc":
        from mmm.build import sample_reference

        trace, by_geo, shared = sample_reference(design, layout, lifts, spec, effort, seed=seed, progress=progress)
    else:
        trace = sample_density(data, effort, seed=seed, progress=progress)
        by_geo, shared = draw_linear(trace.points, data, seed)
    chains, draws = trace.diverging.shape
    flat = channel_totals(trace.points.reshape(chains * draws, -1), by_geo.reshape(-1, *by_geo.shape[2:]), data)
    return Sampled(
        points=trace.points,
        by_geo=by_geo,
        shared=shared,
        contribution=flat.reshape(chains, draws, -1),
        diverging=trace.diverging,
        energy=trace.energy,
        gradients=trace.gradients,
    )
