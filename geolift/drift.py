"""How much a window of a gap surprises: the windows of a history are no equals, and here they are made comparable.

A block permutation takes the measured window for one window of its length among many. It is not quite that: the
measured window is an end of the history. Where treated geos and counterfactual part, along a line or like random
walks, ends lie further from the mean than the middle does; and where weights were fitted, the ends of donors that drift
pull the fit the most, so that the gap is smallest there. So every window is predicted from all other periods, and what
counts is how far its mean lies from that prediction, in units of the prediction's own error, less what the fit of the
weights took away (`geolift.surprise_kernel`).

What is known of a gap beforehand is a level, a slope of moderate size and noise. A gap that drifted before the test is
taken for a random walk seen through noise instead; what drifts in the test itself does not count, so that an effect
never looks like drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
#: Lags whose autocorrelations add up to the persistence. None is a week's, so that weekdays do not count as drift.
LAGS = (2, 3, 5)
#: Persistence from which on a gap counts as drifting, and variance of the walk's steps over that of the noise around
#: it. Chosen on simulated panels (docs/benchmarks/geo.md): lower thresholds cost power where nothing drifts.
LEVELS = ((0.4, 0.3), (1.0, 3.0))
#: Prior variance of what a steady gap's slope adds from the first period to the last, over the noise's variance.
SLOPE = 0.5


def persistence(gap: FloatArray) -> FloatArray:
    """Sum of the autocorrelations at `LAGS` of each row of ``gap`` (A, T), shape (A,); 0 for constant gaps.

    Independent noise gives about 0, an autocorrelation of 0.4 gives 0.23, a random walk 2 to 3 less what the donors
    took up of it.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> noise = rng.normal(size=(2, 90))
    >>> persistence(np.array([noise[0], noise[1].cumsum()])).round(1).tolist()
    [-0.2, 2.6]
    """
    centred = gap - gap.mean(axis=1, keepdims=True)
    size = np.sum(centred**2, axis=1)
    total = np.zeros(len(gap))
    for lag in LAGS:
        total += np.sum(centred[:, lag:] * centred[:, :-lag], axis=1)
    # Gaps that are zero up to rounding (exact fits) have no persistence to speak of.
    known = size > 1e-300
    return np.asarray(np.divide(total, size, out=np.zeros(len(gap)), where=known), dtype=np.float64)


def drift_levels(gap: FloatArray) -> NDArray[np.intp]:
    """How much each gap (A, pre) drifts: 0 not at all, else the number of its entry in `LEVELS`, counted from 1."""
    thresholds = np.array([threshold for threshold, _ in LEVELS])
    return np.searchsorted(thresholds, persistence(gap), side="right").astype(np.intp)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prediction:
    """How all windows of one length are predicted from the other periods, for one model of the gap.

    Attributes
    ----------
    ratio
        Variance of the random walk's steps over that of the noise; 0 for a steady gap.
    slope
        Prior variance of a steady gap's slope a period, over that of the noise; 0 for one that drifts.
    share
        Shape (post, T): the surprise of the window that starts at ``s`` puts weight ``share[k, s]`` on the error of its
        period ``s + k``. A window that runs over the end takes the first periods with the last ones; its prediction
        knows that they lie apart. Under the model all surprises have variance 1.
    pull
        Shape (T,): weight of each period in the estimate of the level, up to scale.
    lean
        Shape (T,): what a window's row takes of the level, or of the slope where there is one.
    """

    ratio: float
    slope: float
    share: FloatArray
    pull: FloatArray
    lean: FloatArray


@lru_cache(maxsize=96)
def prediction(periods: int, post: int, ratio: float, slope: float = 0.0) -> Prediction:
    """The `Prediction` of windows of ``post`` among ``periods``, ``post < periods``.

    Notes
    -----
    Kriging: with ``P`` the inverse covariance of the gap after its unknown level is projected out, the error of
    predicting window ``w`` from the rest is ``P_ww⁻¹ (P y)_w`` with covariance ``P_ww⁻¹``; its best linear summary is
    ``1ᵀ P_ww⁻¹ (P y)_w``, which is the plain mean where noise is independent.
    """
    steps = np.arange(1, periods + 1)
    time = steps - (periods + 1) / 2
    covariance = np.eye(periods) + ratio * np.minimum.outer(steps, steps) + slope * np.outer(time, time)
    precision = np.linalg.inv(covariance)
    pull = precision.sum(axis=1)
    projected = precision - np.outer(pull, pull) / pull.sum()
    windows = (np.arange(periods)[:, None] + np.arange(post)) % periods
    blocks = projected[windows[:, :, None], windows[:, None, :]]
    share = np.linalg.solve(blocks, np.ones((periods, post, 1)))[:, :, 0]
    share = share / np.sqrt(share.sum(axis=1, keepdims=True))
    if ratio > 0:
        lean = (share * pull[windows]).sum(axis=1) / pull.sum()
    else:
        lean = slope / (1 + slope * float(time @ time)) * (share * time[windows]).sum(axis=1)
    arrays = [np.ascontiguousarray(array, dtype=np.float64) for array in (share.T, pull, lean)]
    for array in arrays:
        array.setflags(write=False)
    return Prediction(ratio=ratio, slope=slope, share=arrays[0], pull=arrays[1], lean=arrays[2])


def predictions(periods: int, post: int) -> tuple[Prediction, ...]:
    """That of a steady gap, and those of the `LEVELS`."""
    steady = prediction(periods, post, 0.0, SLOPE / periods**2)
    return (steady, *(prediction(periods, post, ratio) for _, ratio in LEVELS))


def mean_errors(periods: int, post: int, level: int) -> FloatArray:
    """Standard deviation of the error with which a window's mean is predicted from all other periods, shape (windows,).

    In units of the noise, for the ``periods − post + 1`` windows that do not run over the end; ``level`` as
    `drift_levels` gives it. The last one is the largest: it is predicted from one side only.

    Examples
    --------
    >>> found = mean_errors(30, 5, level=2)
    >>> bool(found[-1] == found.max() and found[-1] > 1.5 * found[12])
    True
    """
    # Weights of variance 1 on errors of covariance P_ww⁻¹ add up to that sum's standard deviation.
    spread = predictions(periods, post)[level].share.sum(axis=0)
    return np.asarray(spread[: periods - post + 1] / post, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stacked:
    """The L `predictions` of a history as arrays for compiled code.

    Attributes
    ----------
    kinds
        Shape (3, L): persistence from which on each is used, its ratio and its slope.
    shares
        Shape (L, post, T).
    levels
        Shape (2, L, T): pull and lean.
    """

    kinds: FloatArray
    shares: FloatArray
    levels: FloatArray


@lru_cache(maxsize=16)
def stacked(periods: int, post: int) -> Stacked:
    """`Stacked` of all readings of a history."""
    every = predictions(periods, post)
    thresholds = [-np.inf, *(threshold for threshold, _ in LEVELS)]
    return Stacked(
        kinds=np.array([thresholds, [one.ratio for one in every], [one.slope for one in every]]),
        shares=np.stack([one.share for one in every]),
        levels=np.array([[one.pull for one in every], [one.lean for one in every]]),
    )


def surprises(
    residual: FloatArray,
    post: int,
    levels: NDArray[np.intp],
    *,
    donors: FloatArray | None = None,
    weights: FloatArray | None = None,
) -> FloatArray:
    """Surprise of each cyclic window of each row, shape (A, T); the one that starts at ``s`` stands at ``s``.

    Parameters
    ----------
    residual
        Shape (A, T): gaps, their mean zero or not.
    levels
        Shape (A,): `drift_levels` of each row.
    donors, weights
        Shapes (J, T) and (A, J): donors and the weights fitted on all T periods, where known; what the fit took away
        of each window's surprise is then made good.
    """
    from geolift import surprise_kernel

    periods = residual.shape[1]
    known = donors is not None and weights is not None
    every = stacked(periods, post)
    return surprise_kernel.surprises(
        np.ascontiguousarray(residual, dtype=np.float64),
        np.ascontiguousarray(levels, dtype=np.int64),
        np.ascontiguousarray(donors, dtype=np.float64) if known else np.empty((0, periods)),
        np.ascontiguousarray(weights, dtype=np.float64) if known else np.empty((len(residual), 0)),
        every.kinds,
        every.shares,
        every.levels,
    )
