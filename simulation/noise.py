"""From expected to observed outcome: noise of a geo-week, heavy tails, outliers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulation.market_spec import MarketSpec

FloatArray = NDArray[np.float64]


def observed(spec: MarketSpec, expected: FloatArray, seed: int) -> FloatArray:
    """Outcome as the advertiser's books have it: expected outcome and noise, not below zero, in cents.

    Parameters
    ----------
    spec
        Size and kind of the noise.
    expected
        Expected outcome of the window, money, shape (G, T).
    seed
        Of the market.
    """
    rng = np.random.default_rng([seed, 9])
    shape = expected.shape
    draw = rng.standard_t(4, shape) / np.sqrt(2.0) if spec.noise_kind == "student_t" else rng.normal(0.0, 1.0, shape)
    if spec.outliers > 0:
        draw = draw + _outliers(spec, shape, np.random.default_rng([seed, 10]))
    noise = draw * spec.noise * expected.mean(axis=1, keepdims=True)
    return np.asarray(np.round(np.maximum(expected + noise, 0.0), 2), dtype=np.float64)


def _outliers(spec: MarketSpec, shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """Errors of a few geo-weeks in standard deviations, up or down, zero elsewhere."""
    size = rng.uniform(5.0, 10.0, shape) * rng.choice([-1.0, 1.0], shape)
    return np.where(rng.random(shape) < spec.outliers, size, 0.0)
