"""Ridge-augmented synthetic control (Ben-Michael, Feller and Rothstein 2021).

A ridge regression of what the simplex weights leave unmatched corrects their bias: weights may turn a little
negative where that improves the pre-period fit. λ is chosen by leaving out one pre-period at a time, the last one
included, and taking the largest λ within one standard error of the best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geolift.estimators import Fit, describe_fit, one_by_one
from geolift.weights import simplex_least_squares

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Number of λ on the grid and ratio of the smallest to the largest.
GRID = 20
SMALLEST = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentedSyntheticControl:
    """Synthetic control with fixed effects and a ridge correction.

    Attributes
    ----------
    ridge
        The penalty λ, in the squared unit of the outcome; ``None`` chooses it by cross-validation.
    within_one_error
        Take the largest λ whose error lies within one standard error of the smallest, instead of the smallest.

    Examples
    --------
    >>> donors = np.array([[1.0, 2.0, 1.0, 3.0], [5.0, 5.0, 6.0, 5.0], [0.0, 1.0, 0.5, 2.0]])
    >>> fit = AugmentedSyntheticControl(ridge=1e9).fit(donors[0] + np.array([0, 0, 0, 2.0]), donors, pre=3)
    >>> round(fit.att, 4), fit.options["ridge"]
    (2.0, 1000000000.0)
    """

    ridge: float | None = None
    within_one_error: bool = True

    @property
    def name(self) -> str:
        """``"augmented"``."""
        return "augmented"

    def fit(self, treated: FloatArray, donors: FloatArray, pre: int) -> Fit:
        """See `geolift.estimators.Estimator.fit`."""
        level, levels = treated[:pre].mean(), donors[:, :pre].mean(axis=1, keepdims=True)
        target, pool = treated[:pre] - level, donors[:, :pre] - levels
        centre = pool.mean(axis=0)  # so that the corrections sum to zero: the weights still sum to 1
        target, pool = target - centre, pool - centre
        solved = simplex_least_squares(target, pool)
        simplex = solved.weights[0]
        ridge = self._choose(target, pool) if self.ridge is None else self.ridge
        weights = simplex + _correction(target, pool, simplex, ridge)
        return describe_fit(
            treated,
            donors,
            counterfactual=level + weights @ (donors - levels),
            weights=weights,
            pre=pre,
            fixed_effects=True,
            gap=float(solved.relative_gap[0]),
            options={"fixed_effects": True, "ridge": float(ridge)},
        )

    def counterfactuals(
        self, treated: FloatArray, donors: FloatArray, pre: int, allowed: BoolArray | None = None
    ) -> FloatArray:
        """See `geolift.estimators.Estimator.counterfactuals`; batched where λ is given and every donor allowed."""
        if self.ridge is None or allowed is not None:
            return one_by_one(self, treated, donors, pre, allowed)
        level, levels = treated[:, :pre].mean(axis=1, keepdims=True), donors[:, :pre].mean(axis=1, keepdims=True)
        pool = donors[:, :pre] - levels
        centre = pool.mean(axis=0)
        targets, pool = treated[:, :pre] - level - centre, pool - centre
        simplex = simplex_least_squares(targets, pool, warm=True).weights
        weights = simplex + _correction(targets, pool, simplex, self.ridge)
        return np.asarray(level + weights @ (donors - levels), dtype=np.float64)

    def _choose(self, target: FloatArray, pool: FloatArray) -> float:
        """λ by leave-one-period-out cross-validation on a logarithmic grid."""
        largest = float(np.linalg.norm(pool, 2) ** 2)
        if largest == 0:
            return 1.0
        grid = largest * np.geomspace(1.0, SMALLEST, GRID + 1)
        errors = np.empty((len(target), len(grid)))
        for left_out in range(len(target)):
            kept = np.arange(len(target)) != left_out
            fitted = simplex_least_squares(target[kept], pool[:, kept]).weights[0]
            for place, ridge in enumerate(grid):
                weights = fitted + _correction(target[kept], pool[:, kept], fitted, float(ridge))
                errors[left_out, place] = (target[left_out] - weights @ pool[:, left_out]) ** 2
        mean = errors.mean(axis=0)
        best = int(mean.argmin())
        if not self.within_one_error:
            return float(grid[best])
        bar = mean[best] + errors[:, best].std(ddof=1) / np.sqrt(len(target))
        return float(grid[mean <= bar].max())


def _correction(target: FloatArray, pool: FloatArray, weights: FloatArray, ridge: float) -> FloatArray:
    """``(y − wX) (XᵀX + λI)⁻¹ Xᵀ``, solved in whichever dimension is smaller; ``target`` (…, T) gives (…, J)."""
    rest = target - weights @ pool
    donors, periods = pool.shape
    if donors < periods:
        inner = pool @ pool.T + ridge * np.eye(donors)
        return np.asarray(np.linalg.solve(inner, pool @ rest.T).T, dtype=np.float64)
    outer = pool.T @ pool + ridge * np.eye(periods)
    return np.asarray((pool @ np.linalg.solve(outer, rest.T)).T, dtype=np.float64)
