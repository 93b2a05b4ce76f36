"""Time-based regression (Kerman, Wang and Vaver 2017): the treated mean regressed on the donors' mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from geolift.estimators import Comparison, Fit, describe_fit
from geolift.inference import TestResult, rejection_level
from measurement.errors import InputError
from measurement.estimates import Interval

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeBasedRegression:
    """Ordinary least squares of the treated mean on a constant and the donors' mean, before the test.

    Examples
    --------
    >>> donors = np.array([[1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0]])
    >>> fit = TimeBasedRegression().fit(np.array([4.0, 6.0, 8.0, 13.0]), donors, pre=3)
    >>> round(fit.att, 6), round(fit.options["slope"], 6)
    (3.0, 2.0)
    """

    @property
    def name(self) -> str:
        """``"tbr"``."""
        return "tbr"

    def fit(self, treated: FloatArray, donors: FloatArray, pre: int) -> Fit:
        """See `geolift.estimators.Estimator.fit`; ``options`` hold intercept and slope."""
        mean = donors.mean(axis=0)
        slope, intercept = _line(treated[:pre], mean[:pre])
        return describe_fit(
            treated,
            donors,
            counterfactual=intercept + slope * mean,
            weights=np.full(len(donors), slope / len(donors)),
            pre=pre,
            fixed_effects=True,
            options={"slope": slope, "intercept": intercept, "fixed_effects": True},
        )

    def counterfactuals(
        self, treated: FloatArray, donors: FloatArray, pre: int, allowed: BoolArray | None = None
    ) -> FloatArray:
        """See `geolift.estimators.Estimator.counterfactuals`."""
        mask = np.ones((len(treated), len(donors)), dtype=np.bool_) if allowed is None else allowed
        mean = (mask @ donors) / mask.sum(axis=1, keepdims=True)
        centred = mean - mean[:, :pre].mean(axis=1, keepdims=True)
        level = treated[:, :pre].mean(axis=1, keepdims=True)
        spread = np.sum(centred[:, :pre] ** 2, axis=1, keepdims=True)
        cross = np.sum(centred[:, :pre] * (treated[:, :pre] - level), axis=1, keepdims=True)
        slope = np.divide(cross, spread, out=np.zeros_like(cross), where=spread > 0)
        return np.asarray(level + slope * centred, dtype=np.float64)


def _line(target: FloatArray, regressor: FloatArray) -> tuple[float, float]:
    centred = regressor - regressor.mean()
    spread = float(centred @ centred)
    slope = float(centred @ target) / spread if spread > 0 else 0.0
    return slope, float(target.mean() - slope * regressor.mean())


def cumulative_error(treated: FloatArray, control: FloatArray, pre: int) -> tuple[float, int]:
    """Scale and degrees of freedom of the cumulative effect's t distribution (equation 5 of the paper).

    Parameters
    ----------
    treated, control
        Shape (T,): treated series and the series it is regressed on.
    pre
        Leading periods of the regression.

    Raises
    ------
    InputError
        With fewer than four pre-periods, or a control that never changes.
    """
    centred = control[:pre] - control[:pre].mean()
    spread = float(centred @ centred)
    if pre < 4 or spread == 0:
        raise InputError.of(
            "time-based regression needs four periods and a changing control before the test",
            "Bring more history or other donors",
            column="start",
            value=pre,
        )
    slope, intercept = _line(treated[:pre], control[:pre])
    freedom = pre - 2
    noise = float(np.sum((treated[:pre] - intercept - slope * control[:pre]) ** 2)) / freedom
    post = len(treated) - pre
    distance = float(control[pre:].mean() - control[:pre].mean())
    variance = noise * (post + post**2 * (1.0 / pre + distance**2 / spread))
    return float(np.sqrt(variance)), freedom


def student_t(comparison: Comparison, *, level: float = 0.9) -> TestResult:
    """p-value and interval of the regression's own t distribution.

    It takes the residuals for independent and normal: the A/A rate beside it says how far that holds.
    """
    fit = TimeBasedRegression().fit(comparison.treated, comparison.donors, comparison.pre)
    scale, freedom = cumulative_error(comparison.treated, comparison.donors.mean(axis=0), comparison.pre)
    scale /= comparison.post
    alpha = rejection_level(level)
    half = float(student.isf(alpha / 2, freedom)) * scale
    p_value = 2 * float(student.sf(abs(fit.att) / scale, freedom)) if scale > 0 else float(fit.att == 0)
    return TestResult(
        p_value=p_value,
        interval=Interval(lower=fit.att - half, upper=fit.att + half, level=level, kind="confidence"),
        method="student_t",
        draws=0,
        details={"degrees_of_freedom": float(freedom), "scale": scale},
    )
