"""How long `make demo ARGS=--no-app` takes from a fresh clone with empty caches, and the second time.

    python benchmarks/main_job.py

Clones this repository's HEAD into an empty folder, points every cache (pip, uv, numba, PyTensor, liftwerk) at an empty
home, and runs the two commands of a newcomer. Needs git, make and a Python ≥ 3.12, nothing installed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def empty_home(home: Path) -> dict[str, str]:
    """The environment of a user who has nothing yet; pyenv's interpreters stay in reach."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UV_", "PIP_CACHE", "LIFTWERK_", "NUMBA_"))
    }
    caches = {
        "HOME": home,
        "XDG_CACHE_HOME": home / ".cache",
        "PIP_CACHE_DIR": home / ".pip",
        "UV_CACHE_DIR": home / ".uv",
    }
    pyenv = os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv"))
    return {**kept, **{name: str(path) for name, path in caches.items()}, "PYENV_ROOT": pyenv}


def timed(command: list[str], folder: Path, environment: dict[str, str]) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds of the whole process tree, exit status."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    status = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False).returncode
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, status


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        clone, home = Path(scratch) / "liftwerk", Path(scratch) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        environment = empty_home(home)
        print("| run | wall s | CPU s | exit |\n|---|---|---|---|")
        for name, folder in (("first, with the download", "one"), ("second", "two")):
            wall, cpu, status = timed(["make", "demo", f"ARGS=--no-app {scratch}/{folder}"], clone, environment)
            print(f"| {name} | {wall:.0f} | {cpu:.0f} | {status} |", flush=True)
        manifest = max(Path(scratch).glob("two/runs/mmm/*/manifest.json"))
        status = json.loads(manifest.read_text(encoding="utf-8"))["status"]
        print(f"\nmedia mix model of the second run: {status}", file=sys.stderr)


if __name__ == "__main__":
    main()
