"""What stays from one attribution report to the next: the ledger of who it rested on, its key, and the ε spent."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from jobs.runs import read_document
from measurement.store import RunRecord, RunStore, make_secret
from measurement.workspace import Workspace

if TYPE_CHECKING:
    from attribution.ledger import Ledger

KIND = "attribution"
LEDGER = "private_ledger.parquet"
#: Ledger of a report that was removed, as somebody in it was forgotten.
_REMOVED = ".private_ledger.parquet"
#: ε of reports that were removed since.
_SPENT = ".epsilon-spent"
_KEY = ".digest-key"


def last_ledger(workspace: Workspace, previous: RunRecord | None) -> Ledger | None:
    """Ledger of the last report, also of one that forgetting has removed; ``None`` where no report was exact."""
    from attribution.ledger import Ledger

    file = workspace.runs / KIND / _REMOVED if previous is None else previous.file(LEDGER)
    if not file.is_file():
        return None
    table = pd.read_parquet(file)
    if "person" not in table:  # of an older version: everybody who changed counts as gone and as new
        table = table.assign(person=table["digest"])
    return Ledger(table=table, report_is_gone=previous is None)


def drop_removed_ledger(workspace: Workspace) -> None:
    """After a report: its own ledger counts from now on."""
    (workspace.runs / KIND / _REMOVED).unlink(missing_ok=True)


def digest_key(workspace: Workspace) -> bytes:
    """The workspace's secret for digests: made once, readable by its owner only."""
    file = workspace.runs / KIND / _KEY
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        make_secret(file, secrets.token_bytes(32))
    return file.read_bytes()


def epsilon_spent(workspace: Workspace, previous: RunRecord | None) -> float:
    """ε of the reports before: budgets of successive reports add up, those of reports that are gone too."""
    before = 0.0 if previous is None else float(read_document(previous, "release.json").get("epsilon_spent", 0.0))
    gone = workspace.runs / KIND / _SPENT
    return max(before, float(gone.read_text(encoding="utf-8")) if gone.is_file() else 0.0)


def remove_reports(workspace: Workspace, forgotten: Iterable[str]) -> None:
    """Take every report away that may rest on the people ``forgotten`` (their ids).

    They have left the house all the same. Therefore what they spent of ε stays spent, and the ledger of the last one
    stays, with "somebody" for the forgotten: the next report must not differ from it by them alone.
    """
    folder = workspace.runs / KIND
    previous = RunStore(workspace.runs).latest(KIND)
    spent, ledger = epsilon_spent(workspace, previous), last_ledger(workspace, previous)
    kept = set()
    if spent > 0:
        kept.add(_SPENT)
        (folder / _SPENT).write_text(repr(spent), encoding="utf-8")
    if ledger is not None:
        kept |= {_KEY, _REMOVED}
        ledger.without(forgotten, digest_key(workspace)).table.to_parquet(folder / _REMOVED, index=False)
    # What stays is written before anything goes: an interruption must not lose it.
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        elif each.name not in kept:
            each.unlink()
