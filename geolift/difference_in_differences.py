"""Difference in differences: the plain mean of the donors, shifted to the treated mean's level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geolift.estimators import Fit, describe_fit

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferenceInDifferences:
    """Every donor counts alike; right where all geos move in parallel.

    Examples
    --------
    >>> donors = np.array([[1.0, 2.0, 3.0], [3.0, 4.0, 5.0]])
    >>> DifferenceInDifferences().fit(np.array([7.0, 8.0, 12.0]), donors, pre=2).att
    3.0
    """

    @property
    def name(self) -> str:
        """``"did"``."""
        return "did"

    def fit(self, treated: FloatArray, donors: FloatArray, pre: int) -> Fit:
        """See `geolift.estimators.Estimator.fit`."""
        weights = np.full(len(donors), 1.0 / len(donors))
        counterfactual = self.counterfactuals(treated[None], donors, pre)[0]
        return describe_fit(
            treated, donors, counterfactual=counterfactual, weights=weights, pre=pre, fixed_effects=True
        )

    def counterfactuals(
        self, treated: FloatArray, donors: FloatArray, pre: int, allowed: BoolArray | None = None
    ) -> FloatArray:
        """See `geolift.estimators.Estimator.counterfactuals`."""
        mask = np.ones((len(treated), len(donors)), dtype=np.bool_) if allowed is None else allowed
        means = (mask @ donors) / mask.sum(axis=1, keepdims=True)
        level = (treated[:, :pre] - means[:, :pre]).mean(axis=1, keepdims=True)
        return np.asarray(means + level, dtype=np.float64)
