"""The rules of a plan. Each is a small object that names itself in every message and compiles to linear rows.

All money is a week's spend in the currency of the curves. A rule that cannot be met together with others is named by
`budget_optimizer.explain`; a rule that holds the plan back is named in ``Allocation.binding`` with its shadow price.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from budget_optimizer.rows import Row
from measurement.curves import ResponseCurves
from measurement.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a rule needs to know of the plan.

    Attributes
    ----------
    cells
        Names of the cells: channels, or channels in geos.
    current
        Today's spend by cell.
    reserved
        Money that is set aside.
    members
        Cells by channel; a channel not named is a cell itself.
    """

    cells: tuple[str, ...]
    current: Mapping[str, float]
    reserved: float = 0.0
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, *names: str) -> tuple[str, ...]:
        """The cells of channels (or cells) that a rule names."""
        found: list[str] = []
        for name in names:
            if name not in self.members and name not in self.current:
                known = tuple(self.members) or self.cells
                raise InputError.of(
                    "a budget rule names a channel that has no response curve",
                    f"Use one of: {', '.join(known[:12])}",
                    column="budget.rules",
                    value=name,
                )
            found += self.members.get(name, (name,))
        return tuple(found)

    @property
    def channels(self) -> tuple[str, ...]:
        """All channels."""
        return tuple(self.members) or self.cells


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
        cells = scope.of(self.channel)
        rows = []
        if self.minimum > 0:
            name = f"{self.channel} at least {money(self.minimum)}"
            rows.append(Row(name=name, spend=dict.fromkeys(cells, -1.0), limit=-self.minimum))
        if self.maximum is not None:
            name = f"{self.channel} at most {money(self.maximum)}"
            rows.append(Row(name=name, spend=dict.fromkeys(cells, 1.0), limit=self.maximum))
        return rows


@dataclass(frozen=True, slots=True)
class Fixed:
    """Spend of one channel is given."""

    channel: str
    value: float

    def rows(self, scope: Scope) -> list[Row]:
        """One equality."""
        name = f"{self.channel} fixed at {money(self.value)}"
        return [Row(name=name, spend=dict.fromkeys(scope.of(self.channel), 1.0), limit=self.value, equal=True)]


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
        chosen = scope.of(*self.channels)
        label = self.name or " + ".join(self.channels)
        members = set(chosen)
        rows = []
        for limit, sign, word in ((self.minimum, -1.0, "at least"), (self.maximum, 1.0, "at most")):
            if limit is not None:
                spend = dict.fromkeys(chosen, sign)
                rows.append(Row(name=f"{label} {word} {money(limit)}", spend=spend, limit=sign * limit))
        for share, sign, word in ((self.min_share, -1.0, "at least"), (self.max_share, 1.0, "at most")):
            if share is not None:
                spend = {cell: sign * ((cell in members) - share) for cell in scope.cells}
                rows.append(Row(name=f"{label} {word} {percent(share)} of the total", spend=spend, limit=0.0))
        return rows


@dataclass(frozen=True, slots=True)
class MaxChange:
    """No channel moves by more than ``share`` of today's spend, in no geo where there are geos.

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
        """X ≥ minimum · on, for whichever cell of the channel is on."""
        cells = scope.of(self.channel)
        name = f"{self.channel} zero or at least {money(self.minimum)}"
        spend = dict.fromkeys(cells, -1.0)
        return [Row(name=name, spend=spend, active={cell: self.minimum}, limit=0.0, family=name) for cell in cells]


@dataclass(frozen=True, slots=True)
class MaxActive:
    """At most ``count`` channels (of ``channels``, or of all) have any spend."""

    count: int
    channels: tuple[str, ...] = ()

    def rows(self, scope: Scope) -> list[Row]:
        """Σ on ≤ count; the cells of a channel are on or off together (a cell that is on may still spend nothing)."""
        members = [scope.of(channel) for channel in self.channels or scope.channels]
        of = f" of {' + '.join(self.channels)}" if self.channels else ""
        name = f"at most {self.count} active channels{of}"
        together = [
            Row(name=name, active={cells[0]: 1.0, cell: -1.0}, limit=0.0, equal=True, unit="count", family=name)
            for cells in members
            for cell in cells[1:]
        ]
        active = {cells[0]: 1.0 for cells in members}
        return [Row(name=name, active=active, limit=float(self.count), unit="count", family=name), *together]


@dataclass(frozen=True, slots=True)
class TargetRoas:
    """Expected outcome ≥ ``value`` × spend, of one channel or of the whole plan."""

    value: float
    channel: str | None = None

    def rows(self, scope: Scope) -> list[Row]:
        """value·x − f(x) ≤ 0."""
        cells = scope.cells if self.channel is None else scope.of(self.channel)
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


def scope_of(curves: ResponseCurves, reserved: float = 0.0) -> Scope:
    """What the rules need to know of these curves."""
    cells = curves.cells
    return Scope(
        cells=cells,
        current=dict(zip(cells, map(float, curves.observed_spend), strict=True)),
        reserved=reserved,
        members={channel: tuple(cells[c] for c in at) for channel, at in curves.members.items()},
    )


def compile_rules(rules: Sequence[Rule], curves: ResponseCurves) -> list[Row]:
    """All rows of all rules, names made unique."""
    scope = scope_of(curves, reserved=sum(rule.amount for rule in rules if isinstance(rule, Reserve)))
    rows, seen = [], dict[str, int]()
    for row in (row for rule in rules for row in rule.rows(scope)):
        seen[row.name] = seen.get(row.name, 0) + 1
        name = row.name if seen[row.name] == 1 else f"{row.name} ({seen[row.name]})"
        rows.append(replace(row, name=name))
    return rows
