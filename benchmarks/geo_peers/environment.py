"""The peers' environment, made from its pinned list with uv where it is missing or the list has changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


class MissingEnvironmentError(Exception):
    """The environment cannot be made here; says why."""


def peer_python(folder):
    """The Python of the environment in ``folder``.

    Raises
    ------
    MissingEnvironmentError
        With the last lines that uv wrote.
    """
    pinned = (HERE / "pinned.txt").read_text()
    python, stamp = folder / "bin" / "python", folder / "pinned.txt"
    if python.exists() and stamp.exists() and stamp.read_text() == pinned:
        return python
    local = ROOT / ".uv" / "bin" / "uv"
    uv = str(local) if local.exists() else shutil.which("uv")
    if uv is None:
        raise MissingEnvironmentError("uv is missing: `make env` fetches it")
    base = sys._base_executable  # noqa: SLF001 - the Python below this environment, the same for all
    _run([uv, "venv", "--quiet", "--clear", "--no-python-downloads", "--python", base, str(folder)])
    wanted = str(HERE / "pinned.txt")
    _run([uv, "pip", "install", "--quiet", "--only-binary", ":all:", "--python", str(python), "-r", wanted])
    stamp.write_text(pinned)
    return python


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise MissingEnvironmentError("; ".join(lines[-3:]) or f"{command[0]} ended with {done.returncode}")
