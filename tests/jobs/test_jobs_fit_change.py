"""A fit beside the one before it: what moved, what differs, and an older file that cannot be read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from jobs.fit_change import change_since
from measurement.store import RunRecord, RunStore
from measurement.workspace import Workspace
from mmm.archive import read_posterior
from tests.jobs.conftest import call

EARLIER = "20200101T000000-earlier"


@pytest.fixture
def fitted(copy: Path) -> tuple[Workspace, RunRecord]:
    workspace = Workspace.open(copy)
    record = RunStore(workspace.runs).latest("mmm")
    assert record is not None
    return workspace, record


def _earlier_copy(record: RunRecord) -> Path:
    """The same run under an older id."""
    folder = record.folder.with_name(EARLIER)
    shutil.copytree(record.folder, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "id": EARLIER}))
    return folder


def test_the_first_fit_has_nothing_to_be_compared_with(fitted):
    assert change_since(*fitted) is None


def test_the_same_fit_again_says_that_nothing_differs(fitted):
    _earlier_copy(fitted[1])
    change = change_since(*fitted)
    assert change is not None
    assert change.before == EARLIER
    assert change.sentences == (
        "Data, settings and lift tests are the same.",
        "No channel's ROAS moved by more than a third of its interval's width.",
    )
    assert (change.table["roas_moved"] == 0.0).all()
    assert list(change.table["channel"]) == list(read_posterior(fitted[1].file("posterior.nc")).channels)


def test_the_command_tells_it_for_people_and_for_scripts(fitted):
    workspace, record = fitted
    _earlier_copy(record)
    shown = call("fit", "-w", workspace.root)
    assert shown.exit_code == 0, shown.stderr
    assert f"Since the fit before ({EARLIER})" in shown.stdout
    told = json.loads(call("fit", "-w", workspace.root, "--json").stdout)
    assert told["since"]["before"] == EARLIER
    assert {"channel", "roas_before", "roas_after", "clearly"} <= set(told["since"]["channels"][0])


def test_an_older_file_that_cannot_be_read_does_not_spoil_the_fit(fitted):
    (_earlier_copy(fitted[1]) / "posterior.nc").write_bytes(b"no posterior")
    change = change_since(*fitted)
    assert change is not None
    assert len(change.sentences) == 1
    assert "posterior.nc" in change.sentences[0]
