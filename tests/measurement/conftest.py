"""Workspaces for the reader's tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from measurement.workspace import Workspace
from tests.measurement.small_workspace import build_workspace

KEPT_WORKSPACES = Path(__file__).resolve().parents[1] / "workspaces"


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A sound workspace of its own for a test that edits it."""
    return build_workspace(tmp_path / "workspace")


@pytest.fixture
def public_workspace(tmp_path: Path, shared_data: Path) -> Callable[[str, str], Workspace]:
    """``tests/workspaces/<name>`` with its public data set beside it."""

    def place(name: str, data: str) -> Workspace:
        root = shutil.copytree(KEPT_WORKSPACES / name, tmp_path / name)
        (root / "data").mkdir()
        (root / "data" / Path(data).name).symlink_to(shared_data / data)
        return Workspace.open(root)

    return place
