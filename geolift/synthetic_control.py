"""Synthetic control (Abadie, Diamond and Hainmueller 2010), by default with unit fixed effects removed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geolift.estimators import Fit, describe_fit
from geolift.weights import simplex_least_squares

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntheticControl:
    """A convex combination of donors that follows the treated mean before the test.

    Attributes
    ----------
    fixed_effects
        Remove each unit's pre-period mean first (Ferman and Pinto 2021): donors then need to match the treated
        geos' movements, not their level. This is what GeoLift fits by default.

    Examples
    --------
    >>> donors = np.array([[1.0, 2.0, 1.0, 3.0], [5.0, 5.0, 6.0, 5.0]])
    >>> fit = SyntheticControl().fit(donors[0] + 10 + np.array([0, 0, 0, 2.0]), donors, pre=3)
    >>> round(fit.att, 6), fit.weights.round(6)
    (2.0, array([1., 0.]))
    """

    fixed_effects: bool = True

    @property
    def name(self) -> str:
        """``"synthetic_control"``."""
        return "synthetic_control"

    def fit(self, treated: FloatArray, donors: FloatArray, pre: int) -> Fit:
        """See `geolift.estimators.Estimator.fit`."""
        level, levels = self._levels(treated[None], donors, pre)
        solved = simplex_least_squares(treated[None, :pre] - level, donors[:, :pre] - levels)
        weights = solved.weights[0]
        counterfactual = level[0] + weights @ (donors - levels)
        return describe_fit(
            treated,
            donors,
            counterfactual=counterfactual,
            weights=weights,
            pre=pre,
            fixed_effects=self.fixed_effects,
            gap=float(solved.relative_gap[0]),
            options={"fixed_effects": self.fixed_effects},
        )

    def counterfactuals(
        self, treated: FloatArray, donors: FloatArray, pre: int, allowed: BoolArray | None = None
    ) -> FloatArray:
        """See `geolift.estimators.Estimator.counterfactuals`; all series share one Gram matrix."""
        return self.weighted(treated, donors, pre, allowed)[0]

    def weighted(
        self, treated: FloatArray, donors: FloatArray, pre: int, allowed: BoolArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """`counterfactuals` (R, T) and their donor weights (R, J)."""
        level, levels = self._levels(treated, donors, pre)
        solved = simplex_least_squares(treated[:, :pre] - level, donors[:, :pre] - levels, allowed=allowed, warm=True)
        return np.asarray(level + solved.weights @ (donors - levels), dtype=np.float64), solved.weights

    def _levels(self, treated: FloatArray, donors: FloatArray, pre: int) -> tuple[FloatArray, FloatArray]:
        if not self.fixed_effects:
            return np.zeros((len(treated), 1)), np.zeros((len(donors), 1))
        return treated[:, :pre].mean(axis=1, keepdims=True), donors[:, :pre].mean(axis=1, keepdims=True)
