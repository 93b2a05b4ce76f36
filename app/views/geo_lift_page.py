"""Geo lift: what each test found, how far to believe it, and the designs on offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from app import chart, loaders
from app.figures.bars import bars
from app.figures.canvas import money_text
from app.figures.timelines import AxisWords, LineNames, Window, against_model, cumulative
from app.frame import need_run
from app.markup.cards import Tile, masthead, note, section, state, tiles
from app.markup.table import Cell, Column, table
from app.names import listed, readable
from app.scene import Scene
from app.tables import cumulative_effect, newest_tests
from app.views.gates import do_not_act
from measurement.store import RunRecord

_SERIES = ("date", "observed", "counterfactual", "lower", "upper")
_DESIGNS = (
    "rank",
    "treated",
    "weeks",
    "mde",
    "power_at_target",
    "holdout_share",
    "incremental_spend",
    "imbalance",
)


def show(scene: Scene) -> None:
    """Draw the page."""
    st.html(
        masthead(
            kicker=scene.text("page.geo_lift"),
            headline=scene.text("geo_lift.headline"),
            lead=scene.text("geo_lift.lead"),
        )
    )
    if need_run(scene, "geo_readout", "liftwerk geo read geo_tests/TEST.toml") is not None:
        tests = newest_tests(
            [(run, loaders.run_document(run, "readout.json")) for run in loaders.runs(scene.workspace, "geo_readout")]
        )
        chosen = _choose(scene, tests)
        _readout(scene, *tests[chosen])
    _designs(scene)


def _choose(scene: Scene, tests: list[tuple[RunRecord, Mapping[str, Any]]]) -> int:
    def label(index: int) -> str:
        readout = tests[index][1]
        start = pd.Timestamp(readout["start"]).date()
        return f"{readable(readout['channel'])} · {scene.wording.date(start)}"

    choice = st.segmented_control(
        scene.text("geo_lift.choose"), range(len(tests)), default=0, required=True, format_func=label, key="geo_test"
    )
    return int(choice or 0)


def _readout(scene: Scene, run: RunRecord, readout: Mapping[str, Any]) -> None:
    do_not_act(scene, run)
    words, outcome = scene.wording, readout["incremental_outcome"]
    found = float(outcome["lower"]) > 0 or float(outcome["upper"]) < 0
    verdict = "geo_lift.found" if found else "geo_lift.not_found"
    days = (pd.Timestamp(readout["start"]).date(), pd.Timestamp(readout["end"]).date())
    facts = {
        "channel": readable(readout["channel"]),
        "geos": listed([readable(geo) for geo in readout["treated"]], scene.text("word.and")),
        "start": words.date(days[0]),
        "end": words.date(days[1]),
        "amount": words.money(float(outcome["value"]), signed=True),
        "lower": words.money(float(outcome["lower"])),
        "upper": words.money(float(outcome["upper"])),
        "level": words.percent(float(outcome["level"])),
    }
    st.html(section(scene.text(f"{verdict}_title", **facts)))
    st.html(note(scene.text(f"{verdict}_body", **facts), "good" if found else "warn"))
    st.html(tiles(_tiles(scene, readout)))
    _charts(scene, run, readout)


def _tiles(scene: Scene, readout: Mapping[str, Any]) -> list[Tile]:
    words, outcome = scene.wording, readout["incremental_outcome"]
    placebo = readout.get("placebo") or {}
    rate = next((placebo[name] for name in ("rejection_rate", "aa_rate", "rate") if name in placebo), None)
    shown = [
        Tile(
            label=scene.text("geo_lift.incremental"),
            value=words.money(float(outcome["value"]), signed=True),
            note=f"{words.money_short(outcome['lower'])} – {words.money_short(outcome['upper'])}",
            aside=scene.text("geo_lift.lift", lift=words.number(float(readout["lift_percent"]), digits=1, signed=True)),
        )
    ]
    iroas = readout.get("iroas")
    if iroas:
        shown.append(
            Tile(
                label=scene.text("geo_lift.iroas"),
                value=words.number(float(iroas["value"])),
                note=f"{words.number(float(iroas['lower']))} – {words.number(float(iroas['upper']))}",
                aside=scene.text("geo_lift.spend", amount=words.money(float(readout["incremental_spend"]))),
            )
        )
    shown.append(
        Tile(
            label=scene.text("geo_lift.p_value"),
            value=words.number(float(readout["p_value"]), digits=3),
            note=scene.text("geo_lift.aa_rate", rate=words.percent(float(rate), digits=1)) if rate is not None else "",
            aside=scene.text("geo_lift.estimator", name=str(readout["estimator"]).replace("_", " ")),
        )
    )
    return shown


def _charts(scene: Scene, run: RunRecord, readout: Mapping[str, Any]) -> None:
    series = loaders.run_table(run, "series.csv", _SERIES).sort_values("date")
    window = Window(
        start=pd.Timestamp(readout["start"]), end=pd.Timestamp(readout["end"]), text=scene.text("geo_lift.window")
    )
    money = money_text(scene.style, float(series["observed"].max()))
    axes = AxisWords(
        x=scene.text("axis.date"), y=scene.text("axis.outcome", currency=scene.wording.currency), text=money
    )
    names = LineNames(observed=scene.text("geo_lift.observed"), expected=scene.text("geo_lift.counterfactual"))
    st.html(section(scene.text("geo_lift.against")))
    chart.draw(
        scene,
        against_model(series, scene.style, axes, names, expected="counterfactual", window=window),
        name="counterfactual",
        says=scene.text("geo_lift.against_says", level=scene.wording.percent(readout["incremental_outcome"]["level"])),
        data=series,
    )
    left, right = st.columns([3, 2], gap="large")
    effect = cumulative_effect(series, window.start)
    outcome = readout["incremental_outcome"]
    with left:
        st.html(section(scene.text("geo_lift.cumulative")))
        total = (float(outcome["value"]), float(outcome["lower"]), float(outcome["upper"]))
        sums = AxisWords(
            x=axes.x,
            y=scene.text("axis.cumulative", currency=scene.wording.currency),
            text=money_text(scene.style, max(abs(end) for end in total)),
        )
        figure = cumulative(
            effect, scene.style, sums, total=total, total_text=scene.wording.money(total[0], signed=True)
        )
        chart.draw(scene, figure, name="cumulative_lift", says=scene.text("geo_lift.cumulative_says"), data=effect)
    with right:
        st.html(section(scene.text("geo_lift.donors")))
        weights = sorted(readout.get("donor_weights", {}).items(), key=lambda item: -item[1])[:10]
        if weights:
            figure = bars(
                [(readable(name), float(weight)) for name, weight in weights],
                scene.style,
                title=scene.text("axis.weight"),
                text=scene.wording.percent,
            )
            chart.draw(
                scene, figure, name="donors", says=scene.text("geo_lift.donors_says", name=readable(weights[0][0]))
            )


def _designs(scene: Scene) -> None:
    st.html(section(scene.text("geo_lift.designs"), scene.text("geo_lift.designs_note")))
    run = loaders.latest(scene.workspace, "geo_design")
    if run is None:
        st.html(
            state(
                title=scene.text("geo_lift.no_designs"),
                body=scene.text("geo_lift.no_designs_body"),
                command="liftwerk geo design --channel CHANNEL --weeks 6",
            )
        )
        return
    designs = loaders.run_table(run, "designs.csv", _DESIGNS).sort_values("rank").head(10)
    words = scene.wording
    columns = [
        Column(title=scene.text("table.rank"), align="right"),
        Column(title=scene.text("table.treated")),
        Column(title=scene.text("table.weeks"), align="right", minor=True),
        Column(title=scene.text("table.mde"), align="right", hint=scene.text("table.mde_hint")),
        Column(title=scene.text("table.power"), align="right"),
        Column(title=scene.text("table.holdout"), align="right", minor=True),
        Column(title=scene.text("table.cost"), align="right"),
    ]
    rows = [
        [
            Cell(text=words.number(line["rank"], digits=0)),
            Cell(text=str(line["treated"]).replace(";", ",").replace(" ,", ",")),
            Cell(text=words.number(line["weeks"], digits=0)),
            Cell(text=words.percent(line["mde"], digits=1)),
            Cell(text=words.percent(line["power_at_target"])),
            Cell(text=words.percent(line["holdout_share"])),
            Cell(text=words.money(line["incremental_spend"])),
        ]
        for _, line in designs.iterrows()
    ]
    channel = run.options.get("channel")
    if channel:
        st.html(note(scene.text("geo_lift.designs_for", channel=readable(str(channel)))))
    st.html(table(columns, rows, label=scene.text("geo_lift.designs")))
