"""What changed: this week's advice beside last week's, and what made the difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app import chart, loaders
from app.brief import Brief
from app.figures.budget import Stair, waterfall
from app.frame import nothing_yet
from app.markup.cards import Tile, masthead, note, section, tiles
from app.markup.table import Cell, Column, table
from app.names import listed, readable
from app.scene import Scene
from app.views.gates import check_name


def show(scene: Scene) -> None:
    """Draw the page."""
    weeks = loaders.weeks(scene.workspace)
    briefs = [loaders.brief(scene.workspace, week, scene.wording.language) for week in weeks[-2:]]
    st.html(
        masthead(
            kicker=scene.text("page.what_changed"),
            headline=_headline(scene, briefs),
            lead=scene.text("changes.lead"),
        )
    )
    if not briefs:
        nothing_yet(scene, "weekly", "liftwerk weekly")
        return
    now, before = briefs[-1], briefs[0] if len(briefs) > 1 else None
    if before is None:
        st.html(note(scene.text("changes.first_week", week=now.week)))
    else:
        st.html(tiles(_tiles(scene, now, before)))
        st.html(section(scene.text("changes.advice"), scene.text("changes.advice_note", week=before.week)))
        st.html(_advice(scene, now, before))
        _gates(scene, now, before)
    _why(scene)


def _headline(scene: Scene, briefs: Sequence[Brief]) -> str:
    if len(briefs) < 2:
        return scene.text("changes.headline_first")
    now, before = briefs[1], briefs[0]
    flips = [line.channel for line in now.lines if _turned(line.action, _actions(before).get(line.channel))]
    if not flips:
        return scene.text("changes.headline_same")
    names = [readable(name) for name in flips]
    if len(names) > 3:
        names = [*names[:2], scene.text("week.others", count=len(names) - 2)]
    return scene.text("changes.headline_turned", names=listed(names, scene.text("word.and")))


def _actions(brief: Brief) -> dict[str, str]:
    return {line.channel: line.action for line in brief.lines}


def _turned(action: str, earlier: str | None) -> bool:
    return earlier is not None and action != earlier


def _tiles(scene: Scene, now: Brief, before: Brief) -> list[Tile]:
    words = scene.wording

    def pair(label: str, new: float, old: float) -> Tile:
        return Tile(
            label=scene.text(label), value=words.money(new), note=scene.text("week.last", value=words.money(old))
        )

    return [
        pair("week.gain", now.gain.value, before.gain.value),
        pair("week.moved", now.planned_moved, before.planned_moved),
        pair("week.budget", now.planned_total, before.planned_total),
        Tile(
            label=scene.text("changes.data"),
            value=words.date(now.data_until),
            note=scene.text("week.last", value=words.date(before.data_until)),
        ),
    ]


def _advice(scene: Scene, now: Brief, before: Brief) -> str:
    words, earlier = scene.wording, {line.channel: line for line in before.lines}
    columns = [
        Column(title=scene.text("table.channel")),
        Column(title=scene.text("changes.before")),
        Column(title=scene.text("changes.now")),
        Column(title=scene.text("table.proposed"), align="right"),
        Column(title=scene.text("changes.difference"), align="right"),
        Column(title=scene.text("table.marginal_roas"), align="right", minor=True),
        Column(title=scene.text("table.why"), minor=True),
    ]
    rows = []
    for line in now.lines:
        old = earlier.get(line.channel)
        change = line.calculated - old.calculated if old else line.calculated
        rows.append(
            [
                Cell(text=readable(line.channel)),
                Cell(text=scene.text(f"action.{old.action}") if old else "–"),
                Cell(
                    text=scene.text(f"action.{line.action}"),
                    tone="accent" if old and _turned(line.action, old.action) else "plain",
                ),
                Cell(text=words.money(line.calculated)),
                Cell(
                    text=words.money(change, signed=True) if abs(change) >= 0.5 else "–",
                    tone="gain" if change >= 0.5 else "loss" if change <= -0.5 else "plain",
                ),
                Cell(
                    text=words.number(line.marginal_roas.value),
                    below=scene.text("changes.was", value=words.number(old.marginal_roas.value)) if old else "",
                ),
                Cell(text=line.reason, small=True),
            ]
        )
    return table(columns, rows, label=scene.text("changes.advice"), quiet=not now.healthy)


def _gates(scene: Scene, now: Brief, before: Brief) -> None:
    """Checks that passed then and fail now, and the other way round."""
    then = {str(check["name"]): bool(check["passed"]) for check in before.checks}
    new = {str(check["name"]): bool(check["passed"]) for check in now.checks}
    lost = [name for name, passed in new.items() if not passed and then.get(name, True)]
    won = [name for name, passed in new.items() if passed and not then.get(name, True)]
    st.html(section(scene.text("changes.checks")))
    if not lost and not won:
        st.html(note(scene.text("changes.checks_same"), "good"))
    for key, names in (("changes.checks_lost", lost), ("changes.checks_won", won)):
        if names:
            shown = listed([check_name(scene, name) for name in names], scene.text("word.and"))
            st.html(note(scene.text(key, names=shown), "warn" if names is lost else "good"))


def _why(scene: Scene) -> None:
    """What the plan's own comparison says: how much came from data, from the model, from the rules."""
    run = loaders.latest(scene.workspace, "plan")
    if run is None:
        return
    plan = loaders.run_document(run, "plan.json")
    changed = plan.get("difference")
    st.html(section(scene.text("budget.change"), scene.text("budget.change_note")))
    if changed is None:
        st.html(note(scene.text("budget.no_plan_before")))
        return
    if not changed["steps"]:
        st.html(note(scene.text("budget.same_plan", week=changed["week"])))
        return
    words, steps = scene.wording, changed["steps"]
    names = [_cause(scene, str(step["cause"])) for step in steps]
    stairs = [Stair(name=name, change=float(step["expected_outcome"])) for name, step in zip(names, steps, strict=True)]
    now = float(plan["expected_outcome"])
    before = now - sum(stair.change for stair in stairs)
    figure = waterfall(
        stairs,
        scene.style,
        start=(scene.text("budget.plan_of", week=changed["week"]), before),
        end=(scene.text("budget.this_plan"), now),
        title=scene.text("axis.outcome_week", currency=words.currency),
    )
    says = scene.text("budget.change_says", week=changed["week"], change=words.money(now - before, signed=True))
    rows = pd.DataFrame([{"cause": stair.name, "expected_outcome": stair.change} for stair in stairs])
    chart.draw(scene, figure, name="plan_change", says=says, data=rows)
    st.html(_moves(scene, names, steps))


def _cause(scene: Scene, cause: str) -> str:
    """``"data + model"`` in the page's language."""
    parts = [scene.maybe(f"cause.{part}", readable(part)) for part in cause.split(" + ")]
    return " + ".join(parts)


def _moves(scene: Scene, names: Sequence[str], steps: Sequence[Mapping[str, Any]]) -> str:
    """Money by channel and cause."""
    cells = list(dict.fromkeys(cell for step in steps for cell in step["spend"]))
    columns = [Column(title=scene.text("table.channel")), *(Column(title=name, align="right") for name in names)]
    rows = [
        [
            Cell(text=readable(cell)),
            *(Cell(text=_signed(scene, float(step["spend"].get(cell, 0.0)))) for step in steps),
        ]
        for cell in cells
        if any(abs(float(step["spend"].get(cell, 0.0))) >= 0.5 for step in steps)
    ]
    return table(columns, rows, label=scene.text("budget.moves_label")) if rows else ""


def _signed(scene: Scene, money: float) -> str:
    return scene.wording.money(money, signed=True) if abs(money) >= 0.5 else "–"
