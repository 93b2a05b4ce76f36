"""Audit: who decided what, when and why, and whether the log is as it was written."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import loaders
from app.frame import nothing_yet
from app.markup.cards import Tile, masthead, note, state, tiles
from app.markup.table import Cell, Column, table
from app.scene import Scene
from decisions.approval import AuditEntry
from decisions.labels import neutral

_SHOWN = 200


def show(scene: Scene) -> None:
    """Draw the page."""
    found = loaders.verification(scene.workspace)
    st.html(
        masthead(
            kicker=scene.text("page.audit"),
            headline=scene.text("audit.sound" if found.sound else "audit.broken"),
            lead=scene.text("audit.lead"),
            tone="plain" if found.sound else "bad",
        )
    )
    if not found.sound:
        st.html(
            state(
                title=scene.text("audit.line_at_fault", line=found.line),
                body=scene.text("audit.broken_body", fault=found.fault),
                command="liftwerk audit verify",
                tone="bad",
            )
        )
        return
    entries = loaders.entries(scene.workspace)
    st.html(
        tiles(
            [
                Tile(label=scene.text("audit.lines"), value=scene.wording.number(found.entries, digits=0)),
                Tile(label=scene.text("audit.head"), value=found.head[:12], note=scene.text("audit.head_note")),
            ]
        )
    )
    if not entries:
        nothing_yet(scene, "weekly", "liftwerk weekly")
        return
    st.html(_table(scene, entries[::-1][:_SHOWN]))
    if len(entries) > _SHOWN:
        st.html(note(scene.text("audit.more", count=len(entries) - _SHOWN)))
    st.download_button(
        scene.text("audit.download"),
        lambda: _as_csv(entries),
        file_name="liftwerk_audit.csv",
        mime="text/csv",
        key="audit_csv",
        on_click="ignore",
    )


def _table(scene: Scene, entries: list[AuditEntry]) -> str:
    columns = [
        Column(title=scene.text("audit.number"), align="right"),
        Column(title=scene.text("audit.when")),
        Column(title=scene.text("audit.who")),
        Column(title=scene.text("audit.what")),
        Column(title=scene.text("audit.on")),
        Column(title=scene.text("audit.amount"), align="right", minor=True),
        Column(title=scene.text("decide.reason"), minor=True),
        Column(title=scene.text("audit.hash"), minor=True),
    ]
    rows = [
        [
            Cell(text=str(entry.seq)),
            Cell(text=_when(scene, entry)),
            Cell(text=entry.actor, below=_role(scene, entry)),
            Cell(text=scene.maybe(f"audit_action.{entry.action}", entry.action)),
            Cell(text=entry.subject),
            Cell(text=_amount(scene, entry)),
            Cell(text=str(entry.details.get("reason") or entry.details.get("note") or ""), small=True),
            Cell(text=entry.hash[:12]),
        ]
        for entry in entries
    ]
    return table(columns, rows, label=scene.text("page.audit"))


def _when(scene: Scene, entry: AuditEntry) -> str:
    moment = pd.Timestamp(entry.at)
    return f"{scene.wording.date(moment.date())}, {moment.strftime('%H:%M')}"


def _role(scene: Scene, entry: AuditEntry) -> str:
    role = entry.details.get("role")
    return scene.maybe(f"role.{role}", "") if role else ""


def _amount(scene: Scene, entry: AuditEntry) -> str:
    moved = entry.details.get("moved")
    return scene.wording.money(float(moved)) if isinstance(moved, int | float) else ""


def _as_csv(entries: list[AuditEntry]) -> bytes:
    rows = [
        {
            "line": entry.seq,
            "at": entry.at,
            "actor": neutral(entry.actor),
            "action": entry.action,
            "subject": neutral(entry.subject),
            "moved": entry.details.get("moved", ""),
            "reason": neutral(str(entry.details.get("reason") or entry.details.get("note") or "")),
            "hash": entry.hash,
        }
        for entry in entries
    ]
    return pd.DataFrame(rows).to_csv(index=False).encode("utf-8")
