"""``liftwerk fit --preview``: shows returns and k̂, and leaves the workspace as it was."""

from __future__ import annotations

import json

from tests.jobs.conftest import call, fingerprint
from tests.measurement.small_workspace import build_workspace


def test_a_preview_shows_what_it_is_and_writes_nothing(tmp_path):
    root = build_workspace(tmp_path / "klein")
    before = fingerprint(root, ".")
    shown = call("fit", "--preview", "--workspace", root)
    assert shown.exit_code == 0, shown.output
    assert "Preview" in shown.output
    assert "k̂ = " in shown.output
    answer = json.loads(call("fit", "--preview", "--workspace", root, "--json").stdout)
    assert answer["status"] == "preview"
    assert answer["pareto_k"] is not None
    assert {row["channel"] for row in answer["channels"]} == {"search", "tv"}
    assert fingerprint(root, ".") == before
    assert not (root / "runs").exists()
