"""Data health: what `liftwerk check` finds and every run's gates, blocking first, each with the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import pandas as pd
import streamlit as st

from app import loaders
from app.frame import nothing_yet
from app.markup.cards import Tile, masthead, note, section, tiles
from app.names import readable
from app.scene import Scene
from app.views.gates import checks_table
from app.views.problems_table import problems_table
from app.views.upload_panel import upload_panel
from measurement.errors import LiftwerkError, Problem
from measurement.store import RunRecord

KINDS = ("mmm", "plan", "geo_readout", "geo_design", "creatives", "content", "attribution")


def show(scene: Scene) -> None:
    """Draw the page."""
    problems = _problems(scene)
    found = _newest(scene)
    errors = [problem for problem in problems if problem.severity == "error"]
    failed = [run for run in found if run.status != "healthy"]
    guards = _blocking(scene)
    blocked = bool(errors or failed or guards)
    st.html(
        masthead(
            kicker=scene.text("page.data_health"),
            headline=scene.text("health.blocked" if blocked else "health.clear"),
            lead=scene.text("health.lead"),
            tone="bad" if blocked else "plain",
        )
    )
    st.html(
        tiles(
            [
                Tile(
                    label=scene.text("health.errors"),
                    value=str(len(errors)),
                    note=scene.text("health.errors_note"),
                    tone="bad" if errors else "plain",
                ),
                Tile(
                    label=scene.text("health.warnings"),
                    value=str(len(problems) - len(errors)),
                    note=scene.text("health.warnings_note"),
                ),
                Tile(
                    label=scene.text("health.failed_runs"),
                    value=f"{len(failed)} / {len(found)}",
                    note=scene.text("health.failed_runs_note"),
                    tone="bad" if failed else "plain",
                ),
            ]
        )
    )
    if guards:
        st.html(section(scene.text("health.decision"), scene.text("health.decision_note")))
        st.html(checks_table(scene, guards))
    st.html(section(scene.text("health.inputs"), scene.text("health.inputs_note")))
    _inputs(scene, problems)
    if scene.workspace.settings.panel_section is not None:
        st.html(section(scene.text("upload.title"), scene.text("upload.note")))
        upload_panel(scene)
    st.html(section(scene.text("health.runs"), scene.text("health.runs_note")))
    if not found:
        nothing_yet(scene, "runs", "liftwerk weekly")
    for run in sorted(found, key=lambda run: run.status == "healthy"):
        _run(scene, run)


def _blocking(scene: Scene) -> list[Mapping[str, Any]]:
    """Checks of the newest week itself (how old its data are) that forbid acting; those of runs stand with the runs."""
    weeks = loaders.weeks(scene.workspace)
    checks = loaders.brief(scene.workspace, weeks[-1], scene.wording.language).checks if weeks else ()
    return [
        check
        for check in checks
        if not check["passed"] and check.get("blocking", True) and check.get("kind") == "weekly"
    ]


def _newest(scene: Scene) -> list[RunRecord]:
    """The newest run of each kind, of geo tests the newest of each test."""
    found: list[RunRecord] = []
    for kind in KINDS:
        if kind == "geo_readout":
            seen = {str(run.options.get("test")): run for run in loaders.runs(scene.workspace, kind)[::-1]}
            found += seen.values()
        elif (run := loaders.latest(scene.workspace, kind)) is not None:
            found.append(run)
    return found


def _problems(scene: Scene) -> list[Problem]:
    try:
        return loaders.problems(str(scene.workspace.root), loaders.inputs_stamp(scene.workspace))
    except LiftwerkError as error:
        return list(error.problems)


def _inputs(scene: Scene, problems: list[Problem]) -> None:
    if not problems:
        st.html(note(scene.text("health.no_problems"), "good"))
        return
    st.html(problems_table(scene, problems))


def _run(scene: Scene, run: RunRecord) -> None:
    healthy = run.status == "healthy"
    when = pd.Timestamp(run.created_at)
    title = scene.text(
        "health.run_title",
        kind=" · ".join(part for part in (scene.text(f"kind.{run.kind}"), _subject(run)) if part),
        date=scene.wording.date(when.date()),
        time=when.strftime("%H:%M"),
    )
    sign = "✓" if healthy else "✕"
    hints = sum(not check["passed"] for check in run.checks)
    if hints and healthy:
        sign, title = "!", f"{title} · {scene.text('health.hints', count=hints)}"
    with st.expander(f"{sign} {title}", expanded=not healthy):
        ordered = sorted(run.checks, key=lambda check: (bool(check["passed"]), not check.get("blocking", True)))
        if ordered:
            st.html(checks_table(scene, ordered))
        else:
            st.html(note(scene.text("health.no_checks")))
        st.caption(
            scene.text("health.run_foot", id=run.id, version=run.code_version, seed=run.seed, data=run.data_sha256[:12])
        )


def _subject(run: RunRecord) -> str:
    """What a run is about where several of its kind stand side by side."""
    subject = run.options.get("test") or run.options.get("channel")
    return readable(PurePosixPath(str(subject)).stem) if subject else ""
