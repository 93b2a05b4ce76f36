"""Stopped canaries on the content page: what stands, and the way for a person to let one go on."""

from __future__ import annotations

import streamlit as st

from app.acting import acting, in_words
from app.markup.cards import note
from app.names import readable
from app.scene import Scene
from app.views.content_tables import kpi_name
from decisions.canary_stops import CanaryStop, CanaryStops
from measurement.errors import LiftwerkError

_NOTICE = "canary_notice"


def stops(scene: Scene) -> None:
    """Every stop that stands, each with its button, and what came of the last action."""
    told = st.session_state.pop(_NOTICE, None)
    if told is not None:
        st.html(note(told[1], told[0]))
    try:
        standing = CanaryStops.of(scene.workspace).standing()
    except LiftwerkError as error:
        st.html(note(in_words(scene, error), "bad"))
        return
    for stop in standing:
        facts = {
            "name": f"{readable(stop.team)} · {readable(stop.pipeline)}",
            "at": scene.moment(stop.stopped_at),
            "kpis": ", ".join(kpi_name(scene, kpi) for kpi in stop.kpis),
        }
        st.html(note(scene.text("content.stopped", **facts), "bad"))
        _resume(scene, stop, facts["name"])


def stopped(scene: Scene) -> int:
    """How many canaries stand stopped; none where the log cannot be read, which `stops` says."""
    try:
        return len(CanaryStops.of(scene.workspace).standing())
    except LiftwerkError:
        return 0


def _resume(scene: Scene, stop: CanaryStop, name: str) -> None:
    with st.popover(scene.text("content.resume"), disabled=not scene.may("approve"), key=f"resume_{stop.id}"):
        st.html(note(scene.text("content.resume_body", name=name)))
        reason = st.text_input(scene.text("content.resume_reason"), key=f"resume_reason_{stop.id}", max_chars=500)
        st.button(
            scene.text("content.resume_now"), key=f"resume_now_{stop.id}", on_click=_act, args=(scene, stop, reason)
        )


def _act(scene: Scene, stop: CanaryStop, reason: str) -> None:
    try:
        workspace, person = acting()
        CanaryStops.of(workspace).resume(stop.id, person, reason)
    except LiftwerkError as error:
        st.session_state[_NOTICE] = ("bad", in_words(scene, error))
        return
    st.session_state[_NOTICE] = ("good", scene.text("content.resumed"))
