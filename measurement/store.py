"""The run store: immutable runs with a manifest, complete or not there at all.

A run is written into a hidden folder beside its place, synced to disk and renamed: a reader sees all of it or
nothing, also after a kill at any moment, and two jobs at once never share a folder. ``latest.json`` is a
convenience that is replaced atomically; where it is missing or stale the newest folder is the truth.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from measurement.checks import Check, healthy
from measurement.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

Status = Literal["healthy", "unhealthy"]
MANIFEST = "manifest.json"
_UNFINISHED = ".unfinished-"
_STALE_AFTER_S = 24 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run's manifest.

    Attributes
    ----------
    id
        Sorts by time: ``20261123T181502123456Z-9f3a``.
    kind
        ``"mmm"``, ``"geo_design"``, ``"geo_readout"``, ``"creatives"``, ``"content"``, ``"plan"``, ``"attribution"``.
    created_at
        UTC, ISO 8601.
    code_version
        Version of liftwerk.
    data_sha256
        Hash over the content of all inputs.
    seed
        Seed of everything random.
    options
        What the user asked for.
    status
        ``"healthy"``, or ``"unhealthy"`` where a blocking check failed.
    checks
        The gates, as plain values.
    inputs
        Input file (relative to the workspace) or run id → its own hash.
    duration_s
        Wall seconds.
    folder
        Where the artifacts lie (not part of the manifest).
    """

    id: str
    kind: str
    created_at: str
    code_version: str
    data_sha256: str
    seed: int
    options: Mapping[str, object]
    status: Status
    checks: Sequence[Mapping[str, object]]
    inputs: Mapping[str, str]
    duration_s: float
    folder: Path = field(compare=False)

    def file(self, name: str) -> Path:
        """Path of one artifact."""
        return self.folder / name

    def manifest(self) -> dict[str, object]:
        """The manifest as plain JSON values."""
        values = asdict(self)
        del values["folder"]
        return values


