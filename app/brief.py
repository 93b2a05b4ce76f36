"""The week's decision as the first page shows it: a frozen view of ``decision.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from measurement.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A value with its interval and level; ends are ``None`` where the method gives none."""

    value: float
    lower: float | None = None
    upper: float | None = None
    level: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NextTest:
    """The experiment worth most.

    Attributes
    ----------
    channel
        What to test.
    value
        Money a week that the better plan after it is worth, ``None`` where unknown.
    cost
        Of the test, money in all; ``None`` where unknown.
    design
        Kind, geos and weeks as in ``plan.json``, ``None`` where it was assumed.
    """

    channel: str
    value: float | None = None
    cost: float | None = None
    design: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLine:
    """One channel's row. Money a week.

    Attributes
    ----------
    channel, action
        Name and ``scale``, ``cut``, ``hold`` or ``test``.
    current, proposed, change
        Spend a week.
    calculated
        What the plan would spend; differs from ``proposed`` only where a gate failed.
    marginal_roas
        Outcome of the next euro.
    grade
        ``experiment``, ``model`` or ``assumption``.
    reason
        The rule that fired, in the language asked for.
    """

    channel: str
    action: str
    current: float
    proposed: float
    change: float
    calculated: float
    marginal_roas: Range
    grade: str
    reason: str

    @property
    def planned(self) -> float:
        """Change that was calculated; what is advised differs from it only where a gate failed."""
        return self.calculated - self.current


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """A week's decision.

    Attributes
    ----------
    week
        ISO week, ``2026-W48``.
    state
        ``act``, ``hold`` or ``do_not_act``.
    moved, total_current, total_proposed
        Money a week.
    gain
        Expected outcome a week against today's budget.
    chance_of_loss
        Probability that the proposal earns less than today's budget.
    lines
        One a channel.
    checks
        Gates of every run the decision rests on, as plain values.
    next_test
        Channel worth testing next and what knowing it is worth a week; ``None`` where no test is worth it.
    creatives, canaries
        What to stop or renew, and the canaries that are stopped, as plain values.
    gap
        How far the plan may be from the best one, as a share.
    data_until
        Last day of data.
    cells
        Proposed money by ``"channel in geo"`` where the plan is by geo, empty elsewhere.
    """

    week: str
    state: str
    moved: float
    total_current: float
    total_proposed: float
    gain: Range
    chance_of_loss: float
    lines: Sequence[ChannelLine]
    checks: Sequence[Mapping[str, Any]]
    next_test: NextTest | None
    creatives: Sequence[Mapping[str, Any]]
    canaries: Sequence[Mapping[str, Any]]
    gap: float
    data_until: date
    cells: Mapping[str, float] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether no gate says "do not act"."""
        return self.state != "do_not_act"

    @property
    def planned_moved(self) -> float:
        """Money the plan would move; equals ``moved`` unless a gate failed."""
        up = sum(max(line.planned, 0.0) for line in self.lines)
        down = sum(max(-line.planned, 0.0) for line in self.lines)
        return max(up, down)

    @property
    def planned_total(self) -> float:
        """Budget of the plan; equals ``total_proposed`` unless a gate failed."""
        return sum(line.calculated for line in self.lines)

    @property
    def monday(self) -> date:
        """First day of the decision week."""
        year, week = self.week.split("-W")
        return date.fromisocalendar(int(year), int(week), 1)

    @property
    def sunday(self) -> date:
        """Last day of the decision week."""
        return self.monday + timedelta(days=6)


def read_brief(tree: Mapping[str, Any], language: str, file: Path) -> Brief:
    """A brief from ``decision.json``.

    Parameters
    ----------
    tree
        The document.
    language
        ``"de"`` or ``"en"``: which reasons to read.
    file
        Named in errors.

    Raises
    ------
    InputError
        Where the document lacks something the page needs: names it.
    """
    try:
        return Brief(
            week=str(tree["week"]),
            state=str(tree["state"]),
            moved=float(tree["moved"]),
            total_current=float(tree["total_current"]),
            total_proposed=float(tree["total_proposed"]),
            gain=_range(tree["gain"]),
            chance_of_loss=float(tree["chance_of_loss"]),
            lines=tuple(_line(entry, language) for entry in tree["channels"]),
            checks=tuple(tree["checks"]),
            next_test=_next_test(tree["next_test"]),
            creatives=tuple(tree["creatives"]),
            canaries=tuple((tree["canaries"] or {}).get("stopped", ())),
            gap=float(tree["plan"]["gap"]),
            data_until=date.fromisoformat(tree["data_until"]),
            cells={f"{cell['channel']} in {cell['geo']}": float(cell["proposed"]) for cell in tree.get("cells", ())},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError.of(
            "the decision lacks something this page needs",
            "Run `liftwerk weekly` again with this version",
            file=f"{file.parent.parent.name}/{file.parent.name}/{file.name}",
            value=error,
        ) from error


def _range(tree: Mapping[str, Any]) -> Range:
    ends = {name: float(tree[name]) if tree.get(name) is not None else None for name in ("lower", "upper", "level")}
    return Range(value=float(tree["value"]), **ends)


def _next_test(tree: Mapping[str, Any] | None) -> NextTest | None:
    if tree is None:
        return None
    value, cost = tree.get("value"), tree.get("cost")
    return NextTest(
        channel=str(tree["channel"]),
        value=None if value is None else float(value),
        cost=None if cost is None else float(cost),
        design=tree.get("design"),
    )


def _line(tree: Mapping[str, Any], language: str) -> ChannelLine:
    return ChannelLine(
        channel=str(tree["channel"]),
        action=str(tree["action"]),
        current=float(tree["current"]),
        proposed=float(tree["proposed"]),
        change=float(tree["change"]),
        calculated=float(tree["calculated"]),
        marginal_roas=_range(tree["marginal_roas"]),
        grade=str(tree["grade"]),
        reason=str(tree["reasons"].get(language, tree["reason"])),
    )
