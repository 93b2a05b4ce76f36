"""Data through the dashboard: nothing is replaced by what is unsound, unnamed, too large or not allowed."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from decisions.approval import AuditLog
from decisions.people import Person
from decisions.refusal import Refusal
from decisions.upload import examine, panel_file, put_in_place
from measurement.workspace import Workspace

ANALYST = Person(name="Anton", role="analyst")
SETTINGS = """[panel]
file = "data/panel.{ending}"
date = "week"
geo = "geo"
outcome = "revenue"
[panel.channels.search]
spend = "search"
"""


def table(weeks: int = 60) -> pd.DataFrame:
    dates = pd.date_range("2025-01-06", periods=weeks, freq="7D").strftime("%Y-%m-%d")
    rng = np.random.default_rng(1)
    parts = [
        pd.DataFrame(
            {
                "week": dates,
                "geo": geo,
                "revenue": rng.uniform(900, 1100, weeks).round(2),
                "search": rng.uniform(50, 90, weeks).round(2),
            }
        )
        for geo in ("Nord", "Süd")
    ]
    return pd.concat(parts)


def opened(folder: Path, ending: str = "csv") -> Workspace:
    (folder / "data").mkdir()
    (folder / "liftwerk.toml").write_text(SETTINGS.format(ending=ending), encoding="utf-8")
    if ending == "csv":
        table().to_csv(folder / "data" / "panel.csv", index=False)
    elif ending == "parquet":
        table().to_parquet(folder / "data" / "panel.parquet", index=False)
    else:
        table().to_excel(folder / "data" / "panel.xlsx", index=False)
    return Workspace.open(folder)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return opened(tmp_path)


def as_csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def test_sound_data_are_compared_put_in_place_and_logged(workspace):
    content, old = as_csv(table(70)), panel_file(workspace).read_bytes()
    found = examine(workspace, ANALYST, "whatever.csv", content)
    assert found.sound
    assert (found.before.periods, found.after.periods) == (60, 70)
    assert panel_file(workspace).read_bytes() == old
    entry = put_in_place(workspace, ANALYST, found, "ten more weeks")
    assert panel_file(workspace).read_bytes() == content
    kept = list((workspace.root / "data" / ".replaced").iterdir())
    assert [file.read_bytes() for file in kept] == [old]
    assert (entry.actor, entry.action, entry.subject) == ("Anton", "uploaded", "data/panel.csv")
    assert AuditLog(workspace.audit_log).verify().sound


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x01\x02" * 100,
        b"week,geo\n2025-01-06,Nord\n",
        as_csv(table().assign(revenue="many")),
        as_csv(table().assign(search=-5.0)),
        as_csv(table().assign(week="yesterday")),
        "\ufeff<html><script>alert(1)</script></html>".encode(),
        b"=cmd|'/c calc'!A1,\"x\n" * 50,
        ("week,geo,revenue,search\n" + "2025-01-06,Nord,1,1\n" * 3).encode(),
        b"week;geo;revenue;search\n" + b"9" * 100_000,
    ],
)
def test_unsound_data_change_nothing(workspace, content):
    old = panel_file(workspace).read_bytes()
    found = examine(workspace, ANALYST, "panel.csv", content)
    assert not found.sound
    assert found.problems
    with pytest.raises(Refusal, match="errors"):
        put_in_place(workspace, ANALYST, found, "because")
    assert panel_file(workspace).read_bytes() == old
    assert not workspace.audit_log.exists()
    assert not any(str(problem.file).startswith("/") for problem in found.problems)


@pytest.mark.parametrize(
    "name", ["panel.exe", "panel.csv.sh", "../../etc/passwd", "..\\..\\panel.dll", "panel", ".csv/../x", ""]
)
def test_other_kinds_of_files_are_refused(workspace, name):
    with pytest.raises(Refusal, match=r"not a \.csv"):
        examine(workspace, ANALYST, name, as_csv(table()))


@pytest.mark.parametrize(
    "name", ["../../evil.csv", "/etc/cron.d/evil.csv", "..\\evil.csv", "a\x00b.csv", "<img src=x>.csv"]
)
def test_the_name_a_browser_gives_becomes_no_path(workspace, name):
    before = set(workspace.root.parent.rglob("*"))
    put_in_place(workspace, ANALYST, examine(workspace, ANALYST, name, as_csv(table(61))), "because")
    new = {file.name for file in set(workspace.root.parent.rglob("*")) - before if file.is_file()}
    assert all(file.endswith(("panel.csv", "log.jsonl", "head.json", ".lock")) for file in new)


def test_a_viewer_and_a_missing_reason_are_refused(workspace):
    viewer = Person(name="Vera", role="viewer")
    with pytest.raises(Refusal, match="viewer"):
        examine(workspace, viewer, "panel.csv", as_csv(table()))
    found = examine(workspace, ANALYST, "panel.csv", as_csv(table()))
    for person, reason in ((viewer, "because"), (ANALYST, "")):
        with pytest.raises(Refusal):
            put_in_place(workspace, person, found, reason)


def test_of_two_who_replace_at_once_the_second_looks_again(workspace):
    first = examine(workspace, ANALYST, "panel.csv", as_csv(table(61)))
    second = examine(workspace, ANALYST, "panel.csv", as_csv(table(62)))
    put_in_place(workspace, ANALYST, first, "new week")
    with pytest.raises(Refusal, match="replaced since"):
        put_in_place(workspace, ANALYST, second, "new week too")
    assert panel_file(workspace).read_bytes() == first.content
    put_in_place(workspace, ANALYST, examine(workspace, ANALYST, "panel.csv", as_csv(table(62))), "new week too")


def test_files_that_are_too_large_are_not_read(workspace, monkeypatch):
    monkeypatch.setattr("decisions.upload.LARGEST_BYTES", 1000)
    with pytest.raises(Refusal, match="too large"):
        examine(workspace, ANALYST, "panel.csv", as_csv(table()))


def test_bombs_are_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("decisions.upload.LARGEST_UNPACKED", 2**20)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * 2**22)
    with pytest.raises(Refusal, match="too large"):
        examine(opened(tmp_path / "a", "xlsx"), ANALYST, "panel.xlsx", packed.getvalue())
    rows = io.BytesIO()
    pd.DataFrame({"week": ["2025-01-06"] * 400_000}).to_parquet(rows, index=False)
    assert len(rows.getvalue()) < 10_000
    with pytest.raises(Refusal, match="too large"):
        examine(opened(tmp_path / "b", "parquet"), ANALYST, "panel.parquet", rows.getvalue())


def test_a_panel_outside_the_workspace_is_not_replaced(tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / "liftwerk.toml").write_text(
        SETTINGS.format(ending="csv").replace("data/panel.csv", "../panel.csv")
    )
    with pytest.raises(Refusal, match="not a file"):
        panel_file(Workspace.open(tmp_path / "w"))
