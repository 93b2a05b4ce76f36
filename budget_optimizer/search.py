"""Search for the best plan with a proof: solve relaxed, polish, split where hull and curve differ, repeat.

The relaxed problem bounds every plan from above; polishing on the exact concave runs around its solution gives a
plan from below. The two meet because a split makes the hull exact where the last solution sat.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from budget_optimizer.objective import tail_mean, tail_view, tail_weights
from budget_optimizer.pieces import Piece, Shapes, index_of, shapes_of, view_values
from budget_optimizer.relaxation import Problem, Relaxed, solve_relaxation
from budget_optimizer.solver import OutOfTimeError
from measurement.curves import FloatArray, ResponseCurves

#: Rows are met to this, in units of the problem (a channel's average money).
FEASIBLE = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard to search: relative gap to stop at, seconds of wall time, and rounds."""

    gap: float = 1e-6
    seconds: float = 60.0
    rounds: int = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Found:
    """The best plan and its bound, in the problem's units.

    Attributes
    ----------
    argument, active
        Argument of the curves and on/off by cell, shape (N,); ``None`` where nothing feasible was found.
    spend
        Shape (S,).
    value, bound
        Goal at the plan, and what no plan exceeds.
    problem
        With the tail views gathered on the way.
    infeasible
        Proven that no plan meets the rules.
    rounds
        Relaxed problems solved.
    """

    spend: FloatArray | None
    argument: FloatArray | None
    active: FloatArray | None
    value: float
    bound: float
    problem: Problem
    infeasible: bool
    rounds: int


