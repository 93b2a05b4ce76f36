"""The readout of a switchback test, in the same shape as that of a geo test."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from experiments.switchback import (
    Switchback,
    SwitchbackResult,
    analyse,
    draw_schedule,
    draw_signs,
    no_difference,
    pair_contrasts,
)
from geolift.calibration import AaRate, aa_share
from geolift.data_order import in_data_order
from geolift.handover import as_json, finite, iroas_of
from geolift.inference import rejection_level
from geolift.switchback_schedule import plan_of
from geolift.test_plan import GeoTest
from geolift.verdict import Verdict, detectable_lift, judge
from measurement.checks import Check, healthy
from measurement.errors import InputError
from measurement.estimates import Estimate, Interval, LiftEstimate, SpendWindow
from measurement.panel import Panel

FloatArray = NDArray[np.float64]
#: Simulated tests behind the A/A rate.
AA_TESTS = 200
#: A standard error below this share of the outcome is the rounding of the sums, not an error of measurement.
ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SwitchbackReadout:
    """A finished switchback test, read; see `geolift.readout.GeoReadout` for what the fields mean.

    Attributes
    ----------
    outcome
        Shape (U, T): outcome of every geo over the test.
    plan
        The schedule.
    """

    test: GeoTest
    plan: Switchback
    result: SwitchbackResult
    lift: LiftEstimate
    outcome: FloatArray
    dates: pd.DatetimeIndex
    aa: AaRate | None
    verdict: Verdict
    checks: tuple[Check, ...]
    seed: int

    @property
    def healthy(self) -> bool:
        """Whether no blocking check failed."""
        return healthy(self.checks)

    def series(self) -> pd.DataFrame:
        """Columns date, observed, counterfactual (business as usual), lower, upper: totals of all geos a period."""
        usual = [
            _usual(self.outcome, self.plan, lift, self.test.kind).sum(axis=0)
            for lift in (self.result.lift, self.result.interval.lower, self.result.interval.upper)
        ]
        return pd.DataFrame(
            {
                "date": self.dates,
                "observed": self.outcome.sum(axis=0),
                "counterfactual": usual[0],
                "lower": np.minimum(usual[1], usual[2]),
                "upper": np.maximum(usual[1], usual[2]),
            }
        )

    def placebo_paths(self) -> None:
        """None: every geo takes part, and the test is that of the draw."""

    def to_dict(self) -> dict[str, object]:
        """The content of ``readout.json``."""
        outcome, iroas = self.lift.incremental_outcome, self.lift.iroas
        sign = -1.0 if self.test.kind == "go_dark" else 1.0
        changed = int((self.plan.active() == (self.test.kind != "go_dark")).sum())
        return {
            "channel": self.test.channel,
            "treated": list(self.test.treated),
            "kind": self.test.kind,
            "start": self.test.start.isoformat(),
            "end": self.test.end.isoformat(),
            "measured_until": self.test.end.isoformat(),
            "periods": self.plan.periods,
            "att": outcome.value / changed,
            "att_lower": finite(outcome.interval.lower / changed),
            "att_upper": finite(outcome.interval.upper / changed),
            "lift_percent": 100 * sign * self.result.lift,
            "incremental_outcome": as_json(outcome),
            "standard_error": finite(self.lift.standard_error),
            "spend_windows": [window.to_dict() for window in self.lift.windows],
            "incremental_spend": finite(self.lift.incremental_spend),
            "iroas": None if iroas is None else as_json(iroas),
            "p_value": self.result.p_value,
            "aa_rejection": None if self.aa is None else self.aa.to_dict(),
            "pre_fit": {},
            "estimator": {"name": "switchback", "block": self.plan.block, "washout": self.plan.washout},
            "inference": {"name": "redrawn_schedules", "draws": self.result.draws, "pairs": self.result.pairs},
            "donor_weights": {},
            "placebo": {},
            "cells": [],
            "running": None,
            "verdict": self.verdict.to_dict(),
            "checks": [check.to_dict() for check in self.checks],
            "seed": self.seed,
        }


def read_switchback(panel: Panel, test: GeoTest, schedule: pd.DataFrame, *, seed: int) -> SwitchbackReadout:
    """Read a finished switchback test.

    Parameters
    ----------
    panel
        Outcome and, where known, spend of the channel.
    test
        ``treated`` are the geos of the schedule; ``kind`` says what "on" means: ``"go_dark"`` switches the usual
        spend off and on, the others switch additional spend on and off.
    schedule
        From `geolift.switchback_schedule.read_schedule`.
    seed
        For the schedules drawn anew.

    Raises
    ------
    InputError
        Where schedule, test and panel do not fit together.
    """
    test = replace(test, treated=in_data_order(panel, test.treated)) if set(test.treated) <= set(panel.geos) else test
    plan, first = plan_of(panel, test, schedule)
    rows = [panel.geos.index(geo) for geo in test.treated]
    values = panel.outcome_value[rows]
    outcome = values[:, first : first + plan.periods]
    result = analyse(outcome, plan, level=test.level, seed=seed)
    spend = _spend(panel, test, plan, rows, first)
    lift = replace(
        _estimate(test, plan, result, outcome, spend, panel.currency),
        windows=_windows(test, plan, panel.dates[first : first + plan.periods], panel.days_per_period),
    )
    checks = _checks(test, plan, result, spend)
    base = abs(lift.incremental_outcome.value / result.lift) if result.lift else float(outcome.sum()) / 2
    verdict = judge(
        channel=test.channel,
        kind=test.kind,
        currency=panel.currency,
        value=lift.incremental_outcome.value,
        lower=lift.incremental_outcome.interval.lower,
        upper=lift.incremental_outcome.interval.upper,
        level=test.level,
        p_value=result.p_value,
        detectable=detectable_lift(lift.standard_error, base, alpha=rejection_level(test.level)),
    )
    return SwitchbackReadout(
        test=test,
        plan=plan,
        result=result,
        lift=lift,
        outcome=outcome,
        dates=panel.dates[first : first + plan.periods],
        aa=_aa(values[:, :first], plan, test.level, seed),
        verdict=verdict,
        checks=checks,
        seed=seed,
    )


def _usual(outcome: FloatArray, plan: Switchback, lift: float, kind: str) -> FloatArray:
    """Outcome had nothing been changed, shape (U, T)."""
    active = plan.active()
    if kind == "go_dark":
        return np.where(active, outcome, outcome * (1 + lift))
    return np.where(active, outcome / (1 + lift), outcome)


def _spend(panel: Panel, test: GeoTest, plan: Switchback, rows: list[int], first: int) -> float | None:
    """Actual minus usual over the test; usual is the spend of the blocks in which nothing was changed."""
    if test.incremental_spend is not None:
        return test.incremental_spend
    if test.channel not in panel.channels:
        return None
    spend = np.asarray(panel.data["spend"].sel(channel=test.channel).to_numpy(), dtype=np.float64)
    spend = spend[rows, first : first + plan.periods]
    usual = plan.active() == (test.kind == "go_dark")
    level = (spend * usual).sum(axis=1, keepdims=True) / usual.sum(axis=1, keepdims=True)
    return float(((spend - level) * ~usual).sum())


def _windows(test: GeoTest, plan: Switchback, dates: pd.DatetimeIndex, days: int) -> tuple[SpendWindow, ...]:
    """Stretches of changed spend in each geo."""
    changed = plan.active() == (test.kind != "go_dark")
    found = []
    for geo, row in zip(test.treated, changed, strict=True):
        edges = np.flatnonzero(np.diff(np.r_[False, row, False]))
        for start, stop in edges.reshape(-1, 2):
            last = dates[stop - 1] + pd.Timedelta(days=days - 1)
            found.append(SpendWindow(geo=geo, start=dates[start].date(), end=last.date()))
    return tuple(found)


def _estimate(
    test: GeoTest,
    plan: Switchback,
    result: SwitchbackResult,
    outcome: FloatArray,
    spend: float | None,
    currency: str,
) -> LiftEstimate:
    """Totals over all geos and the changed half of the time."""

    def total(lift: float) -> float:
        return float((outcome - _usual(outcome, plan, lift, test.kind)).sum())

    ends = sorted((total(result.interval.lower), total(result.interval.upper)))
    level = test.level
    error = (ends[1] - ends[0]) / 2 / float(norm.ppf(0.5 + level / 2))
    if not error > ROUNDING * float(np.abs(outcome).sum()):
        raise InputError.of(
            "the pairs of blocks all say exactly the same, so that no error can be estimated",
            "Check that the panel's outcome was measured in every block, and not filled in, rounded or shared out",
            column="outcome",
            value=f"lift {result.lift:.2%} in each of {result.pairs} pairs",
        )
    whole = Estimate(
        value=total(result.lift),
        interval=Interval(lower=ends[0], upper=ends[1], level=level, kind="confidence"),
        unit=currency,
        method="switchback, redrawn_schedules",
    )
    return LiftEstimate(
        channel=test.channel,
        geos=test.treated,
        start=test.start,
        end=test.end,
        incremental_outcome=whole,
        incremental_spend=float("nan") if spend is None else spend,
        standard_error=error,
        iroas=iroas_of(whole, spend),
        p_value=result.p_value,
        design=test.kind,
        measured_until=test.end,
    )


def _checks(test: GeoTest, plan: Switchback, result: SwitchbackResult, spend: float | None) -> tuple[Check, ...]:
    wanted = -1.0 if test.kind == "go_dark" else 1.0
    checks = [
        Check(
            name="pairs_enough",
            passed=result.pairs >= 10,
            value=float(result.pairs),
            limit=10.0,
            remedy="Ten pairs of blocks over all geos make the interval trustworthy.",
            blocking=False,
        ),
        Check(
            name="washed_out",
            passed=plan.washout > 0,
            value=float(plan.washout),
            limit=1.0,
            remedy="Nothing was washed out: if effects last beyond a block, the lift is read too small.",
            blocking=False,
        ),
    ]
    if spend is not None:
        checks.append(
            Check(
                name="spend_moved",
                passed=wanted * spend > 0,
                value=spend,
                limit=0.0,
                remedy=f"A {test.kind} schedule should move spend the other way; check the schedule and the panel.",
            )
        )
    return tuple(checks)


def _aa(history: FloatArray, plan: Switchback, level: float, seed: int) -> AaRate | None:
    """Share of past windows in which the same kind of schedule finds something; ``None`` without such a window."""
    spare = history.shape[1] - plan.periods
    if spare < 0:
        return None
    rng, alpha, hits = np.random.default_rng(seed), rejection_level(level), 0
    for _ in range(AA_TESTS):
        drawn = draw_schedule(
            len(history), plan.periods, block=plan.block, washout=plan.washout, seed=int(rng.integers(2**31))
        )
        start = int(rng.integers(spare + 1))
        contrast = pair_contrasts(history[:, start : start + drawn.periods], drawn)
        fresh = draw_signs(contrast.shape[0], contrast.shape[1], rng, draws=399)
        hits += no_difference(contrast[None], drawn.signs, fresh)[0] <= alpha + 1e-12
    return aa_share(int(hits), AA_TESTS, alpha)
