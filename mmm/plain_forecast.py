"""The plain forecast that a model must beat, and whether intervals hold what they promise.

References
----------
Hyndman, Athanasopoulos (2021), Forecasting: principles and practice (seasonal naive forecast).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
#: Periods whose mean stands for next period where there is no year of history.
RECENT = 8


def covered(draws: FloatArray, observed: FloatArray, level: float = 0.9) -> NDArray[np.bool_]:
    """Whether the central interval of draws (D, ...) holds the observed values (...)."""
    lower, upper = np.quantile(draws, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    return np.asarray((observed >= lower) & (observed <= upper), dtype=np.bool_)


def seasonal_naive(
    history: FloatArray, horizon: int, *, season: int, draws: int, rng: np.random.Generator
) -> FloatArray:
    """The value of a year ago, with the errors that this rule made in the past, as draws.

    Where history is shorter than a year and the horizon, the mean of the last eight periods takes the place of the
    value of a year ago.

    Parameters
    ----------
    history
        Shape (G, T).
    horizon
        Periods ahead H.
    season
        Periods a year.
    draws
        Number of draws D.
    rng
        Picks the errors; the same period for all geos, so that national sums keep their spread.

    Returns
    -------
    FloatArray
        Shape (D, G, H).
    """
    periods = history.shape[1]
    if periods >= season + horizon:
        centre = history[:, periods - season + np.arange(horizon) % season]
        error = history[:, season:] - history[:, :-season]
    else:
        centre = np.repeat(history[:, -RECENT:].mean(axis=1, keepdims=True), horizon, axis=1)
        kept = np.stack([history[:, at - RECENT : at].mean(axis=1) for at in range(RECENT, periods)], axis=1)
        error = history[:, RECENT:] - kept
    places = rng.integers(0, error.shape[1], (draws, horizon))
    return np.asarray(centre[None] + np.moveaxis(error[:, places], 0, 1), dtype=np.float64)
