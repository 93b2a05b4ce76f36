"""The run store: complete or not there, also with two writers and after a kill at any moment."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from measurement.checks import Check
from measurement.errors import InputError
from measurement.store import (
    MANIFEST,
    RunStore,
    combined_hash,
    file_hash,
    new_run_id,
    write_atomically,
)

GATE = Check(name="r_hat", passed=False, value=1.2, limit=1.01, remedy="Sample longer")


def write_one(store: RunStore, seed: int = 1, **more) -> str:
    with store.write("plan", seed=seed, **more) as draft:
        (draft.folder / "allocation.csv").write_text("channel\ntv\n")
    assert draft.record is not None
    return draft.record.id


def test_a_run_carries_its_manifest(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    with store.write("plan", seed=7, options={"weeks": 4}, inputs={"a.csv": "12", "b.csv": "34"}) as draft:
        (draft.folder / "allocation.csv").write_text("channel\n")
        assert store.latest("plan") is None  # nothing to see while it is written
        draft.check([GATE])
    record = store.latest("plan")
    assert record == draft.record
    assert record is not None
    assert (record.status, record.seed, record.options) == ("unhealthy", 7, {"weeks": 4})
    assert record.data_sha256 == combined_hash({"b.csv": "34", "a.csv": "12"})
    stored = json.loads(record.file(MANIFEST).read_text())
    assert set(stored) == {
        "id",
        "kind",
        "created_at",
        "code_version",
        "data_sha256",
        "seed",
        "options",
        "status",
        "checks",
        "inputs",
        "duration_s",
    }
    assert stored["checks"][0]["remedy"] == "Sample longer"
    assert json.loads((tmp_path / "runs" / "plan" / "latest.json").read_text()) == {"id": record.id}


def test_an_exception_leaves_nothing(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    first = write_one(store)

    def fail_half_way() -> None:
        with store.write("plan", seed=1) as draft:
            (draft.folder / "allocation.csv").write_text("half")
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        fail_half_way()
    assert [run.id for run in store.runs("plan")] == [first]
    assert sorted(path.name for path in (tmp_path / "plan").iterdir()) == sorted([first, "latest.json"])


def test_runs_sort_by_time_and_are_found_again(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    ids = [write_one(store, seed=seed, inputs={"a": "1"}, options={"weeks": 4}) for seed in (1, 2, 1)]
    assert [run.id for run in store.runs("plan")] == ids == sorted(ids)
    same = store.find("plan", data_sha256=combined_hash({"a": "1"}), options={"weeks": 4}, seed=1)
    assert same is not None
    assert same.id == ids[2]
    assert store.find("plan", data_sha256=combined_hash({"a": "2"}), options={"weeks": 4}, seed=1) is None
    assert store.find("plan", data_sha256=combined_hash({"a": "1"}), options={"weeks": 5}, seed=1) is None
    assert store.get("plan", ids[0]).seed == 1
    assert store.runs("mmm") == []


@pytest.mark.parametrize("run_id", ["absent", "../plan", "", "."])
def test_ids_that_are_no_runs(tmp_path: Path, run_id: str) -> None:
    store = RunStore(tmp_path)
    write_one(store)
    with pytest.raises(InputError, match="no such run"):
        store.get("plan", run_id)


def test_a_stale_latest_file_does_not_matter(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    write_one(store)
    newest = write_one(store)
    (tmp_path / "plan" / "latest.json").unlink()
    latest = store.latest("plan")
    assert latest is not None
    assert latest.id == newest


def test_remains_of_killed_jobs_are_swept_after_a_day(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    old, young = tmp_path / "plan" / ".unfinished-old", tmp_path / "plan" / ".unfinished-young"
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 25 * 3600,) * 2)
    write_one(store)
    assert not old.exists()
    assert young.exists()  # it may belong to a running job
    assert len(store.runs("plan")) == 1


def test_ids_are_unique_and_increase() -> None:
    ids = [new_run_id() for _ in range(200)]
    assert len(set(ids)) == 200
    stamps = [one.split("-")[0] for one in ids]
    assert stamps == sorted(stamps)


def test_hashes_follow_names_and_content(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.csv").write_text("1")
    assert file_hash(tmp_path / "a") == file_hash(tmp_path / "b")
    (tmp_path / "b" / "x.csv").rename(tmp_path / "b" / "y.csv")
    assert file_hash(tmp_path / "a") != file_hash(tmp_path / "b")


def test_a_failed_atomic_write_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "decision.json"
    write_atomically(path, "old")
    with pytest.raises(TypeError):
        write_atomically(path, 5)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["decision.json"]
    write_atomically(path, b"new")
    assert path.read_text() == "new"


WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from measurement.store import RunStore, write_atomically

    root, label, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    store = RunStore(root / "runs")
    print("ready", flush=True)
    for index in range(count):
        with store.write("plan", seed=index, options={"by": label}) as draft:
            for part in range(5):
                (draft.folder / f"part{part}.csv").write_text(f"{label} {index}\\n" * 2000)
        write_atomically(root / "decision.json", f"{label} {index} " * 3000)
    """
)


def start_writer(root: Path, label: str, count: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(root), label, str(count)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def assert_whole(root: Path) -> int:
    """Every run that shows is complete, and the shared file is of one piece."""
    runs = RunStore(root / "runs").runs("plan")
    for run in runs:
        line = f"{run.options['by']} {run.seed}\n"
        assert all(run.file(f"part{part}.csv").read_text() == line * 2000 for part in range(5))
    if (root / "decision.json").exists():
        assert len(set((root / "decision.json").read_text().split(" ")[0:-1:2])) == 1
        assert len((root / "decision.json").read_text().split()) == 6000
    return len(runs)


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, label, 12) for label in ("one", "two")]
    while any(writer.poll() is None for writer in writers):
        assert_whole(tmp_path)
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        assert writer.stdout is not None
        writer.stdout.close()
    assert assert_whole(tmp_path) == 24


def test_kill_at_any_moment(tmp_path: Path) -> None:
    seen = 0
    for attempt in range(6):
        writer = start_writer(tmp_path, f"w{attempt}", 10_000)
        time.sleep(0.02 + 0.017 * attempt)
        writer.send_signal(signal.SIGKILL)
        assert writer.wait() == -signal.SIGKILL
        assert writer.stdout is not None
        writer.stdout.close()
        count = assert_whole(tmp_path)
        assert count >= seen
        seen = count
    write_one(RunStore(tmp_path / "other"))  # the store still works
    with RunStore(tmp_path / "runs").write("plan", seed=0, options={"by": "after"}) as draft:
        for part in range(5):
            (draft.folder / f"part{part}.csv").write_text("after 0\n" * 2000)
    assert assert_whole(tmp_path) == seen + 1
