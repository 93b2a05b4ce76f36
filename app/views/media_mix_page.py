"""Media mix: where the outcome came from, what each channel returns, how far each can grow."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import chart, loaders
from app.figures.canvas import money_text
from app.figures.curves import CurveWords, response_curve
from app.figures.timelines import AxisWords, LineNames, against_model, stacked
from app.frame import need_run, run_part
from app.markup.cards import masthead, note, section, small_title
from app.markup.interval_rows import Reference, Row, interval_rows
from app.markup.table import Cell, Column, table
from app.names import readable
from app.reshape import ALL_GEOS, fit_of, media_components, weekly_proposal
from app.scene import Scene
from app.views.gates import do_not_act
from measurement.store import RunRecord

_CHANNELS = (
    "channel",
    "spend",
    "contribution",
    "contribution_lower",
    "contribution_upper",
    "share",
    "roas",
    "roas_lower",
    "roas_upper",
    "marginal_roas",
    "marginal_roas_lower",
    "marginal_roas_upper",
    "level",
)
_CURVES_SHOWN = 3
_CURVES = ("channel", "spend", "mean", "lower", "upper", "current_spend")
_PLAN = ("channel", "week", "proposed")
_FIT = ("date", "geo", "observed", "mean", "lower", "upper")


def show(scene: Scene) -> None:
    """Draw the page."""
    st.html(
        masthead(
            kicker=scene.text("page.media_mix"),
            headline=scene.text("media_mix.headline"),
            lead=scene.text("media_mix.lead"),
        )
    )
    run = need_run(scene, "mmm", "liftwerk fit")
    if run is None:
        return
    do_not_act(scene, run)
    channels = loaders.run_table(run, "channels.csv", _CHANNELS).sort_values("contribution", ascending=False)
    run_part(scene, "contributions", _contributions, scene, run, channels)
    _returns(scene, channels)
    run_part(scene, "curves", _curves, scene, run, channels)
    run_part(scene, "fit", _fit, scene, run)


def _contributions(scene: Scene, run: RunRecord, channels: pd.DataFrame) -> None:
    st.html(section(scene.text("media_mix.over_time"), scene.text("media_mix.over_time_note")))
    everything = (
        st.segmented_control(
            scene.text("media_mix.which"),
            ("paid", "all"),
            default="paid",
            required=True,
            format_func=lambda choice: scene.text(f"media_mix.which_{choice}"),
            label_visibility="collapsed",
            key="media_mix_which",
        )
        == "all"
    )
    names = [str(name) for name in channels["channel"]]
    wide = loaders.contributions(run)
    shown = wide if everything else media_components(wide, names)
    order = [name for name in shown.columns if name not in names] + [n for n in names if n in shown.columns]
    colours = dict(zip(names, scene.palette.series * 3, strict=False))
    colours |= dict.fromkeys((name for name in order if name not in names), scene.palette.faint)
    shown = shown[order]
    labels = {name: _component(scene, name) for name in order}
    top = float(shown.sum(axis=1).max())
    words = AxisWords(
        x=scene.text("axis.week"),
        y=scene.text("axis.contribution", currency=scene.wording.currency),
        text=money_text(scene.style, top),
    )
    biggest = channels.iloc[0]
    chart.draw(
        scene,
        stacked(shown, scene.style, words, labels, colours),
        name="contribution_over_time",
        says=scene.text(
            "media_mix.over_time_says",
            channel=readable(biggest["channel"]),
            amount=scene.wording.money(float(biggest["contribution"])),
            share=scene.wording.percent(float(biggest["share"]), digits=1),
        ),
        data=shown.reset_index(),
    )


def _component(scene: Scene, name: str) -> str:
    known = {"baseline", "controls", "seasonality", "trend", "holidays", "intercept", "organic"}
    return scene.text(f"component.{name}") if name in known else readable(name)


def _returns(scene: Scene, channels: pd.DataFrame) -> None:
    st.html(section(scene.text("media_mix.returns"), scene.text("media_mix.returns_note")))
    for column, side in zip(("roas", "marginal_roas"), st.columns(2, gap="large"), strict=True):
        with side:
            ranked = channels.sort_values(column, ascending=False)
            rows = [
                Row(
                    name=readable(line["channel"]),
                    value=float(line[column]),
                    lower=float(line[f"{column}_lower"]),
                    upper=float(line[f"{column}_upper"]),
                    colour=scene.palette.gain if line[column] >= 1 else scene.palette.loss,
                )
                for _, line in ranked.iterrows()
            ]
            says = scene.text(
                f"media_mix.{column}_says",
                best=rows[0].name,
                value=scene.wording.number(rows[0].value),
                level=scene.wording.percent(float(ranked["level"].iloc[0])),
                below=sum(row.value < 1 for row in rows),
            )
            drawing = interval_rows(
                rows,
                title=scene.text(f"axis.{column}", currency=scene.wording.currency),
                says=says,
                text=scene.wording.number,
                reference=Reference(value=1.0, text=scene.text("media_mix.break_even")),
            )
            chart.draw_rows(scene, drawing, name=column, says=says, data=ranked)
    _channel_table(scene, channels)


def _channel_table(scene: Scene, channels: pd.DataFrame) -> None:
    columns = [
        Column(title=scene.text("table.channel")),
        Column(title=scene.text("table.spend"), align="right", minor=True),
        Column(title=scene.text("table.contribution"), align="right"),
        Column(title=scene.text("table.share"), align="right", minor=True),
        Column(title=scene.text("table.roas"), align="right"),
        Column(title=scene.text("table.marginal_roas"), align="right"),
    ]
    words = scene.wording
    rows = [
        [
            Cell(text=readable(line["channel"])),
            Cell(text=words.money(float(line["spend"]))),
            Cell(
                text=words.money(float(line["contribution"])),
                below=" – ".join(scene.short(line[f"contribution_{end}"]) for end in ("lower", "upper")),
            ),
            Cell(text=words.percent(float(line["share"]), digits=1)),
            *(
                Cell(
                    text=words.number(float(line[name])),
                    below=f"{words.number(line[f'{name}_lower'])} – {words.number(line[f'{name}_upper'])}",
                )
                for name in ("roas", "marginal_roas")
            ),
        ]
        for _, line in channels.iterrows()
    ]
    st.html(table(columns, rows, label=scene.text("media_mix.table_label")))


def _curves(scene: Scene, run: RunRecord, channels: pd.DataFrame) -> None:
    st.html(section(scene.text("media_mix.curves"), scene.text("media_mix.curves_note")))
    curves = loaders.run_table(run, "curves.parquet", _CURVES)
    plan = loaders.latest(scene.workspace, "plan")
    proposed = weekly_proposal(loaders.run_table(plan, "allocation.csv", _PLAN)) if plan is not None else {}
    words = CurveWords(
        x=scene.text("axis.spend_week", currency=scene.wording.currency),
        y=scene.text("axis.outcome_week", currency=scene.wording.currency),
        today=scene.text("media_mix.today"),
        proposed=scene.text("media_mix.proposed"),
    )
    today_by = {str(name): float(rows["current_spend"].iloc[0]) for name, rows in curves.groupby("channel")}
    names = [str(name) for name in channels["channel"] if str(name) in today_by]
    names = _shown_curves(scene, names, {name: abs(proposed.get(name, 0.0) - today_by[name]) for name in names})
    for start in range(0, len(names), 3):
        for side, name in zip(st.columns(3, gap="medium"), names[start : start + 3], strict=False):
            one, today, planned = curves[curves["channel"] == name], today_by[name], proposed.get(name)
            with side:
                st.html(small_title(readable(name)))
                says = scene.text(
                    "media_mix.curve_says" if planned is not None else "media_mix.curve_says_today",
                    today=scene.wording.money(today),
                    proposed=scene.wording.money(planned or 0.0),
                )
                figure = response_curve(one, scene.style, words, today=today, proposed=planned)
                chart.draw(scene, figure, name=f"curve_{name}", says=says, data=one)


def _shown_curves(scene: Scene, names: list[str], changes: dict[str, float]) -> list[str]:
    """The channels with the largest changes, until others are chosen: ten charts at once keep a browser busy."""
    if len(names) <= _CURVES_SHOWN:
        return names
    largest = sorted(names, key=lambda name: -changes[name])[:_CURVES_SHOWN]
    chosen = st.pills(
        scene.text("media_mix.which_curves"),
        names,
        selection_mode="multi",
        default=largest,
        format_func=readable,
        key="media_mix_curves",
    )
    return [name for name in names if name in chosen]


def _fit(scene: Scene, run: RunRecord) -> None:
    st.html(section(scene.text("media_mix.fit"), scene.text("media_mix.fit_note")))
    fit = loaders.run_table(run, "fit.csv", _FIT)
    geos = sorted(str(geo) for geo in fit["geo"].unique())
    choices = geos if len(geos) == 1 else [ALL_GEOS, *geos]
    geo = st.selectbox(
        scene.text("media_mix.geo"),
        choices,
        format_func=lambda name: scene.text("media_mix.all_geos") if name == ALL_GEOS else readable(name),
        key="media_mix_geo",
        width=320,
    )
    one = fit_of(fit, geo)
    words = AxisWords(
        x=scene.text("axis.week"),
        y=scene.text("axis.outcome", currency=scene.wording.currency),
        text=money_text(scene.style, float(one["observed"].max())),
    )
    names = LineNames(observed=scene.text("media_mix.observed"), expected=scene.text("media_mix.model"))
    error = float((one["observed"] - one["mean"]).abs().sum() / one["observed"].abs().sum())
    chart.draw(
        scene,
        against_model(one, scene.style, words, names),
        name="fit",
        says=scene.text("media_mix.fit_says", error=scene.wording.percent(error, digits=1)),
        data=one,
    )
    if geo == ALL_GEOS:
        st.html(note(scene.text("media_mix.no_band")))
