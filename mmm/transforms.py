"""Adstock (carry-over) and saturation, as plain array functions.

The compiled engine (`mmm.kernels`) and the PyMC reference (`mmm.build`) implement the same formulas; tests hold the
three together. Adstock weights are normalised to sum to 1, so that steady spend keeps its level; every saturation
rises from 0 at no spend towards 1.

References
----------
Jin, Wang, Sun, Chan, Koehler (2017), Bayesian methods for media mix modeling with carryover and shape effects.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmm.channel_spec import AdstockKind, SaturationKind

FloatArray = NDArray[np.float64]

#: Names of the shape parameters by family, in the order of the parameter vector.
ADSTOCK_PARAMETERS: dict[AdstockKind, tuple[str, ...]] = {
    "geometric": ("retention",),
    "delayed": ("retention", "peak"),
    "weibull": ("scale", "shape"),
    "none": (),
}
SATURATION_PARAMETERS: dict[SaturationKind, tuple[str, ...]] = {
    "hill": ("half", "slope"),
    "logistic": ("half",),
    "michaelis_menten": ("half",),
    "tanh": ("half",),
    "none": (),
}


def adstock_weights(kind: AdstockKind, parameters: FloatArray, lags: int) -> FloatArray:
    """Weights of this and the previous ``lags − 1`` periods.

    Parameters
    ----------
    kind
        ``geometric``: αˡ. ``delayed``: α^((l − θ)²). ``weibull``: the density x^(k−1)·exp(−(x/λ)^k) at x = l + 1.
        ``none``: all in this period.
    parameters
        Shape (..., P) with P parameters in the order of `ADSTOCK_PARAMETERS`.
    lags
        Number of weights.

    Returns
    -------
    FloatArray
        Shape (..., lags), non-negative, sums to 1 along the last axis.

    Examples
    --------
    >>> adstock_weights("geometric", np.array([0.5]), 3).round(4).tolist()
    [0.5714, 0.2857, 0.1429]
    """
    lag = np.arange(lags, dtype=np.float64)
    if kind == "none":
        return np.broadcast_to((lag == 0).astype(np.float64), (*parameters.shape[:-1], lags)).copy()
    first = parameters[..., 0, None]
    if kind == "geometric":
        log_weights = lag * np.log(first)
    elif kind == "delayed":
        log_weights = (lag - parameters[..., 1, None]) ** 2 * np.log(first)
    else:
        shape, point = parameters[..., 1, None], lag + 1.0
        log_weights = (shape - 1.0) * np.log(point) - (point / first) ** shape
    weights = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True), dtype=np.float64)


def apply_adstock(media: FloatArray, weights: FloatArray) -> FloatArray:
    """Carry media over time.

    Parameters
    ----------
    media
        Shape (..., lags − 1 + T): history first.
    weights
        Shape (..., lags), broadcast against the leading axes of ``media``.

    Returns
    -------
    FloatArray
        Shape (..., T).
    """
    lags = weights.shape[-1]
    periods = media.shape[-1] - lags + 1
    result = np.zeros((*np.broadcast_shapes(media.shape[:-1], weights.shape[:-1]), periods))
    for lag in range(lags):
        result += weights[..., lag, None] * media[..., lags - 1 - lag : lags - 1 - lag + periods]
    return result


def saturate(kind: SaturationKind, media: FloatArray, parameters: FloatArray) -> FloatArray:
    """Diminishing returns.

    Parameters
    ----------
    kind
        ``hill``: xˢ/(xˢ + κˢ). ``michaelis_menten``: x/(x + κ). ``tanh``: tanh(artanh(½)·x/κ).
        ``logistic``: (1 − e^(−kx))/(1 + e^(−kx)) with k = ln 3/κ. κ is the level of half the maximum in every form;
        seen so, logistic and tanh are one curve, since (1 − e^(−z))/(1 + e^(−z)) = tanh(z/2) and artanh(½) = ln 3/2.
    media
        Shape (...), scaled, ≥ 0.
    parameters
        Shape (..., P) in the order of `SATURATION_PARAMETERS`, broadcast against ``media``.

    Returns
    -------
    FloatArray
        Shape (...), in [0, 1); unbounded for ``none``, a straight line.

    Examples
    --------
    >>> saturate("hill", np.array([0.0, 2.0]), np.array([2.0, 1.5])).tolist()
    [0.0, 0.5]
    """
    if kind == "none":
        return np.asarray(media, dtype=np.float64)
    half = parameters[..., 0]
    ratio = media / half
    if kind == "hill":
        with np.errstate(divide="ignore"):
            powered = np.exp(parameters[..., 1] * np.log(ratio))
        return np.asarray(1.0 - 1.0 / (1.0 + powered), dtype=np.float64)
    if kind == "michaelis_menten":
        return np.asarray(ratio / (1.0 + ratio), dtype=np.float64)
    if kind == "tanh":
        return np.asarray(np.tanh(np.arctanh(0.5) * ratio), dtype=np.float64)
    falling = np.exp(-np.log(3.0) * ratio)
    return np.asarray((1.0 - falling) / (1.0 + falling), dtype=np.float64)
