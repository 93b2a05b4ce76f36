"""The readout of a finished geo test: effect, interval, p-value, iROAS, checks, words, and the hand-over to the MMM."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from geolift.calibration import AaRate, aa_rate
from geolift.chosen import chosen_aa_rate
from geolift.estimators import Comparison, Estimator, Fit
from geolift.handover import as_json, finite, lift_estimate
from geolift.inference import TestResult, rejection_level
from geolift.measure import CellReading, Measured, measure
from geolift.placebo_paths import placebo_paths
from geolift.robustness import Robustness, robustness
from geolift.sequential import RunningReading, running_reading
from geolift.spend import TestSpend, test_spend
from geolift.synthetic_control import SyntheticControl
from geolift.test_plan import GeoTest
from geolift.trouble import calibration_check, data_checks, drift_check, fit_checks, middle_check, share_outside
from geolift.verdict import Verdict, detectable_lift, judge
from measurement.checks import Check, healthy
from measurement.estimates import LiftEstimate
from measurement.panel import Panel

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeoReadout:
    """A finished test, read.

    Attributes
    ----------
    test
        The test as it was run.
    lift
        What the media mix model takes: totals over the treated geos and the measured window.
    fit
        The counterfactual of the treated mean (money a geo and period).
    result
        p-value and interval of the mean effect, from one and the same test.
    comparison
        The series behind it.
    dates
        First day of each of the T periods.
    spend
        What the test cost.
    aa
        The test's rejection rate where nothing was tested, ``None`` where the history is too short to say.
    aa_chosen
        The same for sets that were chosen because their donors followed them closely; ``None`` for other tests than
        the default one, or where the history is too short.
    robustness
        Other readings of the same data.
    base
        Counterfactual outcome of the treated geos from their own starts on, total.
    cells
        Each cell on its own, where the test has cells or staggered starts.
    running
        What may be said of a test that has not ended, however often it is looked at; ``None`` where it has ended, or
        where the history is too short for that.
    verdict
        In words.
    checks
        Gates; `healthy` says whether the numbers may be acted on.
    seed, options
        How to repeat it.
    """

    test: GeoTest
    lift: LiftEstimate
    fit: Fit
    result: TestResult
    comparison: Comparison
    dates: pd.DatetimeIndex
    spend: TestSpend
    aa: AaRate | None
    aa_chosen: AaRate | None
    robustness: Robustness
    base: float
    cells: tuple[CellReading, ...]
    running: RunningReading | None
    verdict: Verdict
    checks: tuple[Check, ...]
    seed: int
    options: Mapping[str, object]

    @property
    def healthy(self) -> bool:
        """Whether no blocking check failed."""
        return healthy(self.checks)

    @property
    def donor_weights(self) -> dict[str, float]:
        """Weights that matter (≥ 0.0005 in size), largest first."""
        pairs = zip(self.comparison.names, self.fit.weights.tolist(), strict=True)
        return dict(sorted(((n, w) for n, w in pairs if abs(w) >= 5e-4), key=lambda pair: -pair[1]))

    def series(self) -> pd.DataFrame:
        """Columns date, observed, counterfactual, lower, upper: totals of the treated geos, money a period.

        The band is that of a single period: the counterfactual plus and minus the level's quantile of the absolute
        pre-period errors. The interval of the test is in `lift`.
        """
        geos, level = len(self.test.treated), self.test.level
        errors = np.abs(self.fit.effect[: self.fit.pre])
        rank = min(math.ceil(level * (len(errors) + 1)), len(errors))
        half = float(np.sort(errors)[rank - 1])
        middle = self.fit.counterfactual
        return pd.DataFrame(
            {
                "date": self.dates,
                "observed": self.comparison.treated * geos,
                "counterfactual": middle * geos,
                "lower": (middle - half) * geos,
                "upper": (middle + half) * geos,
            }
        )

    def placebo_paths(self) -> pd.DataFrame:
        """The content of ``placebos.csv``; see `geolift.placebo_paths`."""
        size = len(self.test.treated)
        return placebo_paths(SyntheticControl(), self.comparison, self.fit, self.dates, size=size, seed=self.seed)

    def to_dict(self) -> dict[str, object]:
        """The content of ``readout.json``; infinite ends are ``None``."""
        outcome, iroas = self.lift.incremental_outcome, self.lift.iroas
        pre = self.fit.pre
        size = float(np.abs(self.comparison.treated[:pre]).mean())
        return {
            "channel": self.test.channel,
            "treated": list(self.test.treated),
            "kind": self.test.kind,
            "start": self.test.start.isoformat(),
            "end": self.test.end.isoformat(),
            "measured_until": self.test.measured_until.isoformat(),
            "periods": self.comparison.post,
            "att": self.fit.att,
            "att_lower": finite(self.result.interval.lower),
            "att_upper": finite(self.result.interval.upper),
            "lift_percent": 100 * outcome.value / self.base,
            "incremental_outcome": as_json(outcome),
            "standard_error": finite(self.lift.standard_error),
            "incremental_spend": self.spend.incremental,
            "spend": self.spend.to_dict(),
            "iroas": None if iroas is None else as_json(iroas),
            "p_value": self.result.p_value,
            "spend_windows": [window.to_dict() for window in self.lift.windows],
            "aa_rejection": None if self.aa is None else self.aa.to_dict(),
            "aa_rejection_chosen": None if self.aa_chosen is None else self.aa_chosen.to_dict(),
            "pre_fit": {
                "periods": pre,
                "rmse": self.fit.pre_rmse,
                "l2_imbalance": self.fit.l2,
                "scaled_l2_imbalance": self.fit.scaled_l2,
                "mean_absolute_error_share": float(np.abs(self.fit.effect[:pre]).mean()) / size if size else None,
                "share_outside_hull": share_outside(self.comparison, fixed_effects=True),
                "duality_gap": self.fit.gap,
            },
            "estimator": {"name": self.options["estimator"], **self.fit.options},
            "inference": {"name": self.result.method, "draws": self.result.draws, **self.result.details},
            "donor_weights": self.donor_weights,
            "placebo": self.robustness.to_dict(),
            "cells": [cell.to_dict() for cell in self.cells],
            "running": None if self.running is None else self.running.to_dict(),
            "verdict": self.verdict.to_dict(),
            "checks": [check.to_dict() for check in self.checks],
            "seed": self.seed,
        }


def read_geo_test(panel: Panel, test: GeoTest, *, estimator: Estimator | None = None, seed: int) -> GeoReadout:
    """Read a finished geo test.

    Parameters
    ----------
    panel
        Outcome by geo and period, before and during the test; spend of the tested channel where known.
    test
        The test, e.g. from `GeoTest.read`.
    estimator
        Overrides the test's own; left out, synthetic control with fixed effects.
    seed
        For sampled placebo sets.

    Returns
    -------
    GeoReadout

    Raises
    ------
    InputError
        Where the test names geos, channels or dates the panel does not have, or the data allow no reading at all.

    Examples
    --------
    >>> from datetime import date
    >>> rng = np.random.default_rng(1)
    >>> base = 100 + rng.normal(size=(8, 40)) + 5 * np.sin(np.arange(40) / 4)
    >>> base[0, 36:] += 10
    >>> panel = Panel.from_arrays(
    ...     outcome=base, geos=[f"g{i}" for i in range(8)], dates=pd.date_range("2026-01-05", periods=40, freq="7D")
    ... )
    >>> test = GeoTest(channel="tv", treated=("g0",), start=date(2026, 9, 14), end=date(2026, 10, 11))
    >>> readout = read_geo_test(panel, test, seed=1)
    >>> readout.verdict.rule, 8 < readout.fit.att < 12
    ('lift', True)
    """
    test.check_against(panel)
    found = measure(panel, test, estimator=estimator, seed=seed)
    comparison, fit, result = found.comparison, found.fit, found.result
    spend, size = test_spend(panel, test), len(test.treated)
    aa = None
    if result.method != "posterior":  # a sampler run for each of hundreds of windows would take hours
        aa = aa_rate(
            found.estimator,
            found.history,
            treated=np.arange(size, dtype=np.intp),
            post=comparison.post,
            method=result.method,
            alpha=rejection_level(test.level),
            seed=seed,
            **_effort(found.estimator.name, result.method),
        )
    chosen = _chosen_rate(found, comparison.post, size, alpha=rejection_level(test.level), seed=seed)
    others = robustness(found.estimator, comparison, size=size, seed=seed)
    checks = (
        *data_checks(panel, test, comparison, spend, found.constant),
        *fit_checks(comparison, fit, fixed_effects=bool(fit.options.get("fixed_effects", True))),
        *middle_check(result, fit.att),
        *drift_check(result, fit),
        *calibration_check(aa, chosen),
        *others.checks(result, level=test.level),
    )
    lift = lift_estimate(test, comparison, fit, result, spend, panel.currency)
    running = running_reading(panel, test, seed=seed)
    return GeoReadout(
        test=test,
        lift=lift,
        fit=fit,
        base=found.base,
        result=result,
        comparison=comparison,
        dates=panel.dates[: len(comparison.treated)],
        spend=spend,
        aa=aa,
        aa_chosen=chosen,
        robustness=others,
        cells=found.cells,
        running=running,
        verdict=_verdict(test, found, lift, panel.currency, checks, running),
        checks=checks,
        seed=seed,
        options={"estimator": found.name, "inference": result.method, "level": test.level},
    )


#: Windows and sets of the A/A rate: fewer where every fit cross-validates a penalty.
_AA_EFFORT = {
    "synthetic_control": {"ends": 12, "sets": 30},
    "did": {"ends": 12, "sets": 30},
    "tbr": {"ends": 12, "sets": 30},
    "synthetic_did": {"ends": 4, "sets": 30},
    "augmented": {"ends": 8, "sets": 20},
}


def _chosen_rate(found: Measured, post: int, size: int, *, alpha: float, seed: int) -> AaRate | None:
    if found.estimator.name != "synthetic_control" or found.result.method != "block_conformal":
        return None
    return chosen_aa_rate(found.history, size=size, post=post, alpha=alpha, seed=seed)


def _effort(estimator: str, method: str) -> Mapping[str, int]:
    effort = _AA_EFFORT.get(estimator, {"ends": 4, "sets": 10})
    # jackknife+ fits a hundred times where the others fit once
    return {"ends": 4, "sets": 10} if method == "jackknife_plus" else effort


def _verdict(
    test: GeoTest,
    found: Measured,
    lift: LiftEstimate,
    currency: str,
    checks: tuple[Check, ...],
    running: RunningReading | None,
) -> Verdict:
    outcome = lift.incremental_outcome
    failed = {check.name for check in checks if not check.passed}
    alpha = rejection_level(test.level)
    unread = None
    if failed & {"history_short", "test_finished"} or not math.isfinite(lift.standard_error):
        unread = "not_enough_data" if running is None else running.rule
    return judge(
        channel=test.channel,
        kind=test.kind,
        currency=currency,
        value=outcome.value,
        lower=outcome.interval.lower,
        upper=outcome.interval.upper,
        level=test.level,
        p_value=found.result.p_value,
        detectable=detectable_lift(lift.standard_error, found.base, alpha=alpha),
        unread=unread,
    )