class RunStore:
    r"""All runs of a workspace, under ``runs/<kind>/<run-id>/``.

    Parameters
    ----------
    root
        The ``runs`` folder; made when the first run is written.

    Examples
    --------
    >>> import tempfile
    >>> store = RunStore(Path(tempfile.mkdtemp()))
    >>> with store.write("plan", seed=1) as draft:
    ...     _ = (draft.folder / "allocation.csv").write_text("channel\n")
    >>> store.latest("plan").file("allocation.csv").read_text()
    'channel\n'
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextlib.contextmanager
    def write(
        self,
        kind: str,
        *,
        seed: int,
        options: Mapping[str, object] | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> Iterator[RunDraft]:
        """Open a draft; leaving the block publishes the run, an exception inside discards it.

        Yields
        ------
        RunDraft
            Write artifacts into ``draft.folder``, add checks with ``draft.check``; after the block
            ``draft.record`` is the published run.
        """
        parent = self.root / kind
        parent.mkdir(parents=True, exist_ok=True)
        self._sweep(parent)
        run_id = new_run_id()
        folder = parent / f"{_UNFINISHED}{run_id}"
        folder.mkdir()
        draft = RunDraft(folder)
        started = time.monotonic()
        try:
            yield draft
            record = RunRecord(
                id=run_id,
                kind=kind,
                created_at=datetime.now(UTC).isoformat(timespec="seconds"),
                code_version=code_version(),
                data_sha256=combined_hash(inputs or {}),
                seed=seed,
                options=dict(options or {}),
                status="healthy" if healthy(draft.checks) else "unhealthy",
                checks=[check.to_dict() for check in draft.checks],
                inputs=dict(inputs or {}),
                duration_s=round(time.monotonic() - started, 3),
                folder=parent / run_id,
            )
            write_atomically(
                folder / MANIFEST, json.dumps(record.manifest(), indent=2, ensure_ascii=False, default=str)
            )
            publish_folder(folder, parent / run_id)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        draft.record = record
        write_atomically(parent / "latest.json", json.dumps({"id": run_id}))

    def runs(self, kind: str) -> list[RunRecord]:
        """Every complete run of a kind, oldest first."""
        return [self._load(folder) for folder in self._folders(kind)]

    def latest(self, kind: str) -> RunRecord | None:
        """The newest complete run of a kind, ``None`` where there is none."""
        folders = self._folders(kind)
        return self._load(folders[-1]) if folders else None

    def get(self, kind: str, run_id: str) -> RunRecord:
        """One run by id.

        Raises
        ------
        InputError
            Where there is no such run.
        """
        folder = self.root / kind / run_id
        if run_id != Path(run_id).name or not (folder / MANIFEST).is_file():
            raise InputError.of("there is no such run", f"See runs/{kind}/ for the ids", column="run", value=run_id)
        return self._load(folder)

    def find(self, kind: str, *, data_sha256: str, options: Mapping[str, object], seed: int) -> RunRecord | None:
        """The newest run with the same data, options, seed and code: what need not be computed again."""
        wanted = json.loads(json.dumps(dict(options), default=str))
        for folder in reversed(self._folders(kind)):
            record = self._load(folder)
            same = (record.data_sha256, record.seed, record.code_version) == (data_sha256, seed, code_version())
            if same and dict(record.options) == wanted:
                return record
        return None

    def _folders(self, kind: str) -> list[Path]:
        parent = self.root / kind
        if not parent.is_dir():
            return []
        return sorted(folder for folder in parent.iterdir() if folder.name[0] != "." and (folder / MANIFEST).is_file())

    @staticmethod
    def _load(folder: Path) -> RunRecord:
        values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return RunRecord(**values, folder=folder)

    @staticmethod
    def _sweep(parent: Path) -> None:
        """Remove what killed jobs left behind, once it is a day old (a running job's folder is younger)."""
        for folder in parent.glob(f"{_UNFINISHED}*"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - folder.stat().st_mtime > _STALE_AFTER_S:
                    shutil.rmtree(folder, ignore_errors=True)


class RunDraft:
    """A run that is being written.

    Attributes
    ----------
    folder
        Write artifacts here.
    checks
        Gates added so far.
    record
        The published run, set when the `RunStore.write` block has ended.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checks: list[Check] = []
        self.record: RunRecord | None = None

    def check(self, checks: Iterable[Check]) -> None:
        """Add gates; one failed blocking gate makes the run unhealthy."""
        self.checks.extend(checks)


def new_run_id() -> str:
    """An id that sorts by time and is unique across processes."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(2)}"


def code_version() -> str:
    """Version of the installed liftwerk."""
    return metadata.version("liftwerk")


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, or of all files below a folder in name order."""
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    digest = hashlib.sha256()
    for file in files:
        if path.is_dir():
            digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def combined_hash(inputs: Mapping[str, str]) -> str:
    """One hash over named hashes, independent of their order."""
    return hashlib.sha256("\n".join(f"{name} {inputs[name]}" for name in sorted(inputs)).encode()).hexdigest()


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file so that readers see the old or the new content, never a part of it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(3)}")
    try:
        with beside.open("wb") as stream:
            stream.write(content.encode("utf-8") if isinstance(content, str) else content)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def make_secret(path: Path, content: bytes) -> None:
    """A file that nobody else can read at any moment; where another job makes one at the same time, one of both stays.

    Parameters
    ----------
    path
        Where it shall lie, in a folder that exists; what lies there already stays.
    content
        Of the file, if this call is the one that makes it.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(3)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(beside, path)  # unlike a rename, this never puts one secret in the place of another
    finally:
        beside.unlink()


def write_parquet(path: Path, table: pa.Table, *, unlike: Collection[str] = ()) -> None:
    """A Parquet file, complete or not there; the table is small enough to be held once more, compressed.

    Parameters
    ----------
    path, table
        The file and what it shall hold.
    unlike
        Columns whose values hardly ever come twice (ids, amounts): a dictionary of them would be made in vain.
    """
    import pyarrow as pa
    from pyarrow import parquet

    sink = pa.BufferOutputStream()
    repeated: bool | list[str] = [name for name in table.column_names if name not in unlike] if unlike else True
    parquet.write_table(table, sink, compression="zstd", use_dictionary=repeated)
    write_atomically(path, sink.getvalue().to_pybytes())


def publish_folder(draft: Path, final: Path) -> None:
    """Sync every file of a draft folder to disk, then give it its final name in one step."""
    for file in draft.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
    _sync_folder(draft)
    draft.rename(final)
    _sync_folder(final.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows cannot open a folder to sync it
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
