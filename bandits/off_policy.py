"""The estimators behind `bandits.evaluation`: from weights, predictions and rewards to a value and its influences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bandits.rewards import Floats
from measurement.estimates import Interval

Estimator = Literal["ipw", "snipw", "dm", "dr", "sndr", "switch_dr", "dros", "replay"]

#: Quantiles of the weights that SWITCH may cut at; 1: no weight is cut, which is plain DR.
_CUTS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 1.0)
#: Multiples of the largest squared weight that DRos may shrink with; infinity: plain DR.
_SHRINKAGES = (1e-3, 1e-2, 0.1, 1.0, 10.0, np.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the estimators are made of.

    Attributes
    ----------
    weight
        Probability under the evaluated policy over probability under the log's, shape (n,).
    reward
        Shape (n,).
    base
        Predicted reward of the evaluated policy, shape (n,); 0 without predictions.
    residual
        Reward minus its prediction, shape (n,); the reward without predictions.
    model_weight
        The weights with which the decisions went into the predictions, shape (n,), where that is known.
    accepted
        Decisions that a replay of the evaluated policy keeps, shape (n,).
    """

    weight: Floats
    reward: Floats
    base: Floats
    residual: Floats
    model_weight: Floats | None
    accepted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """An estimate and what each decision contributes to its error.

    Attributes
    ----------
    value
        The estimate.
    influence
        Mean 0, shape (n,): the estimate's error is their mean, so its standard error is sd / √n.
    tuning
        The weight SWITCH cut at, or the λ DRos shrank with.
    """

    value: float
    influence: Floats
    tuning: float | None = None


def interval(found: Influence, level: float) -> Interval:
    """Confidence interval from the influences, corrected for their skewness.

    Rare rewards and large weights make influences skewed, and a symmetric interval then misses the truth too often on
    the upper side. Hall (1992), "On the removal of skewness by transformation": the Studentised mean is transformed by
    a monotone cubic, whose inverse is known.
    """
    n = len(found.influence)
    error = float(np.sqrt((found.influence**2).sum() / max(n - 1, 1)))
    reach = float(stats.norm.ppf(0.5 + level / 2.0)) / np.sqrt(n)
    skewness = float((found.influence**3).mean()) / error**3 if error > 0 else 0.0

    def back(score: float) -> float:
        if abs(skewness) < 1e-6:
            return score
        return float(3.0 / skewness * (np.cbrt(1.0 + skewness * (score - skewness / (6.0 * n))) - 1.0))

    lower, upper = found.value - error * back(reach), found.value - error * back(-reach)
    return Interval(lower=lower, upper=upper, level=level, kind="confidence")


def ipw(parts: Parts) -> Influence:
    """Inverse propensity weighting (Horvitz and Thompson 1952)."""
    return _mean(parts.weight * parts.reward)


def snipw(parts: Parts) -> Influence:
    """The same with weights that sum to 1 (Swaminathan and Joachims 2015)."""
    return _normalised(np.zeros(len(parts.weight)), parts.weight, parts.reward)


def direct(parts: Parts) -> Influence:
    """The mean prediction; its error holds that of the model where ``model_weight`` is known, never its bias."""
    value = float(parts.base.mean())
    around = parts.base - value
    if parts.model_weight is not None:
        moved = parts.model_weight * parts.residual
        around = around + moved - moved.mean()
    return Influence(value=value, influence=around)


def doubly_robust(parts: Parts) -> Influence:
    """Predictions, corrected by weighted residuals (Dudík, Langford, Li 2011)."""
    return _mean(parts.base + parts.weight * parts.residual)


def self_normalised_doubly_robust(parts: Parts) -> Influence:
    """The same with weights that sum to 1."""
    return _normalised(parts.base, parts.weight, parts.residual)


def switch(parts: Parts) -> Influence:
    """DR where the weight is small, the prediction alone elsewhere (Wang, Agarwal, Dudík 2017)."""
    cuts = np.unique(np.quantile(parts.weight, _CUTS))
    return _least_error(parts, cuts, lambda cut: np.where(parts.weight <= cut, parts.weight, 0.0))


def shrunk(parts: Parts) -> Influence:
    """DR with optimistic shrinkage: weights λw / (w² + λ) (Su, Dimakopoulou, Krishnamurthy, Dudík 2020)."""
    largest = float(parts.weight.max()) ** 2

    def weights(size: float) -> Floats:
        if np.isinf(size):
            return parts.weight
        return np.asarray(size * parts.weight / (parts.weight**2 + size))

    return _least_error(parts, np.array(_SHRINKAGES) * largest, weights)


def replayed(parts: Parts) -> Influence:
    """Mean reward of the decisions that the evaluated policy would have made too (Li, Chu, Langford, Wang 2011)."""
    return _normalised(np.zeros(len(parts.weight)), parts.accepted.astype(float), parts.reward)


ESTIMATORS: dict[Estimator, Callable[[Parts], Influence]] = {
    "ipw": ipw, "snipw": snipw, "dm": direct, "dr": doubly_robust, "sndr": self_normalised_doubly_robust,
    "switch_dr": switch, "dros": shrunk, "replay": replayed,
}  # fmt: skip


def _mean(terms: Floats) -> Influence:
    value = float(terms.mean())
    return Influence(value=value, influence=terms - value)


def _normalised(base: Floats, weight: Floats, residual: Floats) -> Influence:
    n, total = len(weight), float(weight.sum())
    corrected = float(weight @ residual) / total
    around = weight * (residual - corrected) * n / total
    # a decision with much of all weight pulls the mean towards itself: as in the jackknife
    around = around / np.maximum(1.0 - weight / total, 1.0 / n)
    return Influence(value=float(base.mean()) + corrected, influence=base - base.mean() + around)


def _least_error(parts: Parts, sizes: Floats, weights: Callable[[float], Floats]) -> Influence:
    """The size whose estimated mean squared error is least; errors as large as those of plain DR.

    What cutting or shrinking takes away is estimated by its own mean, with that mean's noise. The data cannot tell how
    much bias is left, nor do they show the error of predictions made from themselves: the influences are therefore
    those of DR, whose error the chosen size only promises to undercut.
    """
    n = len(parts.weight)
    best, found = np.inf, Influence(value=0.0, influence=parts.base)
    full = doubly_robust(parts)
    for size in sizes:
        weight = weights(float(size))
        terms = parts.base + weight * parts.residual
        away = (parts.weight - weight) * parts.residual
        error = float(terms.var() / n + away.mean() ** 2 + away.var() / n)
        if error < best:
            best = error
            found = Influence(value=float(terms.mean()), influence=full.influence, tuning=float(size))
    return found
