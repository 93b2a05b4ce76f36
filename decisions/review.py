"""What people do with a recommendation: approve, edit, reject. Every rule is enforced here, whoever calls.

A page may hide a button; that is courtesy. Each action below checks the role, the version it is about and the state,
while no one else can write the log, and refuses with a sentence. An action names the version it was shown: what was
replayed, or clicked on a page that is out of date, is refused instead of deciding about something else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from decisions.amounts import total_of
from decisions.approval import AuditEntry, AuditLog, sha256
from decisions.approved import approved_lines, publish_approved, withdraw_approved
from decisions.locking import locked
from decisions.people import Deed, Person
from decisions.refusal import Refusal
from decisions.standing import Standing, moved_money, standing_of
from decisions.weeks import parse_week
from measurement.errors import InputError
from measurement.settings import Settings
from measurement.workspace import Workspace

_LONGEST_REASON = 500
_SHORTEST_REASON = 3
_MOST_MONEY = 1e12
_SETTLING = ".settling"


class Review:
    """The week's decision in the hands of people.

    Parameters
    ----------
    exports
        The workspace's ``exports`` folder.
    log
        Its audit log.
    settings
        Its settings: ``[access] two_approvers_above`` and ``[platforms]``.
    """

    def __init__(self, exports: Path, log: AuditLog, settings: Settings) -> None:
        self.exports, self.log, self.settings = exports, log, settings

    @classmethod
    def of(cls, workspace: Workspace) -> Review:
        """The review of a workspace."""
        return cls(workspace.exports, AuditLog(workspace.audit_log), workspace.settings)

    def standing(self, week: str) -> Standing | None:
        """Where the week stands, ``None`` where nothing was recommended."""
        return standing_of(self.log.entries(), week)

    def needs_two(self, standing: Standing, current: Mapping[str, float]) -> bool:
        """Whether so much money moves that two people have to approve."""
        limit = self.settings.access.two_approvers_above
        return limit is not None and moved_money(standing.budget, current) > limit

    def approve(self, person: Person, week: str, version: str, note: str = "") -> Standing:
        """Approve what is up for approval; the approved files are written once nobody else is needed.

        Raises
        ------
        Refusal
            Role, an outdated version, a week whose gates failed, a second approval by the same person.
        """
        document = self.document(week)
        current = {str(line["channel"]): float(line["current"]) for line in document["channels"]}

        def check(entries: list[AuditEntry]) -> Mapping[str, object]:
            found = self._found(entries, person, "approve", week, version)
            if not found.actionable:
                raise Refusal.by("gates_failed")
            if found.document != _hash(document):
                raise Refusal.by("export_changed", week=week)
            if found.stage in ("approved", "rejected"):
                raise Refusal.by(f"already_{found.stage}")
            if person.name.casefold() in {name.casefold() for name in found.approved_by}:
                raise Refusal.by("second_person", name=person.name)
            complete = not self.needs_two(found, current) or bool(found.approvals)
            return {
                "version": version,
                "complete": complete,
                "moved": moved_money(found.budget, current),
                "budget": dict(found.budget),
                "note": checked_reason(note, needed=False),
                "role": person.role,
                "via": person.via,
            }

        self.log.append_checked("approved", week, person.name, check)
        return self.settled(week)

    def edit(self, person: Person, week: str, version: str, budget: Mapping[str, float], reason: str) -> Standing:
        """Put another budget up for approval: the same total, other amounts.

        Raises
        ------
        Refusal
            Role, an outdated version, unknown channels, amounts that are no money, another total, no reason.
        """

        def check(entries: list[AuditEntry]) -> Mapping[str, object]:
            found = self._found(entries, person, "edit", week, version)
            if not found.actionable:
                raise Refusal.by("gates_failed")
            return {
                "version": version,
                "budget": checked_budget(budget, found.recommended),
                "reason": checked_reason(reason, needed=True),
                "role": person.role,
                "via": person.via,
            }

        self.log.append_checked("edited", week, person.name, check)
        return self.settled(week)

    def reject(self, person: Person, week: str, version: str, reason: str) -> Standing:
        """Refuse what is up for approval, or take an approval back; the approved files are removed.

        Raises
        ------
        Refusal
            Role, an outdated version, no reason, a week that is rejected already.
        """

        def check(entries: list[AuditEntry]) -> Mapping[str, object]:
            found = self._found(entries, person, "reject", week, version)
            if found.stage == "rejected":
                raise Refusal.by("already_rejected")
            text = checked_reason(reason, needed=True)
            return {"version": version, "reason": text, "role": person.role, "via": person.via}

        self.log.append_checked("rejected", week, person.name, check)
        return self.settled(week)

    def settled(self, week: str) -> Standing:
        """The standing, with the approved files in place exactly where the week is approved (safe to repeat).

        Whoever settles last has read the log last: an approval and a rejection at once cannot leave the files of the
        one beside the log of the other.

        Raises
        ------
        Refusal
            Nothing was recommended, or the export is not the one that was approved: its files are removed then.
        """
        with locked(self.exports / _SETTLING):
            found = self.standing(week)
            if found is None:
                raise Refusal.by("nothing_recommended", week=week)
            if found.stage != "approved":
                withdraw_approved(self.exports, week)
                return found
            document = self.document(week)
            if found.document != _hash(document):
                withdraw_approved(self.exports, week)
                raise Refusal.by("export_changed", week=week)
            publish_approved(self.exports, found, document, self.settings)
            return found

    def in_place(self, standing: Standing) -> bool:
        """Whether the approved files are there exactly where the log says so: a stopped server may have left others."""
        there = approved_lines(self.exports, standing.week)
        wanted = [entry.hash for entry in standing.approvals] if standing.stage == "approved" else None
        return there == wanted

    def document(self, week: str) -> dict[str, Any]:
        """``decision.json`` of a week.

        Raises
        ------
        InputError
            Where it is missing or broken.
        """
        parse_week(week)
        file = self.exports / week / "decision.json"
        try:
            tree = json.loads(file.read_text(encoding="utf-8"))
            return dict(tree)
        except (OSError, ValueError, TypeError) as broken:
            raise InputError.of(
                "the decision of this week cannot be read",
                f"Run `liftwerk weekly --week {week}` again",
                file=f"exports/{week}/decision.json",
                value=broken,
            ) from broken

    def _found(self, entries: list[AuditEntry], person: Person, deed: Deed, week: str, version: str) -> Standing:
        person.must(deed)
        found = standing_of(entries, week)
        if found is None:
            raise Refusal.by("nothing_recommended", week=week)
        if version != found.version:
            raise Refusal.by("outdated")
        return found


def _hash(document: Mapping[str, Any]) -> str:
    """As the log keeps it: the decision without its own line in the log."""
    return sha256({key: value for key, value in document.items() if key != "audit"})


def checked_budget(budget: Mapping[str, float], recommended: Mapping[str, float]) -> dict[str, float]:
    """Amounts to the cent: every channel once, none below zero, the recommended total.

    Raises
    ------
    Refusal
        ``channels``, ``amount`` or ``total``.
    """
    if set(budget) != set(recommended):
        raise Refusal.by("channels")
    amounts: dict[str, float] = {}
    for name in recommended:
        given = budget[name]
        money = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else math.nan
        if not 0 <= money < _MOST_MONEY:
            raise Refusal.by("amount", channel=name)
        amounts[name] = round(money, 2)
    missing = round(total_of(list(recommended.values())) - total_of(list(amounts.values())), 2)
    if missing:
        raise Refusal.by("total", missing=f"{missing:+.2f}")
    return amounts


def checked_reason(text: str, *, needed: bool) -> str:
    """A reason as it may stand in the log: one line, not too long; empty only where none is needed.

    Raises
    ------
    Refusal
        ``reason``.
    """
    cleaned = " ".join(str(text).split())
    if not cleaned.isprintable() or len(cleaned) > _LONGEST_REASON or (needed and len(cleaned) < _SHORTEST_REASON):
        raise Refusal.by("reason", shortest=str(_SHORTEST_REASON), longest=str(_LONGEST_REASON))
    return cleaned
