"""Plans over weeks taken apart: cells meet only in shared money, so prices on that money let each be solved alone.

At any prices on the shared rows (the total, ends of a week) the sum of what every cell earns at best, plus what the
prices say the rows are worth, is a bound that no plan exceeds (Lagrange); each cell is solved exactly by
`budget_optimizer.cell_weeks`, so the bound is rigorous. Prices come from a linear program that mixes the paths found
so far (Dantzig & Wolfe 1960). It mixes at most as many cells as there are shared rows; the others keep one path each,
and what rounding those few costs is small where there are many cells (Shapley & Folkman).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.sparse as sp
from scipy import optimize

from budget_optimizer.cell_weeks import CellWeeks
from budget_optimizer.pieces import Piece
from budget_optimizer.relaxation import Problem, Relaxed, solve_relaxation
from budget_optimizer.rows import FloatArray, RowMatrix
from budget_optimizer.search import FEASIBLE, Effort, Found, Search
from budget_optimizer.solver import OutOfTimeError
from measurement.curves import ResponseCurves

#: Prices move half-way from the best known to those the linear program asks for: full steps overshoot.
DAMPING = 0.5
#: Mixtures of the last linear program that are rounded to plans.
ROUNDINGS = 6


@dataclass(slots=True)
class _Paths:
    """Spend paths found so far: cell, worth and use of the shared rows of each."""

    cell: list[int] = field(default_factory=list)
    worth: list[float] = field(default_factory=list)
    use: list[FloatArray] = field(default_factory=list)
    spend: list[FloatArray] = field(default_factory=list)


class WeeksApart:
    """The search over prices.

    Parameters
    ----------
    problem
        The plan in units near 1; columns of spend are week by week, cell by cell within a week.
    cells
        Every cell's own problem in the same units.
    """

    def __init__(self, problem: Problem, cells: Sequence[CellWeeks]) -> None:
        self.problem, self.cells = problem, cells
        alone = np.diff(problem.rows.spend.indptr) <= 1  # the ends of the cells' spend say these already
        self.rows: RowMatrix = problem.rows.take(~alone)
        self.shared = np.flatnonzero(~alone)
        self.paths = _Paths()
        self.bound, self.value = np.inf, -np.inf
        self.best: tuple[FloatArray, FloatArray] | None = None

    def find(self, effort: Effort) -> Found | None:
        """The best plan and its bound; ``None`` where not even the concave hulls allow a plan (or time ran out)."""
        deadline = time.monotonic() + effort.seconds
        start = self._relaxed([(c, 0, len(x) - 1) for c, x in enumerate(self.problem.shapes.points)], effort.seconds)
        if start is None:
            return None
        self.bound = start.bound
        self._consider(start.spend)
        for cell, path in enumerate(self._by_cell(start.spend)):
            self._add(cell, path)
        centre = wanted = start.duals[self.shared]
        rounds, mixed = 0, np.empty(0)
        while rounds < effort.rounds and (rounds == 0 or time.monotonic() < deadline):
            rounds += 1
            prices = centre + DAMPING * (wanted - centre) if rounds > 1 else centre
            if self._price(prices):
                centre = prices
            solved = self._mix()
            if solved is None:
                break
            ceiling, wanted, mixed = solved
            if self.bound - ceiling <= 0.2 * effort.gap * abs(self.bound):
                break
        self._round(mixed, effort, deadline)
        return self._found(rounds)

    def _by_cell(self, spend: FloatArray) -> FloatArray:
        return spend.reshape(-1, len(self.cells)).T

    def _add(self, cell: int, path: FloatArray) -> None:
        columns = np.arange(len(path)) * len(self.cells) + cell
        self.paths.cell.append(cell)
        self.paths.worth.append(self.cells[cell].value(path))
        self.paths.use.append(np.asarray(self.rows.spend[:, columns] @ path))
        self.paths.spend.append(path)

    def _price(self, prices: FloatArray) -> bool:
        """Solve every cell at ``prices`` of the rows; True where that lowered the bound."""
        prices = np.where(self.rows.equal, prices, np.maximum(prices, 0.0))
        of_money = self._by_cell(np.asarray(self.rows.spend.T @ prices))
        total = float(prices @ self.rows.limit)
        for cell, one in enumerate(self.cells):
            worth, path = one.best(of_money[cell])
            total += worth
            self._add(cell, path)
        lower = total < self.bound
        self.bound = min(self.bound, total)
        return lower

    def _mix(self) -> tuple[float, FloatArray, FloatArray] | None:
        """The best mixture of the known paths: its worth, the prices of the rows, and the weights."""
        paths, rows = self.paths, self.rows
        use = np.array(paths.use).T
        columns = np.arange(len(paths.cell))
        one_each = sp.csr_array((np.ones(len(columns)), (np.array(paths.cell), columns)))
        equal = sp.vstack([sp.csr_array(use[rows.equal]), one_each], format="csr")
        found = optimize.linprog(
            -np.array(paths.worth),
            A_ub=use[~rows.equal] if (~rows.equal).any() else None,
            b_ub=rows.limit[~rows.equal] if (~rows.equal).any() else None,
            A_eq=equal,
            b_eq=np.concatenate([rows.limit[rows.equal], np.ones(len(self.cells))]),
            method="highs",
        )
        if found.status != 0:
            return None
        prices = np.zeros(len(rows.names))
        prices[rows.equal] = -found.eqlin.marginals[: int(rows.equal.sum())]
        prices[~rows.equal] = -found.ineqlin.marginals
        return -float(found.fun or 0.0), prices, np.asarray(found.x)

    def _round(self, mixed: FloatArray, effort: Effort, deadline: float) -> None:
        """From the mixture to plans: each cell takes one of its paths, then all are adjusted on their concave runs."""
        if not len(mixed):
            return
        cells = np.array(self.paths.cell)
        options = [np.flatnonzero((cells == c) & (mixed > 1e-6)) for c in range(len(self.cells))]
        options = [chosen[np.argsort(-mixed[chosen])] for chosen in options]
        first = [int(chosen[0]) for chosen in options]
        torn = sorted((c for c, chosen in enumerate(options) if len(chosen) > 1), key=lambda c: mixed[options[c][0]])
        picks = [first]
        for c in torn[: ROUNDINGS - 1]:
            other = list(first)
            other[c] = int(options[c][1])
            picks.append(other)
        for number, pick in enumerate(picks):
            if number and time.monotonic() > deadline:
                break
            self._polish(np.array([self.paths.spend[k] for k in pick]), max(deadline - time.monotonic(), 5.0))
            if self._gap() <= effort.gap:
                break

    def _polish(self, paths: FloatArray, seconds: float) -> None:
        """The best plan on the concave runs around one path a cell, shape (C, W)."""
        stock = np.array([one.stock(path) for one, path in zip(self.cells, paths, strict=True)]).T.ravel()
        runs: list[Piece] = [self.problem.shapes.run_around(c, float(level)) for c, level in enumerate(stock)]
        found = self._relaxed(runs, seconds)
        if found is not None:
            self._consider(found.spend)

    def _relaxed(self, pieces: Sequence[Piece], seconds: float) -> Relaxed | None:
        try:
            found = solve_relaxation(self.problem, pieces, seconds=max(seconds, 5.0))
        except OutOfTimeError:
            return None
        return found if found.feasible else None

    def _consider(self, spend: FloatArray) -> None:
        rows, shapes = self.problem.rows, self.problem.shapes
        none = np.zeros(len(shapes.points))
        if rows.excess(spend, none, none).max(initial=0.0) > FEASIBLE:
            return
        stock = np.array([one.stock(path) for one, path in zip(self.cells, self._by_cell(spend), strict=True)])
        argument = stock.T.ravel()
        value = float(shapes.at(argument)[0].sum())
        if value > self.value:
            self.value, self.best = value, (spend, argument)

    def _gap(self) -> float:
        return (self.bound - self.value) / max(abs(self.bound), 1e-12)

    def _found(self, rounds: int) -> Found | None:
        if self.best is None:
            return None
        spend, argument = self.best
        # cells are solved to rounding: so much the sum of their worths may be too low
        return Found(
            spend=spend,
            argument=argument,
            active=(argument > 1e-9).astype(np.float64),
            value=self.value,
            bound=max(self.bound + 1e-9 * abs(self.bound), self.value),
            problem=self.problem,
            infeasible=False,
            rounds=rounds,
        )


def search_weeks(
    problem: Problem,
    own: list[CellWeeks],
    curves: ResponseCurves,
    ends: tuple[FloatArray, FloatArray],
    effort: Effort,
) -> Found:
    """One linear program where curves are concave; else cells apart, and branching where that leaves a gap."""
    started, known = time.monotonic(), None
    if any(convex.any() for convex in problem.shapes.convex):
        known = WeeksApart(problem, own).find(effort)
        if known is not None and known.bound - known.value <= effort.gap * abs(known.bound):
            return known
    left = replace(effort, seconds=effort.seconds - (time.monotonic() - started))
    if known is not None and left.seconds <= 0:
        return known
    return Search(problem, curves, *ends).find(left, known)
