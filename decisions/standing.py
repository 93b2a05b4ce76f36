"""Where a week's decision stands, read from the audit log alone: who proposed, changed, approved and refused what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from decisions.amounts import total_of
from decisions.approval import AuditEntry, AuditLog, sha256
from decisions.document import WeekDecision

Stage = Literal["draft", "edited", "awaiting_second", "approved", "rejected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The state of a week.

    Attributes
    ----------
    week
        ISO week.
    stage
        ``draft`` (recommended, nobody has decided), ``edited``, ``awaiting_second`` (one approval of two),
        ``approved`` or ``rejected``.
    version
        Hash of the log's line that made what is up for approval: an approval is for this version and no other.
    actionable
        Whether the recommendation's own gates let it be approved at all.
    budget
        Money a week by channel that is up for approval, or was approved.
    recommended
        What liftwerk recommended.
    document
        Hash of the decision the recommendation stands in.
    approvals
        Lines that approve this version.
    last
        Line of the newest action of a person, ``None`` where nobody acted.
    """

    week: str
    stage: Stage
    version: str
    actionable: bool
    budget: Mapping[str, float]
    recommended: Mapping[str, float]
    document: str
    approvals: tuple[AuditEntry, ...] = ()
    last: AuditEntry | None = None

    @property
    def changed(self) -> bool:
        """Whether a person changed the recommendation."""
        return dict(self.budget) != dict(self.recommended)

    @property
    def approved_by(self) -> tuple[str, ...]:
        """Names, in the order of their approvals."""
        return tuple(entry.actor for entry in self.approvals)


def standing_of(entries: Iterable[AuditEntry], week: str) -> Standing | None:
    """Replay the lines of a week; ``None`` where nothing was recommended."""
    found: Standing | None = None
    for entry in entries:
        if entry.subject != week:
            continue
        if entry.action == "recommended":
            found = _recommended(entry)
        elif found is not None:
            found = _next(found, entry)
    return found


def _recommended(entry: AuditEntry) -> Standing:
    budget = {str(name): float(money) for name, money in dict(entry.details.get("budget", {})).items()}
    return Standing(
        week=entry.subject,
        stage="draft",
        version=entry.hash,
        actionable=entry.details.get("state") != "do_not_act",
        budget=budget,
        recommended=budget,
        document=str(entry.details.get("decision_sha256", "")),
    )


def _next(found: Standing, entry: AuditEntry) -> Standing:
    details: Mapping[str, Any] = entry.details
    if entry.action == "edited":
        budget = {str(name): float(money) for name, money in details["budget"].items()}
        return replace(found, stage="edited", version=entry.hash, budget=budget, approvals=(), last=entry)
    if entry.action == "rejected":
        return replace(found, stage="rejected", version=entry.hash, approvals=(), last=entry)
    if entry.action == "approved" and details.get("version") == found.version:
        stage: Stage = "approved" if details.get("complete") else "awaiting_second"
        return replace(found, stage=stage, approvals=(*found.approvals, entry), last=entry)
    return found


def moved_money(budget: Mapping[str, float], current: Mapping[str, float]) -> float:
    """Money that changes its place: the larger of all that is added and all that is taken away."""
    changes = [money - current.get(name, 0.0) for name, money in budget.items()]
    return max(total_of([max(one, 0.0) for one in changes]), total_of([max(-one, 0.0) for one in changes]))


def log_recommended(log: AuditLog, decision: WeekDecision) -> AuditEntry:
    """The decision's line in the audit log, from which its standing starts; the same decision is logged once."""
    return log.append_once(
        "recommended",
        decision.week,
        {
            "state": decision.state,
            "moved": decision.moved,
            "total": decision.total_proposed,
            "budget": {line.channel: line.proposed for line in decision.channels},
            "decision_sha256": sha256(decision.content()),
        },
    )
