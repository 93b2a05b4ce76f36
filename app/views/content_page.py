"""Content pipeline: every KPI against its objective, its trend, the canary's verdict and the alerts."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import chart, loaders
from app.figures.timelines import AxisWords, trend
from app.frame import need_run
from app.markup.cards import Tile, Tone, masthead, note, section, small_title, tiles
from app.markup.table import Cell, Column, table
from app.names import readable
from app.scene import Scene
from app.tables import choices, last_known
from app.units import HIGHER_IS_BETTER, KPI_UNITS, writer
from app.views.gates import do_not_act
from measurement.store import RunRecord

_KPIS = ("day", "team", "model", "kpi", "value", "lower", "upper", "n", "objective", "breached")
_TILES = 8
_VERDICTS: dict[str, Tone] = {"stop": "bad", "promote": "good"}


def show(scene: Scene) -> None:
    """Draw the page."""
    st.html(
        masthead(
            kicker=scene.text("page.content"), headline=scene.text("content.headline"), lead=scene.text("content.lead")
        )
    )
    run = need_run(scene, "content", "liftwerk content")
    if run is None:
        return
    do_not_act(scene, run)
    kpis = loaders.run_table(run, "kpis.csv", _KPIS)
    team, model = _filters(scene, kpis)
    one = kpis[(kpis["team"].astype(str) == team) & (kpis["model"].astype(str) == model)]
    with_objective = one.groupby("kpi")["objective"].apply(lambda values: values.notna().any())
    order = sorted(
        with_objective.index,
        key=lambda kpi: (not with_objective[kpi], list(KPI_UNITS).index(kpi) if kpi in KPI_UNITS else 99),
    )
    st.html(tiles([_tile(scene, kpi, one[one["kpi"] == kpi]) for kpi in order[:_TILES]]))
    _canary(scene, run)
    _trends(scene, one, [str(kpi) for kpi in order])
    _alerts(scene, run)


def _filters(scene: Scene, kpis: pd.DataFrame) -> tuple[str, str]:
    teams = choices(kpis["team"])
    with st.container(horizontal=True):
        team = st.selectbox(
            scene.text("content.team"), teams, key="content_team", width=220, format_func=lambda n: _all(scene, n)
        )
        models = choices(kpis.loc[kpis["team"].astype(str) == team, "model"])
        model = st.selectbox(
            scene.text("content.model"), models, key="content_model", width=220, format_func=lambda n: _all(scene, n)
        )
    return str(team), str(model)


def _all(scene: Scene, name: str) -> str:
    return scene.text("content.all") if name == "all" else readable(name)


def kpi_name(scene: Scene, kpi: str) -> str:
    """A KPI's name in the page's language; its id in words where the catalogue has none."""
    key = f"kpi.{kpi}"
    return scene.text(key) if key in scene.wording.messages else readable(kpi)


def _tile(scene: Scene, kpi: str, rows: pd.DataFrame) -> Tile:
    write = writer(KPI_UNITS.get(kpi, "number"), scene.wording)
    last = last_known(rows)
    if last is None:
        return Tile(label=kpi_name(scene, kpi), value="–", note=scene.text("content.not_judged"))
    objective = last["objective"]
    known = pd.notna(objective)
    breached = bool(last["breached"]) if pd.notna(last["breached"]) else False
    sign = scene.text("content.at_least" if kpi in HIGHER_IS_BETTER else "content.at_most")
    goal = scene.text("content.objective", sign=sign, value=write(float(objective))) if known else ""
    verdict = scene.text("content.breached" if breached else "content.met") if known else ""
    return Tile(
        label=kpi_name(scene, kpi),
        value=write(float(last["value"])),
        note=f"{write(last['lower'])} – {write(last['upper'])}" if pd.notna(last["lower"]) else "",
        aside=" · ".join(part for part in (goal, verdict) if part),
        tone="bad" if breached else "plain",
    )


def _canary(scene: Scene, run: RunRecord) -> None:
    canary = loaders.run_document(run, "canary.json")
    st.html(section(scene.text("content.canary")))
    verdict = str(canary.get("verdict", "none"))
    key = f"canary.{verdict}"
    text = scene.text(key) if key in scene.wording.messages else verdict
    st.html(note(text, _VERDICTS.get(verdict, "plain")))


def _trends(scene: Scene, one: pd.DataFrame, order: list[str]) -> None:
    st.html(section(scene.text("content.trends"), scene.text("content.trends_note")))
    with_values = [kpi for kpi in order if one.loc[one["kpi"] == kpi, "value"].notna().any()]
    for start in range(0, len(with_values), 2):
        for side, kpi in zip(st.columns(2, gap="large"), with_values[start : start + 2], strict=False):
            with side:
                _trend(scene, kpi, one[one["kpi"] == kpi])


def _trend(scene: Scene, kpi: str, rows: pd.DataFrame) -> None:
    name, write = kpi_name(scene, kpi), writer(KPI_UNITS.get(kpi, "number"), scene.wording)
    st.html(small_title(name))
    goals = rows["objective"].dropna()
    objective = float(goals.iloc[-1]) if len(goals) else None
    words = AxisWords(x=scene.text("axis.day"), y=name, text=write)
    figure = trend(
        rows,
        scene.style,
        words,
        objective=objective,
        objective_text=scene.text("content.objective_line", value=write(objective)) if objective is not None else "",
    )
    late = int(rows["breached"].fillna(False).astype(bool).sum())
    last = last_known(rows)
    value = write(float(last["value"])) if last is not None else "–"
    key = "content.trend_says" if objective is not None else "content.trend_says_free"
    chart.draw(scene, figure, name=f"kpi_{kpi}", says=scene.text(key, value=value, days=late, of=len(rows)), data=rows)


def _alerts(scene: Scene, run: RunRecord) -> None:
    st.html(section(scene.text("content.alerts")))
    alerts = loaders.run_table(run, "alerts.csv", ())
    if alerts.empty:
        st.html(note(scene.text("content.no_alerts"), "good"))
        return
    columns = [Column(title=readable(str(name))) for name in alerts.columns]
    rows = [[Cell(text="–" if pd.isna(value) else str(value)) for value in line] for line in alerts.head(50).to_numpy()]
    st.html(table(columns, rows, label=scene.text("content.alerts")))
