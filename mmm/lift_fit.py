"""Lift tests after the fit: what the model predicts for each, and whether test and data disagree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmm.calibration import LiftDesign
from mmm.design import Design
from mmm.media_response import Draws, channel_response
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]


def predicted_lifts(draws: Draws, lifts: LiftDesign, design: Design, spec: ModelSpec) -> FloatArray:
    """The model's own lift for every test, in money, shape (D, I)."""
    result = np.zeros((len(draws), len(lifts.value)))
    for cell, (geo, channel, lift) in enumerate(lifts.place):
        paths = (lifts.media[cell], lifts.reach[cell])
        level = channel_response(draws, design, spec, int(channel), paths, time=lifts.time[cell])
        result[:, lift] += draws.effect[:, geo, channel] * ((level[:, 0] - level[:, 1]) @ lifts.window[cell])
    return result


def conflict(predicted: FloatArray, lifts: LiftDesign) -> FloatArray:
    """Two-sided predictive p-value of each readout under the model without that readout, shape (I,).

    The posterior of a lift is the product of what everything else says of it and the readout's normal likelihood.
    Taking the posterior as normal, the readout is divided out again::

        1/v₀ = 1/v₁ − 1/se²        m₀ = v₀ (m₁/v₁ − readout/se²)

    and the readout compared with N(m₀, v₀ + se²). No second fit is needed. Where everything else says next to
    nothing of the lift (v₁ ≈ se²), v₀ is large and no conflict can be shown.
    """
    mean, variance = predicted.mean(axis=0), predicted.var(axis=0)
    noise = lifts.error**2
    precision = np.maximum(1.0 / variance - 1.0 / noise, 1e-3 / noise)
    before_variance = 1.0 / precision
    before_mean = before_variance * (mean / variance - lifts.value / noise)
    distance = np.abs(lifts.value - before_mean) / np.sqrt(before_variance + noise)
    from scipy.stats import norm

    return np.asarray(2.0 * norm.sf(distance), dtype=np.float64)
