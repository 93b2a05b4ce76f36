"""Attribution: what the paths credit, what is proven, how people move, how long they take."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from app import chart, loaders
from app.figures.bars import bars
from app.figures.canvas import money_text
from app.figures.paths import credit_methods, path_flow
from app.frame import need_run
from app.markup.cards import Tile, Tone, masthead, note, section, tiles
from app.markup.interval_rows import Row, interval_rows
from app.markup.table import Cell, Column, table
from app.names import readable
from app.scene import Scene
from app.views.gates import do_not_act
from measurement.store import RunRecord

_CREDIT = ("channel", "method", "conversions", "value", "lower", "upper", "level")
_REST = "(not incremental)"
_EVERY = "(all)"


def show(scene: Scene) -> None:
    """Draw the page."""
    st.html(
        masthead(
            kicker=scene.text("page.attribution"),
            headline=scene.text("attribution.headline"),
            lead=scene.text("attribution.lead"),
        )
    )
    run = need_run(scene, "attribution", "liftwerk attribute")
    if run is None:
        return
    do_not_act(scene, run)
    _proof(scene, run)
    _methods(scene, loaders.run_table(run, "credit.csv", _CREDIT))
    _flow(scene, run)
    _time(scene, run)
    _privacy(scene, run)


def _proof(scene: Scene, run: RunRecord) -> None:
    """Credit beside proof, and what is left of it."""
    rows = loaders.run_table(run, "reconcile.csv", ("channel", "credit", "credit_lower", "credit_upper"))
    st.html(section(scene.text("attribution.proof_title"), scene.text("attribution.proof_body")))
    if "calibrated" not in rows:
        st.html(note(scene.text("attribution.no_proof"), "warn"))
        return
    release = loaders.run_document(run, "release.json")
    rest = rows[rows["channel"] == _REST].iloc[0]
    channels = rows[rows["channel"] != _REST].sort_values("credit", ascending=False)
    total = float(release["value"])
    st.html(tiles(_tiles(scene, channels, rest, total)))
    st.html(_proof_table(scene, channels))
    drawn = [
        part
        for _, line in channels.iterrows()
        for part in (
            _row(scene, line, "credit", scene.palette.faint),
            _row(scene, line, "calibrated", scene.palette.accent),
        )
    ]
    top = float(channels[["credit_upper", "calibrated_upper"]].to_numpy(dtype=float).max())
    says = scene.text("attribution.proof_says")
    drawing = interval_rows(
        drawn, title=scene.text("attribution.value_axis"), says=says, text=money_text(scene.style, top)
    )
    chart.draw_rows(scene, drawing, name="credit_proof", says=says, data=rows)


def _tiles(scene: Scene, channels: pd.DataFrame, rest: pd.Series, total: float) -> list[Tile]:
    share = float(rest["calibrated"]) / total if total > 0 else 0.0
    ends = [float(rest[f"calibrated_{end}"]) / total if total > 0 else 0.0 for end in ("lower", "upper")]
    disagree = int(channels["disagrees"].astype(bool).sum())
    return [
        Tile(
            label=scene.text("attribution.rest_label"),
            value=scene.wording.percent(share),
            note=f"{scene.wording.percent(ends[0])} – {scene.wording.percent(ends[1])}",
            aside=scene.text("attribution.rest_note"),
        ),
        Tile(
            label=scene.text("attribution.value_label"),
            value=scene.short(total),
            note=scene.text("attribution.value_note"),
        ),
        Tile(
            label=scene.text("attribution.disagree_label"),
            value=scene.text("attribution.disagree_value", count=disagree, of=int(channels["proof"].notna().sum())),
            note=scene.text("attribution.disagree_note"),
            tone="warn" if disagree else "good",
        ),
    ]


def _row(scene: Scene, line: pd.Series, kind: str, colour: str) -> Row:
    value, lower, upper = scene.finite(line[kind], line[f"{kind}_lower"], line[f"{kind}_upper"])
    name = scene.text(f"attribution.row_{kind}", name=readable(line["channel"]))
    return Row(name=name, value=value, lower=lower, upper=upper, colour=colour)


def _proof_table(scene: Scene, channels: pd.DataFrame) -> str:
    columns = [
        Column(title=scene.text("table.channel")),
        Column(title=scene.text("attribution.credit"), align="right"),
        Column(title=scene.text("attribution.proven"), align="right", minor=True),
        Column(title=scene.text("attribution.calibrated"), align="right"),
        Column(title=scene.text("attribution.verdict")),
    ]
    rows = []
    for _, line in channels.iterrows():
        verdict, tone = _verdict(line)
        source = scene.maybe(f"attribution.source_{line['source']}", "") if isinstance(line["source"], str) else ""
        rows.append(
            [
                Cell(text=readable(line["channel"])),
                _money(scene, line, "credit"),
                _money(scene, line, "proof", source),
                _money(scene, line, "calibrated"),
                Cell(text=scene.text(f"attribution.{verdict}"), tone=tone),
            ]
        )
    return table(columns, rows, label=scene.text("attribution.table_label"))


def _verdict(line: pd.Series) -> tuple[str, Tone]:
    """Which word says how credit and proof stand to each other."""
    if pd.isna(line["proof"]):
        return "untested", "plain"
    if not bool(line["disagrees"]):
        return "agrees", "good"
    return ("too_much", "warn") if line["credit"] > line["proof"] else ("too_little", "warn")


def _money(scene: Scene, line: pd.Series, kind: str, source: str = "") -> Cell:
    if pd.isna(line[kind]):
        return Cell(text="–")
    text = scene.wording.money
    ends = f"{scene.end(line[f'{kind}_lower'], text)} – {scene.end(line[f'{kind}_upper'], text)}"
    return Cell(text=text(float(line[kind])), below=f"{ends} · {source}" if source else ends)


def _methods(scene: Scene, credit: pd.DataFrame) -> None:
    """What each convention makes of the same paths."""
    st.html(section(scene.text("attribution.methods_title"), scene.text("attribution.methods_body")))
    wide = credit.pivot(index="channel", columns="method", values="conversions")
    order = wide.mean(axis=1).sort_values(ascending=False).index
    methods = [name for name in credit["method"].unique() if wide[name].notna().any()]
    share = wide.div(wide.sum(axis=0), axis=1).loc[order]
    figure = credit_methods(
        {scene.maybe(f"method.{name}", readable(name)): [float(each) for each in share[name]] for name in methods},
        [readable(name) for name in order],
        scene.style,
        title=scene.text("attribution.share_axis"),
        text=scene.wording.percent,
    )
    chart.draw(scene, figure, name="credit_methods", says=scene.text("attribution.methods_says"), data=credit)


def _flow(scene: Scene, run: RunRecord) -> None:
    """How people move from touch to touch; not in a report with noise."""
    if not run.file("flow.csv").is_file():
        return
    steps = loaders.run_table(run, "flow.csv", ("step", "from", "to", "count"))
    if steps.empty:
        return
    st.html(section(scene.text("attribution.flow_title"), scene.text("attribution.flow_body")))
    names = {f"({name})": scene.text(f"attribution.{name}") for name in ("conversion", "end", "later")}
    last = int(steps["step"].max())
    figure = path_flow(
        steps,
        scene.style,
        names=names,
        title=lambda step: scene.text("attribution.touch", number=step) if step < max(last, 2) else "",
    )
    chart.draw(scene, figure, name="path_flow", says=scene.text("attribution.flow_says"), data=steps)


def _time(scene: Scene, run: RunRecord) -> None:
    """Days from the first touch to the conversion."""
    if not run.file("time_to_convert.csv").is_file():
        return
    days = loaders.run_table(run, "time_to_convert.csv", ("channel", "days_from", "days_to", "count"))
    every = days[days["channel"] == _EVERY].sort_values("days_from")
    if every.empty:
        return
    st.html(section(scene.text("attribution.time_title"), scene.text("attribution.time_body")))
    total = float(every["count"].sum())
    shown = [(_days(scene, line), float(line["count"]) / total) for _, line in every.iterrows()]
    figure = bars(shown, scene.style, title=scene.text("attribution.time_axis"), text=scene.wording.percent)
    chart.draw(scene, figure, name="time_to_convert", says=scene.text("attribution.time_says"), data=days)


def _days(scene: Scene, line: pd.Series) -> str:
    first, last = float(line["days_from"]), float(line["days_to"])
    if np.isnan(last):
        return scene.text("attribution.days_more", first=int(first))
    if first == 0:
        return scene.text("attribution.same_day")
    if last - first <= 1:
        return scene.text("attribution.days_one", first=int(first))
    return scene.text("attribution.days_range", first=int(first), last=int(last) - 1)


def _privacy(scene: Scene, run: RunRecord) -> None:
    """What protects the people behind the numbers."""
    release = loaders.run_document(run, "release.json")
    if "epsilon" in release:
        text = scene.text(
            "attribution.private_noise",
            epsilon=scene.wording.number(float(release["epsilon"]), digits=1),
            spent=scene.wording.number(float(release["epsilon_spent"]), digits=1),
        )
    else:
        text = scene.text(
            "attribution.private_k",
            k=scene.wording.number(float(release["k"]), digits=0),
            people=scene.wording.number(float(release["people"]), digits=0),
        )
    st.html(note(text))
    if release.get("stands"):
        st.html(note(scene.text("attribution.stands"), "warn"))
