"""The only caching of the dashboard: runs never change, so their files are read once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app import artifacts
from app.reshape import by_date
from measurement.errors import InputError, Problem
from measurement.store import RunRecord, RunStore
from measurement.workspace import Workspace

_KEPT = 64


@st.cache_data(show_spinner=False, max_entries=_KEPT)
def table(file: str, stamp: float, columns: tuple[str, ...]) -> pd.DataFrame:  # noqa: ARG001 - the stamp is the cache key
    """A table artifact, read again only when the file's ``stamp`` changes."""
    return artifacts.read_table(Path(file), columns)


@st.cache_data(show_spinner=False, max_entries=_KEPT)
def document(file: str, stamp: float) -> Mapping[str, Any]:  # noqa: ARG001 - the stamp is the cache key
    """A JSON artifact, read again only when the file's ``stamp`` changes."""
    return artifacts.read_document(Path(file))


@st.cache_data(show_spinner=False, max_entries=_KEPT)
def content(file: str, stamp: float) -> bytes:  # noqa: ARG001 - the stamp is the cache key
    """The bytes of a file to download."""
    return Path(file).read_bytes()


@st.cache_data(show_spinner=False, max_entries=4)
def problems(root: str, stamp: float) -> list[Problem]:  # noqa: ARG001 - the stamp is the cache key
    """What `liftwerk check` finds, computed again only when an input file changes."""
    from measurement.readers.checks import check_workspace

    return list(check_workspace(Workspace.open(root)))


def run_table(run: RunRecord, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """A table of a run."""
    return table(str(run.file(name)), stamp(run.file(name)), columns)


@st.cache_data(show_spinner=False, max_entries=_KEPT)
def _contributions(file: str, stamp: float) -> pd.DataFrame:  # noqa: ARG001 - the stamp is the cache key
    """Decomposition summed over geos: some hundred rows instead of some ten thousand."""
    parts = artifacts.read_table(Path(file), ("date", "geo", "component", "mean"))
    return by_date(parts)


def contributions(run: RunRecord) -> pd.DataFrame:
    """Contribution by week and component over all geos: index ``date``, one column a component."""
    file = run.file("decomposition.parquet")
    return _contributions(str(file), stamp(file))


def run_document(run: RunRecord, name: str) -> Mapping[str, Any]:
    """A document of a run."""
    return document(str(run.file(name)), stamp(run.file(name)))


def latest(workspace: Workspace, kind: str) -> RunRecord | None:
    """The newest complete run of a kind.

    Raises
    ------
    InputError
        Where its manifest cannot be read.
    """
    try:
        return RunStore(workspace.runs).latest(kind)
    except (ValueError, TypeError, OSError) as broken:
        raise InputError.of(
            "the manifest of the newest run cannot be read",
            "Run the job again; artifacts are never edited by hand",
            file=f"runs/{kind}/",
            value=broken,
        ) from broken


def runs(workspace: Workspace, kind: str) -> list[RunRecord]:
    """Every complete run of a kind, newest first, with the same error as `latest`."""
    try:
        return RunStore(workspace.runs).runs(kind)[::-1]
    except (ValueError, TypeError, OSError) as broken:
        raise InputError.of(
            "the manifest of a run cannot be read",
            "Run the job again; artifacts are never edited by hand",
            file=f"runs/{kind}/",
            value=broken,
        ) from broken


def stamp(file: Path) -> float:
    """Time of the last change, 0 where there is no such file."""
    return file.stat().st_mtime if file.is_file() else 0.0


def inputs_stamp(workspace: Workspace) -> float:
    """Time of the last change to the settings or to any file under ``data`` and ``geo_tests``."""
    folders = (workspace.root / "data", workspace.root / "geo_tests")
    files = [workspace.file, *(file for folder in folders if folder.is_dir() for file in folder.rglob("*"))]
    return max(stamp(file) for file in files)
