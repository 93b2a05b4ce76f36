"""What every counterfactual estimator takes and gives: one interface, one result type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from measurement.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Comparison:
    """The treated geos as one mean beside the donors, over periods that end with the measured window.

    Attributes
    ----------
    treated
        Shape (T,): mean outcome of the treated geos a period.
    donors
        Shape (J, T): outcome of each untreated geo.
    pre
        Number of leading periods before the test.
    names
        The J donors.
    """

    treated: FloatArray
    donors: FloatArray
    pre: int
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.donors.shape != (len(self.names), len(self.treated)) or not 0 < self.pre < len(self.treated):
            raise InputError.of(
                "treated, donors and the start of the test do not fit together",
                "Pass treated (T,), donors (J, T) and 0 < pre < T",
                column="pre",
                value=f"{self.treated.shape}, {self.donors.shape}, pre {self.pre}",
            )

    @property
    def post(self) -> int:
        """Number of measured periods."""
        return len(self.treated) - self.pre


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A fitted counterfactual.

    Attributes
    ----------
    counterfactual
        Shape (T,): what the treated mean would have been.
    weights
        Shape (J,): donor weights (may be negative for augmented fits).
    pre
        Number of leading periods the fit rests on.
    effect
        Shape (T,): observed minus counterfactual.
    l2
        Pre-period imbalance ``‖effect[:pre]‖``.
    scaled_l2
        ``l2`` over that of equal weights: 0 is a perfect fit, 1 no better than the plain mean of the donors.
    gap
        Relative duality gap of the weights, ``None`` where the estimator solves no such problem.
    options
        What was chosen on the way (penalties, flags).
    """

    counterfactual: FloatArray
    weights: FloatArray
    pre: int
    effect: FloatArray
    l2: float
    scaled_l2: float
    gap: float | None = None
    options: Mapping[str, float | str | bool] = field(default_factory=dict)

    @property
    def att(self) -> float:
        """Mean effect over the measured periods, outcome a treated geo and period."""
        return float(self.effect[self.pre :].mean())

    @property
    def lift(self) -> float:
        """Sum of the effect over the sum of the counterfactual, measured periods."""
        return float(self.effect[self.pre :].sum() / self.counterfactual[self.pre :].sum())

    @property
    def pre_rmse(self) -> float:
        """Root mean square of the effect before the test."""
        return float(np.sqrt(np.mean(self.effect[: self.pre] ** 2)))


class Estimator(Protocol):
    """A way to say what would have happened without the test."""

    @property
    def name(self) -> str:
        """Stable snake_case id, as in a test file."""

    def fit(self, treated: FloatArray, donors: FloatArray, pre: int) -> Fit:
        """Fit on the first ``pre`` of T periods: ``treated`` (T,), ``donors`` (J, T)."""

    def counterfactuals(
        self, treated: FloatArray, donors: FloatArray, pre: int, allowed: BoolArray | None = None
    ) -> FloatArray:
        """Counterfactuals (R, T) of many treated series (R, T) against one donor pool (J, T).

        ``allowed`` (R, J) says which donors each series may use.
        """


@runtime_checkable
class Weighted(Protocol):
    """An estimator that moves donor weights, and only them, to follow a series around its own level."""

    def weighted(
        self, treated: FloatArray, donors: FloatArray, pre: int, allowed: BoolArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Counterfactuals (R, T) as `Estimator.counterfactuals` gives them, and their weights (R, J)."""


def refitted(
    estimator: Estimator, treated: FloatArray, donors: FloatArray, allowed: BoolArray | None = None
) -> tuple[FloatArray, FloatArray | None]:
    """What all T periods' fits leave of each series (R, T), and the weights (R, J) where the estimator has them."""
    periods = treated.shape[1]
    if isinstance(estimator, Weighted):
        counterfactual, weights = estimator.weighted(treated, donors, periods, allowed)
        return np.asarray(treated - counterfactual, dtype=np.float64), weights
    rest = treated - estimator.counterfactuals(treated, donors, periods, allowed)
    return np.asarray(rest, dtype=np.float64), None


def one_by_one(
    estimator: Estimator, treated: FloatArray, donors: FloatArray, pre: int, allowed: BoolArray | None = None
) -> FloatArray:
    """`Estimator.counterfactuals` for estimators with nothing to share between series."""
    rows = []
    for index, series in enumerate(treated):
        pool = donors if allowed is None else donors[allowed[index]]
        rows.append(estimator.fit(series, pool, pre).counterfactual)
    return np.asarray(rows, dtype=np.float64).reshape(treated.shape)


def describe_fit(
    treated: FloatArray,
    donors: FloatArray,
    *,
    counterfactual: FloatArray,
    weights: FloatArray,
    pre: int,
    fixed_effects: bool,
    gap: float | None = None,
    options: Mapping[str, float | str | bool] | None = None,
) -> Fit:
    """A `Fit` with its imbalance against equal weights (with unit means removed where ``fixed_effects``)."""
    effect = treated - counterfactual
    plain = treated[:pre] - donors[:, :pre].mean(axis=0)
    if fixed_effects:
        plain = plain - plain.mean()
    l2, uniform = float(np.linalg.norm(effect[:pre])), float(np.linalg.norm(plain))
    return Fit(
        counterfactual=np.asarray(counterfactual, dtype=np.float64),
        weights=np.asarray(weights, dtype=np.float64),
        pre=pre,
        effect=np.asarray(effect, dtype=np.float64),
        l2=l2,
        scaled_l2=l2 / uniform if uniform > 0 else 0.0,
        gap=gap,
        options=dict(options or {}),
    )
