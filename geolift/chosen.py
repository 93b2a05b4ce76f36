"""How often the readout cries wolf for sets that were chosen because their donors followed them closely.

`geolift.calibration.aa_rate` tries random sets, for which the test is honest. Sets chosen by their fit reject more
often, and `geolift.selection` takes only part of that away. Here the choice itself is repeated: in past windows, the
best fitting sets are chosen by what came before and tested as the readout would, widening included.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geolift.calibration import AaRate, aa_share
from geolift.estimators import refitted
from geolift.inference import effect_shape, placebo_members
from geolift.permutation import TIE, permutation_p_values
from geolift.selection import choice_stretches, log_errors
from geolift.synthetic_control import SyntheticControl

FloatArray = NDArray[np.float64]
#: Windows, sets among which is chosen, and how many of them are in each window.
ENDS, AMONG, BEST = 10, 200, 6
#: Shortest window, and the share of the history that one may take.
SHORTEST, MOST = 3, 4


def chosen_aa_rate(history: FloatArray, *, size: int, post: int, alpha: float, seed: int) -> AaRate | None:
    """Share of past windows in which chosen sets reject without any treatment.

    Parameters
    ----------
    history
        Shape (G, T): every geo, periods before the test only.
    size
        Geos in a set.
    post
        Length of the test; windows are shorter where they would take more than a quarter of the history.
    alpha
        Level of the test.
    seed
        For the sets among which is chosen.

    Returns
    -------
    AaRate | None
        ``None`` where there are too few geos or periods. Windows overlap and sets resemble each other: its interval
        is too narrow.
    """
    geos, periods = history.shape
    length = min(post, periods // MOST)
    first = max(2 * length, 10 + length)
    sets = placebo_members(geos, size, most=AMONG, seed=seed)
    if length < SHORTEST or periods < first or len(sets) < 2 * BEST or geos - size < 2:
        return None
    found = [
        _p_values(history[:, :end], sets, length, seed)
        for end in np.unique(np.linspace(first, periods, ENDS).round().astype(int))
    ]
    values = np.concatenate(found)
    return aa_share(int((values <= alpha + TIE).sum()), len(values), alpha)


def _p_values(history: FloatArray, sets: NDArray[np.intp], post: int, seed: int) -> FloatArray:
    """p-values of no effect in the last ``post`` periods for the sets that fit best before them, shape (BEST,)."""
    geos, end = history.shape
    pre = end - post
    before = history[:, :pre]
    best = sets[np.argsort(log_errors(before, sets, fitted=pre, judged=slice(None)), kind="stable")[:BEST]]
    factors, _ = choice_stretches(before, best, seed=seed)
    allowed = np.ones((len(best), geos), dtype=np.bool_)
    np.put_along_axis(allowed, best, False, axis=1)
    series, plain = history[best].mean(axis=1), SyntheticControl()
    usual = plain.counterfactuals(series, history, pre, allowed)
    # "No effect" after the widening: the effect moved from zero towards the estimate.
    moved = (series - usual)[:, pre:].mean(axis=1) * (1 - 1 / factors)
    null = series.copy()
    null[:, pre:] -= moved[:, None] * np.array([effect_shape(row) for row in usual[:, pre:]])
    residual, weights = refitted(plain, null, history, allowed)
    return permutation_p_values(residual, post, donors=history, weights=weights)
