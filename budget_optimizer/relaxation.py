"""The relaxed plan as one linear or mixed-integer program: rows of the rules, concave hulls of the pieces.

Every piece carries weights λ ≥ 0 on its hull points (the convex-combination model); spend and outcome are linear in
λ. Cells with several pieces choose one by a binary. All rows go to the solver as a handful of sparse matrices, since
a loop over cells would cost more in compiling than in solving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from budget_optimizer.objective import Goal
from budget_optimizer.pieces import Piece, Shapes
from budget_optimizer.rows import RowMatrix
from budget_optimizer.solver import Expression, cvxpy, maximise
from measurement.curves import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """A plan in units near 1.

    Attributes
    ----------
    shapes
        Curves; view 0 is the mean, further views are tails.
    rows
        Rules over spend (S,) and outcome (N,), scaled.
    goal
        What to maximise.
    money_per_outcome
        Unit of spend over unit of outcome, for the weight of spend.
    tails
        By view ≥ 1: ``"goal"`` (bounds the tail term) or ``"floor"`` (a ROAS row).
    carry, carried
        Optional linear map (N, S) from spend to the argument of the curves and what flows in from the past (N,).
    """

    shapes: Shapes
    rows: RowMatrix
    goal: Goal
    money_per_outcome: float
    tails: tuple[str, ...] = ()
    carry: sp.csr_array | None = None
    carried: FloatArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relaxed:
    """Solution of a relaxed plan, in the problem's units.

    Attributes
    ----------
    feasible
        False proves that no plan meets the rules.
    spend, argument
        Spend (S,) and argument of the curves (N,).
    active
        Shape (N,), 1 where a cell is on.
    hull
        Value of the hulls, shape (V, N).
    bound
        No plan within the pieces is better.
    duals
        Gain per unit of each row's limit, shape (M,); empty for mixed-integer programs.
    """

    feasible: bool
    spend: FloatArray
    argument: FloatArray
    active: FloatArray
    hull: FloatArray
    bound: float
    duals: FloatArray


class _Maps:
    """From the weights λ of all hull points to spend and outcome by cell, as sparse matrices.

    Attributes
    ----------
    y
        Outcome of every hull point, shape (V, n).
    owner
        Cell of every piece, shape (K,).
    member
        Which points belong to which piece, shape (K, n).
    argument, outcome
        Argument of the curves, shape (N, n), and outcome by view, V of shape (N, n).
    """

    def __init__(self, shapes: Shapes, pieces: Sequence[Piece]) -> None:
        index = [shapes.hull(piece) for piece in pieces]
        self.owner = np.array([piece[0] for piece in pieces], dtype=np.intp)
        self.cells = len(shapes.points)
        of_piece = np.repeat(np.arange(len(pieces)), [len(i) for i in index])
        x = np.concatenate([shapes.points[c][i] for c, i in zip(self.owner, index, strict=True)])
        self.y = np.concatenate([shapes.values[c][:, i] for c, i in zip(self.owner, index, strict=True)], axis=1)
        self.size = len(x)
        columns = np.arange(self.size)
        self.member = sp.csr_array((np.ones(self.size), (of_piece, columns)), (len(pieces), self.size))
        place = (self.owner[of_piece], columns)
        self.argument = sp.csr_array((x, place), (self.cells, self.size))
        self.outcome = [sp.csr_array((view, place), (self.cells, self.size)) for view in self.y]

    def choice(self, weights: Expression) -> tuple[list[Expression], bool]:
        """Weights of a cell sum to 1 within one piece; whether that takes binaries."""
        cp = cvxpy()
        multiple = np.bincount(self.owner, minlength=self.cells) > 1
        several = multiple[self.owner]
        rows = []
        if not several.all():
            rows.append(self.member[np.flatnonzero(~several)] @ weights == np.ones(int((~several).sum())))
        if several.any():
            at = np.flatnonzero(several)
            pick = cp.Variable(len(at), boolean=True)
            of = sp.csr_array((np.ones(len(at)), (self.owner[at], np.arange(len(at)))), (self.cells, len(at)))
            rows.append(self.member[at] @ weights == pick)
            rows.append(of[np.flatnonzero(multiple)] @ pick == np.ones(int(multiple.sum())))
        return rows, bool(several.any())


def solve_relaxation(
    problem: Problem,
    pieces: Sequence[Piece],
    *,
    accuracy: float = 1e-6,
    seconds: float = 60.0,
    active: FloatArray | None = None,
    upper: FloatArray | None = None,
) -> Relaxed:
    """Maximise the goal over hulls of ``pieces``.

    Parameters
    ----------
    accuracy
        Relative gap at which the mixed-integer search stops.
    active
        Which cells are on, shape (N,), where that is fixed beforehand; otherwise it is decided.
    upper
        Most argument a cell can have, shape (N,), for cells that rules switch on and off.
    """
    cp = cvxpy()
    maps = _Maps(problem.shapes, pieces)
    weights = cp.Variable(maps.size, nonneg=True)
    constraints, integer = maps.choice(weights)
    spend, to_spend = weights, maps.argument
    if problem.carry is not None:
        spend = cp.Variable(problem.carry.shape[1], nonneg=True)
        to_spend = sp.eye_array(problem.carry.shape[1], format="csr")
        constraints.append(maps.argument @ weights == problem.carry @ spend + problem.carried)
    switch, link = _switches(problem.rows, maps.argument @ weights, active, upper)
    named = _rule_constraints(problem.rows, (to_spend, spend), (maps.outcome[0], weights), switch)
    objective, extra = _objective(problem, weights, maps.y, np.asarray(to_spend.sum(axis=0)).ravel() @ spend)
    integer = integer or (active is None and bool(problem.rows.switched.any()))
    program = cp.Problem(cp.Maximize(objective), constraints + link + extra + [row for _, row in named])
    bound = maximise(program, integer=integer, size=maps.size, accuracy=accuracy, seconds=seconds)
    if bound is None:
        none = np.empty(0)
        return Relaxed(feasible=False, spend=none, argument=none, active=none, hull=none, bound=-np.inf, duals=none)
    duals = np.zeros(len(problem.rows.names))
    for index, constraint in named:
        duals[index] = 0.0 if integer else np.atleast_1d(constraint.dual_value)
    solution = np.asarray(weights.value)
    argument = maps.argument @ solution
    return Relaxed(
        feasible=True,
        spend=to_spend @ np.asarray(spend.value),
        argument=argument,
        active=_switched_on(switch, argument),
        hull=np.array([view @ solution for view in maps.outcome]),
        bound=bound,
        duals=duals,
    )


def _switches(rows: RowMatrix, argument: Expression, active: FloatArray | None, upper: FloatArray | None) -> Expression:
    """On/off of the cells that rules switch: (cells, expression), and the rows that tie them to spend."""
    cp = cvxpy()
    cells = np.flatnonzero(rows.switched)
    if not len(cells):
        return (cells, None), []
    if upper is None:
        raise ValueError("cells that rules switch on and off need an upper end")
    if active is not None:
        return (cells, active[cells]), [argument[cells] <= upper[cells] * active[cells]]
    on = cp.Variable(len(cells), boolean=True)
    return (cells, on), [argument[cells] <= cp.multiply(upper[cells], on)]


def _switched_on(switch: Expression, argument: FloatArray) -> FloatArray:
    cells, on = switch
    result = (argument > 1e-9).astype(np.float64)
    if on is not None:
        result[cells] = np.round(on if isinstance(on, np.ndarray) else np.asarray(on.value))
    return result


def _rule_constraints(
    rows: RowMatrix, spend: Expression, outcome: Expression, switch: Expression
) -> list[tuple[Expression, Expression]]:
    """Equalities and inequalities of the rules, each with the indices of its rows."""
    (spend_map, spend_variable), (outcome_map, weights), (cells, on) = spend, outcome, switch
    result = []
    for equal in (True, False):
        index = np.flatnonzero(rows.equal == equal)
        if not len(index):
            continue
        if spend_variable is weights:
            left = (rows.spend[index] @ spend_map + rows.outcome[index] @ outcome_map) @ weights
        else:
            left = rows.spend[index] @ spend_variable
            if rows.outcome[index].nnz:
                left = left + (rows.outcome[index] @ outcome_map) @ weights
        if on is not None and rows.active[index].nnz:
            left = left + rows.active[index][:, cells] @ on
        limit = rows.limit[index]
        result.append((index, left == limit if equal else left <= limit))
    return result


def _objective(
    problem: Problem, weights: Expression, y: FloatArray, total_spend: Expression
) -> tuple[Expression, list[Expression]]:
    """The goal over view 0 and the tail views, and the rows of the tails."""
    goal, unit = problem.goal, problem.money_per_outcome
    objective = goal.mean * (y[0] @ weights)
    if goal.spend:
        objective = objective + goal.spend * unit * total_spend
    extra = []
    worst = [v for v, kind in enumerate(problem.tails, start=1) if kind == "goal"]
    floors = [v for v, kind in enumerate(problem.tails, start=1) if kind == "floor"]
    if goal.tail > 0 and worst:
        tail = cvxpy().Variable()
        objective = objective + goal.tail * tail
        extra.append(y[worst] @ weights >= tail)
    if goal.floor_roas is not None and floors:
        extra.append(y[floors] @ weights >= goal.floor_roas * unit * total_spend)
    return objective, extra
