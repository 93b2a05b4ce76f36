"""Who decided what, when and why: an append-only log in which every line carries the hash of the one before.

A line is a JSON object ``{"seq", "at", "actor", "action", "subject", "details", "previous", "hash"}`` in canonical
form (keys sorted, no blanks); ``hash`` is the SHA-256 of the line without it, and ``previous`` the hash of the line
before (64 zeros for the first). Beside the log lies ``head.json`` with the number of lines and the last hash, so
that a log which was cut short is found out as well. A line is first written to ``pending.json``: what a killed writer
leaves behind the head is the beginning of that line and nothing else, so that added bytes are told from a stopped
write. A chain that was cut short or rewritten as a whole, head included, can only be found by comparing with a head
kept elsewhere: every export quotes its line of the log, and `decisions.anchors` compares.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from decisions.locking import locked
from measurement.errors import InputError
from measurement.store import write_atomically

Action = Literal["recommended", "approved", "edited", "rejected", "uploaded", "forgot"]
GENESIS = "0" * 64
_FIELDS = {"seq", "at", "actor", "action", "subject", "details", "previous", "hash"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the log.

    Attributes
    ----------
    seq
        1 for the first line.
    at
        UTC, ISO 8601.
    actor
        Who: a user's name, or ``"liftwerk"``.
    action
        What was done.
    subject
        On what, e.g. ``"2026-W48"``.
    details
        Plain JSON values.
    previous, hash
        The chain.
    """

    seq: int
    at: str
    actor: str
    action: str
    subject: str
    details: Mapping[str, Any]
    previous: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What `verify` found.

    Attributes
    ----------
    entries
        Sound lines before the first fault.
    head
        Hash of the last sound line.
    line
        Number of the first line at fault, ``None`` where the chain is sound.
    fault
        What is wrong with it, ``""`` where nothing is.
    """

    entries: int
    head: str
    line: int | None = None
    fault: str = ""

    @property
    def sound(self) -> bool:
        """Whether every line is as it was written."""
        return self.line is None


class AuditLog:
    """The log of a workspace, ``audit/log.jsonl``.

    Parameters
    ----------
    file
        The log; made by the first `append`.

    Examples
    --------
    >>> import tempfile
    >>> log = AuditLog(Path(tempfile.mkdtemp()) / "log.jsonl")
    >>> _ = log.append("recommended", "2026-W48", {"moved": 1200.0})
    >>> log.verify().sound
    True
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def entries(self) -> list[AuditEntry]:
        """Every line.

        Raises
        ------
        InputError
            Where a line is broken: names it.
        """
        entries, found = self._walk()
        if found.line is not None:
            raise InputError.of(
                f"the audit log is broken: {found.fault}",
                "Restore audit/ from a backup; the log is never edited",
                file=f"audit/{self.file.name}",
                line=found.line,
            )
        return entries

    def append(
        self, action: Action, subject: str, details: Mapping[str, object], *, actor: str = "liftwerk"
    ) -> AuditEntry:
        """Add a line; concurrent writers wait for each other.

        Raises
        ------
        InputError
            Where the log is broken already: nothing is added to a broken chain.
        """
        with locked(self._lock):
            return self._append(action, subject, details, actor)

    def append_checked(
        self, action: Action, subject: str, actor: str, check: Callable[[list[AuditEntry]], Mapping[str, object]]
    ) -> AuditEntry:
        """Add a line whose details ``check`` makes from the lines so far, while nobody else can write.

        What ``check`` raises is passed on, and nothing is written then: two people who act at once cannot both be
        right about the state they saw.
        """
        with locked(self._lock):
            return self._append(action, subject, check(self.entries()), actor)

    def append_once(self, action: Action, subject: str, details: Mapping[str, object]) -> AuditEntry:
        """Add a line unless the last one with this action and subject says the same; that one otherwise."""
        with locked(self._lock):
            same = [entry for entry in self.entries() if (entry.action, entry.subject) == (action, subject)]
            if same and same[-1].details == json.loads(canonical(details)):
                return same[-1]
            return self._append(action, subject, details, "liftwerk")

    def verify(self) -> Verification:
        """Walk the chain; names the first line at fault."""
        found = self._walk()[1]
        if found.sound:
            return found
        # A writer at work between our reading the log and the head looks like a fault: look again while none is.
        with contextlib.suppress(OSError), locked(self._lock):
            return self._walk()[1]
        return found

    @property
    def _lock(self) -> Path:
        return self.file.with_name(".lock")

    @property
    def _head(self) -> Path:
        return self.file.with_name("head.json")

    @property
    def _pending(self) -> Path:
        return self.file.with_name("pending.json")

    def _append(self, action: Action, subject: str, details: Mapping[str, object], actor: str) -> AuditEntry:
        entries = self.entries()
        body: dict[str, Any] = {
            "seq": len(entries) + 1,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "actor": actor,
            "action": action,
            "subject": subject,
            "details": json.loads(canonical(details)),
            "previous": entries[-1].hash if entries else GENESIS,
        }
        entry = AuditEntry(**body, hash=_hash(body))
        line = canonical(body | {"hash": entry.hash}) + "\n"
        write_atomically(self._pending, line)
        self._write(line)
        write_atomically(self._head, canonical({"entries": entry.seq, "hash": entry.hash}))
        self._pending.unlink(missing_ok=True)
        return entry

    def _write(self, line: str) -> None:
        """Append and sync; the unfinished last line that a killed writer may have left is cut off first."""
        with self.file.open("ab+") as stream:
            stream.seek(0)
            content = stream.read()
            if content and not content.endswith(b"\n"):
                stream.truncate(content.rfind(b"\n") + 1)
            stream.write(line.encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())

    def _walk(self) -> tuple[list[AuditEntry], Verification]:
        entries: list[AuditEntry] = []
        content = self.file.read_bytes() if self.file.is_file() else b""
        head = self._read_head()
        pending = self._pending.read_bytes() if self._pending.is_file() else b""
        complete, _, rest = content.rpartition(b"\n")
        lines = complete.split(b"\n") if b"\n" in content else []
        for number, line in enumerate(lines, start=1):
            entry, fault = _parse(line, number, entries[-1].hash if entries else GENESIS)
            if entry is None:
                return entries, _broken(entries, number, fault)
            entries.append(entry)
        last = b"" if not lines else lines[-1] + b"\n"
        fault = _against_head(entries, head, unfinished=bool(rest)) or _beyond_head(entries, head, rest, last, pending)
        if fault:
            return entries, _broken(entries, _line_at_fault(len(entries), head[0], unfinished=bool(rest)), fault)
        return entries, Verification(entries=len(entries), head=entries[-1].hash if entries else GENESIS)

    def _read_head(self) -> tuple[int, str]:
        try:
            tree = json.loads(self._head.read_text(encoding="utf-8"))
            return int(tree["entries"]), str(tree["hash"])
        except FileNotFoundError:
            return 0, GENESIS
        except (ValueError, KeyError, TypeError):
            return 1, "unreadable"


