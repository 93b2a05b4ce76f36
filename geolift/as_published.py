"""DiD, synthetic control and synthetic DiD the way the R package synthdid arrives at its published numbers.

That package searches the weights by conditional gradients (Frank and Wolfe 1956) and stops early: 100 steps, weights
below a quarter of the largest set to zero, then up to 10,000 steps or until a step gains next to nothing. What it
prints is therefore not always the optimum of its own problem: for Proposition 99 its synthetic control gives −19.61966
where the optimum gives −19.51363. This module is there to reproduce such numbers, as `inference.iid_conformal` is for
GeoLift's p-value; for a reading use `geolift.synthetic_control` and `geolift.synthetic_did`, which are certified.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
#: Steps before and after small weights are dropped; gain below which the search ends, in units of the noise.
FIRST_STEPS, MOST_STEPS, LEAST_GAIN = 100, 10_000, 1e-5
#: Ridge on weights that are meant to have none, in units of the noise.
NO_RIDGE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedEstimates:
    """Effects on the treated series after ``pre``, in its unit."""

    did: float
    synthetic_control: float
    synthetic_did: float


def synthdid_estimates(
    treated: FloatArray, donors: FloatArray, pre: int, *, treated_units: int = 1
) -> PublishedEstimates:
    """All three estimates of Arkhangelsky et al. (2021), by the stopped search of their package.

    Parameters
    ----------
    treated
        Shape (T,): mean of the treated units.
    donors
        Shape (J, T).
    pre
        Periods before the treatment, at least 3.
    treated_units
        Units behind the mean.

    Examples
    --------
    >>> donors = np.cumsum(np.arange(1.0, 13.0).reshape(3, 4), axis=1)
    >>> round(synthdid_estimates(donors.mean(axis=0) + np.array([0, 0, 0, 2.0]), donors, 3).did, 6)
    2.0
    """
    before, after = donors[:, :pre], donors[:, pre:].mean(axis=1)
    noise = float(np.diff(before, axis=1).std(ddof=1))
    post = donors.shape[1] - pre
    zeta = (treated_units * post) ** 0.25 * noise
    periods = _weights(_centred(before), after - after.mean(), zeta=NO_RIDGE * noise, noise=noise)
    units = _weights(_centred(before.T), treated[:pre] - treated[:pre].mean(), zeta=zeta, noise=noise)
    alone = _weights(before.T, treated[:pre], zeta=NO_RIDGE * noise, noise=noise)

    def effect(shares: FloatArray, times: FloatArray) -> float:
        gap = treated - shares @ donors
        return float(gap[pre:].mean() - times @ gap[:pre])

    even = np.full(len(donors), 1 / len(donors))
    return PublishedEstimates(
        did=effect(even, np.full(pre, 1 / pre)),
        synthetic_control=effect(alone, np.zeros(pre)),
        synthetic_did=effect(units, periods),
    )


def _centred(columns: FloatArray) -> FloatArray:
    return np.asarray(columns - columns.mean(axis=0), dtype=np.float64)


def _weights(columns: FloatArray, target: FloatArray, *, zeta: float, noise: float) -> FloatArray:
    """Weights of the columns (N, K) that bring their mix near the target (N,), by the stopped search, shape (K,)."""
    even = np.full(columns.shape[1], 1 / columns.shape[1])
    rough = _search(columns, target, even, FIRST_STEPS, zeta=zeta, noise=noise)
    rough = np.where(rough <= rough.max() / 4, 0.0, rough)
    return _search(columns, target, rough / rough.sum(), MOST_STEPS, zeta=zeta, noise=noise)


def _search(
    columns: FloatArray, target: FloatArray, weights: FloatArray, steps: int, *, zeta: float, noise: float
) -> FloatArray:
    """Conditional gradients with exact line search on mean square error plus ``ζ² ‖w‖²``."""
    ridge, last = len(target) * zeta**2, np.inf
    for step in range(steps):
        rest = columns @ weights - target
        slope = rest @ columns + ridge * weights
        place = int(np.argmin(slope))
        turn = -weights
        turn[place] += 1.0
        change = columns @ turn
        bend = float(change @ change + ridge * turn @ turn)
        if bend <= 0:
            break
        weights = weights + min(max(-float(slope @ turn) / bend, 0.0), 1.0) * turn
        value = float(np.mean((columns @ weights - target) ** 2) + zeta**2 * weights @ weights)
        if step >= 1 and last - value <= (LEAST_GAIN * noise) ** 2:
            break
        last = value
    return weights
