"""The state "do not act": a run whose gates failed, with the remedies."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.markup.cards import Tone, state
from app.markup.table import Cell, Column, table
from app.names import readable
from app.scene import Scene
from decisions import sentences
from measurement.store import RunRecord


def do_not_act(scene: Scene, run: RunRecord) -> None:
    """Say so, with every failed blocking check, where the run is unhealthy; nothing otherwise."""
    if run.status == "healthy":
        return
    st.html(state(title=scene.text("gates.title"), body=scene.text("gates.body"), tone="bad"))
    failed = [check for check in run.checks if not check["passed"] and check.get("blocking", True)]
    st.html(checks_table(scene, failed))


def check_name(scene: Scene, name: str) -> str:
    """A check's name in the page's language; its id in words where the catalogue has none."""
    return scene.decided.messages.get(f"check.{name}", readable(name))


def remedy(scene: Scene, check: Mapping[str, Any]) -> str:
    """What to do: artifacts say it in English, with names and numbers; other languages have a sentence of their own."""
    return sentences.remedy(check, scene.decided)


def checks_table(scene: Scene, checks: Sequence[Mapping[str, Any]]) -> str:
    """Checks with what was measured, what is allowed, and the remedy."""
    columns = [
        Column(title=scene.text("gates.check")),
        Column(title=scene.text("gates.result")),
        Column(title=scene.text("gates.measured"), align="right"),
        Column(title=scene.text("gates.allowed"), align="right", minor=True),
        Column(title=scene.text("gates.remedy")),
    ]
    rows = []
    for check in checks:
        passed, blocking = bool(check["passed"]), bool(check.get("blocking", True))
        verdict = "passed" if passed else "failed" if blocking else "hint"
        tone: Tone = "good" if passed else "bad" if blocking else "warn"
        sign = "✓" if passed else "✕" if blocking else "!"
        rows.append(
            [
                # A week's checks come from several runs, those of a run from itself.
                Cell(text=check_name(scene, str(check["name"])), below=scene.maybe(f"kind.{check.get('kind')}", "")),
                Cell(text=f"{sign}\u00a0{scene.text(f'gates.{verdict}')}", tone=tone),
                Cell(text=measured(scene, check.get("value"))),
                Cell(text=measured(scene, check.get("limit"))),
                Cell(text="" if passed else remedy(scene, check)),
            ]
        )
    return table(columns, rows, label=scene.text("gates.table_label"))


def measured(scene: Scene, value: object) -> str:
    """A check's number: as many digits as it needs, words as they are."""
    if value is None:
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    number = float(str(value))
    if not math.isfinite(number):
        return "∞" if number > 0 else "–"
    digits = (
        0 if number == round(number) else 1 if abs(number) >= 100 else max(3, 1 - math.floor(math.log10(abs(number))))
    )
    return scene.wording.number(number, digits=digits)
