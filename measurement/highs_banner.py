"""HiGHS greets on the process's stdout when it is first used, which would spoil ``--json``: taken here, once."""

from __future__ import annotations

import importlib
import os
import sys
import threading

_lock = threading.Lock()
_greeted = False


def take_banner() -> None:
    """Use HiGHS for the first time with the process's stdout turned away; later calls do nothing."""
    global _greeted  # noqa: PLW0603 - the greeting comes once a process
    with _lock:
        if _greeted:
            return
        highspy = importlib.import_module("highspy")
        sys.stdout.flush()
        keep, null = os.dup(1), os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, 1)
            highspy.Highs()
        finally:
            os.dup2(keep, 1)
            os.close(keep)
            os.close(null)
        _greeted = True
