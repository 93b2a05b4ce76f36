"""Heads of the audit log that left it: every export quotes the line it rests on, and so tells what was there.

A log is sound in itself as long as its chain ends in its own head; whoever may write the folder can cut lines off, or
write the whole chain anew, and the head with it. What an export quotes has to be in the log at its place all the same.
Exports lie in the workspace too: against somebody who rewrites those as well, keep a head elsewhere (docs/deploy.md).
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from decisions.approval import AuditLog, Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A line of the log as a file outside it quotes it."""

    file: str
    line: int
    hash: str


def anchors(exports: Path) -> list[Anchor]:
    """What every export quotes, in the order of the log; files that cannot be read quote nothing."""
    found: list[Anchor] = []
    for folder in sorted(exports.iterdir()) if exports.is_dir() else ():
        if folder.name.startswith("."):
            continue
        for name in ("decision.json", "approval.json"):
            file = folder / name
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
                tree = json.loads(file.read_text(encoding="utf-8"))
                shown = f"exports/{folder.name}/{name}"
                found += [Anchor(file=shown, line=line, hash=text) for line, text in _quoted(tree)]
    return sorted(found, key=lambda one: one.line)


def verify_with_exports(log: AuditLog, exports: Path) -> tuple[Verification, int]:
    """The chain, and whether what the exports quote is in it; with the number of quotes looked at."""
    # The log is written before the export that quotes it: read the other way round, a job at work looked like a fault.
    quoted = anchors(exports)
    found = log.verify()
    if not found.sound or not quoted:
        return found, len(quoted)
    hashes = [entry.hash for entry in log.entries()]
    for one in quoted:
        if one.line > len(hashes):
            fault = f"lines are missing: {one.file} rests on line {one.line}"
            return Verification(entries=len(hashes), head=found.head, line=len(hashes) + 1, fault=fault), len(quoted)
        if hashes[one.line - 1] != one.hash:
            fault = f"it is not the line that {one.file} rests on: the log was written anew"
            return Verification(entries=one.line - 1, head=found.head, line=one.line, fault=fault), len(quoted)
    return found, len(quoted)


def _quoted(tree: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    own = tree.get("audit") or {}
    if own:
        yield int(own["line"]), str(own["hash"])
    for one in tree.get("approvals", ()):
        yield int(one["line"]), str(one["hash"])
