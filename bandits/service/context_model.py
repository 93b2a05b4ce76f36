"""What a contextual policy believes, as it is stored with a version, and the shares that follow for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from bandits.context_fit import Gaussian
from bandits.normal_best import normal_best
from bandits.propensity import Better
from bandits.rewards import Floats
from bandits.sampling import Sampling, shares_of_best

_DIGITS = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextModel:
    """Gaussian belief about the coefficients of every arm's regression.

    Attributes
    ----------
    columns
        What the coefficients belong to, d of them.
    centre, width
        Belief about an arm of which nothing is known: independent, each of length d.
    mean
        By arm: means, of length d.
    root
        By arm: lower factor of the covariance, row by row, the first row with one number, the last with d.
    """

    columns: tuple[str, ...]
    centre: tuple[float, ...]
    width: tuple[float, ...]
    mean: dict[str, list[float]]
    root: dict[str, list[float]]

    @classmethod
    def of(cls, columns: Sequence[str], prior: Gaussian, arms: Mapping[str, Gaussian]) -> Self:
        """From beliefs, rounded to nine digits: what is stored is what is served."""
        rows, places = np.tril_indices(len(columns))
        return cls(
            columns=tuple(columns),
            centre=tuple(_rounded(prior.mean)),
            width=tuple(_rounded(np.diag(prior.root))),
            mean={arm: _rounded(belief.mean) for arm, belief in arms.items()},
            root={arm: _rounded(belief.root[rows, places]) for arm, belief in arms.items()},
        )

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Inverse of ``dataclasses.asdict``."""
        return cls(
            columns=tuple(raw["columns"]), centre=tuple(raw["centre"]), width=tuple(raw["width"]),
            mean=dict(raw["mean"]), root=dict(raw["root"]),
        )  # fmt: skip

    def belief(self, arm: str) -> Gaussian:
        """About one arm; the prior if it is not known yet."""
        if arm not in self.mean:
            return Gaussian.independent(np.array(self.centre), np.array(self.width))
        root = np.zeros((len(self.columns), len(self.columns)))
        root[np.tril_indices(len(self.columns))] = self.root[arm]
        return Gaussian(mean=np.array(self.mean[arm]), root=root)


class ContextShares:
    """The race of some arms for a person.

    Parameters
    ----------
    model
        What is believed.
    arms
        Those in the race, in order.
    sampling, better, floor
        See `bandits.service.experiment.Experiment`.
    """

    __slots__ = ("_better", "_floor", "_mean", "_root", "_top_two")

    def __init__(
        self, model: ContextModel, arms: Sequence[str], *, sampling: Sampling,
        better: Better, floor: float,
    ) -> None:  # fmt: skip
        beliefs = [model.belief(arm) for arm in arms]
        self._mean = np.array([belief.mean for belief in beliefs])
        self._root = np.array([belief.root for belief in beliefs])
        self._better: Better = better
        self._top_two, self._floor = sampling == "top_two", floor

    def scores(self, x: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation of every arm's score for a person ``x``, shape (d,)."""
        spread = x @ self._root
        return self._mean @ x, np.sqrt(np.einsum("ad,ad->a", spread, spread))

    def p_best(self, x: Floats) -> Floats:
        """P(best for this person), shape (arms,)."""
        if len(self._mean) == 1:
            return np.ones(1)
        return normal_best(*self.scores(x), better=self._better)

    def shares(self, x: Floats) -> Floats:
        """Propensities for this person, the floor included, shape (arms,)."""
        return shares_of_best(self.p_best(x), self._floor, runner_up=self._top_two)


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in values]
