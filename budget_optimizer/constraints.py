"""The rules of a plan. Each is a small object that names itself in every message and compiles to linear rows.

All money is a week's spend in the currency of the curves. A rule that cannot be met together with others is named by
`budget_optimizer.explain`; a rule that holds the plan back is named in ``Allocation.binding`` with its shadow price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from budget_optimizer.rows import Row
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a rule needs to know of the plan: the cells, today's spend, and money that is set aside."""

    cells: tuple[str, ...]
    current: Mapping[str, float]
    reserved: float = 0.0

    def require(self, *cells: str) -> None:
        """Raise where a rule names a cell that has no curve."""
        for cell in cells:
            if cell not in self.current:
                raise InputError.of(
                    "a budget rule names a channel that has no response curve",
                    f"Use one of: {', '.join(self.cells[:12])}",
                    column="budget.rules",
                    value=cell,
                )


class Rule(Protocol):
    """Anything that compiles to named linear rows."""

    def rows(self, scope: Scope) -> list[Row]:
        """The rule as rows over the cells of the plan."""


def money(value: float) -> str:
    """``80,000`` or ``80,000.50``: money in a rule's name."""
    return f"{value:,.0f}" if abs(value - round(value)) < 5e-3 else f"{value:,.2f}"


def percent(value: float) -> str:
    """``25%`` or ``12.5%``."""
    return f"{100 * value:g}%"


@dataclass(frozen=True, slots=True)
class TotalBudget:
    """Spend exactly ``total``, or between ``minimum`` and ``maximum``.

    Examples
    --------
    >>> [row.name for row in TotalBudget(1e5).rows(Scope(cells=("tv",), current={"tv": 0.0}))]
    ['total budget 100,000']
    """

    total: float | None = None
    minimum: float | None = None
    maximum: float | None = None

    def rows(self, scope: Scope) -> list[Row]:
        """Σ x = total, or the two ends of the range; a reserve counts as spent."""
        everything = dict.fromkeys(scope.cells, 1.0)
        aside = f" (of which {money(scope.reserved)} in reserve)" if scope.reserved else ""
        if self.total is not None:
            name = f"total budget {money(self.total)}{aside}"
            return [Row(name=name, spend=everything, limit=self.total - scope.reserved, equal=True)]
        rows = []
        if self.minimum:
            least = dict.fromkeys(scope.cells, -1.0)
            name = f"total budget at least {money(self.minimum)}{aside}"
            rows.append(Row(name=name, spend=least, limit=scope.reserved - self.minimum))
        if self.maximum is not None:
            name = f"total budget at most {money(self.maximum)}{aside}"
            rows.append(Row(name=name, spend=everything, limit=self.maximum - scope.reserved))
        return rows


@dataclass(frozen=True, slots=True)
class Reserve:
    """Money kept out of the channels, for tests."""

    amount: float

    def rows(self, scope: Scope) -> list[Row]:  # noqa: ARG002 - TotalBudget reads the amount from the scope
        """No row of its own: the total is smaller by ``amount``."""
        return []


@dataclass(frozen=True, slots=True)
class Bounds:
    """``minimum`` ≤ spend of one channel ≤ ``maximum``."""

    channel: str
    minimum: float = 0.0
    maximum: float | None = None

    def rows(self, scope: Scope) -> list[Row]:
        """One row an end."""
        scope.require(self.channel)
        rows = []
        if self.minimum > 0:
            name = f"{self.channel} at least {money(self.minimum)}"
            rows.append(Row(name=name, spend={self.channel: -1.0}, limit=-self.minimum))
        if self.maximum is not None:
            name = f"{self.channel} at most {money(self.maximum)}"
            rows.append(Row(name=name, spend={self.channel: 1.0}, limit=self.maximum))
        return rows


@dataclass(frozen=True, slots=True)
class Fixed:
    """Spend of one channel is given."""

    channel: str
    value: float

    def rows(self, scope: Scope) -> list[Row]:
        """One equality."""
        scope.require(self.channel)
        name = f"{self.channel} fixed at {money(self.value)}"
        return [Row(name=name, spend={self.channel: 1.0}, limit=self.value, equal=True)]