def canonical(tree: object) -> str:
    """JSON in the one form that is hashed: keys sorted, no blanks, UTF-8, no NaN."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=str)


def sha256(tree: object) -> str:
    """Hash of the canonical form."""
    return hashlib.sha256(canonical(tree).encode("utf-8")).hexdigest()


def _hash(body: Mapping[str, Any]) -> str:
    return sha256({name: value for name, value in body.items() if name != "hash"})


def _parse(line: bytes, number: int, previous: str) -> tuple[AuditEntry | None, str]:
    """The entry of a line, or what is wrong with it."""
    try:
        tree = json.loads(line.decode("utf-8"))
    except ValueError:
        return None, "the line is not JSON"
    if not isinstance(tree, dict) or set(tree) != _FIELDS:
        return None, "the line does not have the fields of an entry"
    faults = (
        (canonical(tree).encode("utf-8") != line, "the line is not in the form in which it was written"),
        (tree["hash"] != _hash(tree), "the content does not match its hash"),
        (tree["previous"] != previous, "it does not follow the line before: a line was changed, removed or added"),
        (tree["seq"] != number, f"its number is {tree['seq']}"),
    )
    fault = next((words for wrong, words in faults if wrong), "")
    return (None, fault) if fault else (AuditEntry(**tree), "")


def _against_head(entries: list[AuditEntry], head: tuple[int, str], *, unfinished: bool) -> str:
    """What is wrong at the end of the log. A writer that was killed leaves the head one line behind at most."""
    count, last = head
    if len(entries) < count:
        return "the line does not end" if unfinished else f"lines are missing: the head counts {count}"
    if count and entries[count - 1].hash != last:
        return "the hash differs from the one in head.json"
    if len(entries) > count + 1:
        return f"head.json counts {count} lines, the log has {len(entries)}"
    return ""


def _line_at_fault(lines: int, counted: int, *, unfinished: bool) -> int:
    """Where the log and the head part: the first missing line, the added one, or the last that both know."""
    if lines < counted or unfinished:
        return lines + 1
    return lines if lines > counted else max(counted, 1)


def _beyond_head(entries: list[AuditEntry], head: tuple[int, str], rest: bytes, last: bytes, pending: bytes) -> str:
    """What lies behind the head: a killed writer's own line or the beginning of it, or bytes that were added."""
    if rest and not pending.startswith(rest):
        return "bytes were added at the end of the log"
    if len(entries) > head[0] and last != pending:
        return "the line was added behind the head"
    return ""


def _broken(entries: list[AuditEntry], line: int, fault: str) -> Verification:
    return Verification(entries=len(entries), head=entries[-1].hash if entries else GENESIS, line=line, fault=fault)
