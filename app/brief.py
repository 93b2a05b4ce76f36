"""The week's decision as the first page shows it: a frozen view of ``decision.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
class ChannelLine:
    """One channel's row. Money a week.

    Attributes
    ----------
    channel, action
        Name and ``scale``, ``cut``, ``hold`` or ``test``.
    current, proposed, change
        Spend a week.
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
    marginal_roas: Range | None
    grade: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """A week's decision.

    Attributes
    ----------
    week
        ISO week, ``2026-W48``.
    healthy
        Whether no gate says "do not act".
    gain
        Expected outcome a week against today's budget.
    chance_of_loss
        Probability that the proposal earns less than today's budget.
    lines
        One a channel.
    checks
        Gates of every run the decision rests on, as plain values.
    next_test
        Channel worth testing next, ``""`` where none is.
    data_until
        Last day of data, ``None`` where not stated.
    """

    week: str
    healthy: bool
    gain: Range
    chance_of_loss: float
    lines: Sequence[ChannelLine]
    checks: Sequence[Mapping[str, Any]]
    next_test: str
    data_until: date | None

    @property
    def moved(self) -> float:
        """Money that changes its channel: half of all absolute changes when the total stays, the larger side else."""
        up = sum(line.change for line in self.lines if line.change > 0)
        down = -sum(line.change for line in self.lines if line.change < 0)
        return max(up, down)

    @property
    def total_current(self) -> float:
        """Today's budget a week."""
        return sum(line.current for line in self.lines)

    @property
    def total_proposed(self) -> float:
        """Proposed budget a week."""
        return sum(line.proposed for line in self.lines)

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
            healthy=str(tree["status"]) == "healthy",
            gain=_range(tree["gain"]),
            chance_of_loss=float(tree["chance_of_loss"]),
            lines=tuple(_line(entry, language) for entry in tree["channels"]),
            checks=tuple(tree.get("checks", ())),
            next_test=str((tree.get("next_test") or {}).get("channel", "")),
            data_until=date.fromisoformat(tree["data_until"]) if tree.get("data_until") else None,
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


def _line(tree: Mapping[str, Any], language: str) -> ChannelLine:
    roas = tree.get("marginal_roas")
    return ChannelLine(
        channel=str(tree["channel"]),
        action=str(tree["action"]),
        current=float(tree["current"]),
        proposed=float(tree["proposed"]),
        change=float(tree["change"]),
        marginal_roas=_range(roas) if isinstance(roas, Mapping) else None,
        grade=str(tree["grade"]),
        reason=str(tree.get("reasons", {}).get(language) or tree["reason"]),
    )