@dataclass(frozen=True, slots=True)
class Group:
    """Sum over ``channels`` within money limits and within shares of the total spend of the plan."""

    channels: tuple[str, ...]
    name: str = ""
    minimum: float | None = None
    maximum: float | None = None
    min_share: float | None = None
    max_share: float | None = None

    def rows(self, scope: Scope) -> list[Row]:
        """One row a limit."""
        scope.require(*self.channels)
        label = self.name or " + ".join(self.channels)
        members = set(self.channels)
        rows = []
        for limit, sign, word in ((self.minimum, -1.0, "at least"), (self.maximum, 1.0, "at most")):
            if limit is not None:
                spend = dict.fromkeys(self.channels, sign)
                rows.append(Row(name=f"{label} {word} {money(limit)}", spend=spend, limit=sign * limit))
        for share, sign, word in ((self.min_share, -1.0, "at least"), (self.max_share, 1.0, "at most")):
            if share is not None:
                spend = {cell: sign * ((cell in members) - share) for cell in scope.cells}
                rows.append(Row(name=f"{label} {word} {percent(share)} of the total", spend=spend, limit=0.0))
        return rows


@dataclass(frozen=True, slots=True)
class MaxChange:
    """No channel moves by more than ``share`` of today's spend.

    A channel without spend today stays at zero, unless ``start`` allows that much to begin with.
    """

    share: float
    start: float = 0.0

    def rows(self, scope: Scope) -> list[Row]:
        """Two rows a channel."""
        rows = []
        for cell in scope.cells:
            today = scope.current[cell]
            least, most = max(0.0, today * (1.0 - self.share)), today * (1.0 + self.share)
            most = most if today > 0 else self.start
            label = f"{cell} changes by at most {percent(self.share)}" if today > 0 else f"{cell} has no spend today"
            family = f"no channel changes by more than {percent(self.share)}"
            if least > 0:
                name = f"{label} (at least {money(least)})"
                rows.append(Row(name=name, spend={cell: -1.0}, limit=-least, family=family))
            rows.append(Row(name=f"{label} (at most {money(most)})", spend={cell: 1.0}, limit=most, family=family))
        return rows


@dataclass(frozen=True, slots=True)
class MinIfActive:
    """Spend of a channel is zero or at least ``minimum``."""

    channel: str
    minimum: float

    def rows(self, scope: Scope) -> list[Row]:
        """X ≥ minimum · on."""
        scope.require(self.channel)
        name = f"{self.channel} zero or at least {money(self.minimum)}"
        return [Row(name=name, spend={self.channel: -1.0}, active={self.channel: self.minimum}, limit=0.0)]


@dataclass(frozen=True, slots=True)
class MaxActive:
    """At most ``count`` channels (of ``channels``, or of all) have any spend."""

    count: int
    channels: tuple[str, ...] = ()

    def rows(self, scope: Scope) -> list[Row]:
        """Σ on ≤ count."""
        scope.require(*self.channels)
        chosen = self.channels or scope.cells
        of = f" of {' + '.join(self.channels)}" if self.channels else ""
        name = f"at most {self.count} active channels{of}"
        return [Row(name=name, active=dict.fromkeys(chosen, 1.0), limit=float(self.count), unit="count")]


@dataclass(frozen=True, slots=True)
class TargetRoas:
    """Expected outcome ≥ ``value`` × spend, of one channel or of the whole plan."""

    value: float
    channel: str | None = None

    def rows(self, scope: Scope) -> list[Row]:
        """value·x − f(x) ≤ 0."""
        cells = scope.cells if self.channel is None else (self.channel,)
        scope.require(*cells)
        whose = "of the plan" if self.channel is None else f"of {self.channel}"
        return [
            Row(
                name=f"ROAS {whose} at least {self.value:g}",
                spend=dict.fromkeys(cells, self.value),
                outcome=dict.fromkeys(cells, -1.0),
                limit=0.0,
            )
        ]


@dataclass(frozen=True, slots=True)
class TargetCpa:
    """Spend per expected unit of outcome ≤ ``value``, of one channel or of the whole plan."""

    value: float
    channel: str | None = None

    def rows(self, scope: Scope) -> list[Row]:
        """The same rows as a ROAS of 1 / value."""
        whose = "of the plan" if self.channel is None else f"of {self.channel}"
        (row,) = TargetRoas(1.0 / self.value, self.channel).rows(scope)
        name = f"cost per outcome {whose} at most {money(self.value)}"
        return [Row(name=name, spend=row.spend, outcome=row.outcome, limit=0.0)]


def compile_rules(rules: Sequence[Rule], curves: ResponseCurves) -> list[Row]:
    """All rows of all rules, names made unique."""
    current = dict(zip(curves.channels, map(float, curves.observed_spend), strict=True))
    reserved = sum(rule.amount for rule in rules if isinstance(rule, Reserve))
    scope = Scope(cells=curves.channels, current=current, reserved=reserved)
    rows, seen = [], dict[str, int]()
    for row in (row for rule in rules for row in rule.rows(scope)):
        seen[row.name] = seen.get(row.name, 0) + 1
        name = row.name if seen[row.name] == 1 else f"{row.name} ({seen[row.name]})"
        rows.append(replace(row, name=name))
    return rows


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
