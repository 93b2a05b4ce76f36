"""Where compiled code is kept between processes: a folder of the user's, never the package or the workspace.

``LIFTWERK_CACHE`` overrides the platform's cache folder; ``NUMBA_CACHE_DIR``, where set, is respected.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast


def cache_folder() -> Path:
    """The folder for compiled code, by the platform's custom."""
    named = os.environ.get("LIFTWERK_CACHE")
    if named:
        return Path(named).expanduser() / "compiled"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "liftwerk" / "compiled"


def kernel_folder() -> Path:
    """Folder of this version of the compiled sources.

    numba notices a change of a function's own file only, not of the files it calls into, and trusts time stamps,
    which wheels may freeze: so the folder is named by the content of every kernel file.
    """
    digest = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        if source.name == Path(__file__).name or "kernel" in source.stem:
            digest.update(source.read_bytes())
    return cache_folder() / f"mmm-{digest.hexdigest()[:16]}"


#: Sums may be reordered and products contracted; NaN and infinity are kept.
_LOOSE = frozenset({"reassoc", "contract", "arcp", "nsz"})
_EXACT = frozenset({"contract"})


def compiled[F: Callable[..., Any]](function: F) -> F:
    """``numba.njit`` without the interpreter lock, cached on disk; sums may be reordered, NaN is kept."""
    return _compiled(function, _LOOSE)


def inner_compiled[F: Callable[..., Any]](function: F) -> F:
    """The same for a function that only compiled code calls: the entry from Python, half the compile time, is left out."""
    return _compiled(function, _LOOSE, no_cpython_wrapper=True)


def exact_compiled[F: Callable[..., Any]](function: F) -> F:
    """`inner_compiled` for arithmetic that relies on the order of its operations."""
    return _compiled(function, _EXACT, no_cpython_wrapper=True)


def _compiled[F: Callable[..., Any]](function: F, fastmath: frozenset[str], **options: bool) -> F:
    import numba

    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = before or str(kernel_folder())  # read when the function is decorated
    try:
        jitted: Any = numba.njit(
            cache=True, nogil=True, error_model="numpy", fastmath=set(fastmath), no_cfunc_wrapper=True, **options
        )(function)
    finally:
        config.CACHE_DIR = before
    return cast("F", jitted)
