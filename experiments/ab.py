"""Two arms compared: relative lift of a mean or a ratio, with a covariate from before the test where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from experiments.sequential import asymptotic_reach
from measurement.errors import InputError
from measurement.estimates import Estimate, Interval

Floats = NDArray[np.float64]
Verdict = Literal["not_enough_data", "no_lift_detected", "significant"]

#: Below that many units an arm the normal approximation is not trusted, whatever it says.
MINIMUM_UNITS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """An arm's mean and what is not known of it.

    Attributes
    ----------
    mean, variance
        Mean of the metric, and variance of one unit's contribution to it.
    n
        Units.
    """

    mean: float
    variance: float
    n: int

    def __post_init__(self) -> None:
        if self.n < 2 or not np.isfinite([self.mean, self.variance]).all() or self.variance < 0:
            raise InputError.of(
                "an arm has fewer than two units, or its numbers are not finite", "Wait for more data", column="n",
                value=self.n,
            )  # fmt: skip

    @classmethod
    def of_sums(cls, total: float, squares: float, n: int) -> ArmSummary:
        """From the sum, the sum of squares and the number of units."""
        if n < 2:
            return cls(mean=0.0, variance=0.0, n=n)
        return cls(mean=total / n, variance=max(squares - total**2 / n, 0.0) / (n - 1), n=n)

    @classmethod
    def of_units(cls, values: ArrayLike) -> ArmSummary:
        """From one value a unit."""
        y = _units(values, "values")
        return cls.of_sums(float(y.sum()), float((y**2).sum()), len(y))

    @classmethod
    def of_ratio(cls, numerator: ArrayLike, denominator: ArrayLike) -> ArmSummary:
        """A ratio of sums, e.g. revenue per click where units click several times (delta method).

        Raises
        ------
        InputError
            If the two differ in length or the denominator adds up to 0.
        """
        top, bottom = _units(numerator, "numerator"), _units(denominator, "denominator")
        if len(top) != len(bottom) or not bottom.sum() != 0:
            raise InputError.of(
                "a ratio metric needs one numerator and denominator a unit, not all 0", "Correct the columns",
                column="denominator",
            )  # fmt: skip
        ratio = float(top.sum() / bottom.sum())
        residual = (top - ratio * bottom) / bottom.mean()
        return cls(mean=ratio, variance=float(residual.var(ddof=1)), n=len(top))


@dataclass(frozen=True, slots=True, kw_only=True)
class AbReading:
    """A test as it stands.

    Attributes
    ----------
    lift
        Relative lift (treatment / control - 1) with a confidence interval that holds for one look, planned beforehand.
    always_valid
        The same with an interval that holds at every look.
    p_value
        Of no lift, for one look.
    significant
        Whether the interval that the reading was asked to trust excludes 0: the word rests on a controlled error rate.
    verdict
        ``"not_enough_data"``, ``"no_lift_detected"`` or ``"significant"``.
    looks
        ``"once"`` or ``"any"``: which interval the verdict rests on.
    """

    lift: Estimate
    always_valid: Estimate
    p_value: float
    significant: bool
    verdict: Verdict
    looks: Literal["once", "any"]


def read_ab(
    control: ArmSummary,
    treatment: ArmSummary,
    *,
    level: float = 0.95,
    looks: Literal["once", "any"] = "any",
    tuned_n: int = 5000,
) -> AbReading:
    """Relative lift by the delta method, Welch's degrees of freedom.

    Parameters
    ----------
    control, treatment
        Arms.
    level
        Of both intervals.
    looks
        ``"any"``: the test may be read every day. ``"once"``: it is read once, at a time fixed beforehand.
    tuned_n
        Units (both arms) at which the always-valid interval is narrowest.

    Raises
    ------
    InputError
        If the control's mean is 0: then there is no relative lift.

    Notes
    -----
    Deng, Knoblich, Lu (2018) for the delta method; Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas (2024) for the
    asymptotic confidence sequence.

    Examples
    --------
    >>> a = ArmSummary.of_sums(1396.87, 52377.9767, 3407)
    >>> b = ArmSummary.of_sums(2422.7, 134698.29, 3461)
    >>> reading = read_ab(a, b, looks="once")
    >>> round(reading.lift.value, 5), round(reading.p_value, 4), reading.verdict
    (0.70732, 0.0619, 'no_lift_detected')
    """
    if control.mean == 0.0:
        raise InputError.of(
            "the control's mean is 0, so there is no relative lift", "Wait for rewards in the control", column="control"
        )
    lift = (treatment.mean - control.mean) / abs(control.mean)
    parts = np.array(
        [
            treatment.variance / control.mean**2 / treatment.n,
            control.variance * treatment.mean**2 / control.mean**4 / control.n,
        ]
    )
    error = float(np.sqrt(parts.sum()))
    enough = min(control.n, treatment.n) >= MINIMUM_UNITS and error > 0
    freedom = float(parts.sum() ** 2 / (parts**2 / [treatment.n - 1, control.n - 1]).sum()) if error > 0 else 1.0
    reach = error * float(stats.t.ppf(0.5 + level / 2.0, freedom))
    everywhere = asymptotic_reach(error, control.n + treatment.n, level=level, tuned_n=tuned_n)
    p_value = float(2.0 * stats.t.sf(abs(lift) / error, freedom)) if error > 0 else 1.0
    significant = bool(enough and abs(lift) > (reach if looks == "once" else everywhere))
    verdict: Verdict = "significant" if significant else "no_lift_detected" if enough else "not_enough_data"
    return AbReading(
        lift=Estimate(
            value=lift, unit="ratio", method="relative lift, delta method, Welch",
            interval=Interval(lower=lift - reach, upper=lift + reach, level=level, kind="confidence"),
        ),
        always_valid=Estimate(
            value=lift, unit="ratio", method="relative lift, asymptotic confidence sequence",
            interval=Interval(lower=lift - everywhere, upper=lift + everywhere, level=level, kind="always_valid"),
        ),
        p_value=p_value,
        significant=significant,
        verdict=verdict,
        looks=looks,
    )  # fmt: skip


def cuped(
    control: ArrayLike, treatment: ArrayLike, control_before: ArrayLike, treatment_before: ArrayLike
) -> tuple[ArmSummary, ArmSummary]:
    """Both arms with the part taken out that was there before the test (Deng, Xu, Kohavi, Walker 2013).

    The same slope is used in both arms and means are shifted towards the covariate's pooled mean, so the difference
    stays unbiased and only the noise shrinks. The covariate must be measured before the test: one that the treatment
    can move takes part of the effect away.

    Parameters
    ----------
    control, treatment
        Metric, one value a unit.
    control_before, treatment_before
        Covariate of the same units.

    Raises
    ------
    InputError
        If lengths disagree.
    """
    arms = [_units(control, "control"), _units(treatment, "treatment")]
    before = [_units(control_before, "control_before"), _units(treatment_before, "treatment_before")]
    if any(len(y) != len(x) for y, x in zip(arms, before, strict=True)):
        raise InputError.of("metric and covariate differ in length", "Pass one of each a unit", column="before")
    middle = float(np.concatenate(before).mean())
    inside = [(y - y.mean(), x - x.mean()) for y, x in zip(arms, before, strict=True)]
    spread = sum(float(x @ x) for _, x in inside)
    slope = sum(float(y @ x) for y, x in inside) / spread if spread > 0 else 0.0
    first, second = (ArmSummary.of_units(y - slope * (x - middle)) for y, x in zip(arms, before, strict=True))
    return first, second


def _units(values: ArrayLike, name: str) -> Floats:
    array = np.asarray(values, dtype=float)
    if array.ndim != 1 or len(array) < 2 or not np.isfinite(array).all():
        raise InputError.of(
            f"{name} must be finite numbers, one a unit, at least two", "Correct or leave out rows", column=name
        )
    return array
