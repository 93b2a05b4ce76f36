"""The rules as they are written in ``[budget]`` of ``liftwerk.toml``."""

from __future__ import annotations

from budget_optimizer.constraints import (
    Bounds,
    Fixed,
    Group,
    MaxActive,
    MaxChange,
    MinIfActive,
    Reserve,
    Rule,
    TargetCpa,
    TargetRoas,
    TotalBudget,
)
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.settings import (
    BoundsRule,
    BudgetRule,
    BudgetSection,
    FixedRule,
    GroupRule,
    MaxActiveRule,
    MinIfActiveRule,
    ReserveRule,
    TargetCpaRule,
    TargetRoasRule,
)


def rules_from_settings(budget: BudgetSection | None, curves: ResponseCurves) -> list[Rule]:
    """The rules of ``[budget]`` in ``liftwerk.toml``.

    ``total`` is spent to the last cent; without ``total``, ``total_min`` and ``total_max`` the total stays what it is
    today. ``max_change`` counts against ``curves.observed_spend``.
    """
    section = budget if budget is not None else BudgetSection()
    as_today = section.total is None and section.total_min is None and section.total_max is None
    if (as_today or section.max_change is not None) and not curves.observed_spend.any():
        raise InputError.of(
            "today's spend is unknown, and the budget is set relative to it",
            "Set budget.total and leave out max_change, or add a column current_spend to the curves",
            column="budget.max_change" if section.max_change is not None else "budget.total",
        )
    if as_today:
        rules: list[Rule] = [TotalBudget(float(curves.observed_spend.sum()))]
    else:
        rules = [TotalBudget(section.total, section.total_min, section.total_max)]
    if section.max_change is not None:
        rules.append(MaxChange(section.max_change))
    for given in section.rules:
        rules.append(_rule_of(given))
    return rules


def _rule_of(given: BudgetRule) -> Rule:  # noqa: PLR0911 - one case a kind
    match given:
        case BoundsRule():
            return Bounds(given.channel, given.min, given.max)
        case GroupRule():
            return Group(given.channels, given.name, given.min, given.max, given.min_share, given.max_share)
        case MinIfActiveRule():
            return MinIfActive(given.channel, given.min)
        case TargetRoasRule():
            return TargetRoas(given.value, given.channel)
        case FixedRule():
            return Fixed(given.channel, given.value)
        case TargetCpaRule():
            return TargetCpa(given.value, given.channel)
        case MaxActiveRule():
            return MaxActive(given.count, given.channels)
        case ReserveRule():
            return Reserve(given.value)
