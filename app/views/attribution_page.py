"""Attribution: what customer journeys credit each channel with, beside what is proven."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import chart, loaders
from app.figures.intervals import Row, interval_rows
from app.frame import need_run
from app.markup.cards import masthead, note, section
from app.markup.table import Cell, Column, table
from app.names import readable
from app.scene import Scene
from app.views.gates import do_not_act

_CREDIT = ("channel", "method", "value", "lower", "upper", "level")
_RECONCILE = ("channel", "credit", "proof", "proof_lower", "proof_upper", "source", "calibrated", "calibrated_lower",
              "calibrated_upper", "disagrees")  # fmt: skip
_FIRST = "markov"


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
    _proofs(scene, loaders.run_table(run, "reconcile.csv", _RECONCILE))
    _credit(scene, loaders.run_table(run, "credit.csv", _CREDIT))


def _proofs(scene: Scene, rows: pd.DataFrame) -> None:
    st.html(section(scene.text("attribution.proof"), scene.text("attribution.proof_note")))
    words = scene.wording

    def money(value: object) -> str:
        return "–" if pd.isna(value) else words.money(float(str(value)))

    columns = [
        Column(title=scene.text("table.channel")),
        Column(title=scene.text("attribution.credit"), align="right"),
        Column(title=scene.text("attribution.proven"), align="right"),
        Column(title=scene.text("attribution.calibrated"), align="right"),
        Column(title=scene.text("attribution.source"), minor=True),
        Column(title=scene.text("attribution.verdict")),
    ]
    cells = [
        [
            Cell(text=_name(scene, str(row["channel"]))),
            Cell(text=money(row["credit"])),
            Cell(text=money(row["proof"]), below=_ends(scene, row, "proof")),
            Cell(text=money(row["calibrated"]), below=_ends(scene, row, "calibrated")),
            Cell(text="–" if pd.isna(row["source"]) else scene.maybe(f"attribution.source_{row['source']}", "–")),
            _verdict(scene, row),
        ]
        for _, row in rows.iterrows()
    ]
    st.html(table(columns, cells, label=scene.text("attribution.proof")))


def _verdict(scene: Scene, row: pd.Series) -> Cell:
    if pd.isna(row["proof"]):
        return Cell(text=scene.text("attribution.unproven"))
    bad = str(row["disagrees"]).lower() == "true"
    return Cell(
        text=f"{'!' if bad else '✓'} {scene.text('attribution.disagrees' if bad else 'attribution.agrees')}",
        tone="warn" if bad else "good",
    )


def _ends(scene: Scene, row: pd.Series, name: str) -> str:
    lower, upper = row[f"{name}_lower"], row[f"{name}_upper"]
    return "" if pd.isna(lower) or pd.isna(upper) else f"{scene.short(lower)} – {scene.short(upper)}"


def _name(scene: Scene, channel: str) -> str:
    return scene.text("attribution.not_incremental") if channel == "(not incremental)" else readable(channel)


def _credit(scene: Scene, credit: pd.DataFrame) -> None:
    st.html(section(scene.text("attribution.by_rule"), scene.text("attribution.by_rule_note")))
    methods = sorted({str(name) for name in credit["method"]}, key=lambda name: (name != _FIRST, name))
    method = st.selectbox(
        scene.text("attribution.method"),
        methods,
        format_func=lambda name: scene.maybe(f"attribution_method.{name}", readable(name)),
        key="attribution_method",
        width=320,
    )
    one = credit[credit["method"] == method].sort_values("value", ascending=False)
    if one.empty:
        st.html(note(scene.text("state.not_enough")))
        return
    rows = [
        Row(
            name=readable(str(line["channel"])),
            value=float(line["value"]),
            lower=float(line["value"] if pd.isna(line["lower"]) else line["lower"]),
            upper=float(line["value"] if pd.isna(line["upper"]) else line["upper"]),
            colour=scene.palette.accent,
        )
        for _, line in one.iterrows()
    ]
    figure = interval_rows(
        rows, scene.style, title=scene.text("attribution.axis", currency=scene.wording.currency), text=scene.short
    )
    says = scene.text("attribution.says", best=rows[0].name, value=scene.wording.money(rows[0].value))
    chart.draw(scene, figure, name=f"credit_{method}", says=says, data=one)
