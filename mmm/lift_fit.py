"""Lift tests after the fit: what the model predicts for each, and whether test and data disagree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmm.calibration import LiftDesign
from mmm.design import Design
from mmm.media_response import Draws, channel_response
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
#: Fewer effective draws than this say nothing of a tail.
LEAST_EFFECTIVE = 40.0


def predicted_lifts(draws: Draws, lifts: LiftDesign, design: Design, spec: ModelSpec) -> FloatArray:
    """The model's own lift for every test, in money, shape (D, I)."""
    result = np.zeros((len(draws), len(lifts.value)))
    for cell, (geo, channel, lift) in enumerate(lifts.place):
        paths = (lifts.media[cell], lifts.reach[cell])
        level = channel_response(draws, design, spec, int(channel), paths, time=lifts.time[cell])
        result[:, lift] += draws.effect[:, geo, channel] * ((level[:, 0] - level[:, 1]) @ lifts.window[cell])
    return result


def conflict(predicted: FloatArray, lifts: LiftDesign) -> FloatArray:
    """Two-sided predictive p-value of each readout under everything but that readout, shape (I,).

    The predictive distribution of a readout is the mixture of N(lift, se²) over draws of the model that saw no test,
    weighted by how likely they make the other readouts; no posterior is taken as normal.

    Parameters
    ----------
    predicted
        Shape (D, I): lifts by draws of a fit without any of the tests.
    lifts
        The tests.
    """
    from scipy.special import softmax
    from scipy.stats import norm

    miss = (lifts.value - predicted) / lifts.error
    log_likelihood = -0.5 * miss**2
    result = np.empty(len(lifts.value))
    for test in range(len(result)):
        weight = softmax(np.delete(log_likelihood, test, axis=1).sum(axis=1))
        if 1.0 / (weight**2).sum() < LEAST_EFFECTIVE:  # the other tests contradict the data: then the data alone
            weight = np.full(len(predicted), 1.0 / len(predicted))
        below = float(weight @ norm.cdf(miss[:, test]))
        result[test] = 2.0 * min(below, 1.0 - below)
    return result
