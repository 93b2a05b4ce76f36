"""Flighting: how much in which week, with carry-over from week to week, seasonality and the past's carry-in.

A week's outcome is ``season · f(a)`` with the steady-state response curve ``f`` and the adstocked spend
``a_w = (1 − θ) x_w + θ a_{w−1}`` (normalised: steady spend x gives a = x). ``a`` is linear in spend, so the plan is
the allocator's problem over week cells: one linear program where curves are concave. Where they are S-shaped the cells
are taken apart and each is solved exactly at prices of the shared money (`budget_optimizer.weeks_apart`); what gap
that leaves, branching closes. Weeks after the horizon without spend collect what was carried over, so that
the plan does not starve its own end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp

from budget_optimizer.calendar import Calendar, carry_over, check_calendar, retention_of, stock_before
from budget_optimizer.cell_weeks import CellWeeks, Line
from budget_optimizer.constraints import Rule, money, scope_of
from budget_optimizer.objective import Goal
from budget_optimizer.pieces import grid_points, shapes_of
from budget_optimizer.relaxation import Problem
from budget_optimizer.rows import FloatArray, Row, bounds_from, row_matrix
from budget_optimizer.search import Effort, Found
from budget_optimizer.weeks_apart import search_weeks
from measurement.curves import ResponseCurves
from measurement.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flight:
    """A plan over weeks with its proof.

    Attributes
    ----------
    cells
        Names, length C.
    spend
        Money by week and cell, shape (W, C).
    outcome
        Expected outcome by week and cell, tail weeks included, shape (W + tail, C).
    value, upper_bound, gap
        Sum of ``outcome``; what no plan exceeds; their relative distance.
    steady_value
        The same for the same total spread evenly over weeks in the same shares, for comparison.
    currency
        ISO code.
    """

    cells: tuple[str, ...]
    spend: FloatArray
    outcome: FloatArray
    value: float
    upper_bound: float
    gap: float
    steady_value: float
    currency: str


def plan_flight(
    curves: ResponseCurves,
    calendar: Calendar,
    *,
    total: float,
    rules: Sequence[Rule] = (),
    week_range: tuple[float, float] | None = None,
    gap: float = 1e-4,
    time_limit: float = 60.0,
) -> Flight:
    """The best spend by week and cell for ``total`` money over the whole horizon.

    Parameters
    ----------
    curves
        Steady-state response of every cell (channel, or channel and geo), money a week.
    calendar
        Weeks, retention, season, carry-in.
    total
        Money over all weeks, spent exactly.
    rules
        Rules that hold in every week (money a week).
    week_range
        Least and most money in any one week.

    Raises
    ------
    InputError
        A setting does not fit, or the rules cannot be met.
    """
    check_calendar(curves, calendar, total)
    weeks, cells = calendar.weeks, len(curves.cells)
    rows = _rows(curves, calendar, total, rules, week_range)
    names = tuple(_cell(w, cell) for w in range(weeks) for cell in curves.cells)
    matrix = row_matrix(rows, names)
    low, high = bounds_from(matrix, np.zeros(len(names)), np.full(len(names), total))
    if (low > high + 1e-9 * total).any():
        raise _impossible()
    unit, carry, carried, season = total / len(names), *carry_over(curves, calendar)
    mean = curves.mean()
    value_unit = max(float(np.abs(mean[:, -1]).mean()), 1e-12)
    ends = [carry @ side + carried for side in (np.minimum(low, high), high)]
    wide = _repeat(curves, weeks + calendar.tail_weeks)
    points = grid_points(
        replace(wide, spend=wide.spend / unit), ends[0] / unit, ends[1] / unit, float(ends[1].max()) / unit
    )
    values = tuple(
        season[index] * np.interp(x, curves.spend[index % cells] / unit, mean[index % cells] / value_unit)[None]
        for index, x in enumerate(points)
    )
    none = sp.csr_array((len(rows), len(points)), dtype=np.float64)  # no rule on outcome or activity, tail included
    problem = Problem(
        shapes=shapes_of(points, values),
        rows=replace(matrix.scaled(unit, 1.0), outcome=none, active=none),
        goal=Goal(name="expected outcome over the horizon"),
        money_per_outcome=unit / value_unit,
        carry=carry,
        carried=carried / unit,
    )
    own = _apart(curves, calendar, (low / unit, high / unit), season, (unit, value_unit))
    found = search_weeks(problem, own, curves, (ends[0] / unit, ends[1] / unit), Effort(gap=gap, seconds=time_limit))
    return _flight(curves, calendar, found, (unit, value_unit))


def _apart(
    curves: ResponseCurves,
    calendar: Calendar,
    ends: tuple[FloatArray, FloatArray],
    season: FloatArray,
    units: tuple[float, float],
) -> list[CellWeeks]:
    """Every cell's own problem, in the units of the program."""
    unit, value_unit = units
    weeks, cells = calendar.weeks, len(curves.cells)
    low, high = (end.reshape(weeks, cells) for end in ends)
    factors, mean = season.reshape(-1, cells), curves.mean()
    before, theta = stock_before(curves, calendar), retention_of(curves, calendar)
    return [
        CellWeeks(
            curve=Line(x=curves.spend[c] / unit, y=mean[c] / value_unit),
            season=factors[:, c],
            retention=float(theta[c]),
            before=float(before[c]) / unit,
            low=low[:, c],
            high=high[:, c],
        )
        for c in range(cells)
    ]


