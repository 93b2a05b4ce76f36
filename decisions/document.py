"""A week's decision as data: what ``decision.json`` holds and every other export is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from decisions.amounts import total_of
from decisions.evidence import ChannelEvidence
from decisions.plain import plain
from decisions.recommendation import Move
from measurement.estimates import Estimate
from measurement.plans import Decision

SCHEMA = "liftwerk.decision/1"
State = Literal["act", "hold", "do_not_act"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAdvice:
    """One channel's line.

    Attributes
    ----------
    decision, move, evidence
        What is advised, what the plan does, what is known.
    current, proposed
        Money a week, to the cent.
    calculated
        What the plan would spend; differs from ``proposed`` only where a gate failed.
    roas
        The model's return on the whole history, ``None`` with curves from elsewhere.
    reasons
        The rule in words, by language.
    """

    decision: Decision
    move: Move
    evidence: ChannelEvidence
    current: float
    proposed: float
    calculated: float
    roas: Estimate | None
    reasons: Mapping[str, str]

    @property
    def channel(self) -> str:
        """Its name."""
        return self.decision.subject

    @property
    def change(self) -> float:
        """Proposed less current, to the cent."""
        return round(self.proposed - self.current, 2)

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return {
            "channel": self.channel,
            "action": self.decision.action,
            "current": self.current,
            "proposed": self.proposed,
            "change": self.change,
            "calculated": self.calculated,
            "marginal_roas": _span(self.move.marginal_roas),
            "roas": None if self.roas is None else _span(self.roas),
            "gain": _span(self.move.gain),
            "chance_of_gain": self.move.chance,
            "grade": self.evidence.grade,
            "rule": self.decision.rule,
            "facts": dict(self.decision.facts),
            "reason": self.decision.reason,
            "reasons": dict(self.reasons),
            "evidence": [reading.to_dict() for reading in self.evidence.readings],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekDecision:
    """The decision of a week.

    Attributes
    ----------
    week, workspace, currency, locale
        What it is for.
    state
        ``act`` (money moves), ``hold`` (nothing is worth moving) or ``do_not_act`` (a gate failed).
    channels
        One line a channel.
    gain
        Outcome a week of the proposal less that of today's spend.
    chance_of_loss
        Posterior probability that it is negative.
    weeks
        How many weeks the budget is for.
    plan
        Facts of the plan: value, upper_bound, gap, binding, shadow_prices.
    checks
        Gates of every run behind it, each with its ``run``.
    next_test
        The experiment worth most, ``None`` where none is.
    creatives, canaries
        What to stop, as plain values; ``None`` where the workspace has no such logs.
    alerts
        Number of alerts of the content pipeline.
    runs
        Kind → ids of the runs behind it.
    data_until
        Last day of data.
    decided_at
        UTC; when the plan was made, so that repeating the job changes nothing.
    unsound
        Kinds of runs (``creatives``, ``content``) whose own gates failed: their advice is withheld.
    audit
        Line and hash of this decision in the audit log.
    cells
        Where the plan is by geo: channel, geo, current and proposed money a week; the geos of a channel add up to it.
    """

    week: str
    workspace: str
    currency: str
    locale: str
    state: State
    channels: tuple[ChannelAdvice, ...]
    gain: Estimate
    chance_of_loss: float
    weeks: int
    plan: Mapping[str, Any]
    checks: Sequence[Mapping[str, Any]]
    next_test: Mapping[str, Any] | None
    creatives: Sequence[Mapping[str, Any]] | None
    canaries: Mapping[str, Any] | None
    alerts: int
    runs: Mapping[str, Sequence[str]]
    data_until: date
    decided_at: datetime
    unsound: Sequence[str] = ()
    audit: Mapping[str, Any] = field(default_factory=dict)
    cells: Sequence[Mapping[str, Any]] = ()

    @property
    def healthy(self) -> bool:
        """Whether no gate says "do not act"."""
        return self.state != "do_not_act"

    @property
    def total_current(self) -> float:
        """Today's budget a week."""
        return total_of([line.current for line in self.channels])

    @property
    def total_proposed(self) -> float:
        """Proposed budget a week."""
        return total_of([line.proposed for line in self.channels])

    @property
    def moved(self) -> float:
        """Money that changes its place: the larger of all that is added and all that is taken away."""
        up = total_of([max(line.change, 0.0) for line in self.channels])
        down = total_of([max(-line.change, 0.0) for line in self.channels])
        return max(up, down)

    def content(self) -> dict[str, Any]:
        """The decision as plain JSON values, without its place in the audit log."""
        tree = {
            "schema": SCHEMA,
            "week": self.week,
            "workspace": self.workspace,
            "currency": self.currency,
            "locale": self.locale,
            "status": "healthy" if self.healthy else "unhealthy",
            "state": self.state,
            "decided_at": self.decided_at.isoformat(),
            "data_until": self.data_until.isoformat(),
            "weeks": self.weeks,
            "total_current": self.total_current,
            "total_proposed": self.total_proposed,
            "moved": self.moved,
            "gain": _span(self.gain),
            "chance_of_loss": self.chance_of_loss,
            "channels": [line.to_dict() for line in self.channels],
            "plan": dict(self.plan),
            "checks": [dict(check) for check in self.checks],
            "next_test": None if self.next_test is None else dict(self.next_test),
            "creatives": [dict(item) for item in self.creatives or ()],
            "canaries": None if self.canaries is None else dict(self.canaries),
            "content_alerts": self.alerts,
            "unsound": list(self.unsound),
            "runs": {kind: list(ids) for kind, ids in self.runs.items()},
        }
        if self.cells:
            tree["cells"] = [dict(cell) for cell in self.cells]
        return {name: plain(value) for name, value in tree.items()}

    def to_dict(self) -> dict[str, Any]:
        """The content of ``decision.json``."""
        return self.content() | {"audit": dict(self.audit)}


def _span(estimate: Estimate) -> dict[str, float | str]:
    ends = estimate.interval
    return {
        "value": estimate.value,
        "lower": ends.lower,
        "upper": ends.upper,
        "level": ends.level,
        "unit": estimate.unit,
    }
