"""Content pipeline: every KPI against its objective, its trend, the canary's verdict and the alerts."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import chart, loaders
from app.figures.timelines import AxisWords, trend
from app.frame import need_run, run_part
from app.markup.cards import Tile, masthead, note, section, small_title, tiles
from app.reshape import ALL, by_day, choices, last_known, missed
from app.scene import Scene
from app.units import HIGHER_IS_BETTER, KPI_UNITS, duration_unit, writer
from app.views.content_more import budgets, generators, judges
from app.views.content_stops import stopped, stops
from app.views.content_tables import alerts, canary, everyone, kpi_name
from app.views.gates import do_not_act
from measurement.store import RunRecord

_KPIS = ("day", "team", "model", "kpi", "value", "lower", "upper", "n", "objective", "breached")
_TILES = 6
#: KPIs by what they tell; every KPI of the contract stands in one group (a test checks it).
_GROUPS = {
    "speed": ("latency_p50", "latency_p95", "latency_p99", "ttft_p95", "throughput_per_hour", "error_rate"),
    "cost": ("cost_per_output", "cost_per_1k_tokens", "tokens", "context_utilisation", "cache_hit_share"),
    "quality": (
        "hallucination_rate",
        "hallucination_rate_corrected",
        "fact_score",
        "coverage",
        "readability",
        "entity_consistency",
        "brand_fit",
    ),
    "safety": ("moderation_hits", "policy_violations", "audit_findings", "data_leaks", "time_to_recovery"),
    "business": (
        "time_to_publish",
        "conversion_lift",
        "roas_delta",
        "lead_quality",
        "ticket_reduction",
        "time_to_resolution",
        "clv_shift",
        "aov",
    ),
}


def show(scene: Scene) -> None:
    """Draw the page."""
    run = loaders.latest(scene.workspace, "content")
    if run is None:
        st.html(masthead(kicker=scene.text("page.content"), headline=scene.text("content.headline")))
        need_run(scene, "content", "liftwerk content")
        return
    kpis = loaders.run_table(run, "kpis.csv", _KPIS)
    goals, halted, lead = _headline(scene, kpis), stopped(scene), scene.text("content.lead")
    if halted:  # what needs a person comes first, however good the last day was
        goals, lead = scene.text("content.headline_stopped", count=halted), f"{goals}. {lead}"
    st.html(masthead(kicker=scene.text("page.content"), headline=goals, lead=lead))
    do_not_act(scene, run)
    run_part(scene, "content", _chosen, scene, run, kpis)
    alerts(scene, run)


def _chosen(scene: Scene, run: RunRecord, kpis: pd.DataFrame) -> None:
    """What hangs on the team and the model that were chosen."""
    team, model = _filters(scene, kpis)
    one = kpis[(kpis["team"].astype(str) == team) & (kpis["model"].astype(str) == model)]
    order = _order(one)
    st.html(tiles([_tile(scene, kpi, one[one["kpi"] == kpi]) for kpi in order[:_TILES]]))
    stops(scene)
    canary(scene, run)
    budgets(scene, run, team)
    run_part(scene, "trends", _trends, scene, one, order)
    judges(scene, run)
    generators(scene, run)


def _headline(scene: Scene, kpis: pd.DataFrame) -> str:
    """How many goals the whole pipeline missed on the last day each was measured."""
    whole = kpis[(kpis["team"].astype(str) == ALL) & (kpis["model"].astype(str) == ALL)]
    last = [last_known(rows) for _, rows in whole.groupby("kpi") if rows["objective"].notna().any()]
    goals = [line for line in last if line is not None]
    if not goals:
        return scene.text("content.headline")
    late = sum(bool(missed(line["breached"])) for line in goals)
    return scene.text("content.headline_late" if late else "content.headline_met", late=late, goals=len(goals))


def _order(one: pd.DataFrame) -> list[str]:
    """KPIs with an objective first, then as the catalogue lists them."""
    goal = one.groupby("kpi")["objective"].apply(lambda values: bool(values.notna().any()))
    place = {kpi: i for i, kpi in enumerate(KPI_UNITS)}
    return sorted((str(kpi) for kpi in goal.index), key=lambda kpi: (not goal[kpi], place.get(kpi, len(place))))


def _filters(scene: Scene, kpis: pd.DataFrame) -> tuple[str, str]:
    teams = choices(kpis["team"])
    with st.container(horizontal=True):
        team = st.selectbox(
            scene.text("content.team"), teams, key="content_team", width=220, format_func=lambda n: everyone(scene, n)
        )
        models = choices(kpis.loc[kpis["team"].astype(str) == team, "model"])
        model = st.selectbox(
            scene.text("content.model"),
            models,
            key="content_model",
            width=220,
            format_func=lambda n: everyone(scene, n),
        )
    return str(team), str(model)


def _tile(scene: Scene, kpi: str, rows: pd.DataFrame) -> Tile:
    write = writer(KPI_UNITS.get(kpi, "number"), scene.wording)
    last = last_known(rows)
    if last is None:
        return Tile(label=kpi_name(scene, kpi), value="–", note=scene.text("content.not_judged"))
    objective = last["objective"]
    known = pd.notna(objective)
    breached = bool(missed(last["breached"]))
    sign = scene.text("content.at_least" if kpi in HIGHER_IS_BETTER else "content.at_most")
    goal = scene.text("content.objective", sign=sign, value=write(float(objective))) if known else ""
    verdict = scene.text("content.breached" if breached else "content.met") if known else ""
    return Tile(
        label=kpi_name(scene, kpi),
        value=write(float(last["value"])),
        note=f"{scene.end(last['lower'], write)} – {scene.end(last['upper'], write)}",
        aside=" · ".join(part for part in (goal, verdict) if part),
        tone="bad" if breached else "plain",
    )


def _trends(scene: Scene, one: pd.DataFrame, order: list[str]) -> None:
    st.html(section(scene.text("content.trends"), scene.text("content.trends_note")))
    known = [kpi for kpi in order if one.loc[one["kpi"] == kpi, "value"].notna().any()]
    goal = {str(kpi) for kpi in one.loc[one["objective"].notna(), "kpi"].unique()}
    groups = {"goal": [kpi for kpi in known if kpi in goal]}
    groups |= {name: [kpi for kpi in known if kpi in members] for name, members in _GROUPS.items()}
    offered = [name for name, members in groups.items() if members]
    if not offered:
        st.html(note(scene.text("state.not_enough")))
        return
    chosen = st.segmented_control(
        scene.text("content.group"),
        offered,
        default=offered[0],
        required=True,
        format_func=lambda name: scene.text(f"group.{name}"),
        label_visibility="collapsed",
        key="content_group",
    )
    shown = groups[str(chosen)]
    for start in range(0, len(shown), 2):
        for side, kpi in zip(st.columns(2, gap="large"), shown[start : start + 2], strict=False):
            with side:
                _trend(scene, kpi, one[one["kpi"] == kpi])


def _unit(scene: Scene, unit: str) -> str:
    return scene.text(f"unit.{unit}", currency=scene.wording.currency)


def _trend(scene: Scene, kpi: str, rows: pd.DataFrame) -> None:
    unit = KPI_UNITS.get(kpi, "number")
    write = writer(unit, scene.wording)
    st.html(small_title(kpi_name(scene, kpi)))
    goals = rows["objective"].dropna()
    objective = float(goals.iloc[-1]) if len(goals) else None
    timed = {"ms": 1.0, "hours": 3600e3}.get(unit)
    size, title = 1.0, _unit(scene, unit)
    if timed is not None:
        divisor, name = duration_unit(float(rows["value"].max()) * timed)
        size, title = divisor / timed, scene.text(f"time.{name}")
    drawn = by_day(rows)
    drawn[["value", "lower", "upper"]] = drawn[["value", "lower", "upper"]].astype(float) / size
    words = AxisWords(
        x=scene.text("axis.day"),
        y=title,
        text=write if timed is None else lambda value: scene.wording.number(value, digits=0 if value >= 100 else 1),
    )
    figure = trend(
        drawn,
        scene.style,
        words,
        objective=None if objective is None else objective / size,
        objective_text="" if objective is None else scene.text("content.objective_line", value=write(objective)),
    )
    last = last_known(rows)
    says = scene.text(
        "content.trend_says" if objective is not None else "content.trend_says_free",
        value=write(float(last["value"])) if last is not None else "–",
        days=int(missed(rows["breached"]).sum()),
        of=len(rows),
    )
    chart.draw(scene, figure, name=f"kpi_{kpi}", says=says, data=rows)
