"""The content page's further tables: error budgets, the judge against people, generators by what they earn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from app import loaders
from app.markup.cards import Tone, note, section
from app.markup.table import Cell, Column, table
from app.names import readable
from app.reshape import ALL
from app.scene import Scene
from app.units import KPI_UNITS, writer
from app.views.content_tables import everyone, kpi_name
from measurement.store import RunRecord

_BUDGETS = ("team", "kpi", "from", "until", "objective", "allowed_share", "events", "bad", "spent", "spent_lower",
            "spent_upper", "burn_rate")  # fmt: skip
_JUDGES = ("judge_version", "judged", "labels", "agreement", "agreement_lower", "agreement_upper",
           "sensitivity", "sensitivity_lower", "sensitivity_upper", "specificity", "specificity_lower",
           "specificity_upper")  # fmt: skip
_GENERATORS = ("by", "rank", "model", "prompt_version", "decisions", "lift", "lift_lower", "lift_upper",
               "incremental_revenue", "incremental_revenue_lower", "incremental_revenue_upper", "generation_cost",
               "media_cost", "per_euro", "per_euro_lower", "per_euro_upper")  # fmt: skip


def budgets(scene: Scene, run: RunRecord, team: str) -> None:
    """What is left of a team's error budgets; beside the totals, those of teams that may be used up."""
    found = _artifact(run, "error_budgets.csv", _BUDGETS)
    if found is None:
        return
    found = found[(found["team"] == team) | ((team == ALL) & (found["spent_upper"] >= 1))]
    st.html(section(scene.text("content.budgets"), scene.text("content.budgets_note")))
    words = scene.wording
    columns = [
        Column(title=scene.text("content.goal")),
        Column(title=scene.text("content.team")),
        Column(title=scene.text("content.allowed"), align="right", minor=True),
        Column(title=scene.text("content.bad_events"), align="right"),
        Column(title=scene.text("content.spent"), align="right"),
        Column(title=scene.text("content.burn"), align="right", hint=scene.text("content.burn_hint")),
    ]
    rows = []
    ordered = found.assign(total=found["team"] != ALL).sort_values(["kpi", "total", "team"], kind="stable")
    for line in ordered.to_dict("records"):
        spent = float(line["spent"])
        tone: Tone = "bad" if spent >= 1 else "warn" if line["spent_upper"] >= 1 else "good"
        write = writer(KPI_UNITS.get(str(line["kpi"]), "number"), words)
        rows.append(
            [
                Cell(text=kpi_name(scene, str(line["kpi"])), below=write(float(line["objective"]))),
                Cell(text=everyone(scene, str(line["team"]))),
                Cell(text=words.percent(line["allowed_share"], digits=1)),
                Cell(text=words.number(line["bad"], digits=0), below=words.number(line["events"], digits=0)),
                Cell(text=words.percent(spent), below=_between(line, "spent", words.percent), tone=tone),
                Cell(text=words.number(line["burn_rate"], digits=1) if pd.notna(line["burn_rate"]) else "–"),
            ]
        )
    st.html(table(columns, rows, label=scene.text("content.budgets")))


def judges(scene: Scene, run: RunRecord) -> None:
    """How often each version of the judge agrees with people."""
    found = _artifact(run, "judges.csv", _JUDGES)
    if found is None:
        return
    st.html(section(scene.text("content.judges"), scene.text("content.judges_note")))
    words = scene.wording
    columns = [
        Column(title=scene.text("content.judge")),
        Column(title=scene.text("content.judged"), align="right", minor=True),
        Column(title=scene.text("content.labels"), align="right"),
        *(Column(title=scene.text(f"content.{name}"), align="right", hint=scene.text(f"content.{name}_hint"))
          for name in ("agreement", "sensitivity", "specificity")),
    ]  # fmt: skip

    def share(line: Mapping[Any, Any], name: str) -> Cell:
        if pd.isna(line[name]):
            return Cell(text="–")
        return Cell(text=words.percent(line[name]), below=_between(line, name, words.percent))

    rows = [
        [
            Cell(text=str(line["judge_version"])),
            Cell(text=words.number(line["judged"], digits=0)),
            Cell(text=words.number(line["labels"], digits=0)),
            *(share(line, name) for name in ("agreement", "sensitivity", "specificity")),
        ]
        for line in found.to_dict("records")
    ]
    st.html(table(columns, rows, label=scene.text("content.judges")))


