"""Creatives: which one is best, what a wrong choice costs, where the next traffic goes, which are worn out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from app import chart, loaders
from app.figures.bars import bars
from app.frame import need_run
from app.markup.cards import Tone, masthead, note, section
from app.markup.interval_rows import Row, interval_rows
from app.markup.table import Cell, Column, table
from app.names import readable
from app.scene import Scene
from app.views.creatives_more import policies_and_segments
from app.views.gates import do_not_act

_ARMS = (
    "experiment_id",
    "arm_id",
    "decisions",
    "rewards",
    "mean",
    "lower",
    "upper",
    "p_best",
    "expected_loss",
    "next_propensity",
    "fatigue",
)
_FATIGUE: dict[str, tuple[str, Tone]] = {"none": ("", "plain"), "suspected": ("! ", "warn"), "confirmed": ("✕ ", "bad")}


def show(scene: Scene) -> None:
    """Draw the page."""
    st.html(
        masthead(
            kicker=scene.text("page.creatives"),
            headline=scene.text("creatives.headline"),
            lead=scene.text("creatives.lead"),
        )
    )
    run = need_run(scene, "creatives", "liftwerk creatives")
    if run is None:
        return
    do_not_act(scene, run)
    arms = loaders.run_table(run, "arms.csv", _ARMS)
    stop = loaders.run_document(run, "stop.json")
    for experiment, rows in arms.groupby("experiment_id", sort=True):
        _experiment(scene, str(experiment), rows.sort_values("p_best", ascending=False), stop)
        rate = stop.get("experiments", {}).get(str(experiment), {}).get("reward", "rate") == "rate"
        policies_and_segments(scene, run, str(experiment), rate=rate)


def _experiment(scene: Scene, experiment: str, arms: pd.DataFrame, stop: Mapping[str, Any]) -> None:
    st.html(section(scene.text("creatives.experiment", name=readable(experiment))))
    report = stop.get("experiments", {}).get(experiment)
    if report is not None:
        st.html(note(_verdict(scene, report), "accent" if report["stop"] else "plain"))
        if report.get("contextual", False):  # runs of earlier versions do not say
            st.html(note(scene.text("creatives.contextual"), "plain"))
    st.html(_table(scene, arms))
    left, right = st.columns(2, gap="large")
    with left:
        rows = [
            Row(
                name=readable(line["arm_id"]),
                value=float(line["mean"]),
                lower=float(line["lower"]),
                upper=float(line["upper"]),
                colour=scene.palette.accent if i == 0 else scene.palette.faint,
            )
            for i, (_, line) in enumerate(arms.iterrows())
        ]
        says = scene.text("creatives.rates_says")
        drawing = interval_rows(
            rows,
            title=scene.text("axis.reward_rate"),
            says=says,
            text=lambda v: scene.wording.percent(v, digits=1),
        )
        chart.draw_rows(scene, drawing, name=f"rates_{experiment}", says=says, data=arms)
    with right:
        shares = [(readable(line["arm_id"]), float(line["next_propensity"])) for _, line in arms.iterrows()]
        figure = bars(shares, scene.style, title=scene.text("axis.traffic"), text=scene.wording.percent)
        says, data = scene.text("creatives.traffic_says"), arms[["arm_id", "next_propensity"]]
        chart.draw(scene, figure, name=f"traffic_{experiment}", says=says, data=data)


def _verdict(scene: Scene, report: Mapping[str, Any]) -> str:
    """The stop report in words, by the id of the fact that decided."""
    words = scene.wording
    return scene.text(
        f"stop.{report['reason']}",
        leader=readable(str(report["leader"])),
        p_best=words.percent(float(report["p_best"]), digits=1),
        remaining=words.percent(float(report["value_remaining"]), digits=1),
        limit=words.percent(float(report["rule"]["potential_value"]), digits=1),
    )


def _table(scene: Scene, arms: pd.DataFrame) -> str:
    words = scene.wording
    columns = [
        Column(title=scene.text("table.creative")),
        Column(title=scene.text("table.shown"), align="right", minor=True),
        Column(title=scene.text("table.rate"), align="right"),
        Column(title=scene.text("table.p_best"), align="right"),
        Column(title=scene.text("table.expected_loss"), align="right", minor=True),
        Column(title=scene.text("table.next_traffic"), align="right"),
        Column(title=scene.text("table.fatigue")),
    ]
    rows = []
    for _, line in arms.iterrows():
        fatigue = line["fatigue"] if isinstance(line["fatigue"], str) else "unknown"
        sign, tone = _FATIGUE.get(fatigue, ("", "plain"))
        since = line.get("fatigue_since")
        rows.append(
            [
                Cell(text=readable(line["arm_id"])),
                Cell(text=words.number(float(line["decisions"]), digits=0)),
                Cell(
                    text=words.percent(float(line["mean"]), digits=2),
                    below=f"{words.percent(line['lower'], digits=2)} – {words.percent(line['upper'], digits=2)}",
                ),
                Cell(text=words.percent(float(line["p_best"]), digits=1)),
                Cell(text=words.percent(float(line["expected_loss"]), digits=3)),
                Cell(text=words.percent(float(line["next_propensity"]))),
                Cell(
                    text=sign + scene.text(f"fatigue.{fatigue}"),
                    below=words.date(pd.Timestamp(since).date()) if isinstance(since, str) and since else "",
                    tone=tone,
                ),
            ]
        )
    return table(columns, rows, label=scene.text("creatives.table_label"))
