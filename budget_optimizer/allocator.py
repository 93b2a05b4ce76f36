"""The allocator: curves and rules in, the best plan with its proof out.

>>> import numpy as np
>>> from measurement.curves import ResponseCurves
>>> from budget_optimizer.constraints import Bounds, TotalBudget
>>> curves = ResponseCurves(
...     channels=("search", "tv"),
...     spend=np.array([[0.0, 50.0, 100.0], [0.0, 50.0, 100.0]]),
...     outcome=np.array([[[0.0, 200.0, 250.0], [0.0, 20.0, 180.0]]]),
...     observed_spend=np.array([50.0, 50.0]),
...     currency="EUR",
... )
>>> plan = Allocator([TotalBudget(100.0), Bounds("search", maximum=80.0)]).allocate(curves)
>>> {channel: round(money) for channel, money in plan.spend.items()}, round(plan.expected_outcome), plan.gap < 1e-4
({'search': 80, 'tv': 20}, 238, True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from budget_optimizer.clash import NoPlanInTimeError
from budget_optimizer.constraints import Rule, compile_rules, money
from budget_optimizer.objective import Goal
from budget_optimizer.pieces import grid_points, shapes_of, view_values
from budget_optimizer.relaxation import Problem, solve_relaxation
from budget_optimizer.risk import CVaR, RiskLevel, goal_of
from budget_optimizer.rows import Row, RowMatrix, bounds_from, row_matrix
from budget_optimizer.search import FEASIBLE, Effort, Found, Search, with_exact_runs
from measurement.checks import Check
from measurement.curves import FloatArray, ResponseCurves
from measurement.estimates import Estimate, Interval
from measurement.plans import Allocation

#: A plan is certified to this relative gap, or says that it is not.
CERTIFIED_GAP = 1e-4


class Model:
    """A plan's problem in units near 1, with the way back to money.

    Parameters
    ----------
    curves
        Response by cell.
    rows
        Compiled rules.
    goal
        What to maximise.
    """

    def __init__(self, curves: ResponseCurves, rows: Sequence[Row], goal: Goal) -> None:
        cells = len(curves.cells)
        rows = [*known_range(curves), *rows]
        matrix = row_matrix(rows, curves.cells)
        low, high = bounds_from(matrix, np.zeros(cells), np.full(cells, np.inf))
        # nothing limits these cells: beyond the curve the response is flat, and as much as any rule asks must fit
        asked = float(sum(abs(row.limit) + sum(row.active.values()) for row in rows if row.unit == "money"))
        high = np.where(np.isfinite(high), high, np.maximum(np.maximum(curves.spend[:, -1], low), asked))
        self.clash = bool((low > high + 1e-9 * np.maximum(1.0, np.abs(high))).any())
        low, high = np.minimum(low, high), np.maximum(low, high)
        self.rows, self.low, self.high, self.goal = rows, low, high, goal
        reach = np.maximum(high, 0.0)
        mean = curves.mean()
        top = np.array([np.interp(reach[c], curves.spend[c], mean[c]) for c in range(cells)])
        whole = min(float(reach.sum()), _total(matrix))
        self.money = max(whole / cells, 1e-9)
        self.outcome = max(float(np.abs(top).mean()), 1e-12)
        self.curves = replace(
            curves,
            spend=curves.spend / self.money,
            outcome=curves.outcome / self.outcome,
            observed_spend=curves.observed_spend / self.money,
        )
        self.mean_curves = mean / self.outcome
        scaled = matrix.scaled(self.money, self.outcome)
        self.size = np.asarray(abs(matrix.scaled(1.0, 1.0).limit))
        points = grid_points(self.curves, low / self.money, high / self.money, float(reach.max()) / self.money)
        shapes = shapes_of(points, view_values(self.curves, points, self.mean_curves[None]))
        self.problem = Problem(shapes=shapes, rows=scaled, goal=goal, money_per_outcome=self.money / self.outcome)
        self.matrix = matrix

    def search(self, effort: Effort) -> Found:
        """Search without the rows on one cell alone, which the ranges of the cells say already."""
        alone = (np.diff(self.problem.rows.spend.indptr) == 1) & (np.diff(self.problem.rows.outcome.indptr) == 0)
        alone &= np.diff(self.problem.rows.active.indptr) == 0
        lean = replace(self.problem, rows=self.problem.rows.take(~alone))
        return Search(lean, self.curves, self.low / self.money, self.high / self.money).find(effort)

    def duals(self, found: Found) -> FloatArray:
        """Goal gained per unit of each row's limit, shape (M,), in money per unit: binaries and runs are fixed."""
        if found.argument is None or found.active is None:
            return np.zeros(len(self.rows))
        full = replace(found.problem, rows=self.problem.rows)
        ample = np.array([points[-1] for points in full.shapes.points])
        runs = with_exact_runs(full, found.argument)
        fixed = solve_relaxation(full, runs, active=found.active, upper=ample)
        if not fixed.feasible:
            return np.zeros(len(self.rows))
        return fixed.duals * self.outcome / _row_size(self.matrix, self.money, self.outcome)


