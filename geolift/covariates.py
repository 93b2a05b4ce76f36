"""Synthetic control on covariates, their importance chosen by a nested fit (Abadie, Diamond and Hainmueller 2010)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from geolift.estimators import Fit, describe_fit
from geolift.weights import SimplexWeights, simplex_least_squares
from measurement.errors import InputError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Covariates:
    """What donors and treated geos are like before the test.

    Attributes
    ----------
    treated
        Shape (K,): one number a covariate.
    donors
        Shape (J, K).
    names
        The K covariates.
    """

    treated: FloatArray
    donors: FloatArray
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.treated.shape != (len(self.names),) or self.donors.ndim != 2:
            raise InputError.of(
                "covariates need treated (K,) and donors (J, K)", "Give every geo every covariate", column="covariates"
            )
        if self.donors.shape[1] != len(self.names) or not (
            np.isfinite(self.treated).all() and np.isfinite(self.donors).all()
        ):
            raise InputError.of("covariates are missing", "Fill or drop them", column="covariates")

    def standardised(self) -> tuple[FloatArray, FloatArray]:
        """Both centred and scaled over all geos; covariates that never change become zero."""
        both = np.vstack([self.treated[None], self.donors])
        spread = both.std(axis=0, ddof=1)
        scaled = (both - both.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        return scaled[0], scaled[1:]


def fit_on_covariates(
    treated: FloatArray,
    donors: FloatArray,
    pre: int,
    covariates: Covariates,
    *,
    judged: tuple[int, int] | None = None,
    evaluations: int = 4000,
) -> Fit:
    """Weights that match covariates, weighted so that the outcome is matched as well as possible.

    Parameters
    ----------
    treated, donors, pre
        As for `geolift.estimators.Estimator.fit`; no fixed effects.
    covariates
        What is matched.
    judged
        First and one-past-last period in which the outcome's fit is judged; left out, all before the test.
    evaluations
        Fits a start of the outer search; it starts from equal importance and from that of a regression of the
        outcomes on the covariates, and keeps the better end.

    Returns
    -------
    Fit
        ``options`` hold the mean square error of the judged periods and the importance of each covariate.

    Notes
    -----
    The outer problem is not convex: a local optimum is what every implementation returns. The inner one is solved to
    a certified optimum each time.
    """
    start, stop = (0, pre) if judged is None else judged
    if not 0 <= start < stop <= pre:
        raise InputError.of(
            "the judged periods must lie before the test", "Use 0 ≤ start < stop ≤ pre", column="judged", value=judged
        )
    own, others = covariates.standardised()

    def solve(importance: FloatArray) -> SimplexWeights:
        root = np.sqrt(importance)
        return simplex_least_squares(own * root, others * root)

    def loss(logs: FloatArray) -> float:
        weights = solve(_shares(logs)).weights[0]
        return float(np.mean((treated[start:stop] - weights @ donors[:, start:stop]) ** 2))

    starts = [np.zeros(len(own)), _regression_start(own, others, treated[start:stop], donors[:, start:stop])]
    ends = [minimize(loss, at, method="Powell", options={"maxfev": evaluations}) for at in starts]
    best = min(ends, key=lambda end: float(end.fun))
    importance = _shares(np.asarray(best.x, dtype=np.float64))
    solved = solve(importance)
    return describe_fit(
        treated,
        donors,
        counterfactual=solved.weights[0] @ donors,
        weights=solved.weights[0],
        pre=pre,
        fixed_effects=False,
        gap=float(solved.relative_gap[0]),
        options={
            "fixed_effects": False,
            "judged_mse": float(best.fun),
            **{f"importance of {name}": float(v) for name, v in zip(covariates.names, importance, strict=True)},
        },
    )


def _shares(logs: FloatArray) -> FloatArray:
    """Positive importances that sum to 1."""
    raised = np.exp(np.clip(logs - logs.max(), -60, 0))
    return np.asarray(raised / raised.sum(), dtype=np.float64)


def _regression_start(own: FloatArray, others: FloatArray, target: FloatArray, donors: FloatArray) -> FloatArray:
    """Logs of the squared coefficients of the outcomes regressed on the covariates."""
    known = np.vstack([own[None], others])
    outcomes = np.vstack([target[None], donors])
    slopes = np.linalg.lstsq(np.column_stack([np.ones(len(known)), known]), outcomes, rcond=None)[0][1:]
    return np.asarray(np.log(np.sum(slopes**2, axis=1) + 1e-12), dtype=np.float64)
