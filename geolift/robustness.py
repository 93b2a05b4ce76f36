"""Other readings of the same test: placebos in space and time, donors left out one by one, other estimators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from geolift.augmented import AugmentedSyntheticControl
from geolift.difference_in_differences import DifferenceInDifferences
from geolift.estimators import Comparison, Estimator
from geolift.inference import TestResult, null_p_values, placebo_members, placebo_scores
from geolift.permutation import TIE, random_orders
from geolift.synthetic_control import SyntheticControl
from measurement.checks import Check

#: Donors whose absence is worth a refit.
WEIGHTY = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Robustness:
    """What else the data say; effects are money a treated geo and period.

    Attributes
    ----------
    att
        The readout's own effect.
    sets, set_p_value
        Placebo sets of the same size, and the share of them (the treated set included) that stand out as much;
        ``None`` where there are fewer than nine.
    in_time_att, in_time_p_value
        The same test on the window of the same length just before the test, where no effect can be; ``None`` where
        the history is too short.
    without_donor
        Effect when one weighty donor is left out.
    other_estimators
        Effect by other estimators.
    geolift_p_value
        What GeoLift's own test would print (1,000 unrestricted permutations, ``Σ|residual|``): for comparison,
        not to act on, since it takes daily residuals for independent.
    """

    att: float
    sets: int
    set_p_value: float | None
    in_time_att: float | None
    in_time_p_value: float | None
    without_donor: Mapping[str, float]
    other_estimators: Mapping[str, float]
    geolift_p_value: float | None = None

    def to_dict(self) -> dict[str, object]:
        """The fields as plain JSON values."""
        return {
            "sets": self.sets,
            "set_p_value": self.set_p_value,
            "in_time_att": self.in_time_att,
            "in_time_p_value": self.in_time_p_value,
            "without_donor": dict(self.without_donor),
            "other_estimators": dict(self.other_estimators),
            "geolift_p_value": self.geolift_p_value,
        }

    def checks(self, result: TestResult, *, level: float) -> list[Check]:
        """Hints where the readings disagree."""
        inside = result.interval.contains
        astray = [name for name, att in self.other_estimators.items() if not inside(att)]
        turned = [name for name, att in self.without_donor.items() if not inside(att)]
        checks = [
            Check(
                name="estimators_agree",
                passed=not astray,
                value=", ".join(f"{name} {self.other_estimators[name]:.4g}" for name in astray) or None,
                limit=f"{result.interval.lower:.4g} … {result.interval.upper:.4g}",
                remedy="Another estimator reads an effect outside this interval; look at the pre-period fit of both.",
                blocking=False,
            ),
            Check(
                name="no_single_donor",
                passed=not turned,
                value=", ".join(turned) or None,
                limit=f"{result.interval.lower:.4g} … {result.interval.upper:.4g}",
                remedy="Without this donor the effect leaves the interval; check the donor for events of its own.",
                blocking=False,
            ),
        ]
        if self.in_time_p_value is not None:
            checks.append(
                Check(
                    name="in_time_placebo",
                    passed=self.in_time_p_value > 0.5 * (1 - level),
                    value=self.in_time_p_value,
                    limit=0.5 * (1 - level),
                    remedy="The same test finds an effect just before the test began; look for other causes.",
                    blocking=False,
                )
            )
        return checks


def robustness(estimator: Estimator, comparison: Comparison, *, size: int, seed: int) -> Robustness:
    """Everything a sceptic would ask of a readout; see `Robustness`. Costs a few hundred small fits."""
    fit = estimator.fit(comparison.treated, comparison.donors, comparison.pre)
    in_time_att, in_time_p = _in_time(estimator, comparison)
    sets, set_p = _sets(comparison, size=size, seed=seed)
    weighty = np.flatnonzero(np.abs(fit.weights) >= WEIGHTY) if np.ptp(fit.weights) > 0 else np.array([], dtype=int)
    without = {}
    for place in weighty if len(comparison.names) > 2 else []:
        kept = np.arange(len(comparison.names)) != place
        refit = estimator.fit(comparison.treated, comparison.donors[kept], comparison.pre)
        without[comparison.names[place]] = refit.att
    others: dict[str, float] = {}
    alternatives: tuple[Estimator, ...] = (SyntheticControl(), DifferenceInDifferences())
    for other in alternatives:
        if other.name != estimator.name:
            others[other.name] = other.fit(comparison.treated, comparison.donors, comparison.pre).att
    return Robustness(
        att=fit.att,
        sets=sets,
        set_p_value=set_p,
        in_time_att=in_time_att,
        in_time_p_value=in_time_p,
        without_donor=without,
        other_estimators=others,
        geolift_p_value=_geolift_p_value(estimator, comparison, seed=seed),
    )


def _geolift_p_value(estimator: Estimator, comparison: Comparison, *, seed: int) -> float | None:
    if not isinstance(estimator, SyntheticControl | AugmentedSyntheticControl):
        return None
    orders = random_orders(len(comparison.treated), comparison.post, draws=1000, seed=seed)
    return float(null_p_values(estimator, comparison, np.zeros(1), statistic="absolute", orders=orders)[0])


def _sets(comparison: Comparison, *, size: int, seed: int) -> tuple[int, float | None]:
    """Placebo sets by plain synthetic control, whatever the readout's estimator: hundreds of fits must stay cheap."""
    members = placebo_members(len(comparison.names), size, most=500, seed=seed)
    if len(members) < 9:
        return len(members), None
    plain = SyntheticControl()
    scores = np.abs(placebo_scores(plain, comparison, members))
    fit = plain.fit(comparison.treated, comparison.donors, comparison.pre)
    if fit.pre_rmse == 0:
        return len(members), None
    own = abs(fit.att) / fit.pre_rmse
    return len(members), float((1 + (scores >= own * (1 - TIE)).sum()) / (1 + len(scores)))


def _in_time(estimator: Estimator, comparison: Comparison) -> tuple[float | None, float | None]:
    pre, post = comparison.pre, comparison.post
    if pre < 3 * post or pre < 10:
        return None, None
    earlier = Comparison(
        treated=comparison.treated[:pre], donors=comparison.donors[:, :pre], pre=pre - post, names=comparison.names
    )
    att = estimator.fit(earlier.treated, earlier.donors, earlier.pre).att
    return att, float(null_p_values(estimator, earlier, np.zeros(1))[0])