def _row_size(matrix: RowMatrix, money_unit: float, outcome_unit: float) -> FloatArray:
    """What `RowMatrix.scaled` divided each row by."""
    size = np.zeros(len(matrix.names))
    for part, unit in ((matrix.spend, money_unit), (matrix.outcome, outcome_unit), (matrix.active, 1.0)):
        if part.nnz:
            size = np.maximum(size, np.asarray(abs(part).max(axis=1).toarray()).ravel() * unit)
    return np.where(size > 0, size, 1.0)


def _total(matrix: RowMatrix) -> float:
    """Largest total the rules allow, where a row over all cells says so."""
    full = np.diff(matrix.spend.indptr) == matrix.spend.shape[1]
    limits = [
        float(matrix.limit[m])
        for m in np.flatnonzero(full)
        if np.allclose(matrix.spend[[m]].data, 1.0) and matrix.outcome[[m]].nnz == 0
    ]
    return min((limit for limit in limits if limit > 0), default=np.inf)


def known_range(curves: ResponseCurves) -> list[Row]:
    """A curve that starts above zero says nothing below its first point: the plan stays where it is known."""
    return [
        Row(name=f"curve of {cell} is known from {money(start)}", spend={cell: -1.0}, limit=-float(start))
        for cell, start in zip(curves.cells, curves.spend[:, 0], strict=True)
        if start > 0
    ]


class Allocator:
    """Finds the plan that maximises the goal under the rules, and proves how good it is.

    Parameters
    ----------
    rules
        Objects of `budget_optimizer.constraints`.
    risk
        ``"cautious"``, ``"balanced"``, ``"bold"``, a `CVaR`, or a `Goal`.
    gap
        Relative gap between the plan and its upper bound at which the search stops.
    time_limit
        Wall seconds; afterwards the best plan is returned with its honest gap.
    level
        Of the interval of the gain.

    Raises
    ------
    InputError
        The rules clash: names the smallest set that does, and the cheapest mend.
    """

    def __init__(
        self,
        rules: Sequence[Rule],
        risk: RiskLevel | CVaR | Goal | str = "balanced",
        *,
        gap: float = 1e-6,
        time_limit: float = 60.0,
        level: float = 0.9,
    ) -> None:
        self.rules, self.goal, self.level = tuple(rules), goal_of(risk), level
        self.effort = Effort(gap=gap, seconds=time_limit)

    def allocate(self, curves: ResponseCurves) -> Allocation:
        """The best plan for ``curves``, with its proof, its marginal values and what holds it back."""
        model, found = self._find(curves)
        return self._describe(curves, model, found)

    def is_possible(self, curves: ResponseCurves) -> bool:
        """Whether any plan meets the rules (without explaining why not)."""
        model = Model(curves, compile_rules(self.rules, curves), self.goal)
        return not model.clash and model.search(replace(self.effort, gap=1e6)).spend is not None

    def best_spend(self, curves: ResponseCurves) -> FloatArray:
        """Spend of the best plan alone, shape (C,): for callers that solve many plans."""
        model, found = self._find(curves)
        return tidy(np.asarray(found.spend) * model.money, model, np.asarray(found.active))

    def _find(self, curves: ResponseCurves) -> tuple[Model, Found]:
        rows = compile_rules(self.rules, curves)
        model = Model(curves, rows, self.goal)
        found = None if model.clash else model.search(self.effort)
        if found is None or found.infeasible:
            from budget_optimizer.infeasible import clash_error

            raise clash_error(curves, rows, self.goal)
        if found.spend is None:
            raise NoPlanInTimeError.of(
                "no plan that meets the rules was found in time",
                "Raise time_limit, or loosen a rule",
                column="budget",
                value=f"{self.effort.seconds:g} s",
            )
        return model, found

    def _describe(self, curves: ResponseCurves, model: Model, found: Found) -> Allocation:
        spend = tidy(np.asarray(found.spend) * model.money, model, np.asarray(found.active))
        outcome = curves.outcome_at(spend).sum(axis=1)
        before = curves.outcome_at(curves.observed_spend).sum(axis=1)
        value = self.goal.value(outcome, float(spend.sum()))
        # the solver meets its rows to 1e-9: so much the bound may be too low
        bound = max(found.bound * model.outcome * (1 + 1e-9 * np.sign(found.bound)), value)
        gap = (bound - value) / max(abs(bound), 1e-300)
        duals = model.duals(found)
        names = model.matrix.names
        worth = {name: float(d) for name, d in zip(names, duals, strict=True) if abs(d) > 1e-9 * _rate(model)}
        return Allocation(
            spend=dict(zip(curves.cells, map(float, spend), strict=True)),
            current=dict(zip(curves.cells, map(float, curves.observed_spend), strict=True)),
            expected_outcome=float(outcome.mean()),
            upper_bound=float(bound),
            gap=float(gap),
            marginal_roas=dict(zip(curves.cells, map(float, curves.marginal_at(spend).mean(axis=0)), strict=True)),
            binding=tuple(worth),
            shadow_prices=worth,
            gain=gain_estimate(outcome - before, self.level, curves.run),
            chance_of_loss=float((outcome < before - 1e-9 * np.abs(before)).mean()),
            currency=curves.currency,
            objective=self.goal.name,
            value=float(value),
            checks=plan_checks(curves, spend, gap),
        )


