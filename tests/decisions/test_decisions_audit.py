"""The audit log: appended to by many, tampered with by none without being found out."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from decisions.approval import GENESIS, AuditLog, canonical, sha256
from measurement.errors import InputError


def filled(folder: Path, count: int = 4) -> AuditLog:
    log = AuditLog(folder / "audit" / "log.jsonl")
    for number in range(count):
        log.append("recommended", f"2026-W{40 + number}", {"moved": 100.0 * number, "who": "Jörg"})
    return log


def test_a_log_that_was_left_alone_is_sound(tmp_path):
    log = filled(tmp_path)
    found = log.verify()
    assert found.sound
    assert found.entries == 4
    assert log.entries()[0].previous == GENESIS
    assert [entry.seq for entry in log.entries()] == [1, 2, 3, 4]


def test_no_log_is_sound_and_empty(tmp_path):
    assert AuditLog(tmp_path / "log.jsonl").verify().entries == 0


def test_every_changed_byte_is_found_and_its_line_named(tmp_path):
    log = filled(tmp_path, 3)
    content = log.file.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        log.file.write_bytes(bytes(changed))
        found = log.verify()
        line = content[:place].count(b"\n") + 1
        assert found.line == line, f"byte {place} of line {line}: {found}"


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(min_value=1))
def test_a_log_cut_short_is_found(tmp_path_factory, cut):
    log = filled(tmp_path_factory.mktemp("log"), 3)
    content = log.file.read_bytes()
    log.file.write_bytes(content[: len(content) - 1 - cut % (len(content) - 1)])
    assert not log.verify().sound


def test_removed_and_swapped_and_forged_lines_are_found(tmp_path):
    log = filled(tmp_path)
    lines = log.file.read_text().splitlines(keepends=True)
    log.file.write_text("".join([lines[0], *lines[2:]]))
    assert log.verify().line == 2
    log.file.write_text("".join([lines[0], lines[2], lines[1], lines[3]]))
    assert log.verify().line == 2
    forged = json.loads(lines[3])
    forged["details"] = {"moved": 1.0}
    forged["hash"] = sha256({name: value for name, value in forged.items() if name != "hash"})
    log.file.write_text("".join([*lines[:3], canonical(forged) + "\n"]))
    assert log.verify().line == 4


def test_a_missing_head_is_found_once_there_is_more_than_one_line(tmp_path):
    log = filled(tmp_path)
    log.file.with_name("head.json").unlink()
    assert not log.verify().sound


def test_a_writer_killed_in_the_middle_of_a_line_leaves_a_sound_log(tmp_path):
    log = filled(tmp_path, 2)
    with log.file.open("ab") as stream:
        stream.write(b'{"action":"reco')
    assert log.verify().sound
    log.append("recommended", "2026-W50", {})
    assert log.verify().entries == 3


def test_a_writer_killed_before_the_head_leaves_a_sound_log(tmp_path):
    log = filled(tmp_path, 2)
    head = log.file.with_name("head.json").read_bytes()
    log.append("recommended", "2026-W50", {})
    log.file.with_name("head.json").write_bytes(head)
    assert log.verify().sound


def test_nothing_is_added_to_a_broken_chain(tmp_path):
    log = filled(tmp_path)
    log.file.write_text(log.file.read_text().replace("Jörg", "Jorg"))
    with pytest.raises(InputError, match="broken"):
        log.append("recommended", "2026-W50", {})


def test_the_same_is_logged_once(tmp_path):
    log = filled(tmp_path, 1)
    first = log.append_once("recommended", "2026-W48", {"moved": 0.1 + 0.2})
    assert log.append_once("recommended", "2026-W48", {"moved": 0.1 + 0.2}) == first
    assert log.append_once("recommended", "2026-W48", {"moved": 0.4}).seq == 3
    assert log.verify().entries == 3


def _append_many(file: str) -> None:
    for number in range(15):
        AuditLog(Path(file)).append("recommended", str(number), {})


def test_writers_at_once_keep_one_chain(tmp_path):
    file = tmp_path / "audit" / "log.jsonl"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_many, args=(str(file),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    found = AuditLog(file).verify()
    assert found.sound
    assert found.entries == 30
