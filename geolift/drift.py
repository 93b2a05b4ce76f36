"""Gaps that drift: where the treated geos and their counterfactual part like random walks, windows are no equals.

A block permutation takes the measured window for one window of its length among many. Where the gap drifts, it is not:
the ends of a history lie further from its mean than its middle, and the measured window is an end. Such a gap is read
by its surprises instead. Every window is predicted from all other periods, as a random walk seen through noise would
be, and what counts is how far its mean lies from that prediction, in units of the prediction's own error, which knows
where in the history the window lies. How much the gap drifts is read from the periods before the test alone, so that
an effect never looks like drift.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
#: Lags whose autocorrelations add up to the persistence. None is a week's, so that weekdays do not count as drift.
LAGS = (2, 3, 5)
#: Persistence from which on a gap counts as drifting, and variance of the walk's steps over that of the noise around
#: it. Chosen on simulated panels (docs/benchmarks/geo.md): lower thresholds cost power where nothing drifts.
LEVELS = ((0.4, 0.3), (1.0, 3.0))


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


@lru_cache(maxsize=128)
def surprise_operator(periods: int, post: int, ratio: float) -> FloatArray:
    """Rows that turn a gap (T,) into the surprise of each of its T cyclic windows, shape (T, T).

    Parameters
    ----------
    periods, post
        T and the length of the windows, ``post < T``.
    ratio
        Variance of the random walk's steps over that of the noise around it; at 0 all rows are alike but for the shift,
        and the surprise of a window is its mean.

    Returns
    -------
    FloatArray
        Row ``s`` belongs to the window that starts at ``s``. A window that runs over the end takes the first periods
        with the last ones; its prediction knows that they lie apart. Under the model all have the same variance.

    Notes
    -----
    Kriging: with ``P`` the inverse covariance of the gap after its unknown level is projected out, the error of
    predicting window ``w`` from the rest is ``P_ww⁻¹ (P y)_w`` with covariance ``P_ww⁻¹``.
    """
    steps = np.arange(1, periods + 1)
    precision = np.linalg.inv(np.eye(periods) + ratio * np.minimum.outer(steps, steps))
    pull = precision.sum(axis=1)
    projected = precision - np.outer(pull, pull) / pull.sum()
    windows = (np.arange(periods)[:, None] + np.arange(post)) % periods
    blocks = projected[windows[:, :, None], windows[:, None, :]]
    share = np.linalg.solve(blocks, np.ones((periods, post, 1)))[:, :, 0]
    rows = np.einsum("sp,spt->st", share, projected[windows])
    operator = np.asarray(rows / np.sqrt(share.sum(axis=1, keepdims=True)), dtype=np.float64)
    operator.setflags(write=False)
    return operator


def operators(periods: int, post: int) -> FloatArray:
    """`surprise_operator` of every entry of `LEVELS`, shape (L, T, T)."""
    return np.stack([surprise_operator(periods, post, ratio) for _, ratio in LEVELS])
