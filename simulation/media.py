"""The true response to media: carry-over over weeks, then saturation, in euros per head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter

from simulation.market_spec import Adstock, Saturation

FloatArray = NDArray[np.float64]
#: Lags kept of the carry-over forms that are not geometric, weeks.
LAGS = 16


def lag_weights(decay: float, kind: Adstock) -> FloatArray:
    """Weight of each lag (0 … LAGS−1), summing to one.

    ``geometric`` d^l · ``delayed`` d^((l−1)²), peak one week after the spend (Jin et al. 2017) · ``weibull`` the
    survival function exp(−(l/λ)^1.6) with λ = −1.4/ln d.
    """
    lag = np.arange(LAGS, dtype=np.float64)
    retention = max(decay, 1e-3)
    if kind == "geometric":
        weights = retention**lag
    elif kind == "delayed":
        weights = retention ** ((lag - 1.0) ** 2)
    else:
        weights = np.exp(-((lag / (-1.4 / np.log(retention))) ** 1.6))
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def carry_over(media: FloatArray, decay: float, kind: Adstock = "geometric") -> FloatArray:
    """Normalised adstock along the last axis; before the first week nothing was on air.

    ``geometric`` is the infinite recursion a_t = (1 − d) x_t + d a_{t−1}, so steady spend x gives a = x.

    Parameters
    ----------
    media
        Shape (…, T).
    decay
        Weekly retention in [0, 1).
    kind
        Form, see `lag_weights`.

    Examples
    --------
    >>> carry_over(np.array([1.0, 0.0, 0.0]), 0.5).tolist()
    [0.5, 0.25, 0.125]
    """
    if kind == "geometric":
        return np.asarray(lfilter([1.0 - decay], [1.0, -decay], media, axis=-1), dtype=np.float64)
    weights = lag_weights(decay, kind).reshape((1,) * (media.ndim - 1) + (-1,))
    # The transform leaves specks of 1e-17 below zero, which a power would turn into NaN.
    return np.maximum(fftconvolve(media, weights, axes=-1)[..., : media.shape[-1]], 0.0)


def saturate(media: FloatArray, half: float, slope: float = 1.0, kind: Saturation = "hill") -> FloatArray:
    """Share of the maximal effect, in [0, 1); 0.5 at ``half`` for every form.

    ``hill`` x^s/(x^s + h^s) · ``michaelis_menten`` the same with s = 1 · ``logistic`` 2/(1+e^(−kx)) − 1 with
    k = ln 3/h · ``tanh`` tanh(x artanh(½)/h).

    Examples
    --------
    >>> saturate(np.array([0.0, 2.0]), half=2.0, slope=1.3).tolist()
    [0.0, 0.5]
    """
    ratio = np.asarray(media, dtype=np.float64) / half
    if kind == "logistic":
        return np.asarray(np.tanh(0.5 * np.log(3.0) * ratio), dtype=np.float64)
    if kind == "tanh":
        return np.asarray(np.tanh(np.arctanh(0.5) * ratio), dtype=np.float64)
    power = ratio**slope if kind == "hill" else ratio
    return np.asarray(power / (1.0 + power), dtype=np.float64)
