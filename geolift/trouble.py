"""Data trouble, said loudly: the checks that stand beside every readout."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from geolift.calibration import AaRate
from geolift.data_order import in_data_order
from geolift.drift import LEVELS, persistence
from geolift.estimators import Comparison, Fit
from geolift.inference import TestResult
from geolift.spend import TestSpend
from geolift.test_plan import GeoTest
from geolift.weights import CERTIFIED_GAP
from measurement.checks import Check
from measurement.errors import InputError
from measurement.panel import Panel

FloatArray = NDArray[np.float64]
#: Pre-period mean absolute error, as a share of the outcome, above which the fit is poor.
POOR_FIT = 0.1
#: Share of pre-periods outside the donors' range above which the treated mean is outside the hull.
OUTSIDE = 0.25
#: Tests that have no answer to a gap that drifts.
TAKES_INDEPENDENT = ("student_t", "iid_conformal")
#: Pre-periods wanted for each measured period, and the least with which a reading makes sense.
WANTED_HISTORY, LEAST_HISTORY = 4.0, 1.5


def usable_donors(panel: Panel, test: GeoTest, start: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Untreated geos that may serve as donors, in the order of their data, and those that never change.

    Raises
    ------
    InputError
        Where fewer than two are left.
    """
    outcome = panel.outcome_value
    pool = [geo for geo in in_data_order(panel, panel.geos) if geo not in test.treated and geo not in test.exclude]
    moving = {geo for geo, row in zip(panel.geos, outcome, strict=True) if np.ptp(row[:start]) > 0}
    donors, constant = tuple(g for g in pool if g in moving), tuple(g for g in pool if g not in moving)
    if len(donors) < 2:
        raise InputError.of(
            "fewer than two untreated geos with a changing outcome are left to compare with",
            "Leave more geos untreated, or shorten 'exclude'",
            column="treated",
            value=", ".join(donors) or "none",
        )
    if not any(geo in moving for geo in test.treated):
        raise InputError.of(
            "the outcome of the treated geos never changes before the test",
            "Check the outcome column and the geo names",
            column="treated",
            value=", ".join(test.treated),
        )
    return donors, constant


def data_checks(
    panel: Panel, test: GeoTest, comparison: Comparison, spend: TestSpend, constant: Sequence[str]
) -> list[Check]:
    """Checks on what went in."""
    last = panel.dates[-1].date()
    complete = (test.measured_until - last).days < panel.days_per_period
    history = comparison.pre / comparison.post
    checks = [
        Check(
            name="test_finished",
            passed=complete,
            value=str(last),
            limit=str(test.measured_until),
            remedy="Read the test again when the panel reaches the end of the measured window.",
        ),
        Check(
            name="history_short",
            passed=history >= LEAST_HISTORY,
            value=history,
            limit=LEAST_HISTORY,
            remedy="Bring more periods before the test: the counterfactual cannot be learnt from so few.",
        ),
        Check(
            name="history_wanted",
            passed=history >= WANTED_HISTORY,
            value=history,
            limit=WANTED_HISTORY,
            remedy="Four pre-periods for each measured one make the interval trustworthy.",
            blocking=False,
        ),
        Check(
            name="panel_complete",
            passed=not panel.notes,
            value=float(len(panel.notes)),
            limit=0.0,
            remedy="See the notes of the panel: " + ("; ".join(str(note) for note in panel.notes[:3]) or "none"),
            blocking=False,
        ),
        Check(
            name="donors_constant",
            passed=not constant,
            value=", ".join(constant) or None,
            limit=None,
            remedy="These geos never change and were left out as donors; check their data.",
            blocking=False,
        ),
    ]
    return checks + _spend_checks(test, spend)


def _spend_checks(test: GeoTest, spend: TestSpend) -> list[Check]:
    checks = [
        Check(
            name="donors_untouched",
            passed=not spend.touched,
            value=", ".join(spend.touched) or None,
            limit=None,
            remedy="Their spend changed during the test as well: list them under exclude, or check the spend data.",
        )
    ]
    if spend.incremental is None:
        return checks
    if spend.actual is None or spend.usual is None:
        return checks
    moved = spend.actual - spend.usual
    scale = max(abs(spend.usual), abs(spend.actual))
    wanted = -1.0 if test.kind == "go_dark" else 1.0
    share = moved / scale if scale > 0 else 0.0
    checks.append(
        Check(
            name="spend_moved",
            passed=wanted * share >= 0.05,
            value=moved,
            limit=wanted * 0.05 * scale,
            remedy=f"A {test.kind} test should move spend by more than 5%; check dates, geos and the spend column.",
        )
    )
    if test.incremental_spend is not None:
        checks.append(
            Check(
                name="spend_as_planned",
                passed=abs(moved - test.incremental_spend) <= 0.25 * abs(test.incremental_spend),
                value=moved,
                limit=test.incremental_spend,
                remedy="The panel's spend moved by another amount than the test file says; correct one of them.",
                blocking=False,
            )
        )
    return checks


