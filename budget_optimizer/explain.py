"""Why a plan is as it is: more or less money, the frontiers, and what moved it since last week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import Reserve, Rule, TotalBudget
from budget_optimizer.objective import tail_mean
from budget_optimizer.risk import CVaR, RiskLike
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.plans import Allocation


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontierPoint:
    """The best plan at one total.

    Attributes
    ----------
    total
        Money a week.
    plan
        The plan, or ``None`` where the rules clash at this total.
    reason
        Why there is no plan, ``""`` otherwise.
    """

    total: float
    plan: Allocation | None
    reason: str = ""

    @property
    def next_euro(self) -> float | None:
        """Outcome of one more euro in total, where the total is the binding rule."""
        if self.plan is None:
            return None
        prices = [price for name, price in self.plan.shadow_prices.items() if name.startswith("total budget")]
        return sum(prices) if prices else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPoint:
    """The best plan at one weight of the tail: expected outcome against the mean of the worst draws."""

    weight: float
    share: float
    expected_outcome: float
    tail_outcome: float
    plan: Allocation


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """Curves, rules and attitude to risk of a plan, and what is new about them.

    Attributes
    ----------
    cause
        What differs from the stage before, e.g. ``"data"``.
    curves, rules, risk
        What the plan is made of.
    """

    cause: str
    curves: ResponseCurves
    rules: Sequence[Rule]
    risk: RiskLike = "balanced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one cause changed between two plans: spend by cell and expected outcome, money a week."""

    cause: str
    spend: Mapping[str, float]
    expected_outcome: float


def at_total(rules: Sequence[Rule], total: float) -> list[Rule]:
    """The same rules with ``total`` money in the channels; what is in reserve comes on top."""
    reserved = sum(rule.amount for rule in rules if isinstance(rule, Reserve))
    return [TotalBudget(total + reserved), *(rule for rule in rules if not isinstance(rule, TotalBudget))]


def frontier(
    curves: ResponseCurves, rules: Sequence[Rule], totals: Sequence[float], *, risk: RiskLike = "balanced"
) -> tuple[FrontierPoint, ...]:
    """Response against budget: the best plan at each total."""
    points = []
    for total in totals:
        allocator = Allocator(at_total(rules, total), risk)
        try:
            points.append(FrontierPoint(total=float(total), plan=allocator.allocate(curves)))
        except InputError as clash:
            fault = clash.problems[0]
            reason = f"{fault.message}. {fault.remedy}"
            points.append(FrontierPoint(total=float(total), plan=None, reason=reason))
    return tuple(points)


def sensitivity(
    curves: ResponseCurves, rules: Sequence[Rule], plan: Allocation, *, change: float = 0.1, risk: RiskLike = "balanced"
) -> tuple[FrontierPoint, FrontierPoint]:
    """The best plans with ``change`` less and more money than ``plan`` spends."""
    total = sum(plan.spend.values())
    low, high = frontier(curves, rules, (total * (1 - change), total * (1 + change)), risk=risk)
    return low, high


def risk_frontier(
    curves: ResponseCurves,
    rules: Sequence[Rule],
    *,
    share: float = 0.1,
    weights: Sequence[float] = (0.0, 0.25, 0.5, 0.75, 1.0),
) -> tuple[RiskPoint, ...]:
    """Response against risk: the best plan for each weight of the mean over the worst ``share`` of draws."""
    points = []
    for weight in weights:
        plan = Allocator(rules, CVaR(share, weight)).allocate(curves)
        spend = np.array([plan.spend[channel] for channel in curves.cells])
        outcome = curves.outcome_at(spend).sum(axis=1)
        points.append(
            RiskPoint(
                weight=weight,
                share=share,
                expected_outcome=plan.expected_outcome,
                tail_outcome=tail_mean(outcome, share),
                plan=plan,
            )
        )
    return tuple(points)


def difference(stages: Sequence[Stage]) -> tuple[Step, ...]:
    """Split the change between two plans into its causes, one after the other.

    Parameters
    ----------
    stages
        The first is last week's plan; each further one changes one thing (new data, a new model, new rules) and
        keeps the changes before it. Curves of one model on old and new data separate data from model.

    Returns
    -------
    tuple of Step
        One for every stage after the first; together they add up to the whole change. The order matters, as in any
        such split; it is the order given. A stage between the first and the last that allows no plan (old rules that
        clash on new curves) is joined with the next, as ``"data + rules"``.

    Raises
    ------
    InputError
        Fewer than two stages; or the first or the last allows no plan.
    """
    if len(stages) < 2:
        raise InputError.of("a difference needs two plans", "Give the last plan and the new one", column="stages")
    before, steps, joined = _plan(stages[0]), [], list[str]()
    for stage in stages[1:]:
        joined.append(stage.cause)
        try:
            after = _plan(stage)
        except InputError:
            if stage is stages[-1]:
                raise
            continue
        cells = dict.fromkeys([*before.spend, *after.spend])
        change = {name: after.spend.get(name, 0.0) - before.spend.get(name, 0.0) for name in cells}
        gained = after.expected_outcome - before.expected_outcome
        steps.append(Step(cause=" + ".join(joined), spend=change, expected_outcome=gained))
        before, joined = after, []
    return tuple(steps)


def _plan(stage: Stage) -> Allocation:
    return Allocator(stage.rules, stage.risk).allocate(stage.curves)


def with_today(curves: ResponseCurves, current: Mapping[str, float]) -> ResponseCurves:
    """The same curves with another spend of today, e.g. the last complete week."""
    today = np.array([float(current.get(channel, 0.0)) for channel in curves.cells])
    return replace(curves, observed_spend=today)
