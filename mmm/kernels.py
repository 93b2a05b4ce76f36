"""Compiled transforms: adstock weights and saturation with their derivatives.

Same formulas as `mmm.transforms`, on unconstrained parameters (logit of a retention, log of a scale), because the
sampler works there. Imported by the collapsed engine only: it needs numba.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import compiled

FloatArray = NDArray[np.float64]

GEOMETRIC, DELAYED, WEIBULL, NO_ADSTOCK = 0, 1, 2, 3
HILL, LOGISTIC, MICHAELIS_MENTEN, TANH, NO_SATURATION = 0, 1, 2, 3, 4
_NOTHING = 1e-12
_HALF_MAXIMUM = math.atanh(0.5)


@compiled
def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))


@compiled
def weights_with_slopes(kind: int, lags: int, first: float, second: float, out: FloatArray) -> None:
    """Adstock weights and their derivatives for one channel.

    Parameters
    ----------
    kind
        `GEOMETRIC`, `DELAYED`, `WEIBULL` or `NO_ADSTOCK`.
    lags
        Length of this channel's carry-over, at most L.
    first, second
        Unconstrained parameters; geometric ignores the second.
    out
        Shape (3, L): weights, derivative by ``first``, derivative by ``second``; zero from ``lags`` on.
    """
    out[:] = 0.0
    if kind == NO_ADSTOCK:
        out[0, 0] = 1.0
        return
    top = -np.inf
    for lag in range(lags):
        if kind == WEIBULL:
            shape, scale, point = math.exp(second), math.exp(first), lag + 1.0
            powered = (point / scale) ** shape
            out[0, lag] = (shape - 1.0) * math.log(point) - powered
            out[1, lag] = powered * shape
            out[2, lag] = shape * (math.log(point) - powered * math.log(point / scale))
        else:
            retention = _sigmoid(first)
            log_retention = math.log(retention)
            peak, slope = 0.0, 0.0
            distance = float(lag)
            if kind == DELAYED:
                share = _sigmoid(second)
                peak = (lags - 1) * share
                slope = (lags - 1) * share * (1.0 - share)
                distance = (lag - peak) ** 2
            out[0, lag] = distance * log_retention
            out[1, lag] = distance * (1.0 - retention)
            out[2, lag] = -2.0 * (lag - peak) * log_retention * slope if kind == DELAYED else 0.0
        top = max(top, out[0, lag])
    total = 0.0
    for lag in range(lags):
        out[0, lag] = math.exp(out[0, lag] - top)
        total += out[0, lag]
    mean_first, mean_second = 0.0, 0.0
    for lag in range(lags):
        out[0, lag] /= total
        mean_first += out[0, lag] * out[1, lag]
        mean_second += out[0, lag] * out[2, lag]
    for lag in range(lags):
        out[1, lag] = out[0, lag] * (out[1, lag] - mean_first)
        out[2, lag] = out[0, lag] * (out[2, lag] - mean_second)


@compiled
def carry_into(media: FloatArray, weights: FloatArray, lags: int, out: FloatArray) -> None:
    """Carry one series over ``lags`` periods; ``media`` (L − 1 + T,), ``weights`` (L,), ``out`` (T,)."""
    longest, periods = len(weights), len(out)
    for time in range(periods):
        out[time] = weights[0] * media[longest - 1 + time]
    for lag in range(1, lags):
        weight, start = weights[lag], longest - 1 - lag
        for time in range(periods):
            out[time] += weight * media[start + time]


@compiled
def saturate_into(kind: int, log_half: float, log_slope: float, media: FloatArray, out: FloatArray) -> None:
    """Saturate one series.

    Parameters
    ----------
    kind
        `HILL`, `LOGISTIC`, `MICHAELIS_MENTEN`, `TANH` or `NO_SATURATION`.
    log_half, log_slope
        Unconstrained parameters; only Hill uses the second.
    media
        Shape (T,), ≥ 0.
    out
        Shape (4, T): value, derivative by media, by ``log_half``, by ``log_slope``.
    """
    half, slope = math.exp(log_half), math.exp(log_slope)
    for time in range(media.shape[0]):
        x = media[time]
        if x < _NOTHING:
            out[0, time] = 0.0
            out[1, time] = 0.0
            out[2, time] = 0.0
            out[3, time] = 0.0
        elif kind == HILL:
            logged = math.log(x) - log_half
            value = 1.0 / (1.0 + math.exp(-slope * logged))
            steep = value * (1.0 - value) * slope
            out[0, time] = value
            out[1, time] = steep / x
            out[2, time] = -steep
            out[3, time] = steep * logged
        elif kind == NO_SATURATION:
            out[0, time] = x
            out[1, time] = 1.0
            out[2, time] = 0.0
            out[3, time] = 0.0
        elif kind == MICHAELIS_MENTEN:
            inverse = 1.0 / (x + half)
            out[0, time] = x * inverse
            out[1, time] = half * inverse * inverse
            out[2, time] = -x * half * inverse * inverse
            out[3, time] = 0.0
        else:
            rate = _HALF_MAXIMUM / half  # logistic is the same curve: (1 − e^(−z))/(1 + e^(−z)) = tanh(z/2)
            value = math.tanh(rate * x)
            out[0, time] = value
            out[1, time] = (1.0 - value * value) * rate
            out[2, time] = -(1.0 - value * value) * rate * x
            out[3, time] = 0.0


@compiled
def weight_slopes(media: FloatArray, by_carried: FloatArray, lags: int, slopes: FloatArray) -> None:
    """Add to ``slopes`` (L,) the derivative by each adstock weight, given that by the carried series (T,)."""
    longest, periods = len(slopes), len(by_carried)
    for lag in range(lags):
        start, total = longest - 1 - lag, 0.0
        for time in range(periods):
            total += by_carried[time] * media[start + time]
        slopes[lag] += total


@compiled
def carry_back(by_carried: FloatArray, weights: FloatArray, lags: int, out: FloatArray) -> None:
    """Derivative by the series before carry-over (L − 1 + T,), given that by the carried one (T,)."""
    longest, periods = len(weights), len(by_carried)
    out[:] = 0.0
    for lag in range(lags):
        weight, start = weights[lag], longest - 1 - lag
        for time in range(periods):
            out[start + time] += weight * by_carried[time]
