"""A peer's environment, apart from ours, made from its pinned list with uv."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


class MissingEnvironmentError(Exception):
    """The environment cannot be made here; says why."""


def peer_python(pinned, environment, *, built=()):
    """The Python of an environment, made where it is missing or its list has changed.

    Parameters
    ----------
    pinned
        File of pinned packages.
    environment
        Folder of the environment.
    built
        Packages that come as source only: these, and nothing else, are built, for which a compiler is needed.

    Raises
    ------
    MissingEnvironmentError
        With the last lines that uv wrote.
    """
    python, stamp = environment / "bin" / "python", environment / "pinned.txt"
    if python.exists() and stamp.exists() and stamp.read_text() == pinned.read_text():
        return python
    local = ROOT / ".uv" / "bin" / "uv"
    uv = str(local) if local.exists() else shutil.which("uv")
    if uv is None:
        raise MissingEnvironmentError("uv is missing: `make env` fetches it")
    base = sys._base_executable  # noqa: SLF001 - the Python below this environment, the same for all
    _run([uv, "venv", "--quiet", "--clear", "--no-python-downloads", "--python", base, str(environment)])
    # Wheels only: a build from source would take hours and a compiler.
    source = [option for name in built for option in ("--no-binary", name)]
    install = [uv, "pip", "install", "--quiet", "--only-binary", ":all:", *source]
    _run([*install, "--python", str(python), "-r", str(pinned)])
    stamp.write_text(pinned.read_text())
    return python


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise MissingEnvironmentError("; ".join(lines[-3:]) or f"{command[0]} ended with {done.returncode}")
