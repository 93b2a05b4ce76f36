"""``liftwerk forget``: a person leaves every table, and what rested on them is made anew."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from decisions.approval import AuditLog
from jobs.attribute import run_attribute
from jobs.attribute_memory import KIND as ATTRIBUTION
from jobs.attribute_memory import remove_reports
from jobs.content import run_content
from jobs.content_intake import day_store, take_spans
from jobs.creatives import run_creatives
from jobs.forget_files import ForgetFiles
from jobs.screen import part
from measurement.errors import InputError
from measurement.person import Person
from measurement.progress import Progress, silent
from measurement.store import RunRecord
from measurement.workspace import Workspace
from monitoring.intake.pseudonyms import Pseudonyms
from monitoring.intake.store import LEDGER

#: Kinds of run that rest on single people's events, with what makes them anew.
REBUILT: dict[str, Callable[..., RunRecord]] = {
    "creatives": run_creatives,
    ATTRIBUTION: run_attribute,
    "content": run_content,
}
#: Rows belong to rows of other files, and those to others: looked for until no more are found.
_MOST_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was done.

    Attributes
    ----------
    removed
        File → rows, entries or words taken out.
    rebuilt
        Kind of run → id of the new one, or why there is none.
    left
        Files that still name the person, e.g. the audit log, whose lines are never changed.
    """

    removed: dict[str, int]
    rebuilt: dict[str, str]
    left: tuple[str, ...]


def run_forget(workspace: Workspace, unit: str, *, seed: int, progress: Progress = silent) -> Forgotten:
    """Take a person out of every file of the workspace and rebuild what rested on them.

    Safe to repeat, also where it was interrupted: what ties other rows to the person's is kept until all is done.

    Parameters
    ----------
    workspace
        The workspace.
    unit
        The person's id as the tables have it, or their pseudonym.

    Raises
    ------
    InputError
        For an empty id, or a file that cannot be rewritten.
    """
    if not unit.strip():
        raise InputError.of("no person is named", "Pass --unit with the id as it stands in the tables", column="--unit")
    pseudonyms = Pseudonyms.known(day_store(workspace).folder)
    person = Person(frozenset({unit} if pseudonyms is None else {unit, pseudonyms.of(unit)}))
    files = ForgetFiles(workspace, person)
    unfinished = files.resume()
    if unfinished:
        files.sweep()
    found = _looked(files, part(progress, 0.0, 0.3))
    removed: Counter[str] = Counter()
    rebuilt: dict[str, str] = {}
    if found or unfinished:
        kinds = files.note([kind for kind in REBUILT if (workspace.runs / kind).is_dir()])
        for number, file in enumerate(found):
            progress(0.3 + 0.2 * number / len(found), file.name)
            removed[files.name(file)] += files.erase(file)
        removed += Counter()  # drops zeros
        rebuilt = _rebuild(workspace, person, kinds, seed=seed, progress=part(progress, 0.5, 0.95))
    left = tuple(files.name(file) for file in files.all() if files.left(file))
    if found or unfinished:
        AuditLog(workspace.audit_log).append(
            "forgot", "a person", {"removed": sum(removed.values()), "rebuilt": rebuilt}
        )
        files.journal.unlink(missing_ok=True)
    progress(1.0, "done")
    return Forgotten(removed=dict(removed), rebuilt=rebuilt, left=left)


def _looked(files: ForgetFiles, progress: Progress) -> list[Path]:
    """The files that hold something of the person; nothing is changed before all ties are known."""
    found: list[Path] = []
    known = -1
    for _ in range(_MOST_ROUNDS):
        before, known = known, files.ties()
        if known == before:
            break
        every = files.all()
        found = []
        for number, file in enumerate(every):
            progress(number / len(every), f"looking for the person in {file.name}")
            if files.learn(file):
                found.append(file)
    return found


def _rebuild(
    workspace: Workspace, person: Person, kinds: list[str], *, seed: int, progress: Progress
) -> dict[str, str]:
    """Day store and runs from what is left; earlier runs of these kinds go, for they counted the person."""
    _rebuild_days(workspace)
    told: dict[str, str] = {}
    for number, kind in enumerate(kinds):
        progress(number / len(kinds), f"{kind} anew")
        if kind == ATTRIBUTION:
            (workspace.runs / kind).mkdir(parents=True, exist_ok=True)
            remove_reports(workspace, person.names)
        else:
            shutil.rmtree(workspace.runs / kind, ignore_errors=True)
        try:
            told[kind] = REBUILT[kind](workspace, seed=seed).id
        except InputError as none:
            told[kind] = f"none: {none.problems[0].message}"
    return told


def _rebuild_days(workspace: Workspace) -> None:
    """The days from the files they came from, where all are still there; else the days as they were purged."""
    store = day_store(workspace)
    ledger = store.folder / LEDGER
    if not ledger.is_file():
        return
    came_from = json.loads(ledger.read_text(encoding="utf-8")).get("files", {})
    if all((workspace.root / name).is_file() for name in came_from):
        for name in ("calls", "scores"):
            shutil.rmtree(store.folder / name, ignore_errors=True)
    ledger.unlink()
    take_spans(workspace)
