"""Every spoilt workspace is refused, with the place and the remedy."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from measurement.errors import InputError, Problem
from measurement.readers.checks import check_workspace
from measurement.workspace import Workspace
from tests.measurement.small_workspace import build_workspace
from tests.measurement.spoilt_panels import SPOILERS


def problems_of(root: Path) -> list[Problem]:
    try:
        return check_workspace(Workspace.open(root))
    except InputError as error:
        return list(error.problems)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_workspace(tmp_path_factory.mktemp("sound") / "workspace")


def test_there_are_forty_and_the_sound_workspace_passes(sound: Path) -> None:
    assert len(SPOILERS) >= 40
    assert problems_of(sound) == []


@pytest.mark.parametrize("name", SPOILERS)
def test_spoilt(name: str, sound: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(sound, tmp_path / "copy")
    expected = SPOILERS[name](copy, np.random.default_rng(len(name)))
    assert expected is not None
    found = problems_of(copy)
    told = "\n".join(str(problem) for problem in found)
    errors = [problem for problem in found if problem.severity == "error"]
    assert errors, told
    assert any(expected.place in problem.place and expected.remedy in problem.remedy for problem in errors), (
        f"expected {expected}, got:\n{told}"
    )
    assert all(problem.remedy and problem.message for problem in found)
    assert len(errors) <= 25, f"a flood of echoes:\n{told}"
    assert sorted(path.name for path in copy.iterdir() if path.name in {"runs", "exports"}) == []


def test_the_sample_workspace_is_sound() -> None:
    workspace = Workspace.open(str(resources.files("sample_data") / "workspace"))
    assert check_workspace(workspace) == []
