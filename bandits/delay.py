"""Rewards that have not come yet are not failures: the delay from decision to reward, learnt from the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from bandits.rewards import Floats
from measurement.errors import InputError

#: Below this many rewards the delays are not learnt; every decision then counts in full.
MINIMUM_REWARDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayDistribution:
    """P(a reward that will come has come by age t), a step function.

    Attributes
    ----------
    ages
        Increasing ages in hours, shape (steps,); empty where rewards are taken to come at once.
    arrived
        P(delay ≤ age) at those ages, shape (steps,), last entry 1.
    rewards
        Number of rewards it was learnt from.

    Notes
    -----
    Rewards are seen only when their delay is shorter than the decision's age (right truncation), so the plain histogram
    of delays is biased towards short ones. This is the product-limit estimator for truncated data (Lynden-Bell 1971).
    Delays longer than the log are unknowable: the distribution is conditional on a reward within the log's span.
    """

    ages: Floats
    arrived: Floats
    rewards: int

    @classmethod
    def at_once(cls, rewards: int = 0) -> Self:
        """No delay."""
        return cls(ages=np.empty(0), arrived=np.empty(0), rewards=rewards)

    @classmethod
    def learn(cls, delay: Floats, age: Floats) -> Self:
        """From the rewards' delays and their decisions' ages at the end of the log, hours, both of shape (rewards,).

        Raises
        ------
        InputError
            If a delay is negative or exceeds the decision's age.

        Examples
        --------
        >>> delay, age = np.linspace(0.0, 10.0, 50), np.full(50, 100.0)
        >>> DelayDistribution.learn(delay, age).weight(np.array([5.1, 20.0])).round(2).tolist()
        [0.5, 1.0]
        """
        delay, age = np.asarray(delay, dtype=float), np.asarray(age, dtype=float)
        if (delay < 0).any() or (delay > age + 1e-9).any():
            raise InputError.of(
                "a reward lies before its decision or after the end of the log", "Correct its time", column="ts"
            )
        if len(delay) < MINIMUM_REWARDS:
            return cls.at_once(len(delay))
        ages, counts = np.unique(delay, return_counts=True)
        at_risk = np.searchsorted(np.sort(delay), ages, side="right") - np.searchsorted(np.sort(age), ages, side="left")
        factor = 1.0 - counts / np.maximum(at_risk, counts)
        # P(delay ≤ t) is the product of the factors of all later ages
        arrived = np.append(np.cumprod(factor[::-1])[::-1][1:], 1.0)
        return cls(ages=ages, arrived=arrived, rewards=len(delay))

    def weight(self, age: Floats) -> Floats:
        """Share of a decision of that age (hours) that counts as observed, same shape."""
        if not len(self.ages):
            return np.ones_like(np.asarray(age, dtype=float))
        step = np.searchsorted(self.ages, age, side="right")
        return np.asarray(np.append(0.0, self.arrived)[step])

    def quantile(self, share: float) -> float:
        """Age in hours by which ``share`` of the rewards have come."""
        if not len(self.ages):
            return 0.0
        return float(self.ages[np.searchsorted(self.arrived, share - 1e-12)])
