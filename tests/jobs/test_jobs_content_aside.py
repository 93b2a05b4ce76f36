"""``liftwerk content``: lines that could not be read are told, also where they changed no day."""

from __future__ import annotations

import json

from jobs.content import run_content
from measurement.workspace import Workspace


def test_a_file_of_bad_lines_makes_a_run_of_its_own(tmp_path):
    (tmp_path / "liftwerk.toml").write_text('[workspace]\ncurrency = "EUR"\n[content]\nspans = "spans/*"\n')
    (tmp_path / "spans").mkdir()
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"}
    span = {
        "traceId": f"{1:032x}", "spanId": f"{1:016x}", "startTimeUnixNano": str(1_772_445_600 * 10**9),
        "endTimeUnixNano": str(1_772_445_601 * 10**9),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
    }  # fmt: skip
    line = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    (tmp_path / "spans" / "a.jsonl").write_text(line + "\n")
    workspace = Workspace.open(tmp_path)
    first = run_content(workspace, seed=7)
    assert run_content(workspace, seed=7).id == first.id
    (tmp_path / "spans" / "b.jsonl").write_text("no line of spans\n")
    second = run_content(workspace, seed=7)
    assert second.id != first.id
    assert "b.jsonl" in second.file("set_aside.csv").read_text()
