"""New data through the dashboard: looked at beside what is there, and put in its place only when they are sound.

Only the panel's own file can be replaced, under its own name: nothing of what a browser sends becomes a path. The old
file is kept in ``data/.replaced/``, and the log says who replaced what, and why.
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from decisions.approval import AuditEntry, AuditLog
from decisions.people import Person
from decisions.refusal import Refusal
from decisions.review import checked_reason
from measurement.errors import Problem
from measurement.panel import Panel
from measurement.readers.panel_table import load_panel
from measurement.store import write_atomically
from measurement.workspace import Workspace

LARGEST_BYTES = 20 * 2**20
#: A file that unpacks to more than this is a bomb or belongs into a warehouse.
LARGEST_UNPACKED = 400 * 2**20
KEPT = ".replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """What a panel holds: rows of the file do not matter, weeks, geos and sums do."""

    geos: int
    periods: int
    first: str
    last: str
    outcome: float
    spend: float

    @classmethod
    def of(cls, panel: Panel) -> Extent:
        """The extent of a panel."""
        return cls(
            geos=len(panel.geos),
            periods=len(panel.dates),
            first=panel.dates[0].date().isoformat(),
            last=panel.dates[-1].date().isoformat(),
            outcome=float(panel.data["outcome"].sum()),
            spend=float(panel.data["spend"].sum()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Data somebody wants to put in place.

    Attributes
    ----------
    content
        Bytes of the file.
    problems
        What the checks found in it.
    before, after
        Extents of the panel that is there and of the new one, ``None`` where one cannot be read.
    seen
        Hash of the file they were compared with.
    """

    content: bytes
    seen: str
    problems: tuple[Problem, ...]
    before: Extent | None
    after: Extent | None

    @property
    def sound(self) -> bool:
        """Whether it may be put in place."""
        return self.after is not None and not any(problem.severity == "error" for problem in self.problems)


def panel_file(workspace: Workspace) -> Path:
    """The file that can be replaced.

    Raises
    ------
    Refusal
        ``no_panel_file``: the panel is a table of a database, or lies outside the workspace.
    """
    section = workspace.settings.panel
    file = workspace.path(section.file).resolve() if section.file and "://" not in section.file else None
    if file is None or not file.is_relative_to(workspace.root.resolve()):
        raise Refusal.by("no_panel_file")
    return file


def examine(workspace: Workspace, person: Person, name: str, content: bytes) -> Candidate:
    """Check new data without touching the old.

    Parameters
    ----------
    workspace, person
        Where, and who.
    name
        What the browser calls the file: only its ending counts, and it has to be that of the panel's own file.
    content
        Its bytes.

    Raises
    ------
    Refusal
        Role, another kind of file, too large.
    """
    person.must("upload")
    file = panel_file(workspace)
    ending = file.suffix.lower()
    if Path(name.replace("\\", "/")).suffix.lower() != ending:
        raise Refusal.by("upload_kind", ending=ending)
    if len(content) > LARGEST_BYTES or _unpacked(content, ending) > LARGEST_UNPACKED:
        raise Refusal.by("upload_size", limit=str(LARGEST_BYTES // 2**20))
    with tempfile.TemporaryDirectory() as scratch:
        draft = Path(scratch) / file.name
        draft.write_bytes(content)
        section = workspace.settings.panel.model_copy(update={"file": str(draft)})
        settings = workspace.settings.model_copy(update={"panel_section": section})
        reading = load_panel(replace(workspace, settings=settings))
    problems = tuple(replace(problem, file=Path(problem.file).name) for problem in reading.problems)
    seen = _file_hash(file)
    now = load_panel(workspace).panel
    return Candidate(
        content=content,
        seen=seen,
        problems=problems,
        before=None if now is None else Extent.of(now),
        after=None if reading.panel is None else Extent.of(reading.panel),
    )


def put_in_place(workspace: Workspace, person: Person, candidate: Candidate, reason: str) -> AuditEntry:
    """Replace the panel's file, keep the old one, and log it.

    Raises
    ------
    Refusal
        Role, data with errors, no reason, or somebody else replaced the file meanwhile.
    """
    file = panel_file(workspace)
    subject = file.relative_to(workspace.root.resolve()).as_posix()

    def check(entries: list[AuditEntry]) -> Mapping[str, object]:  # noqa: ARG001 - the log's state does not matter here
        person.must("upload")
        if not candidate.sound:
            raise Refusal.by("upload_unsound")
        if _file_hash(file) != candidate.seen:
            raise Refusal.by("upload_outdated")
        text = checked_reason(reason, needed=True)
        old = file.read_bytes() if file.is_file() else b""
        if old:
            aside = file.parent / KEPT
            aside.mkdir(exist_ok=True)
            write_atomically(aside / f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{file.name}", old)
        write_atomically(file, candidate.content)
        return {
            "before_sha256": hashlib.sha256(old).hexdigest(),
            "after_sha256": hashlib.sha256(candidate.content).hexdigest(),
            "bytes": len(candidate.content),
            "reason": text,
            "role": person.role,
            "via": person.via,
        }

    return AuditLog(workspace.audit_log).append_checked("uploaded", subject, person.name, check)


def _file_hash(file: Path) -> str:
    return hashlib.sha256(file.read_bytes() if file.is_file() else b"").hexdigest()


def _unpacked(content: bytes, ending: str) -> int:
    """Size after unpacking, as far as a file's own directory says; 0 for files that do not pack."""
    import io

    if ending in (".xlsx", ".xlsm"):
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                return sum(part.file_size for part in packed.infolist())
        except zipfile.BadZipFile:
            return 0
    if ending in (".parquet", ".pq"):
        import pyarrow as pa
        from pyarrow import parquet

        try:
            facts = parquet.read_metadata(io.BytesIO(content))
        except (pa.ArrowException, OSError, ValueError):
            return 0
        groups = (facts.row_group(at) for at in range(facts.num_row_groups))
        return int(sum(group.total_byte_size for group in groups) + 8 * facts.num_rows * facts.num_columns)
    return 0
