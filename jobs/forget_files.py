"""Which eraser fits a file of the workspace, and what an interrupted ``liftwerk forget`` had found out."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bandits.service.sqlite_store import forget_units
from measurement.erasure import (
    LINES,
    Eraser,
    erase,
    erased_archive,
    erased_lines,
    erased_parquet,
    erased_sheet,
    erased_table,
    erased_words,
    still_named,
)
from measurement.erasure_databases import database_kind, erase_duckdb, erase_sqlite
from measurement.errors import InputError
from measurement.person import Person
from measurement.readers.inputs import span_files
from measurement.readers.tables import PARQUET_ENDINGS, SHEET_ENDINGS, TEXT_ENDINGS
from measurement.store import write_atomically
from measurement.workspace import Workspace
from monitoring.intake.erase import TracePruner

#: Written by liftwerk itself: words are taken out there, entries stay.
_OWN = ("runs", "exports")
#: Folders of other tools, whose history is not ours to write anew.
_FOREIGN = frozenset((".git", ".hg", ".svn", ".venv", "node_modules"))
_PACKED = frozenset((".gz", ".zst"))
#: How `measurement.store` and the copies of databases name what is not finished: with the number of the process.
_DRAFT = re.compile(r"\..+\.(\d+)-[0-9a-f]{6}a?(\.wal)?")
JOURNAL = ".forget-unfinished.json"


class ForgetFiles:
    """The files of a workspace, with the person to take out of them.

    Parameters
    ----------
    workspace, person
        Where, and whom.
    """

    def __init__(self, workspace: Workspace, person: Person) -> None:
        self._workspace, self._person = workspace, person
        self._pruner = TracePruner(person)
        self._spans = {path for path, _ in span_files(workspace)}
        self.journal = workspace.root / JOURNAL
        self._resumed = self.journal.is_file()
        self._kinds: list[str] = []

    def all(self) -> list[Path]:
        """Every file; those of other tools' folders stay out."""
        root = self._workspace.root
        found = (file for file in root.rglob("*") if file.is_file() and not file.is_symlink() and file != self.journal)
        return sorted(file for file in found if not _FOREIGN & set(file.relative_to(root).parent.parts))

    def sweep(self) -> None:
        """Remove what killed jobs left half written."""
        for file in self.all():
            draft = _DRAFT.fullmatch(file.name)
            if draft is not None and not _runs(int(draft[1])):
                file.unlink(missing_ok=True)

    def ties(self) -> int:
        """How much is known that ties rows to the person's."""
        return self._person.links()

    def name(self, file: Path) -> str:
        """A file as the user sees it."""
        return file.relative_to(self._workspace.root).as_posix()

    def learn(self, file: Path) -> int:
        """Note what ties other rows to the person's; changes nothing. Returns how much would be taken out."""
        if self._is_export(file):
            worth = self._pruner.worth_learning
            self._guarded(file, lambda: erase(file, partial(erased_lines, prune=self._pruner.learn, worth=worth)))
        return self.erase(file, write=False) or int(self._freed(file))

    def erase(self, file: Path, *, write: bool = True) -> int:
        """Take the person out of a file; the audit log is never changed."""
        kind = database_kind(file)
        if kind == "sqlite":
            return self._guarded(file, lambda: self._from_sqlite(file, write=write))
        if kind == "duckdb":
            return self._guarded(file, lambda: erase_duckdb(file, self._person, write=write))
        if kind == "log" or self._is_audit(file):
            return 0
        return self._guarded(file, lambda: erase(file, self._eraser(file), write=write))

    def left(self, file: Path) -> bool:
        """Whether a file still names the person."""
        if self._is_table(file) and not self._is_audit(file) and database_kind(file) != "log":
            return self.erase(file, write=False) > 0
        return still_named(file, self._person)

    def _from_sqlite(self, file: Path, *, write: bool) -> int:
        count, freed = erase_sqlite(file, self._person, write=False), self._freed(file)
        if not (count or freed) or not write:
            return count
        removed = forget_units(file, self._person.names)
        return removed + erase_sqlite(file, self._person, scrub=freed)

    def _freed(self, file: Path) -> bool:
        """Whether an interrupted job may have left deleted rows in freed pages or in the log."""
        if not self._resumed or database_kind(file) != "sqlite":
            return False
        beside = [file, *(file.with_name(file.name + end) for end in ("-wal", "-journal"))]
        raw = b"".join(path.read_bytes() for path in beside if path.is_file())
        return any(form.encode("utf-8", errors="surrogateescape") in raw for form in self._person.forms)

    def _eraser(self, file: Path) -> Eraser:
        person, ending = self._person, _ending(file)
        own = file.relative_to(self._workspace.root).parts[0] in _OWN
        if ending in PARQUET_ENDINGS or _begins(file, b"PAR1"):
            return partial(erased_parquet, person=person)
        if _begins(file, b"PK\3\4"):
            sheet = ending in SHEET_ENDINGS and not own
            return partial(erased_sheet if sheet else erased_archive, person=person)
        if self._is_export(file):
            return partial(erased_lines, prune=self._pruner.prune)
        if ending in TEXT_ENDINGS and not own:
            return partial(erased_table, person=person)
        return partial(erased_words, person=person)

    def _is_export(self, file: Path) -> bool:
        """Whether a file holds spans or other events as JSON."""
        if file.relative_to(self._workspace.root).parts[0] in (*_OWN, "audit", "content"):
            return False
        ending = _ending(file)
        if file in self._spans:  # whatever it is called
            return ending not in TEXT_ENDINGS | PARQUET_ENDINGS | {".prom"} and not _begins(file, b"PAR1")
        return ending in LINES or (ending == ".json" and file.parent != self._workspace.root)

    def _is_table(self, file: Path) -> bool:
        ending = _ending(file)
        return ending in TEXT_ENDINGS | PARQUET_ENDINGS | SHEET_ENDINGS or self._is_export(file)

    def _is_audit(self, file: Path) -> bool:
        return file.relative_to(self._workspace.root).parts[0] == "audit"

    def _guarded(self, file: Path, work: Callable[[], int]) -> int:
        try:
            return work()
        except InputError:
            raise
        except Exception as broken:  # readers of workbooks and Parquet raise errors of their own
            raise InputError.of(
                "this file cannot be looked through, so the person may still be in it",
                "Mend or remove the file, then forget again",
                file=self.name(file),
                value=broken,
            ) from broken

    def note(self, kinds: list[str]) -> list[str]:
        """Keep what was found out until all is done: ids of traces and decisions, never the person's own.

        Returns
        -------
        list of str
            Kinds of run to make anew, those of an interrupted job that `resume` took up among them.
        """
        kinds = sorted({*kinds, *self._kinds})
        linked = {name: sorted(known) for name, known in self._person.linked.items()}
        write_atomically(self.journal, json.dumps({"kinds": kinds, "linked": linked}))
        return kinds

    def resume(self) -> bool:
        """Take up what an interrupted job had found out; whether there was one."""
        if self._resumed:
            tree = json.loads(self.journal.read_text(encoding="utf-8"))
            self._kinds = tree["kinds"]
            for name, known in tree["linked"].items():
                self._person.linked[name].update(known)
        return self._resumed


def _ending(file: Path) -> str:
    return (Path(file.stem) if file.suffix in _PACKED else file).suffix.lower()


def _begins(file: Path, begin: bytes) -> bool:
    with file.open("rb") as stream:
        return stream.read(len(begin)) == begin


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
