"""Spoilt input: refused with status 2, place and remedy; no traceback, and what was there stays as it is."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.jobs.conftest import call, fingerprint
from tests.measurement.spoilt_panels import SPOILERS


@pytest.mark.parametrize("name", SPOILERS)
def test_a_spoilt_workspace_is_refused(name, finished, tmp_path):
    copy = shutil.copytree(finished, tmp_path / "klein")
    expected = SPOILERS[name](copy, np.random.default_rng(len(name)))
    before = fingerprint(copy, "runs", "exports", "audit")
    for command in ("check", "weekly"):
        result = call(command, "-w", copy, "--json")
        assert result.exit_code == 2, (command, result.stdout)
        problems = [problem for problem in json.loads(result.stdout)["problems"] if problem["severity"] == "error"]
        assert all(problem["remedy"] for problem in problems)
        assert any(expected.remedy in problem["remedy"] for problem in problems), (command, problems)
        assert "error" in result.stderr
        assert expected.remedy.split(",")[0].split()[0] in result.stderr
        assert "Traceback" not in result.stdout + result.stderr
    assert fingerprint(copy, "runs", "exports", "audit") == before
