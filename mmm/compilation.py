"""Where compiled code is kept between processes: a folder of the user's, never the package or the workspace.

``LIFTWERK_CACHE`` overrides the platform's cache folder; ``NUMBA_CACHE_DIR``, where set, is respected.
"""

from __future__ import annotations

import gc
import hashlib
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast


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
    """The same for a function that only compiled code calls: not optimised by itself, with no entry from Python.

    Whoever calls it holds a copy of its code, which is optimised, and kept on disk, there.
    """
    return _compiled(function, _LOOSE, inner=True)


def exact_compiled[F: Callable[..., Any]](function: F) -> F:
    """`inner_compiled` for arithmetic that relies on the order of its operations."""
    return _compiled(function, _EXACT, inner=True)


def with_entry[F: Callable[..., Any]](function: F) -> F:
    """A copy of an `inner_compiled` function that Python can call too, for tests."""
    source: Any = function
    return cast("F", compiled(source.py_func))


def _compiled[F: Callable[..., Any]](function: F, fastmath: frozenset[str], *, inner: bool = False) -> F:
    import numba

    njit: Any = numba.njit
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = before or str(kernel_folder())  # read when the function is decorated
    # No reference counts (``_nrt``): callers hold all arrays, and counting them is a third of the code to compile.
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, "_nrt": False}
    if inner:
        options |= {"no_cpython_wrapper": True, "pipeline_class": _compilers().brief}
    else:
        options |= {"cache": True, "pipeline_class": _compilers().undisturbed}
    try:
        jitted: Any = njit(fastmath=set(fastmath), **options)(function)
    finally:
        config.CACHE_DIR = before
    return cast("F", jitted)


class _Compilers(NamedTuple):
    """numba's compiler, twice changed.

    Attributes
    ----------
    undisturbed
        Without garbage collections, which would go through its hundreds of thousands of living objects again and
        again: a twentieth of the time.
    brief
        For code that only compiled code calls: not optimised, and never loaded. numba optimises a function together
        with all that it calls, so code called through n functions is optimised n times; once, in the outermost, is
        enough. Nor is machine code wanted of it: where a process holds the inner function's own machine code, calls
        that were not inlined go there, and where it holds the outer function from disk alone they go to its optimised
        copy, so that the first fit would end in other digits than every later one.
    """

    undisturbed: type
    brief: type


@cache
def _compilers() -> _Compilers:
    from numba import _dynfunc  # type: ignore[attr-defined]
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import Compiler

    class Unloaded(JITCodeLibrary):
        """Code to be linked into others, without machine code of its own."""

        def _optimize_final_module(self) -> None:
            """Whoever links it does."""

        def _finalize_final_module(self) -> None:
            self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
            self._verify_declare_only_symbols()  # type: ignore[no-untyped-call]
            self._finalized = True

    def no_entry(library: Any, descriptor: Any, environment: Any) -> Any:  # noqa: ANN401 - numba is untyped
        """What stands for the function in Python: it can be looked up, not called."""
        name = descriptor.qualname.split(".")[-1]
        return _dynfunc.make_function(descriptor.lookup_module(), name, name, 0, environment, (library,))

    class Undisturbed(Compiler):
        def compile_extra(self, func: Any) -> Any:  # noqa: ANN401 - numba is untyped
            collecting = gc.isenabled()
            gc.disable()
            try:
                return super().compile_extra(func)  # type: ignore[no-untyped-call]
            finally:
                if collecting:
                    gc.enable()

    class Brief(Compiler):
        def compile_extra(self, func: Any) -> Any:  # noqa: ANN401 - numba is untyped
            context = self.state.targetctx  # a copy that numba makes for this compilation
            context.get_executable = no_entry
            self.state.library = Unloaded(context.codegen(), func.__qualname__)  # type: ignore[no-untyped-call]
            return super().compile_extra(func)  # type: ignore[no-untyped-call]

    return _Compilers(Undisturbed, Brief)
