"""Publishing an export: the old one or the new one, never none and never a part."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from decisions import publish
from decisions.locking import locked
from decisions.publish import heal, publication


def put(exports: Path, text: str) -> None:
    with publication(exports, "2026-W48") as folder:
        (folder / "budget.csv").write_text(text)
        (folder / "platforms").mkdir()
        (folder / "platforms" / "tv.csv").write_text(text)


def read(exports: Path) -> set[str]:
    folder = exports / "2026-W48"
    return {file.read_text() for file in (folder / "budget.csv", folder / "platforms" / "tv.csv")}


def visible(exports: Path) -> list[str]:
    return sorted(entry.name for entry in exports.iterdir() if entry.name != ".lock")


def test_new_content_replaces_old_content_and_leaves_no_rest(tmp_path):
    put(tmp_path, "one")
    put(tmp_path, "two")
    assert read(tmp_path) == {"two"}
    assert visible(tmp_path) == ["2026-W48"]


def test_equal_content_is_not_published_again(tmp_path):
    put(tmp_path, "one")
    before = (tmp_path / "2026-W48").stat()
    put(tmp_path, "one")
    after = (tmp_path / "2026-W48").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_failure_keeps_the_old_export(tmp_path):
    put(tmp_path, "one")

    def fail() -> None:
        with publication(tmp_path, "2026-W48") as folder:
            (folder / "budget.csv").write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert read(tmp_path) == {"one"}
    assert visible(tmp_path) == ["2026-W48"]


def test_without_an_exchange_the_names_change_in_two_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "exchange", lambda one, other: False)
    put(tmp_path, "one")
    put(tmp_path, "two")
    assert read(tmp_path) == {"two"}
    assert visible(tmp_path) == ["2026-W48"]


def test_a_stop_between_the_two_steps_is_healed(tmp_path):
    put(tmp_path, "one")
    (tmp_path / "2026-W48").rename(tmp_path / ".aside-2026-W48-00ff")
    (tmp_path / ".draft-2026-W48-00fe").mkdir()
    heal(tmp_path)
    assert read(tmp_path) == {"one"}
    assert visible(tmp_path) == ["2026-W48"]


def test_healing_leaves_a_writer_at_work_alone(tmp_path):
    put(tmp_path, "one")
    draft = tmp_path / ".draft-2026-W48-00fe"
    draft.mkdir()
    with locked(tmp_path / ".lock"):
        code = "import sys, pathlib; from decisions.publish import heal; heal(pathlib.Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
        assert draft.is_dir()
    heal(tmp_path)
    assert not draft.exists()


def test_healing_makes_no_folder(tmp_path):
    heal(tmp_path / "exports")
    assert not (tmp_path / "exports").exists()


@pytest.mark.parametrize("exchanges", [True, False])
def test_kill_at_any_moment_leaves_one_whole_export(tmp_path, exchanges):
    put(tmp_path, "start")
    writer = textwrap.dedent(f"""
        import itertools, sys
        from pathlib import Path
        from decisions import publish
        if not {exchanges}:
            publish.exchange = lambda one, other: False
        for number in itertools.count():
            with publish.publication(Path(sys.argv[1]), "2026-W48") as folder:
                (folder / "budget.csv").write_text(str(number))
                (folder / "platforms").mkdir()
                (folder / "platforms" / "tv.csv").write_text(str(number))
            print(number, flush=True)
    """)
    for moment in range(6):
        process = subprocess.Popen([sys.executable, "-c", writer, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        until = time.monotonic() + 0.01 + 0.013 * moment
        while time.monotonic() < until:
            if exchanges:  # a reader finds a complete export at every moment
                assert (tmp_path / "2026-W48" / "budget.csv").is_file()
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        process.stdout.close()
        heal(tmp_path)
        assert len(read(tmp_path)) == 1
        assert visible(tmp_path) == ["2026-W48"]
