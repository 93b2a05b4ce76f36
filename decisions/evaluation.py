"""What a budget that a person chose would bring, by the same curves as the plan."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from decisions.recommendation import LEVEL
from measurement.curves import FloatArray, ResponseCurves
from measurement.estimates import Estimate, Interval


def spread(
    curves: ResponseCurves, budget: Mapping[str, float], pattern: Mapping[str, float] | None = None
) -> FloatArray:
    """Money of every cell of the curves, shape (C,).

    Parameters
    ----------
    curves
        Response by channel, or by channel and geo.
    budget
        Money a week by channel.
    pattern
        Money by cell that says how a channel's money lies over its geos; left out, today's.
    """
    found = np.zeros(len(curves.cells))
    for channel, at in curves.members.items():
        cells = list(at)
        today = curves.observed_spend[cells]
        weights = today if pattern is None else np.array([pattern[curves.cells[c]] for c in at])
        weights = weights if weights.sum() > 0 else today if today.sum() > 0 else np.ones(len(cells))
        found[cells] = budget.get(channel, 0.0) * weights / weights.sum()
    return found


def gain_of(curves: ResponseCurves, spend: FloatArray, currency: str) -> tuple[Estimate, float]:
    """Outcome a week of ``spend`` (shape (C,)) less that of today's spend, and the chance that it is negative."""
    change = curves.outcome_at(spend).sum(axis=-1) - curves.outcome_at(curves.observed_spend).sum(axis=-1)
    lower, upper = np.quantile(change, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    value = float(change.mean())
    interval = Interval(lower=min(float(lower), value), upper=max(float(upper), value), level=LEVEL, kind="credible")
    gain = Estimate(
        value=value, interval=interval, unit=currency, method="response curves, posterior mean", run=curves.run
    )
    return gain, float((change < 0).mean())
