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


@settings(max_examples=80, deadline=None)
@given(place=st.integers(0, 10**6), value=st.integers(0, 255), several=st.binary(min_size=1, max_size=8))
def test_any_byte_set_to_anything_is_found(tmp_path_factory, place, value, several):
    folder = tmp_path_factory.mktemp("bytes", numbered=True)
    log = filled(folder, 3)
    content = log.file.read_bytes()
    place %= len(content)
    for new in (bytes([value]), several):
        changed = content[:place] + new + content[place + len(new) :]
        log.file.write_bytes(changed)
        first = next(
            (at for at, pair in enumerate(zip(content, changed, strict=False)) if pair[0] != pair[1]), len(content)
        )
        if changed != content:
            assert log.verify().line == content[:first].count(b"\n") + 1
        else:
            assert log.verify().sound


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


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_a_writer_killed_in_the_middle_of_a_line_leaves_a_sound_log(tmp_path, monkeypatch, share):
    log = filled(tmp_path, 2)

    def stop(self, line):
        with log.file.open("ab") as stream:
            stream.write(line.encode()[: int(len(line) * share)])
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(AuditLog, "_write", stop)
        with pytest.raises(Killed):
            log.append("recommended", "2026-W50", {"who": "Jörg"})
    assert log.verify().sound
    log.append("recommended", "2026-W51", {})
    assert log.verify().sound
    assert log.entries()[-1].subject == "2026-W51"


@pytest.mark.parametrize("added", [b"x", b"\n", b"{}\n", b'{"action":"reco'])
def test_added_bytes_are_found_and_their_line_named(tmp_path, added):
    log = filled(tmp_path, 3)
    content = log.file.read_bytes()
    log.file.write_bytes(content + added)
    assert log.verify().line == 4
    for place in [*range(0, len(content), 7)]:
        log.file.write_bytes(content[:place] + added + content[place:])
        assert log.verify().line == content[:place].count(b"\n") + 1, place


def test_a_line_forged_behind_the_head_is_found(tmp_path):
    log = filled(tmp_path, 2)
    entry = log.entries()[-1]
    body = {"seq": 3, "at": entry.at, "actor": "mallory", "action": "approved", "subject": "2026-W41", "details": {},
            "previous": entry.hash}  # fmt: skip
    with log.file.open("ab") as stream:
        stream.write((canonical(body | {"hash": sha256(body)}) + "\n").encode())
    assert log.verify().line == 3


@pytest.mark.parametrize("place", range(0, 90, 3))
def test_a_changed_head_is_found(tmp_path, place):
    log = filled(tmp_path, 2)
    head = log.file.with_name("head.json")
    content = bytearray(head.read_bytes())
    content[place % len(content)] ^= 1
    head.write_bytes(bytes(content))
    assert not log.verify().sound


def test_what_a_check_refuses_is_not_written(tmp_path):
    log = filled(tmp_path, 1)

    def refuse(entries):
        raise InputError.of(f"{len(entries)} line", "Do not")

    with pytest.raises(InputError, match="1 line"):
        log.append_checked("approved", "2026-W48", "Jo", refuse)
    assert log.verify().entries == 1


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
