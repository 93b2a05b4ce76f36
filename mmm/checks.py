"""The health gate: what must hold before money is moved on a fit, and what a person should know besides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measurement.checks import Check
from mmm.calibration import LiftDesign
from mmm.design import Design
from mmm.diagnostics import Convergence, autocorrelation
from mmm.panel_checks import panel_checks
from mmm.plausibility import MediaFacts, media_checks
from mmm.predictive_checks import Replications, predictive_checks
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
R_HAT_LIMIT, ESS_LIMIT, DIVERGENCE_LIMIT, BFMI_LIMIT = 1.01, 400.0, 0.001, 0.3
#: A readout outside the 90% interval that data and other tests predict for it.
CONFLICT_LIMIT = 0.1
MORE_DRAWS = "Raise draws and tune in [mmm], or simplify: fewer channels, ROAS priors, a lift test"


def convergence_checks(found: Convergence, *, divergences: int, draws: int, e_bfmi: float) -> list[Check]:
    """Did the sampler explore the posterior? Failing blocks."""
    worst = f" (worst: {found.worst})"
    return [
        Check(
            name="r_hat",
            passed=found.r_hat <= R_HAT_LIMIT,
            value=round(found.r_hat, 4),
            limit=R_HAT_LIMIT,
            remedy=MORE_DRAWS + worst,
        ),
        Check(
            name="ess_bulk",
            passed=found.ess_bulk >= ESS_LIMIT,
            value=round(found.ess_bulk),
            limit=ESS_LIMIT,
            remedy=MORE_DRAWS + worst,
        ),
        Check(
            name="ess_tail",
            passed=found.ess_tail >= ESS_LIMIT,
            value=round(found.ess_tail),
            limit=ESS_LIMIT,
            remedy=MORE_DRAWS + worst,
        ),
        Check(
            name="divergences",
            passed=divergences <= DIVERGENCE_LIMIT * draws,
            value=divergences / draws,
            limit=DIVERGENCE_LIMIT,
            remedy="Raise target_accept; look for channels that never vary or move together",
        ),
        Check(name="e_bfmi", passed=e_bfmi >= BFMI_LIMIT, value=round(e_bfmi, 3), limit=BFMI_LIMIT, remedy=MORE_DRAWS),
    ]


def retry_note(failures: str) -> Check:
    """A hint that sampling fell short at first and went on with more effort."""
    return Check(
        name="sampled_twice",
        passed=False,
        value=failures,
        limit=None,
        remedy="The first draws fell short and more were taken: raise draws in [mmm] to save this",
        blocking=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitFacts:
    """Posterior facts that the plausibility checks judge.

    Attributes
    ----------
    media
        On contributions and effects.
    expected, baseline
        Posterior mean of expected outcome, and of what is left without media, money, shape (G, T).
    covered
        Share of observations inside their 90% predictive interval.
    held_curves
        Share of draws whose response curve had to be held level.
    replications
        Measures of observed and replicated data.
    """

    media: MediaFacts
    expected: FloatArray
    baseline: FloatArray
    covered: float
    held_curves: float
    replications: Replications


def fit_checks(facts: FitFacts, design: Design, spec: ModelSpec, lifts: LiftDesign) -> list[Check]:
    """Judge whether anything could be learnt, and whether the fit looks like the data and like a business."""
    return [
        *panel_checks(design, lifts),
        *_level_checks(facts, design),
        *predictive_checks(facts.replications),
        *media_checks(facts.media, design, spec, lifts),
    ]


def _level_checks(facts: FitFacts, design: Design) -> list[Check]:
    observed = design.panel.outcome_value
    level = float(abs(facts.expected.sum() / observed.sum() - 1.0))
    negative = float((facts.baseline < 0).mean())
    wave = autocorrelation(observed - facts.expected)
    return [
        Check(
            name="fit_level",
            passed=level <= 0.02,
            value=round(level, 4),
            limit=0.02,
            remedy="The fit misses the total outcome: look for outliers or a break in the data",
        ),
        Check(
            name="negative_baseline",
            passed=negative <= 0.05,
            value=round(negative, 4),
            limit=0.05,
            remedy="Media explain more than the outcome in these periods: check controls and ROAS priors",
        ),
        Check(
            name="predictive_coverage",
            passed=0.8 <= facts.covered <= 0.98,
            value=round(facts.covered, 3),
            limit="0.8 to 0.98",
            remedy="Noise is not normal: look for outliers, promotions that are not in the controls",
            blocking=False,
        ),
        Check(
            name="residual_autocorrelation",
            passed=abs(wave) <= 0.4,
            value=round(wave, 3),
            limit=0.4,
            remedy="Something slow is missing: add the control that explains it",
            blocking=False,
        ),
        Check(
            name="falling_curves",
            passed=facts.held_curves <= 0.05,
            value=round(facts.held_curves, 4),
            limit=0.05,
            remedy="Some geos seem to lose by a channel: check its spend by geo, or run a lift test",
            blocking=False,
        ),
    ]


def lift_checks(lifts: LiftDesign, conflict: FloatArray) -> list[Check]:
    """Do lift tests and data agree? A hint, because either may be the one that is wrong.

    Parameters
    ----------
    lifts
        The tests.
    conflict
        Shape (I,): two-sided predictive p-value of each readout, from the data and the other tests; see
        `mmm.lift_fit.conflict`.
    """
    checks = []
    for lift, p_value, lost in zip(lifts.lifts, conflict, lifts.unmatched, strict=True):
        checks.append(
            Check(
                name="lift_conflict",
                passed=bool(p_value >= CONFLICT_LIMIT),
                value=f"{lift.channel} {lift.start}: p = {p_value:.3g}",
                limit=CONFLICT_LIMIT,
                remedy="Data and test disagree: check the test's dates, geos and spend, then the channel's controls",
                blocking=False,
            )
        )
        if lost > 0.02:
            checks.append(
                Check(
                    name="lift_spend",
                    passed=False,
                    value=f"{lift.channel} {lift.start}: {lost:.0%} of incremental_spend",
                    limit=0.02,
                    remedy="The panel shows less spend in the tested geos and dates than the test claims: check both",
                    blocking=False,
                )
            )
    return checks
