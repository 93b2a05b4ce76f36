"""How unusual a window of residuals is among its permutations: the statistic under every conformal test.

Refitted under a hypothesis, the measured window is one window of its length among many; the p-value is the share of
windows at least as unusual. The default asks how far a window's mean lies from what all other periods foretell
(`geolift.drift`). The plainer statistics stand beside it for comparison: the mean alone, plain size, and the product of
a window's ranks by the two. They take all windows for equals.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geolift.drift import drift_levels, surprises

FloatArray = NDArray[np.float64]
Statistic = Literal["adaptive", "combined", "mean", "absolute"]
#: Ties in a permutation statistic are ties up to rounding.
TIE = 1e-9


def permutation_p_values(
    residual: FloatArray,
    post: int,
    *,
    statistic: Statistic = "adaptive",
    orders: NDArray[np.intp] | None = None,
    donors: FloatArray | None = None,
    weights: FloatArray | None = None,
) -> FloatArray:
    """p-values of the last ``post`` residuals of each row.

    Parameters
    ----------
    residual
        Shape (A, T).
    post
        Length of the measured window.
    statistic
        ``"adaptive"``: the surprise of a window, read as a random walk's where the row drifted before the measured
        window (`geolift.drift`); ``"mean"``: ``|Σ residual|`` over a window; ``"absolute"``: ``Σ |residual|``;
        ``"combined"``: the product of the window's ranks by these two, also where ``orders`` are drawn and
        ``"adaptive"`` is asked for.
    orders
        Shape (N, post): positions that take the window's place in each permutation; left out, all T cyclic shifts
        (which keep the serial dependence).
    donors, weights
        Shapes (J, T) and (A, J), where known: what the residuals were fitted with. ``"adaptive"`` makes good what the
        fit took away of each window.

    Returns
    -------
    FloatArray
        Shape (A,): ``(1 + k) / (1 + n)``, ``k`` of ``n`` permutations beside the observed order at least as extreme;
        ``n`` is T − 1 for the cyclic shifts.

    Examples
    --------
    >>> calm = np.array([[0.1, -0.1, 0.2, -0.2, 0.1, -0.1, 0.0, 3.0]])
    >>> permutation_p_values(calm, 1)
    array([0.125])
    """
    if statistic == "adaptive" and orders is None:
        levels = drift_levels(residual[:, :-post])
        found = surprises(residual, post, levels, donors=donors, weights=weights)
        return surprise_p_values(found, residual.shape[1] - post)
    if statistic == "adaptive":
        statistic = "combined"
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
    # The observed order is one of the columns: of the cyclic shifts one, the last one beside drawn orders.
    return np.asarray((score >= limit[:, None]).sum(axis=1) / score.shape[1], dtype=np.float64)


def surprise_p_values(surprise: FloatArray, place: int) -> FloatArray:
    """p-values of the window at ``place`` among all T by the size of its surprise (A, T)."""
    size = np.abs(surprise)
    return np.asarray((size >= size[:, [place]] * (1 - TIE)).mean(axis=1), dtype=np.float64)


def combined_p_values(mean: FloatArray, size: FloatArray, *, place: int) -> FloatArray:
    """p-values of the window at ``place`` among all T, by the product of its ranks by mean and by size (A, T)."""
    score = _ranks(mean) * _ranks(size)
    return np.asarray((score <= score[:, [place]]).mean(axis=1), dtype=np.float64)


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