def generators(scene: Scene, run: RunRecord) -> None:
    """Models and prompt versions by incremental revenue per euro."""
    found = _artifact(run, "generators.csv", _GENERATORS)
    if found is None:
        return
    st.html(section(scene.text("content.generators"), scene.text("content.generators_note")))
    offered = [str(by) for by in found["by"].unique()]
    by = st.segmented_control(
        scene.text("content.generators"), offered, default=offered[0], required=True, key="content_generators",
        format_func=lambda name: scene.text(f"generator.{name}"), label_visibility="collapsed",
    )  # fmt: skip
    st.html(_generators(scene, found[found["by"] == by]))
    if found["per_euro"].isna().all():
        st.html(note(scene.text("content.media_unknown"), "warn"))
    st.download_button(
        scene.text("content.generators_download"), found.to_csv(index=False).encode(), file_name="generators.csv",
        mime="text/csv", key="generators_csv",
    )  # fmt: skip


def _generators(scene: Scene, lines: pd.DataFrame) -> str:
    words = scene.wording
    columns = [
        Column(title=scene.text("content.generator")),
        Column(title=scene.text("content.decisions"), align="right", minor=True),
        Column(title=scene.text("content.lift"), align="right"),
        Column(title=scene.text("content.incremental"), align="right"),
        Column(title=scene.text("content.cost"), align="right", minor=True, hint=scene.text("content.cost_hint")),
        Column(title=scene.text("content.per_euro", currency=words.currency), align="right"),
    ]

    def money(value: float) -> str:
        return words.money(value, digits=0)

    def plain(value: float) -> str:
        return words.number(value, digits=1)

    rows = []
    for line in lines.to_dict("records"):
        names = [str(line[name]) for name in ("model", "prompt_version") if line[name] != ALL]
        sure = line["incremental_revenue_lower"] > 0 or line["incremental_revenue_upper"] < 0
        tone: Tone = "plain" if not sure else "good" if line["incremental_revenue"] > 0 else "bad"
        spent = line["generation_cost"] + line["media_cost"] if pd.notna(line["media_cost"]) else None
        rows.append(
            [
                Cell(text=f"{line['rank']}. {' · '.join(map(readable, names))}"),
                Cell(text=words.number(line["decisions"], digits=0)),
                _with_ends(line, "lift", lambda value: words.percent(value, digits=1)),
                Cell(
                    text=money(line["incremental_revenue"]),
                    below=_between(line, "incremental_revenue", money),
                    tone=tone,
                ),
                Cell(text="–" if spent is None else money(spent), below=words.money(line["generation_cost"], digits=2)),
                _with_ends(line, "per_euro", plain),
            ]
        )
    return table(columns, rows, label=scene.text("content.generators"))


def _with_ends(line: Mapping[Any, Any], name: str, write: Callable[[float], str]) -> Cell:
    return Cell(text="–") if pd.isna(line[name]) else Cell(text=write(line[name]), below=_between(line, name, write))


def _between(line: Mapping[Any, Any], name: str, write: Callable[[float], str]) -> str:
    return f"{write(float(line[f'{name}_lower']))} – {write(float(line[f'{name}_upper']))}"


def _artifact(run: RunRecord, name: str, columns: tuple[str, ...]) -> pd.DataFrame | None:
    """A table of the run; ``None`` where it is not there (older runs) or empty."""
    if not run.file(name).is_file():
        return None
    found = loaders.run_table(run, name, columns)
    return None if found.empty else found
