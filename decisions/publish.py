"""Putting an export in its place as a whole: readers see the old folder or the new one, never a part.

The new folder is built beside the old one, synced to disk, and the two names are exchanged in one step
(``renameat2`` with ``RENAME_EXCHANGE`` on Linux, ``renamex_np`` with ``RENAME_SWAP`` on macOS): there is no moment
without a complete export. Where the system or the file system cannot exchange names, the old folder is renamed aside
and the new one renamed in; if the machine stops between the two, `heal` puts the old one back at the next start.
A file lock, which the system releases when a process dies, keeps two writers apart.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from decisions.locking import locked
from measurement.store import publish_folder

_DRAFT = ".draft-"
_ASIDE = ".aside-"
_LOCK = ".lock"
_AT_FDCWD = -100
_EXCHANGE = 2
#: The kernel or the file system has no exchange.
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EXDEV}


@contextlib.contextmanager
def publication(exports: Path, name: str) -> Iterator[Path]:
    r"""A folder to fill; leaving the block publishes it as ``exports/<name>``, an exception discards it.

    Content that equals what is already there byte by byte is not published again.

    Parameters
    ----------
    exports
        Parent folder; made if needed.
    name
        Name of the export, e.g. ``"2026-W48"``.

    Examples
    --------
    >>> import tempfile
    >>> exports = Path(tempfile.mkdtemp())
    >>> with publication(exports, "2026-W48") as folder:
    ...     _ = (folder / "budget.csv").write_text("channel\n")
    >>> sorted(file.name for file in (exports / "2026-W48").iterdir())
    ['budget.csv']
    """
    exports.mkdir(parents=True, exist_ok=True)
    with locked(exports / _LOCK):
        _clear(exports)
        draft = exports / f"{_DRAFT}{name}-{secrets.token_hex(4)}"
        draft.mkdir()
        try:
            yield draft
            _publish(draft, exports / name)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def heal(exports: Path) -> None:
    """Put right what a writer left that was killed; does nothing while another one is at work."""
    rests = [*exports.glob(f"{_DRAFT}*"), *exports.glob(f"{_ASIDE}*")] if exports.is_dir() else []
    if not rests:
        return
    with contextlib.suppress(BlockingIOError), locked(exports / _LOCK, wait=False):
        _clear(exports)


def _clear(exports: Path) -> None:
    """Nothing writes while the lock is held: drafts are rests, a folder aside without a successor is the export."""
    for aside in exports.glob(f"{_ASIDE}*"):
        final = exports / aside.name.removeprefix(_ASIDE).rpartition("-")[0]
        if final.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            aside.rename(final)
    for draft in exports.glob(f"{_DRAFT}*"):
        shutil.rmtree(draft, ignore_errors=True)


def _publish(draft: Path, final: Path) -> None:
    if not final.exists():
        publish_folder(draft, final)
        return
    if same_content(draft, final):
        return
    _sync(draft)
    if exchange(draft, final):
        return
    aside = final.with_name(f"{_ASIDE}{final.name}-{secrets.token_hex(4)}")
    final.rename(aside)
    draft.rename(final)
    shutil.rmtree(aside, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Swap the names of two folders in one step; ``False`` where the system cannot."""
    library = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    first, second = os.fsencode(one), os.fsencode(other)
    if library is not None and sys.platform == "linux" and hasattr(library, "renameat2"):
        failed = library.renameat2(_AT_FDCWD, first, _AT_FDCWD, second, _EXCHANGE)
    elif library is not None and sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(first, second, _EXCHANGE)
    else:
        return False
    if not failed:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(other))


def same_content(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files, byte by byte."""
    files = _files(one)
    return files == _files(other) and all((one / name).read_bytes() == (other / name).read_bytes() for name in files)


def _files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def _sync(folder: Path) -> None:
    """Every file of a folder, then the folder, down to the disk."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
