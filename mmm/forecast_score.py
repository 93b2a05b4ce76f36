"""Scores of a forecast given as draws."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def crps(draws: FloatArray, observed: FloatArray) -> FloatArray:
    """Continuous ranked probability score, smaller is better, in the unit of the outcome.

    E|X − y| − ½ E|X − X'| over the draws (Gneiting, Raftery 2007, Strictly proper scoring rules, eq. 21), the second
    term over distinct pairs, so that few draws do not flatter a narrow forecast.

    Parameters
    ----------
    draws
        Shape (D, …).
    observed
        Shape (…).

    Returns
    -------
    FloatArray
        Shape (…).

    Examples
    --------
    >>> float(crps(np.array([1.0, 3.0]), np.array(2.0)))
    0.0
    """
    count = len(draws)
    place = np.arange(1, count + 1).reshape(-1, *(1,) * (draws.ndim - 1))
    # Sum over pairs i < j of x_(j) − x_(i), from the order statistics.
    pairs = ((2.0 * place - count - 1.0) * np.sort(draws, axis=0)).sum(axis=0)
    return np.asarray(np.abs(draws - observed).mean(axis=0) - pairs / (count * (count - 1.0)), dtype=np.float64)