class Search:
    """One search; see `find`."""

    def __init__(self, problem: Problem, curves: ResponseCurves, lower: FloatArray, upper: FloatArray) -> None:
        # curves in the problem's units; lower and upper: range of each cell's argument
        self.problem, self.curves, self.upper = problem, curves, upper
        points = problem.shapes.points
        self.pieces: list[Piece] = [
            (cell, index_of(points[cell], lower[cell]), index_of(points[cell], upper[cell]))
            for cell in range(len(points))
        ]
        self.best: tuple[FloatArray, FloatArray, FloatArray] | None = None
        self.value, self.bound = -np.inf, np.inf

    def find(self, effort: Effort, known: Found | None = None) -> Found:
        """Alternate relaxation, polish and splits until value and bound meet, from what is ``known`` on."""
        deadline = time.monotonic() + effort.seconds
        if known is not None and known.spend is not None and known.argument is not None and known.active is not None:
            self.best, self.value, self.bound = (known.spend, known.argument, known.active), known.value, known.bound
        self._start_views()
        rounds, tight = 0, effort.gap / 4
        accuracy = tight
        while rounds < effort.rounds:
            rounds += 1
            left = deadline - time.monotonic()
            if left <= 0 and rounds > 1:
                break
            try:
                relaxed = solve_relaxation(
                    self.problem, self.pieces, accuracy=accuracy, seconds=max(left, 1.0), upper=self.upper
                )
            except OutOfTimeError:
                break
            if not relaxed.feasible:
                if self.best is not None:  # nothing better lies in what `_narrow` left
                    self.bound = self.value
                return self._found(rounds, infeasible=self.best is None)
            self.bound = min(self.bound, relaxed.bound)
            self._consider(relaxed)
            if self._gap() > effort.gap:
                self._polish(relaxed, max(deadline - time.monotonic(), 5.0))
            if self._gap() <= effort.gap:
                break
            narrowed = rounds == 1 and self._narrow(relaxed)
            refined = self._refine(relaxed, effort.gap) or narrowed
            if not refined and accuracy <= tight:
                break
            # early rounds only have to show where to split: a tenth of the present gap is fine enough for that
            accuracy = max(tight, 0.1 * self._gap()) if refined else tight
        return self._found(rounds, infeasible=False)

    def _gap(self) -> float:
        return (self.bound - self.value) / max(abs(self.bound), 1e-12)

    def _found(self, rounds: int, *, infeasible: bool) -> Found:
        spend, argument, active = self.best if self.best is not None else (None, None, None)
        return Found(
            spend=spend,
            argument=argument,
            active=active,
            value=self.value,
            bound=max(self.bound, self.value),
            problem=self.problem,
            infeasible=infeasible,
            rounds=rounds,
        )

    def _consider(self, relaxed: Relaxed) -> None:
        """Take the solution as the best plan where it meets the rules with the true curves and is better."""
        rows, goal, unit = self.problem.rows, self.problem.goal, self.problem.money_per_outcome
        mean = self.problem.shapes.at(relaxed.argument)[0]
        if rows.excess(relaxed.spend, mean, relaxed.active).max(initial=0.0) > FEASIBLE:
            return
        total = float(relaxed.spend.sum()) * unit
        if goal.views_needed:
            outcome = self.curves.outcome_at(relaxed.argument).sum(axis=1)
            if not goal.meets_floor(outcome, total, FEASIBLE * len(mean)):
                return
        else:
            outcome = np.array([mean.sum()])
        value = goal.value(outcome, total)
        if value > self.value:
            self.value, self.best = value, (relaxed.spend, relaxed.argument, relaxed.active)

    def _polish(self, relaxed: Relaxed, seconds: float) -> None:
        """The best plan within the concave runs (exact curves) around a relaxed solution."""
        shapes = self.problem.shapes
        runs = []
        for cell, first, last in self._ranges():
            _, start, stop = shapes.run_around(cell, relaxed.argument[cell])
            start, stop = max(start, first), min(stop, last)
            runs.append((cell, start, stop) if start <= stop else (cell, first, first))
        try:
            polished = solve_relaxation(self.problem, runs, seconds=seconds, active=relaxed.active, upper=self.upper)
        except OutOfTimeError:
            return
        if polished.feasible:
            self._consider(polished)

    def _narrow(self, relaxed: Relaxed) -> bool:
        """Drop the parts of the curves where no better plan can lie; True where that left less.

        With the prices of the rules as multipliers every plan is worth at most ``ceiling`` minus what each cell
        loses against its own best point. A part on which one cell alone loses more than ceiling − value is out.
        """
        rows, goal, shapes = self.problem.rows, self.problem.goal, self.problem.shapes
        plain = self.problem.carry is None and not goal.views_needed and not rows.switched.any()
        if self.best is None or not plain:
            return False
        prices = np.where(rows.equal, relaxed.duals, np.maximum(relaxed.duals, 0.0))
        per_outcome = goal.mean - rows.outcome.T @ prices
        per_spend = goal.spend * self.problem.money_per_outcome - rows.spend.T @ prices
        worth = [
            per_outcome[cell] * shapes.values[cell][0, first : last + 1]
            + per_spend[cell] * shapes.points[cell][first : last + 1]
            for cell, first, last in self.pieces
        ]
        ceiling = float(prices @ rows.limit) + sum(float(one.max()) for one in worth)
        slack = max(ceiling - self.value, 0.0) + 1e-9 * abs(ceiling)
        fresh: list[Piece] = []
        for (cell, first, last), one in zip(self.pieces, worth, strict=True):
            near = one >= one.max() - slack
            # a segment is out where both its ends are
            segments = near[:-1] | near[1:] if len(near) > 1 else near
            edges = np.flatnonzero(np.diff(np.r_[False, segments, False]))
            fresh += [(cell, first + int(a), min(first + int(b), last)) for a, b in edges.reshape(-1, 2)]
        before = sum(last - first for _, first, last in self.pieces)
        self.pieces = fresh
        return sum(last - first for _, first, last in fresh) < before

    def _ranges(self) -> list[Piece]:
        """First and last point of every cell over its pieces."""
        ends: dict[int, Piece] = {}
        for cell, first, last in self.pieces:
            _, start, stop = ends.get(cell, (cell, first, last))
            ends[cell] = (cell, min(start, first), max(stop, last))
        return [ends[cell] for cell in sorted(ends)]

    def _refine(self, relaxed: Relaxed, gap: float) -> bool:
        """Split pieces and add tail views where the relaxation flatters; False where nothing is left to refine."""
        added = self._add_views(relaxed.argument)
        shortfall = relaxed.hull - self.problem.shapes.at(relaxed.argument)[: len(relaxed.hull)]
        flattery = shortfall.max(axis=0)
        allowed = 0.25 * gap * abs(self.bound) / len(flattery)
        wrong = {int(cell) for cell in np.flatnonzero(flattery > max(allowed, 1e-12))}
        if not wrong:
            return added
        fresh: list[Piece] = []
        shapes = self.problem.shapes
        for piece in self.pieces:
            cell, first, last = piece
            where = relaxed.argument[cell]
            points = shapes.points[cell]
            inside = points[first] - 1e-12 <= where <= points[last] + 1e-12
            fresh += shapes.split(piece, where) if cell in wrong and inside else [piece]
        changed = len(fresh) > len(self.pieces)
        self.pieces = fresh
        return changed or added

    def _start_views(self) -> None:
        if self.problem.goal.views_needed:
            self._add_views(np.clip(self.curves.observed_spend, 0.0, self.upper), always=True)

    def _add_views(self, argument: FloatArray, *, always: bool = False) -> bool:
        """Tail views at a plan, where those known do not bound its tail closely already."""
        goal, problem = self.problem.goal, self.problem
        if not goal.views_needed:
            return False
        outcome = self.curves.outcome_at(argument).sum(axis=1)
        known = problem.shapes.at(argument).sum(axis=1)
        views, kinds = [], []
        for kind, share, used in (
            ("goal", goal.tail_share, goal.tail > 0),
            ("floor", goal.floor_share, goal.floor_roas is not None),
        ):
            if not used:
                continue
            lowest = min((known[v] for v, k in enumerate(problem.tails, start=1) if k == kind), default=np.inf)
            if always or lowest > tail_mean(outcome, share) + 1e-9 * abs(known[0]):
                views.append(tail_view(self.curves, tail_weights(outcome, share)))
                kinds.append(kind)
        if views:
            self._extend(np.array(views), tuple(kinds))
        return bool(views)

    def _extend(self, views: FloatArray, kinds: tuple[str, ...]) -> None:
        old = self.problem.shapes
        more = view_values(self.curves, old.points, views)
        values = tuple(np.vstack([a, b]) for a, b in zip(old.values, more, strict=True))
        self.problem = replace(self.problem, shapes=shapes_of(old.points, values), tails=self.problem.tails + kinds)


def with_exact_runs(problem: Problem, argument: FloatArray) -> list[Piece]:
    """The concave runs around a plan, for its shadow prices."""
    shapes: Shapes = problem.shapes
    return [shapes.run_around(cell, float(argument[cell])) for cell in range(len(shapes.points))]
