"""More of a geo test's readout: cells, placebo sets, other readings of the same data, power of designs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from app import chart, loaders
from app.figures.geo_tests import placebo_lines, power_lines
from app.figures.timelines import AxisWords, Window
from app.markup.cards import note, section
from app.markup.table import Cell, Column, table
from app.names import listed, readable
from app.scene import Scene
from measurement.store import RunRecord

_PATHS = ("date", "set", "effect")
_POWER = ("rank", "effect", "power")
#: Designs whose power is drawn.
DRAWN = 3


def cells(scene: Scene, readout: Mapping[str, Any]) -> None:
    """Every cell of the test on its own, where it has some."""
    if not readout.get("cells"):
        return
    words = scene.wording
    st.html(section(scene.text("geo_lift.cells"), scene.text("geo_lift.cells_note")))
    columns = [
        Column(title=scene.text("geo_lift.cell")),
        Column(title=scene.text("geo_lift.effect"), align="right"),
        Column(title=scene.text("geo_lift.incremental"), align="right"),
        Column(title=scene.text("geo_lift.iroas"), align="right", minor=True),
        Column(title=scene.text("geo_lift.p_value"), align="right"),
    ]
    rows = []
    for cell in readout["cells"]:
        outcome, iroas = cell["incremental_outcome"], cell.get("iroas")
        span = f"{scene.end(outcome['lower'], scene.short)} – {scene.end(outcome['upper'], scene.short)}"
        rows.append(
            [
                Cell(text=readable(str(cell["name"])), below=listed(cell["treated"], scene.text("word.and"))),
                Cell(text=words.percent(float(cell["lift_percent"]) / 100, digits=1)),
                Cell(text=words.money(float(outcome["value"]), signed=True), below=span),
                Cell(text=words.number(float(iroas["value"])) if iroas else "–"),
                Cell(text=words.number(float(cell["adjusted_p_value"]), digits=3)),
            ]
        )
    st.html(table(columns, rows, label=scene.text("geo_lift.cells")))


def placebos(scene: Scene, run: RunRecord, readout: Mapping[str, Any], window: Window) -> None:
    """The treated geos among untreated sets, where the run holds them."""
    if not (run.folder / "placebos.csv").is_file():
        return
    paths = loaders.run_table(run, "placebos.csv", _PATHS)
    sets = int(paths["set"].nunique()) - 1
    if sets < 1:
        return
    percent = scene.wording.percent
    axes = AxisWords(x=scene.text("axis.date"), y=scene.text("geo_lift.placebo_axis"), text=percent)
    st.html(section(scene.text("geo_lift.placebos")))
    figure = placebo_lines(paths, scene.style, axes, window, name=scene.text("geo_lift.placebo_own"))
    share = readout.get("placebo", {}).get("set_p_value")
    says = scene.text("geo_lift.placebos_says", sets=scene.wording.number(sets, digits=0))
    if share is not None:
        says += " " + scene.text("geo_lift.placebos_share", share=percent(float(share), digits=1))
    chart.draw(scene, figure, name="placebos", says=says, data=paths)


def other_readings(scene: Scene, readout: Mapping[str, Any]) -> None:
    """What other estimators say, and the same test just before the test began."""
    placebo, words = readout.get("placebo") or {}, scene.wording
    others: Mapping[str, float] = placebo.get("other_estimators") or {}
    if not others:
        return
    own = float(readout["att"])
    scale = float(readout["incremental_outcome"]["value"]) / own if own else 0.0
    lower, upper = (readout["incremental_outcome"][end] for end in ("lower", "upper"))
    st.html(section(scene.text("geo_lift.others"), scene.text("geo_lift.others_note")))
    rows, astray = [], []
    for name, att in others.items():
        total, label = float(att) * scale, scene.maybe(f"estimator.{name}", name.replace("_", " "))
        inside = (lower is None or total >= lower) and (upper is None or total <= upper)
        if not inside:
            astray.append(label)
        verdict = scene.text("geo_lift.inside" if inside else "geo_lift.outside")
        rows.append(
            [
                Cell(text=label),
                Cell(text=words.money(total, signed=True)),
                Cell(text=verdict, tone="plain" if inside else "warn"),
            ]
        )
    if placebo.get("in_time_att") is not None and placebo.get("in_time_p_value") is not None:
        rows.append(
            [
                Cell(text=scene.text("geo_lift.in_time")),
                Cell(text=words.money(float(placebo["in_time_att"]) * scale, signed=True)),
                Cell(text=scene.text("geo_lift.in_time_p", p=words.number(placebo["in_time_p_value"], digits=2))),
            ]
        )
    columns = [
        Column(title=scene.text("geo_lift.reading")),
        Column(title=scene.text("geo_lift.incremental"), align="right"),
        Column(title=scene.text("geo_lift.against_interval")),
    ]
    st.html(table(columns, rows, label=scene.text("geo_lift.others")))
    if astray:
        names = listed(astray, scene.text("word.and"))
        st.html(note(scene.text("geo_lift.disagree", names=names), "warn"))


def power(scene: Scene, run: RunRecord, designs: pd.DataFrame) -> None:
    """Power of the best designs by lift, where the run holds it."""
    if not (run.folder / "power_curves.csv").is_file():
        return
    curves = loaders.run_table(run, "power_curves.csv", _POWER)
    ranks = [int(rank) for rank in designs["rank"].head(DRAWN)]
    names = [(rank, scene.text("geo_lift.design", rank=scene.wording.number(rank, digits=0))) for rank in ranks]
    wanted = float(str(run.options.get("power", 0.8)))
    figure = power_lines(
        curves,
        scene.style,
        names,
        titles=(scene.text("geo_lift.power_lift"), scene.text("table.power")),
        text=scene.wording.percent,
        wanted=wanted,
    )
    says = scene.text("geo_lift.power_says", wanted=scene.wording.percent(wanted))
    chart.draw(scene, figure, name="power", says=says, data=curves[curves["rank"].isin(ranks)])
