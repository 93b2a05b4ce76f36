"""Each peer in an environment of its own, made from its pinned list with uv."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
#: Peers that come as source only: these, and nothing else, are built (a compiler is needed).
BUILT = {"channelattribution": "channelattribution", "pyspark": "pyspark"}


class MissingEnvironmentError(Exception):
    """The environment cannot be made here; says why."""


def peer_python(name, folder):
    """The Python of the peer's environment, made where it is missing or its list has changed.

    Raises
    ------
    MissingEnvironmentError
        With the last lines that uv wrote.
    """
    pinned = HERE / f"{name}.txt"
    environment = folder / name
    python, stamp = environment / "bin" / "python", environment / "pinned.txt"
    if python.exists() and stamp.exists() and stamp.read_text() == pinned.read_text():
        return python
    local = ROOT / ".uv" / "bin" / "uv"
    uv = str(local) if local.exists() else shutil.which("uv")
    if uv is None:
        raise MissingEnvironmentError("uv is missing: `make env` fetches it")
    base = sys._base_executable  # noqa: SLF001 - the Python below this environment, the same for all
    _run([uv, "venv", "--quiet", "--clear", "--no-python-downloads", "--python", base, str(environment)])
    source = ["--no-binary", BUILT[name]] if name in BUILT else []
    install = [uv, "pip", "install", "--quiet", "--only-binary", ":all:", *source]
    _run([*install, "--python", str(python), "-r", str(pinned)])
    stamp.write_text(pinned.read_text())
    return python


def _run(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise MissingEnvironmentError("; ".join(lines[-3:]) or f"{command[0]} ended with {done.returncode}")
