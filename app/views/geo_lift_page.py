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
from app.frame import need_run, run_part
from app.markup.cards import Tile, Tone, masthead, note, section, state, tiles
from app.markup.table import Cell, Column, table
from app.names import listed, readable
from app.reshape import around, cumulative_effect, newest_tests
from app.scene import Scene
from app.views import geo_lift_more as more
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
_TONES: dict[str, Tone] = {"lift": "good", "no_lift": "warn", "not_enough_data": "warn", "loss": "bad"}


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
        run_part(scene, "readout", _chosen, scene, tests)
    _designs(scene)


def _chosen(scene: Scene, tests: list[tuple[RunRecord, Mapping[str, Any]]]) -> None:
    _readout(scene, *tests[_choose(scene, tests)])


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
    rule = str(readout["verdict"]["rule"])
    key = "lift_dark" if rule == "lift" and readout.get("kind") == "go_dark" else rule
    running = readout.get("running")
    if rule == "not_enough_data" and running:
        key = f"running_{running['rule']}"
    facts = _facts(scene, readout)
    st.html(section(scene.text(f"verdict.{key}_title", **facts)))
    st.html(note(scene.text(f"verdict.{key}_body", **facts), _TONES.get(rule, "plain")))
    st.html(tiles(_tiles(scene, readout)))
    more.cells(scene, readout)
    _charts(scene, run, readout)
    more.other_readings(scene, readout)


def _facts(scene: Scene, readout: Mapping[str, Any]) -> dict[str, str]:
    words, outcome, running = scene.wording, readout["incremental_outcome"], readout.get("running") or {}
    detectable = readout["verdict"].get("facts", {}).get("detectable_lift")
    return {
        "channel": readable(readout["channel"]),
        "geos": listed([readable(geo) for geo in readout["treated"]], scene.text("word.and")),
        "start": words.date(pd.Timestamp(readout["start"]).date()),
        "end": words.date(pd.Timestamp(readout["end"]).date()),
        "amount": words.money(float(outcome["value"]), signed=True),
        "size": words.money(abs(float(outcome["value"]))),
        "lower": scene.end(outcome["lower"], words.money),
        "upper": scene.end(outcome["upper"], words.money),
        "level": words.percent(float(outcome["level"])),
        "seen": words.number(running.get("seen", 0), digits=0),
        "planned": words.number(running.get("planned", 0), digits=0),
        "detectable": words.percent(float(detectable), digits=1) if detectable is not None else "–",
    }


def _tiles(scene: Scene, readout: Mapping[str, Any]) -> list[Tile]:
    words, outcome = scene.wording, readout["incremental_outcome"]
    lift = words.percent(float(readout["lift_percent"]) / 100, digits=1, signed=True)
    shown = [
        Tile(
            label=scene.text("geo_lift.incremental"),
            value=words.money(float(outcome["value"]), signed=True),
            note=f"{scene.end(outcome['lower'], scene.short)} – {scene.end(outcome['upper'], scene.short)}",
            aside=scene.text("geo_lift.lift", lift=lift),
        )
    ]
    iroas, spend = readout.get("iroas"), readout.get("incremental_spend")
    if iroas:
        shown.append(
            Tile(
                label=scene.text("geo_lift.iroas"),
                value=words.number(float(iroas["value"])),
                note=f"{scene.end(iroas['lower'], words.number)} – {scene.end(iroas['upper'], words.number)}",
                aside=scene.text("geo_lift.spend", amount=words.money(float(spend), signed=True)) if spend else "",
            )
        )
    alarms = readout.get("aa_rejection")
    shown.append(
        Tile(
            label=scene.text("geo_lift.p_value"),
            value=words.number(float(readout["p_value"]), digits=3),
            note=_alarm_rate(scene, alarms, readout.get("aa_rejection_chosen")) if alarms else "",
            aside=_estimator(scene, readout["estimator"]),
        )
    )
    return shown


def _alarm_rate(scene: Scene, alarms: Mapping[str, Any], chosen: Mapping[str, Any] | None) -> str:
    """How often this panel rejects when nothing happened: the honest companion of a p-value."""
    words = scene.wording
    plain = scene.text(
        "geo_lift.aa_rate",
        rate=words.percent(float(alarms["rate"]), digits=1),
        alpha=words.percent(float(alarms["alpha"])),
    )
    if not chosen:
        return plain
    return plain + scene.text("geo_lift.aa_rate_chosen", rate=words.percent(float(chosen["rate"]), digits=1))


def _estimator(scene: Scene, given: Mapping[str, Any]) -> str:
    name = str(given["name"])
    return scene.maybe(f"estimator.{name}", name.replace("_", " "))


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
        against_model(
            around(series, window.start, window.end), scene.style, axes, names, expected="counterfactual", window=window
        ),
        name="counterfactual",
        says=scene.text("geo_lift.against_says", level=scene.wording.percent(readout["incremental_outcome"]["level"])),
        data=series,
    )
    left, right = st.columns([3, 2], gap="large")
    effect = cumulative_effect(series, window.start)
    outcome = readout["incremental_outcome"]
    with left:
        st.html(section(scene.text("geo_lift.cumulative")))
        total = scene.finite(outcome["value"], outcome["lower"], outcome["upper"])
        sums = AxisWords(
            x=axes.x,
            y=scene.text("axis.cumulative", currency=scene.wording.currency),
            text=money_text(scene.style, max(abs(end) for end in total)),
        )
        figure = cumulative(
            effect, scene.style, sums, total=total, total_text=scene.wording.money(total[0], signed=True)
        )
        chart.draw(scene, figure, name="cumulative_lift", says=scene.text("geo_lift.cumulative_says"), data=effect)
    weights = sorted(readout.get("donor_weights", {}).items(), key=lambda item: -item[1])[:10]
    with right:
        if weights:
            st.html(section(scene.text("geo_lift.donors")))
            figure = bars(
                [(readable(name), float(weight)) for name, weight in weights],
                scene.style,
                title=scene.text("axis.weight"),
                text=scene.wording.percent,
            )
            says = scene.text("geo_lift.donors_says", name=readable(weights[0][0]))
            chart.draw(scene, figure, name="donors", says=says, data=pd.DataFrame(weights, columns=["geo", "weight"]))
    more.placebos(scene, run, readout, window)


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
            Cell(text=", ".join(geo.strip() for geo in str(line["treated"]).split(";"))),
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
    more.power(scene, run, designs)
