"""Cells apart: the dynamic program of one cell is exact, and its bound holds against an independent search."""

from __future__ import annotations

import numpy as np
import pytest
from budget_cases import hill_curves
from scipy import optimize

from budget_optimizer import flighting, weeks_apart
from budget_optimizer.cell_weeks import CellWeeks, Line, sliding_max
from budget_optimizer.constraints import Bounds
from budget_optimizer.flighting import Calendar, plan_flight


@pytest.mark.parametrize("seed", range(20))
def test_the_maximum_over_a_sliding_window_is_exact(seed):
    rng = np.random.default_rng([51, seed])
    x = np.cumsum(rng.uniform(0.05, 1.0, 12))
    line = Line(x=x, y=rng.normal(size=12))
    length = float(rng.uniform(0.0, 4.0))
    start, stop = float(x[0]), float(x[-1] - length)
    if stop <= start:
        stop = start + 0.1
    found = sliding_max(line, length, start, stop)
    places = np.sort(rng.uniform(start, stop, 400))
    inside = np.linspace(0, length, 2001)
    dense = np.array([line.at(place + inside).max() for place in places])
    steepest = np.abs(np.diff(line.y) / np.diff(x)).max()
    assert (found.at(places) >= dense - 1e-9).all()
    assert (found.at(places) <= dense + steepest * length / 2000 + 1e-9).all()


def one_cell(seed: int) -> CellWeeks:
    rng = np.random.default_rng([52, seed])
    grid, slope, weeks = np.linspace(0, 1, 40) ** 1.5 * 3, rng.uniform(0.6, 3), int(rng.integers(1, 5))
    return CellWeeks(
        curve=Line(x=grid, y=3 * grid**slope / (grid**slope + 1.2**slope)),
        season=rng.uniform(0.6, 1.4, weeks + int(rng.integers(0, 4))),
        retention=0.0 if seed == 0 else float(rng.uniform(0, 0.8)),
        before=float(rng.uniform(0, 1)),
        low=rng.uniform(0, 0.2, weeks),
        high=rng.uniform(0.9, 2, weeks),
    )


@pytest.mark.parametrize("seed", range(8))
def test_one_cell_is_solved_exactly_at_any_price(seed):
    cell = one_cell(seed)
    weeks = len(cell.low)
    prices = np.random.default_rng([53, seed]).uniform(-0.2, 1.4, weeks)
    worth, path = cell.best(prices)
    assert ((path >= cell.low - 1e-12) & (path <= cell.high + 1e-12)).all()
    assert worth == pytest.approx(cell.value(path) - prices @ path, abs=1e-9)  # attained
    ends = list(zip(cell.low, cell.high, strict=True))
    rival = optimize.differential_evolution(
        lambda x: -(cell.value(x) - prices @ x), ends, seed=seed, maxiter=150, tol=1e-9, polish=False
    )
    assert -rival.fun <= worth + 1e-9  # and never beaten
    assert -rival.fun >= worth - 1e-3


def flight_case(seed: int, cells: int, weeks: int):
    rng = np.random.default_rng([54, seed])
    curves = hill_curves(rng, cells, points=40, s_shaped=1.0)
    season = {c: 1 + 0.3 * np.sin(np.arange(weeks) / 2 + i) for i, c in enumerate(curves.channels)}
    kept = {c: float(rng.uniform(0.1, 0.7)) for c in curves.channels}
    rules = [Bounds(c, 0.0, 2 * x) for c, x in zip(curves.channels, curves.observed_spend, strict=True)]
    return curves, Calendar(weeks=weeks, retention=kept, season=season), rules


@pytest.mark.parametrize("ranged", [False, True])
def test_two_proofs_of_one_plan_do_not_contradict_each_other(monkeypatch, ranged):
    curves, calendar, rules = flight_case(1, 3, 4)
    week = float(curves.observed_spend.sum())
    asked = {"total": 0.8 * 4 * week, "rules": rules, "week_range": (0.5 * week, 1.1 * week) if ranged else None}
    both = plan_flight(curves, calendar, **asked, gap=1e-5)
    monkeypatch.setattr(weeks_apart.WeeksApart, "find", lambda self, effort: None)
    branched = plan_flight(curves, calendar, **asked, gap=1e-5)
    assert both.gap <= 1e-5
    assert branched.gap <= 1e-5
    assert both.value == pytest.approx(branched.value, rel=2e-5)
    assert both.upper_bound >= branched.value
    assert branched.upper_bound >= both.value


def test_many_s_shaped_cells_are_certified_without_branching(monkeypatch):
    curves, calendar, rules = flight_case(2, 40, 6)
    monkeypatch.setattr(weeks_apart, "Search", None)  # branching would fail
    flight = plan_flight(curves, calendar, total=6 * float(curves.observed_spend.sum()), rules=rules)
    assert flight.gap <= 1e-4
    assert flight.spend.sum() == pytest.approx(6 * curves.observed_spend.sum(), rel=1e-9)
    assert (flight.spend <= 2 * curves.observed_spend * (1 + 1e-9)).all()
    again = flighting.weekly_outcome(curves, calendar, flight.spend)
    assert flight.value == pytest.approx(again.sum(), rel=1e-12)
