"""Why a plan is as it is: more or less money, the frontiers, and what moved it since last week."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import Rule, TotalBudget
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one cause changed between two plans: spend by channel and expected outcome, money a week."""

    cause: str
    spend: Mapping[str, float]
    expected_outcome: float


def at_total(rules: Sequence[Rule], total: float) -> list[Rule]:
    """The same rules with another total."""
    return [TotalBudget(total), *(rule for rule in rules if not isinstance(rule, TotalBudget))]


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
            points.append(FrontierPoint(total=float(total), plan=None, reason=str(clash)))
    return tuple(points)


def sensitivity(
    curves: ResponseCurves, rules: Sequence[Rule], plan: Allocation, *, change: float = 0.1
) -> tuple[FrontierPoint, FrontierPoint]:
    """The best plans with ``change`` less and more money than ``plan`` spends."""
    total = sum(plan.spend.values())
    low, high = frontier(curves, rules, (total * (1 - change), total * (1 + change)))
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
        spend = np.array([plan.spend[channel] for channel in curves.channels])
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


def difference(
    stages: Sequence[tuple[str, ResponseCurves, Sequence[Rule]]], *, risk: RiskLike = "balanced"
) -> tuple[Step, ...]:
    """Split the change between two plans into its causes, one after the other.

    Parameters
    ----------
    stages
        The first names last week's plan; each further one changes one thing (new data, a new model, new rules) and
        keeps the changes before it: ``("last plan", curves0, rules0), ("data", curves1, rules0),
        ("rules", curves1, rules1)``. Curves of one model on old and new data separate data from model.

    Returns
    -------
    tuple of Step
        One for every stage after the first; together they add up to the whole change. The order matters, as in any
        such split; it is the order given.

    Raises
    ------
    InputError
        Fewer than two stages.
    """
    if len(stages) < 2:
        raise InputError.of("a difference needs two plans", "Give the last plan and the new one", column="stages")
    plans = [(cause, Allocator(rules, risk).allocate(curves)) for cause, curves, rules in stages]
    steps = []
    for (_, before), (cause, after) in itertools.pairwise(plans):
        channels = dict.fromkeys([*before.spend, *after.spend])
        change = {name: after.spend.get(name, 0.0) - before.spend.get(name, 0.0) for name in channels}
        steps.append(Step(cause=cause, spend=change, expected_outcome=after.expected_outcome - before.expected_outcome))
    return tuple(steps)


def with_today(curves: ResponseCurves, current: Mapping[str, float]) -> ResponseCurves:
    """The same curves with another spend of today, e.g. the last complete week."""
    today = np.array([float(current.get(channel, 0.0)) for channel in curves.channels])
    return replace(curves, observed_spend=today)
