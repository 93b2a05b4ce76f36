"""When rules clash: the smallest set of named rules that does, and the cheapest mend in money, in one sentence.

A minimal clash is found by deletion (Chinneck & Dravnieks 1991): a rule stays in the set only if the rest can be
met without it. The rows with weight in the dual of "break the rules as little as possible" clash by Farkas' lemma
and are a short list to start from; spreading the breakage over all rules (an L1 relaxation) would blame bystanders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from budget_optimizer.clash import Clash, ClashError, Step, Verb
from budget_optimizer.objective import Goal
from budget_optimizer.rows import Row, RowMatrix, row_matrix
from budget_optimizer.search import Effort
from budget_optimizer.solver import Expression, cvxpy
from measurement.curves import FloatArray, ResponseCurves
from measurement.errors import InputError

IntArray = NDArray[np.intp]
Oracle = Callable[[Sequence[int]], bool]
_TOLERANCE = 1e-7


def _step(row: Row, amount: float) -> Step:
    """How one row gives way by a signed amount (positive: its left side is too large)."""
    signs = {size > 0 for size in row.spend.values()}
    verb: Verb = "loosen"
    if row.outcome:
        verb = "lower_target"
    elif row.equal:
        verb = "raise" if amount > 0 else "lower"
    elif len(signs) == 1:
        verb = "raise" if signs == {True} else "lower"
    return Step(verb=verb, rule=row.name, amount=abs(amount))


def _clash(rows: Sequence[Row], chosen: Sequence[int], mend: dict[int, float]) -> Clash:
    names = tuple(rows[index].name for index in sorted(chosen))
    return Clash(
        rules=names,
        mend={rows[index].name: abs(amount) for index, amount in mend.items()},
        steps=tuple(_step(rows[index], amount) for index, amount in mend.items()),
        short=_short_names(rows, names),
    )


def _short_names(rows: Sequence[Row], names: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """The names of a clash; three and more rows of one family count as that family."""
    family = {row.name: row.family for row in rows}
    counts = Counter(family.get(name, "") for name in names)
    result: dict[tuple[str, int], None] = {}
    for name in names:
        kin = family.get(name, "")
        many = bool(kin) and counts[kin] >= 3
        result[(kin, counts[kin]) if many else (name, 1)] = None
    return tuple(result)


def clash_error(curves: ResponseCurves, rows: Sequence[Row], goal: Goal) -> ClashError:
    """The clash as an error for the user of the rules (exit status 2)."""
    clash = find_clash(curves, rows, goal)
    named = (f"{name} ({count} channels)" if count > 1 else name for name, count in clash.short)
    problems = InputError.of(
        f"these rules cannot hold together: {'; '.join(named)}",
        clash.sentence,
        column="budget",
        value=f"{len(clash.rules)} rules",
    ).problems
    error = ClashError(problems)
    error.clash = clash
    return error


def find_clash(curves: ResponseCurves, rows: Sequence[Row], goal: Goal | None = None) -> Clash:
    """The smallest clash among rows that cannot all be met, and its cheapest mend.

    Parameters
    ----------
    curves
        Response by cell (rules on outcome need them).
    rows
        Compiled rules; together they must be impossible.
    goal
        Carries the ROAS floor of a chance-constrained plan, if any.
    """
    from budget_optimizer.allocator import known_range

    rows = [*known_range(curves), *rows]
    matrix = row_matrix(rows, curves.cells)
    program = _Elastic(matrix, curves)
    suspects = program.support()
    if suspects is not None:
        chosen = _deletion(list(suspects), program.possible)
        return _clash(rows, chosen, program.mend(chosen))
    curved = bool(matrix.outcome.nnz) or (goal is not None and goal.floor_roas is not None)
    if curved:
        return _curved_clash(curves, rows, goal or Goal())
    chosen = _shrink(list(range(len(rows))), program.possible)
    return _clash(rows, chosen, program.mend(chosen))


def _deletion(suspects: list[int], possible: Oracle) -> list[int]:
    """Drop every row without which the others still clash."""
    kept = list(suspects)
    for row in suspects:
        rest = [other for other in kept if other != row]
        if rest and not possible(rest):
            kept = rest
    return kept


def _shrink(suspects: list[int], possible: Oracle) -> list[int]:
    """A minimal clash of many suspects by divide and conquer (QuickXplain, Junker 2004)."""

    def explain(background: list[int], added: bool, candidates: list[int]) -> list[int]:
        if added and background and not possible(background):
            return []
        if len(candidates) == 1:
            return candidates
        half = len(candidates) // 2
        first, second = candidates[:half], candidates[half:]
        late = explain(background + first, True, second)
        early = explain(background + late, bool(late), first)
        return early + late

    return explain([], False, suspects)


class _Elastic:
    """Rules on spend and activity with a price on breaking them (rules on outcome are left aside)."""

    def __init__(self, matrix: RowMatrix, curves: ResponseCurves) -> None:
        self.raw = matrix
        self.plain = np.diff(matrix.outcome.indptr) == 0
        sizes = np.abs(matrix.limit)[self.plain]
        self.money = max(float(sizes.max(initial=0.0)), float(curves.observed_spend.sum()), 1.0) / len(curves.cells)
        self.rows = matrix.scaled(self.money, 1.0)
        self.most = 10.0 * len(curves.cells)

    def solve(self, keep: IntArray, loose: IntArray, *, integer: bool) -> tuple[FloatArray, FloatArray] | None:
        """Least breakage of ``loose`` rows with all of ``keep`` in force: signed breakage and dual by row."""
        cp = cvxpy()
        rows = self.rows.take(keep)
        cells = np.flatnonzero(self.rows.switched)
        spend = cp.Variable(rows.spend.shape[1], bounds=[0, self.most])
        constraints: list[Expression] = []
        left = rows.spend @ spend
        if len(cells):
            on = cp.Variable(len(cells), boolean=True) if integer else cp.Variable(len(cells), bounds=[0, 1])
            left = left + rows.active[:, cells] @ on
            constraints.append(spend[cells] <= self.most * on)
        free = np.isin(keep, loose).astype(np.float64)
        over, under = cp.Variable(len(keep), nonneg=True), cp.Variable(len(keep), nonneg=True)
        equal, upper = np.flatnonzero(rows.equal), np.flatnonzero(~rows.equal)
        shape = left - cp.multiply(free, over)
        named = []
        if len(equal):
            both = shape + cp.multiply(free, under)
            named.append((equal, both[equal] == rows.limit[equal]))
        if len(upper):
            named.append((upper, shape[upper] <= rows.limit[upper]))
        program = cp.Problem(cp.Minimize(cp.sum(over) + cp.sum(under)), constraints + [row for _, row in named])
        program.solve(
            solver=cp.HIGHS, highs_options={"output_flag": False, "threads": 1, "primal_feasibility_tolerance": 1e-9}
        )
        if program.status not in {"optimal", "optimal_inaccurate"}:
            return None
        duals = np.zeros(len(keep))
        if not (integer and len(cells)):
            for index, row in named:
                duals[index] = np.atleast_1d(row.dual_value)
        return np.asarray(over.value) - np.asarray(under.value), duals

    def support(self) -> list[int] | None:
        """Rows that clash by linear reasoning alone; ``None`` where the clash needs on/off or the curves."""
        every = np.flatnonzero(self.plain)
        solved = self.solve(every, every, integer=False)
        if solved is None or np.abs(solved[0]).sum() <= _TOLERANCE:
            return None
        chosen = every[np.abs(solved[1]) > 1e-9]
        return [int(row) for row in (chosen if not self.possible([int(r) for r in chosen]) else every)]

    def possible(self, chosen: Sequence[int]) -> bool:
        """Whether some spend meets the chosen rows."""
        keep = np.array([row for row in sorted(chosen) if self.plain[row]], dtype=np.intp)
        if not len(keep):
            return True
        solved = self.solve(keep, keep, integer=True)
        return solved is not None and bool(np.abs(solved[0]).sum() <= _TOLERANCE)

    def mend(self, clash: Sequence[int]) -> dict[int, float]:
        """Cheapest single rule of the clash to loosen; several rules where there is more than one clash."""
        every = np.flatnonzero(self.plain)
        costs: dict[int, float] = {}
        for row in clash:
            if not self.rows.spend[[row]].nnz:
                continue
            solved = self.solve(every, np.array([row]), integer=True)
            if solved is not None:
                costs[row] = float(solved[0][every == row].sum())
        if not costs:
            loose = np.array([row for row in every if self.rows.spend[[row]].nnz], dtype=np.intp)
            solved = self.solve(every, loose, integer=True)
            breakage = np.zeros(len(every)) if solved is None else solved[0]
            costs = {
                int(row): float(amount) for row, amount in zip(every, breakage, strict=True) if abs(amount) > _TOLERANCE
            }
            return {row: self._price(row, amount) for row, amount in costs.items()}
        prices = {row: self._price(row, amount) for row, amount in costs.items()}
        least = min(abs(price) for price in prices.values())
        # among equally cheap ones the rule over most channels: the total rather than one channel's end
        cheapest = max(
            (row for row in prices if abs(prices[row]) <= least * (1 + 1e-6) + 1e-9),
            key=lambda row: self.rows.spend[[row]].nnz,
        )
        return {cheapest: prices[cheapest]}

    def _price(self, row: int, amount: float) -> float:
        """Breakage of a scaled row in the unit of its limit (money)."""
        size = float(np.abs(self.raw.spend[[row]].data).max()) * self.money
        if self.raw.active[[row]].nnz:
            size = max(size, float(np.abs(self.raw.active[[row]].data).max()))
        return amount * size


def _curved_clash(curves: ResponseCurves, rows: list[Row], goal: Goal) -> Clash:
    """A clash that rests on the curves: rules on outcome against rules on spend."""

    def possible(chosen: Sequence[int]) -> bool:
        return _possible(curves, [rows[index] for index in sorted(chosen)], goal)

    chosen = _shrink(list(range(len(rows))), possible)
    mend: dict[int, float] = {}
    for index in chosen:
        if rows[index].outcome:
            amount = _least_shortfall(rows, index, possible_with=lambda trial: _possible(curves, trial, goal))
            if amount is not None and (not mend or amount < min(mend.values())):
                mend = {index: amount}
    return _clash(rows, chosen, mend)


def _possible(curves: ResponseCurves, rows: Sequence[Row], goal: Goal) -> bool:
    from budget_optimizer.allocator import Model

    model = Model(curves, rows, goal)
    return not model.clash and not model.search(Effort(gap=1e6, seconds=10.0)).infeasible


def _least_shortfall(rows: list[Row], index: int, *, possible_with: Callable[[list[Row]], bool]) -> float | None:
    """By how much outcome a ROAS rule must give way, by bisection; ``None`` where other rules clash as well."""
    row = rows[index]

    def with_slack(slack: float) -> bool:
        return possible_with([*rows[:index], replace(row, limit=row.limit + slack), *rows[index + 1 :]])

    limits = [abs(other.limit) for other in rows if len(other.spend) > 1 and not other.outcome]
    high = max(row.spend.values()) * max([*limits, 1.0])
    if not with_slack(high):
        return None
    low = 0.0
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (low, middle) if with_slack(middle) else (middle, high)
    return high