def _rate(model: Model) -> float:
    return max(model.outcome / model.money, 1e-12)


def gain_estimate(gain: FloatArray, level: float, run: str = "") -> Estimate:
    """Mean and equal-tailed interval of the gain over draws, shape (D,)."""
    lower, upper = np.quantile(gain, [(1 - level) / 2, (1 + level) / 2])
    mean = float(gain.mean())
    interval = Interval(lower=min(float(lower), mean), upper=max(float(upper), mean), level=level, kind="credible")
    return Estimate(value=mean, interval=interval, unit="outcome value a week", method="certified allocator", run=run)


def tidy(spend: FloatArray, model: Model, active: FloatArray) -> FloatArray:
    """Solver dust removed: ends met exactly, the total to the last cent, as far as all rules still hold."""
    clean = np.clip(spend, model.low, model.high)
    near = 1e-9 * model.money
    clean = np.where(np.abs(clean - model.low) < near, model.low, clean)
    clean = np.where(np.abs(clean - model.high) < near, model.high, clean)
    full = np.diff(model.matrix.spend.indptr) == len(spend)
    for m in np.flatnonzero(full & model.matrix.equal):
        missing = float(model.matrix.limit[m] - (model.matrix.spend[[m]] @ clean)[0])
        room = np.where(missing > 0, model.high - clean, clean - model.low)
        cell = int(np.argmax(np.where(active > 0, room, -1.0)))
        if 0 < abs(missing) <= room[cell]:
            clean[cell] += missing
    before, after = (_excess(candidate, model, active) for candidate in (spend, clean))
    return np.asarray((clean if after <= max(before, FEASIBLE) else spend) + 0.0)  # no negative zeros


def _excess(spend: FloatArray, model: Model, active: FloatArray) -> float:
    scaled = spend / model.money
    mean = model.problem.shapes.at(scaled)[0]
    return float(model.problem.rows.excess(scaled, mean, active).max(initial=0.0))


def plan_checks(curves: ResponseCurves, spend: FloatArray, gap: float) -> tuple[Check, ...]:
    """What the reader must know of a plan: its certificate, and money beyond what the curves know."""
    beyond = [
        name for name, x, grid in zip(curves.cells, spend, curves.spend, strict=True) if x > grid[-1] * (1 + 1e-9)
    ]
    return (
        Check(
            name="certified_gap",
            passed=bool(gap <= CERTIFIED_GAP),
            value=float(gap),
            limit=CERTIFIED_GAP,
            remedy="Raise the time limit; the plan is feasible, but a better one may exist",
        ),
        Check(
            name="within_known_curves",
            passed=not beyond,
            value=", ".join(beyond) or None,
            limit=None,
            remedy="Beyond the last point the curve counts as flat; give more points or an upper bound",
            blocking=False,
        ),
    )
