"""How unusual a window of residuals is among its permutations: the statistic under every conformal test.

Refitted under a hypothesis, the measured window is one window of its length among many. Two things can make it stand
out: a mean that is off zero, and plain size. The mean alone is sharp, but timid where noise is integrated; size alone
is even-handed, but blunt. The default ranks every window by both and takes the product of the ranks. Ranks are computed
alike for every window, so that the share of windows at least as extreme is still an exact p-value of the permutations.

Where the gap drifted before the test, windows are no equals, and they are ranked by how much they surprise instead
(`geolift.drift`).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geolift.drift import LEVELS, drift_levels, surprise_operator

FloatArray = NDArray[np.float64]
Statistic = Literal["adaptive", "combined", "mean", "absolute"]
#: Ties in a permutation statistic are ties up to rounding.
TIE = 1e-9


def permutation_p_values(
    residual: FloatArray, post: int, *, statistic: Statistic = "adaptive", orders: NDArray[np.intp] | None = None
) -> FloatArray:
    """p-values of the last ``post`` residuals of each row.

    Parameters
    ----------
    residual
        Shape (A, T).
    post
        Length of the measured window.
    statistic
        ``"mean"``: ``|Σ residual|`` over a window; ``"absolute"``: ``Σ |residual|``; ``"combined"``: the product of
        the window's ranks by the two; ``"adaptive"``: the surprise of a window for rows that drifted before the
        measured one (`geolift.drift`), ``"combined"`` for the others and for drawn ``orders``.
    orders
        Shape (N, post): positions that take the window's place in each permutation; left out, all T cyclic shifts
        (which keep the serial dependence).

    Returns
    -------
    FloatArray
        Shape (A,): ``(1 + k) / (1 + n)``, ``k`` of ``n`` permutations at least as extreme.

    Examples
    --------
    >>> calm = np.array([[0.1, -0.1, 0.2, -0.2, 0.1, -0.1, 0.0, 3.0]])
    >>> permutation_p_values(calm, 1)
    array([0.22222222])
    """
    if statistic == "adaptive":
        found = permutation_p_values(residual, post, statistic="combined", orders=orders)
        return found if orders is not None else _where_drifting(residual, post, found)
    mean, size = _windows(residual, post, orders), _windows(np.abs(residual), post, orders)
    place = residual.shape[1] - post if orders is None else len(orders)
    if statistic == "combined" and orders is None:
        return combined_p_values(mean, size, place=place)
    if statistic == "combined":
        score = -(_ranks(mean) * _ranks(size)).astype(np.float64)
        limit = score[:, place]
    else:
        score = mean if statistic == "mean" else size
        limit = score[:, place] * (1 - TIE)
    hits = (score >= limit[:, None]).sum(axis=1)
    # Among the cyclic shifts is the observed order itself; among drawn orders it is the last column.
    draws = score.shape[1] if orders is None else len(orders)
    extra = 1 if orders is None else 0
    return np.asarray((hits + extra) / (1 + draws), dtype=np.float64)


def _where_drifting(residual: FloatArray, post: int, otherwise: FloatArray) -> FloatArray:
    """``otherwise`` (A,) with the p-values by surprise in the rows that drifted before the measured window."""
    periods = residual.shape[1]
    drifting = drift_levels(residual[:, : periods - post])
    found = otherwise.copy()
    for place, (_, ratio) in enumerate(LEVELS, start=1):
        rows = drifting == place
        if rows.any():
            found[rows] = surprise_p_values(residual[rows] @ surprise_operator(periods, post, ratio).T, periods - post)
    return found


def surprise_p_values(surprise: FloatArray, place: int) -> FloatArray:
    """p-values of the window at ``place`` among all T by the size of its surprise (A, T)."""
    size = np.abs(surprise)
    hits = (size >= size[:, [place]] * (1 - TIE)).sum(axis=1)
    return np.asarray((hits + 1) / (1 + size.shape[1]), dtype=np.float64)


def combined_p_values(mean: FloatArray, size: FloatArray, *, place: int) -> FloatArray:
    """p-values of the window at ``place`` among all T, by the product of its ranks by mean and by size (A, T)."""
    score = _ranks(mean) * _ranks(size)
    hits = (score <= score[:, [place]]).sum(axis=1)
    return np.asarray((hits + 1) / (1 + score.shape[1]), dtype=np.float64)


def _windows(values: FloatArray, post: int, orders: NDArray[np.intp] | None) -> FloatArray:
    """Absolute sums of every permuted window, the observed one included, shape (A, windows)."""
    if orders is None:
        return np.abs(shifted_sums(values, post))
    permuted = np.array([row[orders].sum(axis=1) for row in values])
    return np.abs(np.concatenate([permuted, values[:, -post:].sum(axis=1, keepdims=True)], axis=1))


def shifted_sums(values: FloatArray, post: int) -> FloatArray:
    """Sums over every cyclic window of ``post`` periods, shape (A, T); the observed one is at ``T − post``."""
    periods = values.shape[1]
    wrapped = np.concatenate([np.zeros((len(values), 1)), values, values[:, :post]], axis=1).cumsum(axis=1)
    return np.asarray(wrapped[:, post : post + periods] - wrapped[:, :periods], dtype=np.float64)


def _ranks(values: FloatArray) -> NDArray[np.int64]:
    """How many entries of the row are at least as large, ties up to rounding, shape of ``values``."""
    count = values.shape[1]
    return np.array(
        [count - np.searchsorted(np.sort(row), row * (1 - TIE), side="left") for row in values], dtype=np.int64
    )


def random_orders(periods: int, post: int, *, draws: int, seed: int) -> NDArray[np.intp]:
    """Positions (draws, post) that unrestricted permutations put in the measured window."""
    generator = np.random.default_rng(seed)
    return np.asarray(np.argsort(generator.random((draws, periods)), axis=1)[:, :post], dtype=np.intp)
