"""Posteriors of mean revenue per decision: amounts of money, most of them zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from bandits.normal_scores import NormalPosteriors
from bandits.reward_checks import check_arms
from bandits.rewards import Floats
from measurement.errors import InputError

#: Prior weight of the pooled variance, in decisions: an arm with few decisions borrows its spread from the others.
_VARIANCE_WEIGHT = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalMean(NormalPosteriors):
    """Mean reward of any real kind, by the normal approximation of its sample mean.

    The prior is one decision's worth of the pooled mean. Good from some hundred decisions an arm; revenue with rare
    huge orders needs more.

    Attributes
    ----------
    arms
        Names.
    total, squares, exposure
        Sum of rewards, sum of their squares, number of decisions (may be fractional), shape (arms,).

    Examples
    --------
    >>> NormalMean.empty(("a",)).update([0, 0, 0], [0.0, 3.0, 3.0]).mean().tolist()
    [2.0]
    """

    arms: tuple[str, ...]
    total: Floats
    squares: Floats
    exposure: Floats

    def __post_init__(self) -> None:
        check_arms(self.arms)

    @classmethod
    def empty(cls, arms: Sequence[str]) -> Self:
        """Nothing seen yet."""
        zero = np.zeros(len(arms))
        return cls(arms=tuple(arms), total=zero, squares=zero.copy(), exposure=zero.copy())

    def update(self, arm: ArrayLike, reward: ArrayLike) -> Self:
        """Add a batch: ``arm`` (indices) and ``reward``, both of shape (batch,); order does not matter."""
        index, values = np.asarray(arm, dtype=np.int64), np.asarray(reward, dtype=float)
        count = len(self.arms)
        return replace(
            self,
            total=self.total + np.bincount(index, values, count),
            squares=self.squares + np.bincount(index, values**2, count),
            exposure=self.exposure + np.bincount(index, minlength=count),
        )

    def merge(self, other: Self) -> Self:
        """What both have seen together."""
        if self.arms != other.arms:
            raise InputError.of("posteriors with different arms cannot be merged", "Merge like with like")
        return replace(
            self,
            total=self.total + other.total,
            squares=self.squares + other.squares,
            exposure=self.exposure + other.exposure,
        )

    def mean(self) -> Floats:
        """Posterior means, shape (arms,)."""
        pooled = self.total.sum() / max(self.exposure.sum(), 1.0)
        return np.asarray((self.total + pooled) / (self.exposure + 1.0))

    @property
    def width(self) -> Floats:
        """Posterior standard deviations, shape (arms,)."""
        everything = max(self.exposure.sum(), 1.0)
        spread = float(self.squares.sum() / everything - (self.total.sum() / everything) ** 2)
        pooled = spread if spread > 0 else 1.0
        own = np.maximum(self.squares - self.total**2 / np.maximum(self.exposure, 1.0), 0.0)
        variance = (own + _VARIANCE_WEIGHT * pooled) / (self.exposure + _VARIANCE_WEIGHT)
        return np.asarray(np.sqrt(variance / (self.exposure + 1.0)))