def fit_checks(comparison: Comparison, fit: Fit, *, fixed_effects: bool) -> list[Check]:
    """Checks on how well the counterfactual follows the treated mean before the test."""
    pre = comparison.pre
    size = float(np.abs(comparison.treated[:pre]).mean())
    error = float(np.abs(fit.effect[:pre]).mean()) / size if size > 0 else 0.0
    outside = share_outside(comparison, fixed_effects=fixed_effects)
    checks = [
        Check(
            name="pre_fit",
            passed=error <= POOR_FIT,
            value=error,
            limit=POOR_FIT,
            remedy="The donors do not follow the treated geos closely; add donors, or choose other geos next time.",
            blocking=False,
        ),
        Check(
            name="inside_hull",
            passed=outside <= OUTSIDE,
            value=outside,
            limit=OUTSIDE,
            remedy='The treated geos lie outside the donors\' range in many periods; try estimator = "augmented".',
            blocking=False,
        ),
    ]
    if fit.gap is not None:
        checks.append(
            Check(
                name="weights_optimal",
                passed=fit.gap <= CERTIFIED_GAP,
                value=fit.gap,
                limit=CERTIFIED_GAP,
                remedy="The donor weights could not be certified as optimal; report this panel as a bug.",
            )
        )
    return checks


def middle_check(result: TestResult, att: float) -> list[Check]:
    """Whether the estimate lies inside its interval, not at an end of it."""
    lower, upper = result.interval.lower, result.interval.upper
    if not (np.isfinite(lower) and np.isfinite(upper)) or upper <= lower:
        return []
    margin = min(att - lower, upper - att) / (upper - lower)
    return [
        Check(
            name="estimate_central",
            passed=margin >= 0.02,
            value=margin,
            limit=0.02,
            remedy="The estimate lies at the end of its interval: the effect was uneven over the test, or the donors "
            "changed their ways; look at the path before quoting the interval.",
            blocking=False,
        )
    ]


def drift_check(result: TestResult, fit: Fit) -> list[Check]:
    """Whether the gap before the test kept to its mean, and where not, whether the reading may be acted on.

    The default, cells and jackknife+ read a gap that drifts as one (`geolift.drift`), placebo sets rank it among gaps
    that drift as much; tests that take periods for independent see lifts in drift.
    """
    value, limit = float(persistence(fit.effect[None, : fit.pre])[0]), LEVELS[0][0]
    if result.method == "placebo_sets":
        return []
    if result.method in TAKES_INDEPENDENT:
        return [
            Check(
                name="drift_allowed_for",
                passed=value < limit,
                value=value,
                limit=limit,
                remedy=f"Do not act on this reading: before the test the treated geos drifted away from their "
                f"counterfactual, and {result.method} takes periods for independent, so that it sees lifts in drift. "
                'Read the test with inference = "block_conformal".',
            )
        ]
    return [
        Check(
            name="gap_steady",
            passed=value < limit,
            value=value,
            limit=limit,
            remedy="Before the test the treated geos drifted away from their counterfactual; the test was read "
            "against neighbouring periods. More donors, or geos that move alike, make a sharper test.",
            blocking=False,
        )
    ]


def share_outside(comparison: Comparison, *, fixed_effects: bool) -> float:
    """Share of pre-periods in which the treated mean lies above or below every donor (unit means removed)."""
    treated, donors = comparison.treated[: comparison.pre], comparison.donors[:, : comparison.pre]
    if fixed_effects:
        treated, donors = treated - treated.mean(), donors - donors.mean(axis=1, keepdims=True)
    return float(np.mean((treated > donors.max(axis=0)) | (treated < donors.min(axis=0))))


def calibration_check(rate: AaRate | None, chosen: AaRate | None) -> list[Check]:
    """Whether the test rejects about as often as it says where nothing was tested: random sets, and chosen ones."""
    remedies = {
        "aa_rejection": "This test cries wolf on this panel; read the p-value with the rate beside it in mind.",
        "aa_rejection_chosen": "If these geos were chosen because donors follow them closely, a lift is certain only "
        "at a smaller p-value, or when a second test repeats it.",
    }
    return [
        Check(
            name=name,
            passed=found.lower <= 1.2 * found.alpha,
            value=found.rate,
            limit=1.2 * found.alpha,
            remedy=remedies[name],
            blocking=False,
        )
        for name, found in (("aa_rejection", rate), ("aa_rejection_chosen", chosen))
        if found is not None
    ]
