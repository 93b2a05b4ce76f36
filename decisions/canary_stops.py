"""Stopped canaries: a stop stands, whatever happens to the process or the data, until a person resumes it.

``content/canary/stop.json`` lists the stops that stand; a deployment reads it. It is written and synced before anything
else is told, then the audit log gets a line. A stop stands where either of the two knows it, and only a line
``canary_resumed`` of the audit log ends it: removing or editing the file resumes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, cast

from decisions.approval import AuditEntry, AuditLog
from decisions.locking import locked
from decisions.people import Person
from decisions.plain import plain
from decisions.review import checked_reason
from measurement.errors import InputError
from measurement.store import write_atomically
from measurement.workspace import Workspace

STOP_FILE = "content/canary/stop.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryStop:
    """A canary that must not go on.

    Attributes
    ----------
    id
        Names the stop: the same breach found twice has the same id.
    team, pipeline
        Whose canary.
    kpis
        Guardrails that were breached when it was stopped.
    stopped_at
        Hour of the log at which the first was.
    latched_at
        When liftwerk found out, UTC.
    facts
        Evidence, limit and both arms' values by guardrail.
    """

    id: str
    team: str
    pipeline: str
    kpis: tuple[str, ...]
    stopped_at: str
    latched_at: str
    facts: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return cast("dict[str, Any]", plain(asdict(self)))

    @classmethod
    def read(cls, tree: Mapping[str, Any]) -> Self:
        """Back from JSON."""
        return cls(**{**tree, "kpis": tuple(tree["kpis"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A pipeline whose canary broke guardrails, as a measurement found it; fields as in `CanaryStop`."""

    team: str
    pipeline: str
    kpis: tuple[str, ...]
    stopped_at: str
    facts: Mapping[str, Any]


class CanaryStops:
    """The stops of a workspace.

    Parameters
    ----------
    file
        ``content/canary/stop.json``.
    log
        The audit log.
    """

    def __init__(self, file: Path, log: AuditLog) -> None:
        self.file = file
        self.log = log

    @classmethod
    def of(cls, workspace: Workspace) -> Self:
        """Those of a workspace."""
        return cls(workspace.root / STOP_FILE, AuditLog(workspace.audit_log))

    def standing(self) -> tuple[CanaryStop, ...]:
        """Every stop that nobody resumed, oldest first.

        Raises
        ------
        InputError
            Where the stop file or the audit log is broken.
        """
        return self._standing(self.log.entries())

    def resumed(self) -> dict[tuple[str, str], datetime]:
        """By team and pipeline, when a person last resumed the canary: what was before is not held against it."""
        found: dict[tuple[str, str], datetime] = {}
        for entry in self.log.entries():
            if entry.action == "canary_resumed":
                found[str(entry.details["team"]), str(entry.details["pipeline"])] = datetime.fromisoformat(entry.at)
        return found

    def latch(self, breaches: Iterable[Breach]) -> tuple[CanaryStop, ...]:
        """Make every breach a stop that stands, and complete what a killed process left half done.

        A pipeline that is stopped already stays stopped as it was. Returns every stop that stands.
        """
        with locked(self._lock):
            entries = self.log.entries()
            stops = list(self._standing(entries))
            known = {(stop.team, stop.pipeline) for stop in stops}
            stops += [_stop(one, entries) for one in breaches if (one.team, one.pipeline) not in known]
            if stops or self.file.is_file():
                self._write(stops)
            told = {str(entry.details["id"]) for entry in entries if entry.action == "canary_stopped"}
            for stop in stops:
                if stop.id not in told:
                    self.log.append("canary_stopped", _subject(stop), stop.to_dict())
            return tuple(stops)

    def resume(self, stop_id: str, person: Person, reason: str) -> CanaryStop:
        """End a stop, with a reason, in the audit log.

        Parameters
        ----------
        stop_id
            Its id, or enough of its beginning.
        person
            Needs the role of an approver.
        reason
            What makes it right to go on.

        Raises
        ------
        InputError
            Where there is no such stop; `Refusal` without a reason, and where the role does not allow it.
        """
        person.must("approve")
        words = checked_reason(reason, needed=True)
        with locked(self._lock):
            found: list[CanaryStop] = []

            def check(entries: list[AuditEntry]) -> Mapping[str, object]:
                found.append(_one(self._standing(entries), stop_id))
                stop = found[0]
                who = {"role": person.role, "via": person.via}
                return {"id": stop.id, "team": stop.team, "pipeline": stop.pipeline, "reason": words, **who}

            # which stop it is stands in the details: the log is locked while they are made
            subject = _subject(_one(self.standing(), stop_id))
            self.log.append_checked("canary_resumed", subject, person.name, check)
            self._write(self._standing(self.log.entries()))
            return found[0]

    @property
    def _lock(self) -> Path:
        return self.file.with_name(".lock")

    def _standing(self, entries: Sequence[AuditEntry]) -> tuple[CanaryStop, ...]:
        logged = [CanaryStop.read(entry.details) for entry in entries if entry.action == "canary_stopped"]
        over = {str(entry.details["id"]) for entry in entries if entry.action == "canary_resumed"}
        stops = {stop.id: stop for stop in (*self._read(), *logged) if stop.id not in over}
        return tuple(sorted(stops.values(), key=lambda stop: (stop.latched_at, stop.id)))

    def _read(self) -> list[CanaryStop]:
        if not self.file.is_file():
            return []
        try:
            tree = json.loads(self.file.read_text(encoding="utf-8"))
            return [CanaryStop.read(stop) for stop in tree["stops"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError.of(
                "the file of stopped canaries cannot be read",
                "Remove it and run `liftwerk content`: the audit log knows the stops, and they stay",
                file=STOP_FILE,
                value=error,
            ) from error

    def _write(self, stops: Sequence[CanaryStop]) -> None:
        tree = {"stopped": bool(stops), "stops": [stop.to_dict() for stop in stops]}
        write_atomically(self.file, json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _stop(breach: Breach, entries: Sequence[AuditEntry]) -> CanaryStop:
    pair = [breach.team, breach.pipeline]
    times = sum(
        entry.action == "canary_resumed" and [entry.details["team"], entry.details["pipeline"]] == pair
        for entry in entries
    )
    digest = hashlib.sha256(json.dumps([*pair, times]).encode()).hexdigest()[:12]
    return CanaryStop(
        id=digest,
        team=breach.team,
        pipeline=breach.pipeline,
        kpis=breach.kpis,
        stopped_at=breach.stopped_at,
        latched_at=datetime.now(UTC).isoformat(timespec="seconds"),
        facts=breach.facts,
    )


def _one(stops: Sequence[CanaryStop], stop_id: str) -> CanaryStop:
    found = [stop for stop in stops if stop.id.startswith(stop_id)] if stop_id else []
    if len(found) != 1:
        standing = ", ".join(f"{stop.id} ({_subject(stop)})" for stop in stops) or "none"
        raise InputError.of(
            "there is no such stopped canary" if not found else "this beginning fits several stopped canaries",
            f"Stopped are: {standing}",
            column="resume",
            value=stop_id,
        )
    return found[0]


def _subject(stop: CanaryStop) -> str:
    return f"{stop.team} / {stop.pipeline}"
