"""One small workspace in which the weekly job has run once, shared by every test of the room."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from jobs.cli import app
from tests.measurement.small_workspace import build_workspace

#: A process of its own, as a user starts it.
LIFTWERK = [sys.executable, "-c", "from jobs.cli import main; main()"]
EXPORTED = {"budget.xlsx", "budget.csv", "report.html", "decision.json", "platforms/search.csv", "platforms/tv.csv"}


def call(*words: object) -> Result:
    """A command in this process."""
    return CliRunner().invoke(app, [str(word) for word in words])


def start(*words: object, **options) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*LIFTWERK, *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options,
    )  # fmt: skip


def fingerprint(root: Path, *folders: str) -> dict[str, str]:
    """Hash of every file below the folders."""
    return {
        file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for folder in folders
        for file in sorted((root / folder).rglob("*"))
        if file.is_file()
    }


def exported(week: Path) -> set[str]:
    return {file.relative_to(week).as_posix() for file in week.rglob("*") if file.is_file()}


def _many_journeys(file: Path) -> None:
    """Enough people on every channel for their paths to be published."""
    lines = ["unit_id,ts,channel,kind,value,cost"]
    for number in range(60):
        first, second = ("search", "tv")[:: 1 if number % 2 else -1]
        lines += [
            f"p{number},2026-11-02T10:00:00Z,{first},click,,0.35",
            f"p{number},2026-11-03T10:00:00Z,{second},impression,,",
        ]
        if number % 3:
            lines.append(f"p{number},2026-11-04T10:00:00Z,,conversion,49.9,")
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workspace after one `liftwerk weekly` in a real process; not to be changed."""
    root = build_workspace(tmp_path_factory.mktemp("finished") / "klein")
    _many_journeys(root / "data" / "touchpoints.csv")
    process = start("weekly", "--workspace", root)
    out, err = process.communicate(timeout=500)
    assert process.returncode == 0, err
    assert "2026-W48" in out
    assert "Traceback" not in err
    return root


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may change."""
    return shutil.copytree(finished, tmp_path / "klein")
