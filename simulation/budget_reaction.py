"""Budgets that react to results: good weeks are followed by more spend, whatever made them good."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
#: Weeks that count as "lately", weeks before them that count as "before", and how far a budget may move.
LATELY, BEFORE = 4, 12
LEAST, MOST = 0.5, 2.0


def reaction(outcome: FloatArray, strength: float) -> FloatArray:
    """Factor on each week's budgets, shape (T,), from the outcome of earlier weeks alone.

    1 + strength · (mean outcome of the last `LATELY` weeks / mean of the `BEFORE` weeks before them − 1), kept
    between `LEAST` and `MOST`; 1 while there is too little past.

    Parameters
    ----------
    outcome
        National outcome as observed, shape (T,).
    strength
        0: no reaction.

    Examples
    --------
    >>> reaction(np.array([1.0] * 12 + [1.1] * 4 + [9.0]), 0.5).round(3).tolist()[-2:]
    [1.0, 1.05]
    """
    factor = np.ones(len(outcome))
    for week in range(LATELY + BEFORE, len(outcome)):
        lately, before = outcome[week - LATELY : week], outcome[week - LATELY - BEFORE : week - LATELY]
        factor[week] = 1.0 + strength * (lately.mean() / before.mean() - 1.0)
    return np.clip(factor, LEAST, MOST)


def reacting_plan(
    plan: FloatArray, national_outcome: Callable[[FloatArray], FloatArray], strength: float
) -> FloatArray:
    """The national plan with the reaction in it, shape (T, C).

    Parameters
    ----------
    plan
        Budgets without reaction, shape (T, C).
    national_outcome
        The outcome (T,) that any plan (T, C) leads to.
    strength
        Of the reaction.
    """
    current = plan
    # A week's budget rests on earlier weeks only, so T rounds suffice; far fewer are needed.
    for _ in range(len(plan)):
        changed = plan * reaction(national_outcome(current), strength)[:, None]
        if np.allclose(changed, current, rtol=1e-10, atol=0.0):
            break
        current = changed
    return current
