"""Approve, edit, reject: the buttons of the first page. What they may do is decided by `decisions.review`, not here."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app.acting import acting, in_words
from app.brief import Brief
from app.markup.cards import Tone, badge, note
from app.names import listed
from app.scene import Scene
from decisions.people import Person
from decisions.review import Review
from decisions.standing import Standing
from measurement.errors import LiftwerkError

_NOTICE = "lw_notice"
_TONES: dict[str, Tone] = {"approved": "good", "rejected": "bad", "awaiting_second": "warn", "edited": "warn"}


def decide_bar(scene: Scene, brief: Brief, standing: Standing | None, edit: Callable[[], None]) -> None:
    """Where the week stands, and the buttons.

    Parameters
    ----------
    scene, brief
        The page's.
    standing
        From the audit log, ``None`` where the week was never recommended in this workspace.
    edit
        Opens the editor.
    """
    with st.container(key="decide"):
        st.html(_state(scene, standing))
        if standing is None or not standing.actionable:
            return
        if scene.person is None or scene.person.role == "viewer":
            st.html(note(scene.text("decide.read_only")))
        with st.container(horizontal=True, key="decide_buttons"):
            _approve(scene, brief, standing)
            st.button(
                scene.text("decide.edit"),
                key="edit_open",
                disabled=not scene.may("edit"),
                on_click=edit,
                help=None if scene.may("edit") else scene.text("decide.needs", role=scene.text("role.analyst")),
            )
            _reject(scene, standing)


def show_notice() -> None:
    """What came of the last action, once."""
    said = st.session_state.pop(_NOTICE, None)
    if said is not None:
        st.html(note(said[1], said[0]))


def on_act(scene: Scene, work: Callable[[Review, Person], Standing]) -> None:
    """`act` as a button's callback."""
    act(scene, work)


def act(scene: Scene, work: Callable[[Review, Person], Standing]) -> bool:
    """Do something as whoever is signed in now; the outcome is told on the next drawing of the page."""
    try:
        workspace, person = acting()
        standing = work(Review.of(workspace), person)
    except LiftwerkError as error:
        st.session_state[_NOTICE] = ("bad", in_words(scene, error))
        return False
    st.session_state[_NOTICE] = ("good", scene.text(f"decide.done_{standing.stage}"))
    return True


def _state(scene: Scene, standing: Standing | None) -> str:
    if standing is None:
        return badge(scene.text("decide.unknown"), "warn")
    if not standing.actionable:
        return badge(scene.text("decide.blocked"), "bad")
    last = standing.last
    facts = {
        "names": listed(list(standing.approved_by), scene.text("word.and")),
        "name": last.actor if last else "",
        "at": scene.moment(last.at) if last else "",
    }
    shown = badge(scene.text(f"decide.{standing.stage}"), _TONES.get(standing.stage, "plain"))
    said = scene.text(f"decide.{standing.stage}_body", **facts)
    reason = str(last.details.get("reason") or last.details.get("note") or "") if last else ""
    return shown + note(
        f"{said} „{reason}“" if reason and scene.wording.language == "de" else f"{said} “{reason}”" if reason else said
    )


def _approve(scene: Scene, brief: Brief, standing: Standing) -> None:
    allowed = scene.may("approve") and standing.stage not in ("approved", "rejected")
    with st.popover(scene.text("decide.approve"), type="primary", disabled=not allowed, key="approve_open"):
        st.html(note(scene.text("decide.approve_body", amount=scene.wording.money(_moved(brief, standing)))))
        if scene.workspace.settings.access.two_approvers_above is not None:
            limit = scene.wording.money(scene.workspace.settings.access.two_approvers_above)
            st.html(note(scene.text("decide.two", limit=limit)))
        remark = st.text_input(scene.text("decide.note"), key="approve_note", max_chars=500)
        st.button(
            scene.text("decide.approve_now"),
            key="approve_now",
            type="primary",
            on_click=on_act,
            args=(scene, lambda review, person: review.approve(person, brief.week, standing.version, remark)),
        )


def _reject(scene: Scene, standing: Standing) -> None:
    allowed = scene.may("reject") and standing.stage != "rejected"
    with st.popover(scene.text("decide.reject"), disabled=not allowed, key="reject_open"):
        st.html(note(scene.text("decide.reject_body")))
        reason = st.text_input(scene.text("decide.reason"), key="reject_reason", max_chars=500)
        st.button(
            scene.text("decide.reject_now"),
            key="reject_now",
            on_click=on_act,
            args=(scene, lambda review, person: review.reject(person, standing.week, standing.version, reason)),
        )


def _moved(brief: Brief, standing: Standing) -> float:
    from decisions.standing import moved_money

    return moved_money(standing.budget, {line.channel: line.current for line in brief.lines})
