"""The editor of a proposal: other amounts, the same total, and what they would bring while they are typed."""

from __future__ import annotations

import streamlit as st

from app import loaders
from app.amount_field import amount_field
from app.brief import Brief
from app.markup.cards import Tile, note, tiles
from app.names import readable
from app.scene import Scene
from app.views.decide_bar import act
from decisions.amounts import total_of
from decisions.evaluation import gain_of, spread
from decisions.standing import Standing

_OPEN = "lw_editing"


def open_editor() -> None:
    """Ask for the editor on the next drawing of the page."""
    st.session_state[_OPEN] = True


def edit_dialog(scene: Scene, brief: Brief, standing: Standing) -> None:
    """Draw the editor where it was asked for."""
    if not st.session_state.pop(_OPEN, False):
        return

    @st.dialog(scene.text("edit.title"), width="large")
    def body() -> None:
        _editor(scene, brief, standing)

    body()


def _editor(scene: Scene, brief: Brief, standing: Standing) -> None:
    words = scene.wording
    total = total_of(list(standing.recommended.values()))
    st.html(note(scene.text("edit.lead", total=words.money(total))))
    budget: dict[str, float] = {}
    for at, line in enumerate(brief.lines):
        if at % 2 == 0:  # side by side on a desk, in the same order below each other on a phone
            sides = st.columns(2, gap="medium")
        with sides[at % 2]:
            typed = amount_field(
                scene,
                scene.text(
                    "edit.channel",
                    channel=readable(line.channel),
                    today=words.money(line.current),
                    recommended=words.money(standing.recommended[line.channel]),
                ),
                value=standing.budget[line.channel],
                key=f"edit_{at}_{standing.version[:8]}",
                span=(0.0, max(total, standing.budget[line.channel])),
            )
        if typed is not None:
            budget[line.channel] = typed
    unread = len(budget) < len(brief.lines)
    left = round(total - total_of(list(budget.values())), 2)
    if not unread:
        _outlook(scene, brief, budget, left)
    reason = st.text_input(scene.text("decide.reason"), key="edit_reason", max_chars=500)
    if left and not unread:
        key = "edit.left" if left > 0 else "edit.over"
        st.html(note(scene.text(key, amount=words.money(abs(left), digits=2)), "warn"))
    if st.button(scene.text("edit.save"), key="edit_save", type="primary", disabled=unread or bool(left)):
        act(scene, lambda review, person: review.edit(person, brief.week, standing.version, budget, reason))
        st.rerun()


def _outlook(scene: Scene, brief: Brief, budget: dict[str, float], left: float) -> None:
    """What the amounts would bring against today, where the curves behind the plan are there."""
    curves = loaders.plan_curves(scene.workspace)
    if curves is None or set(curves.members) != set(budget):
        return
    pattern = brief.cells if set(brief.cells) == set(curves.cells) else None
    gain, loss = gain_of(curves, spread(curves, budget, pattern), scene.wording.currency)
    words, ends = scene.wording, gain.interval
    shown = [
        Tile(
            label=scene.text("week.gain"),
            value=words.money(gain.value, signed=True),
            note=scene.text(
                "week.between",
                lower=words.money(ends.lower, signed=True),
                upper=words.money(ends.upper, signed=True),
                level=words.percent(ends.level),
            ),
            tone="gain" if gain.value > 0 else "loss",
        ),
        Tile(label=scene.text("week.chance"), value=scene.chance(loss), note=scene.text("week.chance_note")),
        Tile(label=scene.text("edit.unplaced"), value=words.money(left, digits=2)),
    ]
    st.html(tiles(shown))
