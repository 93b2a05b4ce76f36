"""``liftwerk check --deep``: the plain check's status, and what the panel can teach besides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.jobs.conftest import call
from tests.measurement.small_workspace import build_workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return build_workspace(tmp_path / "klein")


def test_the_findings_join_the_answer_and_leave_the_status(root: Path):
    plain, deep = call("check", "-w", root, "--json"), call("check", "--deep", "-w", root, "--json")
    assert plain.exit_code == deep.exit_code == 0
    first, second = json.loads(plain.stdout), json.loads(deep.stdout)
    found = second.pop("deep")
    assert first == second
    assert {row["channel"] for row in found["channels"]} == {"search", "tv"}
    assert all(0 < row["ratio"] <= 1.001 for row in found["channels"])


def test_people_see_channels_and_what_to_do(root: Path):
    result = call("check", "--deep", "-w", root)
    assert result.exit_code == 0
    assert "What the panel can teach" in result.stdout
    assert "will stay unknown" in result.stdout
    assert "TV" in result.stdout


def test_a_panel_with_errors_is_not_looked_into(root: Path):
    settings = root / "liftwerk.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('outcome = "', 'outcome = "x'), encoding="utf-8")
    result = call("check", "--deep", "-w", root, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["deep"] is None
