"""A log that was cut short or written anew, its head too: the exports remember."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from decisions.anchors import anchors, verify_with_exports
from decisions.approval import GENESIS, AuditLog, canonical, sha256
from decisions.export import write_export
from decisions.people import Person
from decisions.recommendation import Stability
from decisions.review import Review
from decisions.standing import log_recommended
from measurement.settings import Settings

WEEK = "2026-W48"


@pytest.fixture
def decided(decision, tmp_path) -> tuple[AuditLog, Path]:
    """Three lines: an upload that nothing quotes, a recommendation and an approval that exports quote."""
    from dataclasses import replace

    log, exports = AuditLog(tmp_path / "audit" / "log.jsonl"), tmp_path / "exports"
    log.append("uploaded", "data/panel.csv", {"bytes": 1})
    entry = log_recommended(log, decision)
    write_export(replace(decision, audit={"line": entry.seq, "hash": entry.hash}), exports, Stability())
    Review(exports, log, Settings()).approve(Person(name="Paula", role="approver"), WEEK, entry.hash)
    return log, exports


def write_anew(log: AuditLog, bodies: list[dict[str, object]]) -> None:
    """A chain that is sound in itself, and its head."""
    previous, lines = GENESIS, []
    for number, body in enumerate(bodies, start=1):
        tree = {**{name: value for name, value in body.items() if name != "hash"}, "seq": number, "previous": previous}
        previous = sha256(tree)
        lines.append(canonical({**tree, "hash": previous}))
    log.file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    log.file.with_name("head.json").write_text(canonical({"entries": len(lines), "hash": previous}), encoding="utf-8")


def lines_of(log: AuditLog) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.file.read_text(encoding="utf-8").splitlines()]


def test_a_log_that_was_left_alone_holds_what_the_exports_quote(decided):
    log, exports = decided
    assert [one.line for one in anchors(exports)] == [2, 3]
    found, quotes = verify_with_exports(log, exports)
    assert found.sound
    assert (found.entries, quotes) == (3, 2)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_last_lines_that_were_removed_with_their_head_are_missed(decided, kept):
    log, exports = decided
    write_anew(log, lines_of(log)[:kept])
    assert log.verify().sound  # in itself it is
    found, _ = verify_with_exports(log, exports)
    assert found.line == kept + 1
    assert "rests on line" in found.fault


def test_a_log_that_was_removed_as_a_whole_is_missed(decided):
    log, exports = decided
    shutil.rmtree(log.file.parent)
    assert verify_with_exports(log, exports)[0].line == 1


@pytest.mark.parametrize("changed", [0, 1, 2])
def test_a_chain_that_was_written_anew_is_found_at_the_first_quoted_line(decided, changed):
    log, exports = decided
    bodies = lines_of(log)
    bodies[changed]["actor"] = "mallory"
    write_anew(log, bodies)
    assert log.verify().sound
    found, _ = verify_with_exports(log, exports)
    assert found.line == max(changed + 1, 2)
    assert "written anew" in found.fault


def test_exports_that_cannot_be_read_quote_nothing(decided):
    log, exports = decided
    for name, text in ((WEEK, "{"), (f"{WEEK}-approved", '{"approvals": [{"line": "x"}]}')):
        for file in (exports / name).glob("*.json"):
            file.write_text(text, encoding="utf-8")
    assert anchors(exports) == []
    assert verify_with_exports(log, exports)[0].sound
