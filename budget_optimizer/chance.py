"""Plans that reach a ROAS with a stated posterior probability.

P(ROAS ≥ target) ≥ p is not convex; CVaR of (outcome − target · spend) at tail share 1 − p being non-negative implies
it and is (Nemirovski & Shapiro 2006), but asks for more. The tail share is therefore widened by bisection for as long
as the realised probability stays at or above p, and that probability is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import Rule
from budget_optimizer.objective import Goal
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.plans import Allocation


@dataclass(frozen=True, slots=True, kw_only=True)
class ChancePlan:
    """A plan with the probability it reaches.

    Attributes
    ----------
    plan
        The allocation; its bound and gap are those of the problem at ``tail_share``.
    chance
        Share of posterior draws in which ROAS reaches the target.
    target_roas, chance_asked
        What was asked.
    tail_share
        Tail share of the CVaR rule that was used.
    ceiling
        Expected outcome of the best plan without the rule: no plan with it is better.
    """

    plan: Allocation
    chance: float
    target_roas: float
    chance_asked: float
    tail_share: float
    ceiling: float


def plan_with_chance(
    curves: ResponseCurves,
    rules: Sequence[Rule],
    *,
    target_roas: float,
    chance: float,
    goal: Goal | None = None,
    steps: int = 8,
    time_limit: float = 60.0,
) -> ChancePlan:
    """The best plan whose ROAS is at least ``target_roas`` with probability ``chance``.

    Raises
    ------
    InputError
        ``chance`` does not lie in (0, 1); or no plan was found that reaches it, with the best chance seen.
    """
    if not 0 < chance < 1:
        raise InputError.of("the chance must lie between 0 and 1", "Pass 0.8 for 80%", column="chance", value=chance)
    wanted = goal or Goal()
    ceiling = Allocator(rules, wanted, time_limit=time_limit).allocate(curves)
    if reached(curves, ceiling, target_roas) >= chance:
        return _result(curves, ceiling, 1.0, (target_roas, chance), ceiling)
    best: tuple[Allocation, float] | None = None
    seen = reached(curves, ceiling, target_roas)
    low, high = 0.0, 1.0
    share = 1.0 - chance
    for _ in range(steps):
        plan = _at(curves, rules, replace(wanted, floor_roas=target_roas, floor_share=share), time_limit)
        realised = reached(curves, plan, target_roas) if plan is not None else None
        if realised is not None:
            seen = max(seen, realised)
        if realised is not None and realised < chance:
            high = share
        else:
            low = share
            if plan is not None and (best is None or plan.expected_outcome > best[0].expected_outcome):
                best = (plan, share)
        share = (low + high) / 2
    if best is None:
        raise InputError.of(
            f"no plan was found whose ROAS is at least {target_roas:g} with probability {chance:g}",
            f"Lower the target or the chance; the best plan seen reaches it with probability {seen:.2f}",
            column="budget.rules",
            value=target_roas,
        )
    return _result(curves, best[0], best[1], (target_roas, chance), ceiling)


def _at(curves: ResponseCurves, rules: Sequence[Rule], goal: Goal, time_limit: float) -> Allocation | None:
    allocator = Allocator(rules, goal, gap=1e-5, time_limit=time_limit)
    return allocator.allocate(curves) if allocator.is_possible(curves) else None


def reached(curves: ResponseCurves, plan: Allocation, target_roas: float) -> float:
    """Share of draws in which the plan's ROAS is at least ``target_roas``."""
    spend = np.array([plan.spend[channel] for channel in curves.cells])
    outcome = curves.outcome_at(spend).sum(axis=1)
    needed = target_roas * spend.sum()
    return float((outcome >= needed - 1e-9 * abs(needed)).mean())


def _result(
    curves: ResponseCurves, plan: Allocation, share: float, asked: tuple[float, float], ceiling: Allocation
) -> ChancePlan:
    return ChancePlan(
        plan=plan,
        chance=reached(curves, plan, asked[0]),
        target_roas=asked[0],
        chance_asked=asked[1],
        tail_share=share,
        ceiling=ceiling.expected_outcome,
    )
