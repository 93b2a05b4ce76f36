"""Creatives, further down: what other policies would have earned on the log, and who prefers which creative."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import loaders
from app.markup.cards import note, section
from app.markup.table import Cell, Column, table
from app.names import readable
from app.scene import Scene
from measurement.store import RunRecord

_POLICIES = ("experiment_id", "policy", "estimator", "value", "lower", "upper", "effective_n", "warnings")
_SEGMENTS = ("experiment_id", "segment", "arm_id", "decisions", "mean", "lower", "upper", "p_best")
#: Of the estimators of one policy the doubly robust one is shown, and the plain mean of what was shown in fact.
_SHOWN = ("mean", "dr")
_BY = "leader_by_"


def policies_and_segments(scene: Scene, run: RunRecord, experiment: str, *, rate: bool) -> None:
    """Two tables of one experiment; nothing where the run has none (earlier versions, no segments asked for).

    Parameters
    ----------
    rate
        Whether rewards are yes or no, so that means are shown in percent.
    """
    if (run.folder / "policies.csv").exists():
        found = loaders.run_table(run, "policies.csv", _POLICIES)
        mine = found[(found["experiment_id"] == experiment) & found["estimator"].isin(_SHOWN)]
        if not mine.empty:
            st.html(section(scene.text("creatives.policies")))
            st.html(note(scene.text("creatives.policies_note"), "plain"))
            st.html(_policies(scene, mine, rate=rate))
    if (run.folder / "segments.csv").exists():
        found = loaders.run_table(run, "segments.csv", _SEGMENTS)
        mine = found[found["experiment_id"] == experiment]
        if not mine.empty:
            st.html(section(scene.text("creatives.segments")))
            st.html(_segments(scene, mine, rate=rate))


def _policies(scene: Scene, rows: pd.DataFrame, *, rate: bool) -> str:
    words = scene.wording
    columns = [
        Column(title=scene.text("creatives.policy")),
        Column(title=scene.text("creatives.earned"), align="right"),
        Column(title=scene.text("creatives.worth_decisions"), align="right", minor=True),
    ]
    cells = []
    for _, line in rows.iterrows():
        thin = isinstance(line["warnings"], str) and bool(line["warnings"])
        cells.append(
            [
                Cell(text=_policy_name(scene, str(line["policy"]))),
                _mean_cell(scene, line, rate=rate),
                Cell(
                    text=words.number(float(line["effective_n"]), digits=0),
                    below=scene.text("creatives.thin") if thin else "",
                    tone="warn" if thin else "plain",
                ),
            ]
        )
    return table(columns, cells, label=scene.text("creatives.policies"))


def _segments(scene: Scene, rows: pd.DataFrame, *, rate: bool) -> str:
    words = scene.wording
    columns = [
        Column(title=scene.text("creatives.segment")),
        Column(title=scene.text("table.creative")),
        Column(title=scene.text("table.shown"), align="right", minor=True),
        Column(title=scene.text("table.rate"), align="right"),
        Column(title=scene.text("table.p_best"), align="right"),
    ]
    cells, before = [], ""
    for _, line in rows.sort_values(["segment", "p_best"], ascending=[True, False]).iterrows():
        segment = str(line["segment"])
        cells.append(
            [
                Cell(text="" if segment == before else readable(segment)),
                Cell(text=readable(str(line["arm_id"]))),
                Cell(text=words.number(float(line["decisions"]), digits=0)),
                _mean_cell(scene, line, rate=rate),
                Cell(text=words.percent(float(line["p_best"]), digits=1)),
            ]
        )
        before = segment
    return table(columns, cells, label=scene.text("creatives.segments"))


def _mean_cell(scene: Scene, line: pd.Series, *, rate: bool) -> Cell:
    """A mean with its interval below."""
    value, lower, upper = (
        scene.wording.percent(float(line[end]), digits=2) if rate else scene.wording.number(float(line[end]), digits=4)
        for end in ("value" if "value" in line else "mean", "lower", "upper")
    )
    return Cell(text=value, below=f"{lower} – {upper}")


def _policy_name(scene: Scene, policy: str) -> str:
    if policy.startswith(_BY):
        return scene.text("creatives.policy_leader_by", by=policy.removeprefix(_BY))
    return scene.text(f"creatives.policy_{policy}")
