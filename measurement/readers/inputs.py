"""Which files a job read, and the hash of each: what makes a run repeatable."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from measurement.errors import InputError
from measurement.readers.findings import Findings
from measurement.readers.tables import SQLITE_ENDINGS, read_database
from measurement.store import file_hash
from measurement.workspace import Workspace

GEO_TESTS = "geo_tests"


def input_hashes(workspace: Workspace, *names: str) -> dict[str, str]:
    """File (relative to the workspace) → SHA-256 of its bytes.

    Parameters
    ----------
    workspace
        The workspace.
    names
        Any of ``"settings"``, ``"panel"``, ``"creatives"``, ``"journeys"``, ``"content"`` (tables and
        prices), ``"spans"``, ``"geo_tests"``.

    Raises
    ------
    InputError
        For an input that the settings name and that is not there.
    """
    hashes: dict[str, str] = {}
    for name in names:
        for file in _FILES[name](workspace):
            path = workspace.path(file)
            if not path.exists():
                raise InputError.of("the file does not exist", "Correct the path in liftwerk.toml", file=file)
            hashes[file] = file_hash(path)
            newest = path.with_name(path.name + "-wal")
            if path.suffix in SQLITE_ENDINGS and newest.exists():  # a log that is being written has its end there
                hashes[f"{file}-wal"] = file_hash(newest)
        if name == "panel" and workspace.settings.panel.url is not None:
            hashes.update(_database_hash(workspace))
    return hashes


def geo_test_files(workspace: Workspace) -> list[Path]:
    """Every geo test of the workspace, by name."""
    return sorted((workspace.root / GEO_TESTS).glob("*.toml"))


def span_files(workspace: Workspace) -> list[tuple[Path, str]]:
    """Every file that ``content.spans`` names: its path, and how it is written relative to the workspace."""
    section = workspace.settings.content
    if section is None or section.spans is None:
        return []
    found = sorted(path for path in workspace.root.glob(section.spans) if path.is_file())
    return [(path, path.relative_to(workspace.root).as_posix()) for path in found]


def _panel_files(workspace: Workspace) -> list[str]:
    panel = workspace.settings.panel
    holidays = panel.holidays if panel.holidays is not None and "." in panel.holidays else None
    return [file for file in (panel.file, holidays) if file is not None]


def _creatives_files(workspace: Workspace) -> list[str]:
    section = workspace.settings.creatives
    return [] if section is None else [section.decisions, section.rewards]


def _content_files(workspace: Workspace) -> list[str]:
    section = workspace.settings.content
    if section is None:
        return []
    return [file for file in (section.tables, section.prices) if file is not None]


def _span_files(workspace: Workspace) -> list[str]:
    return [name for _, name in span_files(workspace)]


_FILES: dict[str, Callable[[Workspace], list[str]]] = {
    "settings": lambda workspace: [workspace.file.name],
    "panel": _panel_files,
    "creatives": _creatives_files,
    "journeys": lambda workspace: [workspace.settings.journeys.touchpoints] if workspace.settings.journeys else [],
    "content": _content_files,
    "spans": _span_files,
    "geo_tests": lambda workspace: [f"{GEO_TESTS}/{file.name}" for file in geo_test_files(workspace)],
}


def _database_hash(workspace: Workspace) -> dict[str, str]:
    """Hash over the rows of a database table, in the order the database gives them."""
    panel = workspace.settings.panel
    name = f"{str(panel.url).partition(':')[0]}:{panel.table}"
    found = Findings(name)
    table = read_database(str(panel.url), str(panel.table), workspace.root, found)
    if table is None:
        raise InputError(found.problems)
    rows = pd.util.hash_pandas_object(table.frame, index=False).sort_values().to_numpy()
    header = "\0".join(str(column) for column in table.frame.columns)
    return {name: hashlib.sha256(header.encode() + rows.tobytes()).hexdigest()}
