"""The content page's tables: canary verdicts and alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import loaders
from app.markup.cards import Tone, note, section
from app.markup.table import Cell, Column, table
from app.names import readable
from app.reshape import ALL
from app.scene import Scene
from app.units import KPI_UNITS, writer
from decisions.canary_stops import CanaryStops
from measurement.errors import LiftwerkError
from measurement.store import RunRecord

_ALERTS = ("day", "kind", "severity", "team", "model", "kpi", "value", "limit", "detail")
_SHOWN = 20
_VERDICTS: dict[str, Tone] = {"stop": "bad", "continue": "good", "not_enough_data": "warn", "resumed": "warn"}


def everyone(scene: Scene, name: str) -> str:
    """A team's or model's name; the total reads "all"."""
    return scene.text("content.all") if name == ALL else readable(name)


def kpi_name(scene: Scene, kpi: str) -> str:
    """A KPI's name in the page's language; its id in words where the catalogue has none."""
    return scene.maybe(f"kpi.{kpi}", readable(kpi))


def canary(scene: Scene, run: RunRecord) -> None:
    """Control against canary, every guardrail of every pipeline."""
    report = loaders.run_document(run, "canary.json")
    st.html(section(scene.text("content.canary")))
    tests = report.get("tests", [])
    verdict = str(report["verdict"]) if tests else "none"
    if verdict == "stop" and _resumed_since(scene, tests):
        verdict = "resumed"
    st.html(note(scene.maybe(f"canary.{verdict}", verdict), _VERDICTS.get(verdict, "plain")))
    if tests:
        st.html(_canary_table(scene, tests))


def _resumed_since(scene: Scene, tests: list[Mapping[str, Any]]) -> bool:
    """Whether a person has let every canary go on that this run stopped."""
    stops = CanaryStops.of(scene.workspace)
    try:
        let_go, standing = stops.resumed(), stops.standing()
    except LiftwerkError:
        return False  # a broken log is told above; the run's own verdict stays
    stopped = {(str(test["team"]), str(test["pipeline"])) for test in tests if test["verdict"] == "stop"}
    return not standing and stopped <= set(let_go)


def _canary_table(scene: Scene, tests: list[Mapping[str, Any]]) -> str:
    words = scene.wording
    columns = [
        Column(title=scene.text("content.pipeline")),
        Column(title=scene.text("content.guardrail")),
        Column(title=scene.text("content.control"), align="right"),
        Column(title=scene.text("content.canary_arm"), align="right"),
        Column(
            title=scene.text("content.evidence"), align="right", minor=True, hint=scene.text("content.evidence_hint")
        ),
        Column(title=scene.text("content.verdict")),
    ]

    def value(test: Mapping[str, Any], arm: str) -> Cell:
        found = test.get(f"{arm}_value", test.get(f"{arm}_rate"))
        if found is None:
            return Cell(text="–")
        write = writer(KPI_UNITS.get(str(test["kpi"]), "number"), words)
        ends = f"{scene.end(found['lower'], write)} – {scene.end(found['upper'], write)}"
        return Cell(text=write(found["value"]), below=ends)

    rows = [
        [
            Cell(text=f"{test['team']} · {test['pipeline']}"),
            Cell(text=kpi_name(scene, str(test["kpi"])), below=_tolerated(scene, test)),
            value(test, "control"),
            value(test, "canary"),
            Cell(text=f"{words.number(test['e_max'], digits=1)} / {words.number(test['threshold'], digits=0)}"),
            Cell(
                text=scene.maybe(f"canary_short.{test['verdict']}", str(test["verdict"])),
                tone=_VERDICTS.get(str(test["verdict"]), "plain"),
            ),
        ]
        for test in tests
    ]
    return table(columns, rows, label=scene.text("content.canary"))


def _tolerated(scene: Scene, test: Mapping[str, Any]) -> str:
    """The margin of a guardrail, where it has one."""
    margin = float(test.get("margin") or 0.0)
    return scene.text("content.margin", share=scene.wording.percent(margin)) if margin else ""


def alerts(scene: Scene, run: RunRecord) -> None:
    """What someone should look at, newest first."""
    st.html(section(scene.text("content.alerts")))
    found = loaders.run_table(run, "alerts.csv", _ALERTS)
    if found.empty:
        st.html(note(scene.text("content.no_alerts"), "good"))
        return
    ordered = found.sort_values("day", ascending=False, kind="stable")
    shown = ordered.head(_SHOWN)
    columns = [
        Column(title=scene.text("axis.day")),
        Column(title=scene.text("content.severity")),
        Column(title=scene.text("content.alert")),
        Column(title=scene.text("content.team")),
        Column(title=scene.text("table.value"), align="right"),
        Column(title=scene.text("table.limit"), align="right", minor=True),
    ]
    rows = []
    for _, line in shown.iterrows():
        kpi = str(line["kpi"])
        burns = line["kind"] == "burn_rate"
        unit = "currency" if kpi == "cost" else "ratio" if burns else KPI_UNITS.get(kpi, "number")
        write = writer(unit, scene.wording)
        high = line["severity"] == "high"
        rows.append(
            [
                Cell(text=scene.wording.date(line["day"].date())),
                Cell(
                    text=("✕ " if high else "! ") + scene.maybe(f"severity.{line['severity']}", str(line["severity"])),
                    tone="bad" if high else "warn",
                ),
                Cell(text=kpi_name(scene, kpi), below=scene.maybe(f"alert.{line['kind']}", str(line["kind"]))),
                Cell(text=everyone(scene, str(line["team"]))),
                Cell(text=write(float(line["value"]))),
                Cell(text=write(float(line["limit"]))),
            ]
        )
    st.html(table(columns, rows, label=scene.text("content.alerts")))
    if len(ordered) > _SHOWN:
        st.html(note(scene.text("content.more", count=len(ordered) - _SHOWN)))
