"""From a readout to what the media mix model takes: totals, standard error, iROAS."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from geolift.estimators import Comparison, Fit
from geolift.inference import TestResult
from geolift.spend import TestSpend
from geolift.test_plan import GeoTest
from measurement.errors import InputError
from measurement.estimates import Estimate, Interval, LiftEstimate, SpendWindow

#: A standard error below this share of the outcome is rounding: the donors reproduce the treated geos.
ROUNDING = 1e-12


def lift_estimate(
    test: GeoTest, comparison: Comparison, fit: Fit, result: TestResult, spend: TestSpend, currency: str
) -> LiftEstimate:
    """The `LiftEstimate` of a readout: totals over treated geos and measured periods.

    The standard error is the interval's half-width over the normal quantile of its level, and never less than
    independent pre-period errors would give: a permutation interval can come out narrower by luck.
    """
    total = len(test.treated) * comparison.post
    interval = result.interval
    level = test.level
    fit_method = test.estimator or "synthetic_control"
    quantile = float(norm.ppf(0.5 + level / 2))
    error = max((interval.upper - interval.lower) / 2 / quantile, fit.pre_rmse / math.sqrt(comparison.post))
    if not error > ROUNDING * float(np.abs(comparison.treated).mean()):
        raise InputError.of(
            "the donors reproduce the treated geos exactly, so that no error can be estimated",
            "Check that the treated geos are not sums or copies of donors",
            column="treated",
            value=", ".join(test.treated),
        )
    outcome = Estimate(
        value=fit.att * total,
        interval=Interval(lower=interval.lower * total, upper=interval.upper * total, level=level, kind=interval.kind),
        unit=currency,
        method=f"{fit_method}, {result.method}",
    )
    return LiftEstimate(
        channel=test.channel,
        geos=test.treated,
        start=test.start,
        end=test.end,
        incremental_outcome=outcome,
        incremental_spend=spend.incremental if spend.incremental is not None else math.nan,
        standard_error=error * total,
        iroas=iroas_of(outcome, spend.incremental),
        p_value=result.p_value,
        design=test.kind,
        measured_until=test.measured_until,
        windows=_own_starts(test),
    )


def _own_starts(test: GeoTest) -> tuple[SpendWindow, ...]:
    """Each geo from its own start on, where they differ."""
    if not test.starts:
        return ()
    return tuple(SpendWindow(geo=geo, start=test.starts.get(geo, test.start), end=test.end) for geo in test.treated)


def iroas_of(outcome: Estimate, spend: float | None) -> Estimate | None:
    """Incremental outcome per incremental money; ``None`` where spend is unknown or did not move."""
    if spend is None or spend == 0:
        return None
    ends = sorted((outcome.interval.lower / spend, outcome.interval.upper / spend))
    return Estimate(
        value=outcome.value / spend,
        interval=Interval(lower=ends[0], upper=ends[1], level=outcome.interval.level, kind=outcome.interval.kind),
        unit="ratio",
        method=outcome.method,
    )


def finite(value: float) -> float | None:
    """``value``, or ``None`` where JSON has no number for it."""
    return value if math.isfinite(value) else None


def as_json(estimate: Estimate) -> dict[str, object]:
    """An estimate as plain JSON values; infinite ends are ``None``."""
    values = estimate.to_dict()
    return {name: finite(value) if isinstance(value, float) else value for name, value in values.items()}
