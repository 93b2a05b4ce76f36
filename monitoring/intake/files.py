"""How far a file was read, and whether it has grown, changed or stayed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from measurement.packing import packed_as
from monitoring.intake.lines import START, Place


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """A file as it was read.

    Attributes
    ----------
    size, mtime_ns
        As the file system had them.
    read_to, lines
        Bytes and complete lines read.
    sha256
        Of those bytes.
    """

    size: int
    mtime_ns: int
    read_to: int
    lines: int
    sha256: str


def left_off(path: Path, state: FileState | None) -> Place | None:
    """Where to go on reading; ``None`` where there is nothing new.

    Only lines that were added at the end are read of a file that grew; one that was changed within is read again.
    """
    if state is None:
        return START
    now = path.stat()
    if (now.st_size, now.st_mtime_ns) == (state.size, state.mtime_ns):
        return None
    if now.st_size >= state.read_to and _hash(path, state.read_to) == state.sha256:
        if now.st_size == state.size == state.read_to:
            return None
        return Place(offset=state.read_to, lines=state.lines) if _by_line(path) else START
    return START


def state_of(path: Path, read_to: int, lines: int) -> FileState:
    """The state after reading. Compressed files and documents count as read to their end, or not at all."""
    now = path.stat()
    end = read_to if _by_line(path) and read_to else now.st_size
    return FileState(size=now.st_size, mtime_ns=now.st_mtime_ns, read_to=end, lines=lines, sha256=_hash(path, end))


def _by_line(path: Path) -> bool:
    return path.suffix not in {".gz", ".zst", ".csv", ".parquet"} and not packed_as(path)


def _hash(path: Path, size: int) -> str:
    digest, left = hashlib.sha256(), size
    with path.open("rb") as stream:
        while left and (block := stream.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    return digest.hexdigest()