def _impossible() -> InputError:
    error = InputError.of(
        "no plan over the weeks meets these rules",
        "Compare the total with the bounds of a week times the number of weeks, and loosen one of them",
        column="flighting",
    )
    assert isinstance(error, InputError)  # noqa: S101 - `of` is a constructor of its own class
    return error


def _cell(week: int, cell: str) -> str:
    return f"{cell} in week {week + 1}"


def _rows(
    curves: ResponseCurves,
    calendar: Calendar,
    total: float,
    rules: Sequence[Rule],
    week_range: tuple[float, float] | None,
) -> list[Row]:
    """The total over the horizon, every rule in every week, and the range of a week."""
    weeks = range(calendar.weeks)
    everything = {_cell(w, cell): 1.0 for w in weeks for cell in curves.cells}
    rows = [Row(name=f"total over all weeks {money(total)}", spend=everything, limit=total, equal=True)]
    scope = scope_of(curves)
    weekly = [row for rule in rules for row in rule.rows(scope)]
    if any(row.outcome for row in weekly):
        raise InputError.of(
            "a rule on outcome cannot hold week by week",
            "Leave target ROAS out of a plan over weeks: carry-over shifts outcome between them",
            column="rules",
        )
    if week_range is not None:
        least, most = week_range
        weekly.append(Row(name=f"at least {money(least)}", spend=dict.fromkeys(curves.cells, -1.0), limit=-least))
        weekly.append(Row(name=f"at most {money(most)}", spend=dict.fromkeys(curves.cells, 1.0), limit=most))
    for w in weeks:
        rows += [
            replace(
                row,
                name=f"week {w + 1}: {row.name}",
                spend={_cell(w, cell): size for cell, size in row.spend.items()},
                active={_cell(w, cell): size for cell, size in row.active.items()},
            )
            for row in weekly
        ]
    if any(row.active for row in rows):
        raise InputError.of(
            "an on/off rule cannot hold in a plan over weeks",
            "Plan the channel's weeks with bounds instead",
            column="rules",
        )
    return rows


def _repeat(curves: ResponseCurves, weeks: int) -> ResponseCurves:
    """The same curves once a week (mean only), for the breakpoints of week cells."""
    return ResponseCurves(
        channels=tuple(_cell(w, cell) for w in range(weeks) for cell in curves.cells),
        spend=np.tile(curves.spend, (weeks, 1)),
        outcome=np.tile(curves.mean(), (weeks, 1))[None],
        observed_spend=np.tile(curves.observed_spend, weeks),
        currency=curves.currency,
    )


def _flight(curves: ResponseCurves, calendar: Calendar, found: Found, units: tuple[float, float]) -> Flight:
    if found.infeasible:
        raise _impossible()
    if found.spend is None:
        raise InputError.of("no plan over the weeks was found in time", "Raise time_limit", column="time_limit")
    unit, value_unit = units
    weeks, cells = calendar.weeks, len(curves.cells)
    spend = np.maximum(found.spend, 0.0).reshape(weeks, cells) * unit
    outcome = weekly_outcome(curves, calendar, spend)
    value = float(outcome.sum())
    bound = max(found.bound * value_unit * (1 + 1e-9), value)
    even = np.tile(spend.mean(axis=0), (weeks, 1))
    return Flight(
        cells=curves.cells,
        spend=spend,
        outcome=outcome,
        value=value,
        upper_bound=bound,
        gap=(bound - value) / max(abs(bound), 1e-300),
        steady_value=float(weekly_outcome(curves, calendar, even).sum()),
        currency=curves.currency,
    )


def weekly_outcome(curves: ResponseCurves, calendar: Calendar, spend: FloatArray) -> FloatArray:
    """Expected outcome of spend (W, C) by week and cell, tail weeks included, shape (W + tail, C)."""
    carry, carried, season = carry_over(curves, calendar)
    stock = (carry @ spend.ravel() + carried).reshape(-1, len(curves.cells))
    mean = curves.mean()
    outcome = np.stack([np.interp(stock[:, c], curves.spend[c], mean[c]) for c in range(len(curves.cells))], axis=1)
    return np.asarray(outcome * season.reshape(outcome.shape), dtype=np.float64)
