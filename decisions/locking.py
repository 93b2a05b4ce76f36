"""A lock between processes that vanishes with the process that holds it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO


@contextlib.contextmanager
def locked(file: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on ``file`` (made if needed, left behind empty).

    Raises
    ------
    BlockingIOError
        Where another process holds it and ``wait`` is false.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as stream:
        _acquire(stream, wait=wait)
        try:
            yield
        finally:
            _release(stream)


if sys.platform == "win32":
    import msvcrt
    import time

    def _acquire(stream: IO[bytes], *, wait: bool) -> None:
        while True:
            try:
                stream.seek(0)
                msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError as busy:
                if not wait:
                    raise BlockingIOError(str(busy)) from busy
                time.sleep(0.05)
            else:
                return

    def _release(stream: IO[bytes]) -> None:
        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _acquire(stream: IO[bytes], *, wait: bool) -> None:
        fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def _release(stream: IO[bytes]) -> None:
        fcntl.flock(stream, fcntl.LOCK_UN)
