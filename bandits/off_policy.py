"""The estimators behind `bandits.evaluation`: from weights, predictions and rewards to a value and its influences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bandits.likelihood_interval import mean_interval
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
    accepted
        Decisions that a replay of the evaluated policy keeps, shape (n,).
    least, most
        What a reward can be.
    """

    weight: Floats
    reward: Floats
    base: Floats
    residual: Floats
    accepted: NDArray[np.bool_]
    least: float
    most: float

    def reached(self, influence: Floats, slope: Floats) -> tuple[float, float]:
        """The lowest and highest influence that one of the decisions could have had, had its reward been another.

        ``slope``: by how much a decision's influence grows with its reward, shape (n,).
        """
        bare = influence - slope * self.reward
        return float((bare + slope * self.least).min()), float((bare + slope * self.most).max())


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """An estimate and what each decision contributes to its error.

    Attributes
    ----------
    value
        The estimate.
    influence
        Mean 0, shape (n,): the estimate's error is their mean, so its standard error is sd / √n.
    reach
        The lowest and highest influence a decision could have had.
    centre
        What the influences are around, where that is not the estimate.
    tuning
        The weight SWITCH cut at, or the λ DRos shrank with.
    """

    value: float
    influence: Floats
    reach: tuple[float, float]
    centre: float | None = None
    tuning: float | None = None


def interval(found: Influence, level: float) -> Interval:
    """Confidence interval from the influences (`bandits.likelihood_interval.mean_interval`); it holds the estimate."""
    centre = found.value if found.centre is None else found.centre
    lower, upper = mean_interval(found.influence, *found.reach, level)
    return Interval(
        lower=min(centre + lower, found.value), upper=max(centre + upper, found.value), level=level, kind="confidence"
    )


def ipw(parts: Parts) -> Influence:
    """Inverse propensity weighting (Horvitz and Thompson 1952)."""
    return _mean(parts, parts.weight * parts.reward)


def snipw(parts: Parts) -> Influence:
    """The same with weights that sum to 1 (Swaminathan and Joachims 2015)."""
    return _normalised(parts, np.zeros(len(parts.weight)), parts.weight, parts.reward)


def direct(parts: Parts) -> Influence:
    """The mean prediction. Its interval is around what DR corrects it to, and holds both: the model's bias is in it."""
    found = doubly_robust(parts)
    return replace(found, value=float(parts.base.mean()), centre=found.value)


def doubly_robust(parts: Parts) -> Influence:
    """Predictions, corrected by weighted residuals (Dudík, Langford, Li 2011)."""
    return _mean(parts, parts.base + parts.weight * parts.residual)


def self_normalised_doubly_robust(parts: Parts) -> Influence:
    """The same with weights that sum to 1."""
    return _normalised(parts, parts.base, parts.weight, parts.residual)


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
    return _normalised(parts, np.zeros(len(parts.weight)), parts.accepted.astype(float), parts.reward)


ESTIMATORS: dict[Estimator, Callable[[Parts], Influence]] = {
    "ipw": ipw, "snipw": snipw, "dm": direct, "dr": doubly_robust, "sndr": self_normalised_doubly_robust,
    "switch_dr": switch, "dros": shrunk, "replay": replayed,
}  # fmt: skip


def _mean(parts: Parts, terms: Floats) -> Influence:
    value = float(terms.mean())
    return Influence(value=value, influence=terms - value, reach=parts.reached(terms - value, parts.weight))


def _normalised(parts: Parts, base: Floats, weight: Floats, residual: Floats) -> Influence:
    n, total = len(weight), float(weight.sum())
    corrected = float(weight @ residual) / total
    # a decision with much of all weight pulls the mean towards itself: as in the jackknife
    slope = weight * n / total / np.maximum(1.0 - weight / total, 1.0 / n)
    around = base - base.mean() + slope * (residual - corrected)
    return Influence(value=float(base.mean()) + corrected, influence=around, reach=parts.reached(around, slope))


def _least_error(parts: Parts, sizes: Floats, weights: Callable[[float], Floats]) -> Influence:
    """The size whose estimated mean squared error is least; errors as large as those of plain DR.

    What cutting or shrinking takes away is estimated by its own mean, with that mean's noise. The data cannot tell how
    much bias is left, nor do they show the error of predictions made from themselves: the influences are therefore
    those of DR, whose error the chosen size only promises to undercut.
    """
    n = len(parts.weight)
    full = doubly_robust(parts)
    best, found = np.inf, full
    for size in sizes:
        weight = weights(float(size))
        terms = parts.base + weight * parts.residual
        away = (parts.weight - weight) * parts.residual
        error = float(terms.var() / n + away.mean() ** 2 + away.var() / n)
        if error < best:
            best = error
            found = replace(full, value=float(terms.mean()), tuning=float(size))
    return found
