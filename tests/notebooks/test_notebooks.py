"""Every notebook runs from top to bottom, with few draws."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.py"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebook_runs(notebook: Path, tmp_path: Path):
    environment = {**os.environ, "LIFTWERK_NOTEBOOK_DRAWS": "100", "MPLBACKEND": "agg"}
    run = subprocess.run(
        [sys.executable, str(notebook)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_notebook_is_in_percent_format(notebook: Path):
    cells = jupytext.read(notebook).cells
    assert [cell.cell_type for cell in cells].count("markdown") >= 3
    assert [cell.cell_type for cell in cells].count("code") >= 3
