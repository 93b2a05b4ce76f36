"""The paths behind the placebo plot: what the same reading finds in untreated sets of the same size."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geolift.estimators import Comparison, Estimator, Fit
from geolift.inference import placebo_members

#: Sets drawn, and test lengths of history before the test.
SETS, BEFORE = 40, 4


def placebo_paths(
    estimator: Estimator, comparison: Comparison, fit: Fit, dates: pd.DatetimeIndex, *, size: int, seed: int
) -> pd.DataFrame:
    """Columns date, set (0: the treated geos), effect: observed over counterfactual, minus 1.

    Parameters
    ----------
    estimator
        Fitted to every set.
    comparison, fit
        The treated mean and its counterfactual.
    dates
        First day of each of the T periods.
    size
        Geos of a set.
    seed
        For the sample of at most `SETS` sets.
    """
    first = max(0, comparison.pre - BEFORE * comparison.post)
    members = placebo_members(len(comparison.names), size, most=SETS, seed=seed)
    rows = [fit.counterfactual[None]]
    series = [comparison.treated[None]]
    if len(members):
        allowed = np.ones((len(members), len(comparison.names)), dtype=np.bool_)
        np.put_along_axis(allowed, members, False, axis=1)
        if allowed.any(axis=1).all():
            means = comparison.donors[members].mean(axis=1)
            rows.append(estimator.counterfactuals(means, comparison.donors, comparison.pre, allowed))
            series.append(means)
    expected, observed = np.vstack(rows)[:, first:], np.vstack(series)[:, first:]
    effect: NDArray[np.float64] = np.divide(
        observed - expected, expected, out=np.zeros_like(expected), where=expected != 0
    )
    count, periods = effect.shape
    return pd.DataFrame(
        {
            "date": np.tile(dates[first:], count),
            "set": np.repeat(np.arange(count), periods),
            "effect": effect.ravel(),
        }
    )
