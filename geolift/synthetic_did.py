"""Synthetic difference-in-differences (Arkhangelsky, Athey, Hirshberg, Imbens and Wager 2021)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geolift.estimators import Fit, describe_fit, one_by_one
from geolift.weights import simplex_least_squares

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticDid:
    """Donor weights and period weights at once: what DiD compares, re-weighted to be alike.

    Attributes
    ----------
    treated_units
        Number of geos behind the treated mean; sets the ridge penalty of the donor weights,
        ``ζ = (units · post)^¼ · sd(first differences of the donors before the test)``.

    Examples
    --------
    >>> donors = np.cumsum(np.arange(1.0, 13.0).reshape(3, 4), axis=1)
    >>> SyntheticDid().fit(donors[1] + np.array([0, 0, 0, 2.0]), donors, pre=3).att.__round__(6)
    2.0
    """

    treated_units: int = 1

    @property
    def name(self) -> str:
        """``"synthetic_did"``."""
        return "synthetic_did"

    def fit(self, treated: FloatArray, donors: FloatArray, pre: int) -> Fit:
        """See `geolift.estimators.Estimator.fit`; with ``pre == T`` the period weights are those of a plain mean."""
        post = max(len(treated) - pre, 1)
        noise = float(np.diff(donors[:, :pre], axis=1).std(ddof=1)) if pre > 2 else 0.0
        zeta = (self.treated_units * post) ** 0.25 * noise
        centred = donors[:, :pre] - donors[:, :pre].mean(axis=1, keepdims=True)
        unit = simplex_least_squares(treated[:pre] - treated[:pre].mean(), centred, ridge=zeta**2 * pre)
        weights = unit.weights[0]
        time = np.full(pre, 1.0 / pre)
        if pre < len(treated):
            before = donors[:, :pre] - donors[:, :pre].mean(axis=0)
            after = donors[:, pre:].mean(axis=1)
            time = simplex_least_squares(
                after - after.mean(), before.T, ridge=(1e-6 * noise) ** 2 * len(donors)
            ).weights[0]
        synthetic = weights @ donors
        level = float(time @ (treated[:pre] - synthetic[:pre]))
        return describe_fit(
            treated,
            donors,
            counterfactual=synthetic + level,
            weights=weights,
            pre=pre,
            fixed_effects=True,
            gap=float(unit.relative_gap[0]),
            options={"zeta": zeta, "fixed_effects": True, "largest_period_weight": float(time.max())},
        )

    def counterfactuals(
        self, treated: FloatArray, donors: FloatArray, pre: int, allowed: BoolArray | None = None
    ) -> FloatArray:
        """See `geolift.estimators.Estimator.counterfactuals`."""
        return one_by_one(self, treated, donors, pre, allowed)
