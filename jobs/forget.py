"""``liftwerk forget``: a person leaves every table, and what rested on them is made anew."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bandits.service.sqlite_store import forget_units
from decisions.approval import AuditLog
from jobs.attribute import run_attribute
from jobs.attribute_memory import KIND as ATTRIBUTION
from jobs.attribute_memory import remove_reports
from jobs.content import run_content
from jobs.content_intake import call_rules, day_store, take_spans
from jobs.creatives import run_creatives
from jobs.screen import part
from measurement.erasure import (
    LINES,
    Person,
    erase_json_lines,
    erase_parquet,
    erase_sheet,
    erase_table_text,
    erase_words,
    still_named,
)
from measurement.errors import InputError
from measurement.progress import Progress, silent
from measurement.readers.inputs import span_files
from measurement.readers.tables import SHEET_ENDINGS, SQLITE_ENDINGS, TEXT_ENDINGS
from measurement.store import RunRecord
from measurement.workspace import Workspace
from monitoring.intake.erase import TracePruner
from monitoring.intake.store import LEDGER

#: Kinds of run that rest on single people's events, with what makes them anew.
REBUILT: dict[str, Callable[..., RunRecord]] = {
    "creatives": run_creatives,
    ATTRIBUTION: run_attribute,
    "content": run_content,
}
#: Written by liftwerk itself: words are taken out there, entries stay.
_OWN = ("runs", "exports")


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
    """Take a person out of every file of the workspace and rebuild what rested on them. Safe to repeat.

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
    person = Person(frozenset({unit, call_rules(workspace).pseudonyms.of(unit)}))
    progress(0.0, "looking for the person's traces")
    _learn(workspace, person)
    removed: Counter[str] = Counter()
    # twice: rows may belong to rows of a file that comes later
    for sweep in range(2):
        files = _files(workspace)
        for number, file in enumerate(files):
            progress(0.1 + 0.2 * sweep + 0.2 * number / len(files), file.name)
            count = _erase(workspace, file, person)
            if count:
                removed[file.relative_to(workspace.root).as_posix()] += count
    rebuilt = _rebuild(workspace, person, seed=seed, progress=part(progress, 0.5, 0.95)) if removed else {}
    left = tuple(file.relative_to(workspace.root).as_posix() for file in _files(workspace) if still_named(file, person))
    if removed:
        AuditLog(workspace.audit_log).append(
            "forgot", "a person", {"removed": sum(removed.values()), "rebuilt": rebuilt}
        )
    progress(1.0, "done")
    return Forgotten(removed=dict(removed), rebuilt=rebuilt, left=left)


def _files(workspace: Workspace) -> list[Path]:
    """Every file of the workspace; those of hidden folders belong to other tools."""
    found = (file for file in workspace.root.rglob("*") if file.is_file() and not file.is_symlink())
    return sorted(
        file for file in found
        if not any(name.startswith(".") for name in file.relative_to(workspace.root).parent.parts)
    )  # fmt: skip


def _learn(workspace: Workspace, person: Person) -> None:
    pruner = TracePruner(person)
    for file in _files(workspace):
        if _is_export(workspace, file):
            _guarded(workspace, file, partial(erase_json_lines, prune=pruner.learn))


def _is_export(workspace: Workspace, file: Path) -> bool:
    """Whether a file holds spans or other events as JSON."""
    if file.relative_to(workspace.root).parts[0] in (*_OWN, "audit", "content"):
        return False
    plain = Path(file.stem) if file.suffix == ".gz" else file
    if plain.suffix != ".json" or file.parent != workspace.root:
        return plain.suffix in LINES or plain.suffix == ".json"
    return any(file == path for path, _ in span_files(workspace))


def _erase(workspace: Workspace, file: Path, person: Person) -> int:
    first = file.relative_to(workspace.root).parts[0]
    if file.suffix.startswith(tuple(SQLITE_ENDINGS)):  # files with more behind it are parts of the log beside them
        return forget_units(file, person.names) if file.suffix in SQLITE_ENDINGS else 0
    own = first in _OWN
    work: Callable[[Path], int] = partial(erase_words, person=person)
    if file.suffix == ".parquet":
        work = partial(erase_parquet, person=person)
    elif file.suffix in SHEET_ENDINGS and not own:
        work = partial(erase_sheet, person=person)
    elif file.suffix in TEXT_ENDINGS and not own:
        work = partial(erase_table_text, person=person)
    elif _is_export(workspace, file):
        work = partial(erase_json_lines, prune=TracePruner(person).prune)
    elif b"\0" in file.read_bytes()[:4096]:
        return 0  # a picture or a workbook of ours: `still_named` looks into it
    return 0 if first == "audit" else _guarded(workspace, file, work)


def _guarded(workspace: Workspace, file: Path, work: Callable[[Path], int]) -> int:
    try:
        return work(file)
    except (OSError, ValueError, EOFError) as broken:
        raise InputError.of(
            "this file cannot be looked through, so the person may still be in it",
            "Mend or remove the file, then forget again",
            file=file.relative_to(workspace.root).as_posix(),
            value=broken,
        ) from broken


def _rebuild(workspace: Workspace, person: Person, *, seed: int, progress: Progress) -> dict[str, str]:
    """Day store and runs from what is left; earlier runs of these kinds go, for they counted the person."""
    _rebuild_days(workspace)
    told: dict[str, str] = {}
    for number, (kind, run) in enumerate(REBUILT.items()):
        folder = workspace.runs / kind
        if not folder.is_dir():
            continue
        progress(number / len(REBUILT), f"{kind} anew")
        if kind == ATTRIBUTION:
            remove_reports(workspace, person.names)
        else:
            shutil.rmtree(folder)
        try:
            told[kind] = run(workspace, seed=seed).id
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
