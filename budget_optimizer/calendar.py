"""When money works: weeks, carry-over, season, and what the past brings in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from budget_optimizer.rows import FloatArray
from measurement.curves import ResponseCurves
from measurement.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calendar:
    """When money works.

    Attributes
    ----------
    weeks
        Weeks to plan.
    retention
        θ by channel (or cell) in [0, 1): share of adstock that is left a week later; those not named have 0.
    season
        Factor on outcome by channel (or cell), each ``weeks`` long; channels not named have 1 throughout.
    carry_in
        Adstocked spend of the week before the plan by cell; cells not named: today's steady spend.
    tail_weeks
        Weeks after the horizon whose carried-over outcome counts (at the last week's season).
    """

    weeks: int
    retention: Mapping[str, float]
    season: Mapping[str, Sequence[float]] | None = None
    carry_in: Mapping[str, float] | None = None
    tail_weeks: int = 3


def check_calendar(curves: ResponseCurves, calendar: Calendar, total: float) -> None:
    """Raise where a setting does not fit the curves."""
    faults: list[tuple[bool, str, object, str]] = [
        (calendar.weeks < 1, "weeks", calendar.weeks, "Plan at least one week"),
        (calendar.tail_weeks < 0, "tail_weeks", calendar.tail_weeks, "Use 0 or more"),
        (not total > 0, "total", total, "Give the money for the whole horizon"),
    ]
    known = {*curves.channels, *curves.cells}
    for cell, theta in calendar.retention.items():
        faults.append((cell not in known, "retention", cell, "Name a channel that has a curve"))
        faults.append((not 0 <= theta < 1, "retention", f"{cell}: {theta}", "Use a share in [0, 1)"))
    for cell, factors in (calendar.season or {}).items():
        faults.append((cell not in known, "season", cell, "Name a channel that has a curve"))
        wrong = len(factors) != calendar.weeks or not all(np.isfinite(f) and f >= 0 for f in factors)
        faults.append((wrong, "season", cell, "Give one factor of 0 or more for every week"))
    for wrong, field, value, remedy in faults:
        if wrong:
            raise InputError.of("the calendar of the plan does not fit", remedy, column=field, value=value)


def carry_over(curves: ResponseCurves, calendar: Calendar) -> tuple[sp.csr_array, FloatArray, FloatArray]:
    """Adstock as a map (N, S), what the past carries in (N,), and the season factor (N,)."""
    weeks, tail, cells = calendar.weeks, calendar.tail_weeks, len(curves.cells)
    theta = retention_of(curves, calendar)
    before = stock_before(curves, calendar)
    rows, columns, sizes = [], [], []
    at = np.arange(cells)
    for w in range(weeks + tail):
        for v in range(min(w + 1, weeks)):
            share = (1 - theta) * theta ** (w - v)
            used = np.flatnonzero(share > 1e-12)
            rows.append(w * cells + at[used])
            columns.append(v * cells + at[used])
            sizes.append(share[used])
    carry = sp.csr_array(
        (np.concatenate(sizes), (np.concatenate(rows), np.concatenate(columns))),
        ((weeks + tail) * cells, weeks * cells),
    )
    carried = np.concatenate([before * theta ** (w + 1) for w in range(weeks + tail)])
    factors = np.ones((weeks + tail, cells))
    seasons = calendar.season or {}
    for column, (cell, channel) in enumerate(zip(curves.cells, curves.channels, strict=True)):
        given = seasons.get(cell, seasons.get(channel))
        if given is not None:
            factors[:weeks, column] = given
            factors[weeks:, column] = given[-1]
    return carry, carried, factors.ravel()


def retention_of(curves: ResponseCurves, calendar: Calendar) -> FloatArray:
    """θ of every cell, shape (C,): its own, else its channel's, else 0."""
    given = calendar.retention
    return np.array(
        [given.get(cell, given.get(channel, 0.0)) for cell, channel in zip(curves.cells, curves.channels, strict=True)]
    )


def stock_before(curves: ResponseCurves, calendar: Calendar) -> FloatArray:
    """Adstocked spend of the week before the plan, shape (C,)."""
    today = dict(zip(curves.cells, curves.observed_spend.tolist(), strict=True))
    return np.array([(calendar.carry_in or {}).get(cell, today[cell]) for cell in curves.cells])
