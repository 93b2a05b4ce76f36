"""The only caching of the dashboard: runs never change, so their files are read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app import artifacts
from app.brief import Brief, read_brief
from app.reshape import by_date
from decisions.anchors import verify_with_exports
from decisions.approval import AuditEntry, AuditLog, Verification
from decisions.labels import neutral
from decisions.scenario import Outcome, Wishes
from decisions.standing import Standing, standing_of
from measurement.curves import ResponseCurves
from measurement.errors import InputError, Problem
from measurement.settings import BudgetSection
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
    with _readable(kind):
        return RunStore(workspace.runs).latest(kind)


@contextmanager
def _readable(kind: str) -> Iterator[None]:
    """A manifest that was edited or cut off is told as what it is."""
    try:
        yield
    except (ValueError, TypeError, OSError) as broken:
        raise InputError.of(
            "the manifest of a run cannot be read",
            "Run the job again; artifacts are never edited by hand",
            file=f"runs/{kind}/",
            value=broken,
        ) from broken


def plan_curves(workspace: Workspace) -> ResponseCurves | None:
    """The response curves behind the newest plan, ``None`` where they are not there (any more)."""
    plan = latest(workspace, "plan")
    if plan is None:
        return None
    own = plan.file("curves.parquet")
    if own.is_file():
        return _curves(str(own), stamp(own))
    fits = [name.partition("/")[2] for name in plan.inputs if name.startswith("mmm/")]
    # A plan by geo rests on curves by geo, one by channel on curves by channel: the same fit may hold both.
    name = "curves_by_geo.parquet" if _by_geo(plan) else "curves.parquet"
    files = [run.file(name) for run in runs(workspace, "mmm") if run.id in fits]
    file = next((one for one in files if one.is_file()), None)
    return None if file is None else _curves(str(file), stamp(file))


def _by_geo(plan: RunRecord) -> bool:
    return bool(run_document(plan, "plan.json").get("cells"))


@st.cache_resource(show_spinner=False, max_entries=4)
def _curves(file: str, stamp: float) -> ResponseCurves | None:  # noqa: ARG001 - the stamp is the cache key
    """Curves are frozen and large: one copy for all sessions."""
    from measurement.readers.curves_table import read_run_curves

    try:
        return read_run_curves(file)
    except InputError:
        return None  # curves of an earlier version: nothing can be computed from them, everything else is shown


def scenario(workspace: Workspace, curves: ResponseCurves, wishes: Wishes) -> Outcome:
    """The best plan for some wishes; the same wishes are not computed twice.

    Raises
    ------
    InputError
        The wishes and the rules of ``[budget]`` exclude each other.
    """
    budget = workspace.settings.budget or BudgetSection()
    return _scenario(curves, budget.model_dump_json(), wishes)


@st.cache_data(show_spinner=False, max_entries=_KEPT, hash_funcs={ResponseCurves: id, Wishes: repr})
def _scenario(curves: ResponseCurves, budget: str, wishes: Wishes) -> Outcome:
    from decisions.scenario import try_out

    return try_out(curves, BudgetSection.model_validate_json(budget), wishes)


def weeks(workspace: Workspace) -> list[str]:
    """ISO weeks with a complete decision, oldest first."""
    return artifacts.export_weeks(workspace.exports)


def brief(workspace: Workspace, week: str, language: str) -> Brief:
    """A week's decision with its reasons in a language."""
    file = workspace.exports / week / "decision.json"
    return read_brief(document(str(file), stamp(file)), language, file)


def verification(workspace: Workspace) -> Verification:
    """Whether the audit log is as it was written: looked at anew every time, for this is the question."""
    return verify_with_exports(AuditLog(workspace.audit_log), workspace.exports)[0]


def safe_csv(table: pd.DataFrame) -> bytes:
    """A table as CSV in which no text is run as a formula."""
    shown = table.copy()
    for name in shown.columns:
        if not pd.api.types.is_numeric_dtype(shown[name]):
            shown[name] = [neutral(value) if isinstance(value, str) else value for value in shown[name]]
    shown.columns = [neutral(str(name)) for name in shown.columns]
    return shown.to_csv(index=False).encode("utf-8")


def entries(workspace: Workspace) -> list[AuditEntry]:
    """Lines of the audit log, read again only when it grows.

    Raises
    ------
    InputError
        Where the log is broken.
    """
    return _entries(str(workspace.audit_log), *_size_and_stamp(workspace.audit_log))


@st.cache_data(show_spinner=False, max_entries=4)
def _entries(file: str, size: int, stamp: float) -> list[AuditEntry]:  # noqa: ARG001 - size and stamp are the cache key
    return AuditLog(Path(file)).entries()


def standing(workspace: Workspace, week: str) -> Standing | None:
    """Where a week's decision stands, ``None`` where the log does not know it."""
    return standing_of(entries(workspace), week)


def _size_and_stamp(file: Path) -> tuple[int, float]:
    return (file.stat().st_size, file.stat().st_mtime_ns) if file.is_file() else (0, 0.0)


def runs(workspace: Workspace, kind: str) -> list[RunRecord]:
    """Every complete run of a kind, newest first, with the same error as `latest`."""
    with _readable(kind):
        return RunStore(workspace.runs).runs(kind)[::-1]


def stamp(file: Path) -> float:
    """Time of the last change, 0 where there is no such file."""
    return file.stat().st_mtime if file.is_file() else 0.0


def inputs_stamp(workspace: Workspace) -> float:
    """Time of the last change to the settings or to any file under ``data`` and ``geo_tests``."""
    folders = (workspace.root / "data", workspace.root / "geo_tests")
    files = [workspace.file, *(file for folder in folders if folder.is_dir() for file in folder.rglob("*"))]
    return max(stamp(file) for file in files)
