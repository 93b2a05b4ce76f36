"""From the name in a test file to the estimator and the inference it means."""

from __future__ import annotations

from geolift.augmented import AugmentedSyntheticControl
from geolift.difference_in_differences import DifferenceInDifferences
from geolift.estimators import Comparison, Estimator, Fit
from geolift.inference import TestResult, block_conformal, iid_conformal, placebo_sets
from geolift.jackknife import jackknife_plus
from geolift.synthetic_control import SyntheticControl
from geolift.synthetic_did import SyntheticDid
from geolift.test_plan import ESTIMATORS, INFERENCES
from geolift.time_based_regression import TimeBasedRegression, student_t
from measurement.errors import InputError

#: Placebo sets drawn by estimator: those that cannot share a Gram matrix cost more each.
MOST_SETS = {"synthetic_control": 1000, "did": 1000, "synthetic_did": 400, "augmented": 400, "tbr": 1000}
DEFAULT_INFERENCE = "block_conformal"


def estimator_named(name: str | None, *, treated_units: int = 1, seed: int = 0) -> Estimator:
    """The estimator of a test file's ``estimator``; ``None`` is synthetic control with fixed effects.

    Raises
    ------
    InputError
        For a name that is none of `geolift.test_plan.ESTIMATORS`.

    Examples
    --------
    >>> estimator_named("did").name
    'did'
    """
    known: dict[str, Estimator] = {
        "synthetic_control": SyntheticControl(),
        "augmented": AugmentedSyntheticControl(),
        "synthetic_did": SyntheticDid(treated_units=treated_units),
        "did": DifferenceInDifferences(),
        "tbr": TimeBasedRegression(),
    }
    chosen = "synthetic_control" if name is None else name
    if chosen == "bayesian":
        from geolift.bayesian import BayesianSyntheticControl

        return BayesianSyntheticControl(seed=seed)
    if chosen not in known:
        raise InputError.of(
            f"'{chosen}' is not a known estimator",
            f"Use one of: {', '.join(ESTIMATORS)}",
            column="estimator",
            value=chosen,
        )
    return known[chosen]


def settled(estimator: Estimator, fit: Fit) -> Estimator:
    """The estimator with the penalty it chose: refits under a hypothesis or on placebos keep it."""
    if isinstance(estimator, AugmentedSyntheticControl) and estimator.ridge is None:
        return AugmentedSyntheticControl(ridge=float(fit.options["ridge"]))
    return estimator


def run_inference(
    name: str | None,
    estimator: Estimator,
    comparison: Comparison,
    *,
    size: int,
    level: float,
    seed: int,
    stretch: float = 1.0,
) -> TestResult:
    """The test of a test file's ``inference``; ``None`` is `DEFAULT_INFERENCE`.

    Synthetic difference-in-differences weighs periods too, so that refitting under the null is not defined for it:
    it is ranked among placebo sets, or read by jackknife+. A Bayesian fit brings its own (`geolift.bayesian`).

    ``stretch`` widens block_conformal and placebo_sets for geos that were chosen (`geolift.selection`).

    Raises
    ------
    InputError
        For an unknown name, or too few periods or placebo sets for the level.
    """
    own = {"synthetic_did": "placebo_sets", "tbr": "student_t"}.get(estimator.name, DEFAULT_INFERENCE)
    chosen = name or own
    clash = (
        (estimator.name == "synthetic_did" and chosen not in ("placebo_sets", "jackknife_plus"))
        or (chosen == "student_t" and estimator.name != "tbr")
        or (chosen == "posterior") != (estimator.name == "bayesian")
    )
    if chosen not in INFERENCES or clash:
        raise InputError.of(
            f"inference '{chosen}' does not go with {estimator.name}",
            "synthetic_did takes placebo_sets or jackknife_plus, student_t goes with tbr, posterior with bayesian; the "
            f"others: {', '.join(INFERENCES[:4])}",
            column="inference",
            value=chosen,
        )
    if chosen == "student_t":
        return student_t(comparison, level=level)
    if chosen == "placebo_sets":
        return placebo_sets(
            estimator,
            comparison,
            size=size,
            level=level,
            seed=seed,
            stretch=stretch,
            most=MOST_SETS.get(estimator.name, 200),
        )
    if chosen == "jackknife_plus":
        return jackknife_plus(estimator, comparison, level=level, stretch=stretch)
    if chosen == "iid_conformal":
        return iid_conformal(estimator, comparison, level=level, seed=seed)
    return block_conformal(estimator, comparison, level=level, stretch=stretch)
