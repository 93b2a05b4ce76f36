"""Compiled transforms of one series: adstock and saturation with their derivatives, alone and one after the other.

Same formulas as `mmm.transforms`, on unconstrained parameters (logit of a retention, log of a scale), because the
sampler works there. Imported by the collapsed engine only: it needs numba.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import inner_compiled
from mmm.elementary_kernel import exponential, logarithm
from mmm.kernel_arrays import LAGS, LONGEST_DELAY, ORDER, SATURATION, IntArray

FloatArray = NDArray[np.float64]

GEOMETRIC, DELAYED, WEIBULL, NO_ADSTOCK = 0, 1, 2, 3
HILL, LOGISTIC, MICHAELIS_MENTEN, TANH, NO_SATURATION = 0, 1, 2, 3, 4
_NOTHING = 1e-12
_HALF_MAXIMUM = math.atanh(0.5)


@inner_compiled
def _sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))


@inner_compiled
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
                peak = min(lags - 1, LONGEST_DELAY) * share
                slope = peak * (1.0 - share)
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


@inner_compiled
def carry_into(media: FloatArray, weights: FloatArray, lags: int, out: FloatArray) -> None:
    """Carry one series over ``lags`` periods; ``media`` (L − 1 + T,), ``weights`` (L,), ``out`` (T,)."""
    longest, periods = len(weights), len(out)
    out[:] = 0.0
    for lag in range(lags):
        weight, start = weights[lag], longest - 1 - lag
        past = media[start : start + periods]  # sums of indices may be negative to the compiler: one number at a time
        for time in range(periods):
            out[time] += weight * past[time]


@inner_compiled
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
        Shape (4, at least T): value, derivative by media, by ``log_half``, by ``log_slope``.
    """
    if kind == HILL:
        _hill_into(log_half, math.exp(log_slope), media, out)
        return
    half = math.exp(log_half)
    rate = _HALF_MAXIMUM / half  # logistic is the same curve: (1 − e^(−z))/(1 + e^(−z)) = tanh(z/2)
    for time in range(len(media)):
        x = media[time]
        value, by_media, by_half = 0.0, 0.0, 0.0
        if x >= _NOTHING:
            if kind == NO_SATURATION:
                value, by_media = x, 1.0
            elif kind == MICHAELIS_MENTEN:
                inverse = 1.0 / (x + half)
                value, by_media, by_half = x * inverse, half * inverse * inverse, -x * half * inverse * inverse
            else:
                value = math.tanh(rate * x)
                by_media = (1.0 - value * value) * rate
                by_half = -by_media * x
        out[0, time], out[1, time], out[2, time], out[3, time] = value, by_media, by_half, 0.0


@inner_compiled
def _hill_into(log_half: float, slope: float, media: FloatArray, out: FloatArray) -> None:
    """Hill saturation without branches or library calls, so that several periods are worked on at once."""
    value, by_media, by_half, by_slope = out[0], out[1], out[2], out[3]
    for time in range(len(media)):
        x = max(media[time], _NOTHING)
        live = 1.0 if media[time] >= _NOTHING else 0.0
        logged = logarithm(x) - log_half
        share = live / (1.0 + exponential(-slope * logged))
        steep = share * (1.0 - share) * slope
        value[time] = share
        by_media[time] = steep / x
        by_half[time] = -steep
        by_slope[time] = steep * logged


@inner_compiled
def weight_slopes(media: FloatArray, by_carried: FloatArray, lags: int, slopes: FloatArray) -> None:
    """Add to ``slopes`` (L,) the derivative by each adstock weight, given that by the carried series (T,)."""
    longest, periods = len(slopes), len(by_carried)
    for lag in range(lags):
        start, total = longest - 1 - lag, 0.0
        past = media[start : start + periods]
        for time in range(periods):
            total += by_carried[time] * past[time]
        slopes[lag] += total


@inner_compiled
def carry_back(by_carried: FloatArray, weights: FloatArray, lags: int, out: FloatArray) -> None:
    """Derivative by the series before carry-over (L − 1 + T,), given that by the carried one (T,)."""
    longest, periods = len(weights), len(by_carried)
    out[:] = 0.0
    for lag in range(lags):
        weight, start = weights[lag], longest - 1 - lag
        past = out[start : start + periods]
        for time in range(periods):
            past[time] += weight * by_carried[time]


@inner_compiled
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


@inner_compiled
def respond_back(
    kinds: IntArray,
    by_series: FloatArray,
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
    by_series
        Shape (2, at least L − 1 + T): the derivative by the result in the first row; the second is overwritten.
    kept
        Carried and saturated of `respond`, and the slopes by the weights (L,), which are added to.
    """
    carried, saturated, by_weight = kept
    periods = len(media) - len(by_weight) + 1
    by_out, inner = by_series[0][:periods], by_series[1][: len(media)]
    half, steep = 0.0, 0.0
    if kinds[ORDER] == 0:
        for time in range(periods):
            half += by_out[time] * saturated[2, time]
            steep += by_out[time] * saturated[3, time]
            inner[time] = by_out[time] * saturated[1, time]
        weight_slopes(media, inner[:periods], kinds[LAGS], by_weight)
    else:
        weight_slopes(carried, by_out, kinds[LAGS], by_weight)
        carry_back(by_out, weights[0], kinds[LAGS], inner)
        for time in range(len(media)):
            half += inner[time] * reach[time] * saturated[2, time]
            steep += inner[time] * reach[time] * saturated[3, time]
    return half, steep
