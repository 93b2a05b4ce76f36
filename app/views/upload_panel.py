"""Replace the panel's data: checked first, compared with what is there, put in place only when sound."""

from __future__ import annotations

import streamlit as st

from app.acting import acting, in_words
from app.markup.cards import note
from app.markup.table import Cell, Column, table
from app.scene import Scene
from app.views.problems_table import problems_table
from decisions.refusal import Refusal
from decisions.upload import Candidate, Extent, examine, panel_file, put_in_place
from measurement.errors import LiftwerkError

_NOTICE = "lw_upload"
#: Streamlit's own button speaks English alone, and repeats what the label says.
_BUTTON = (
    "<style>.st-key-upload_file [data-testid=stFileUploaderDropzoneInstructions]{{display:none}}"
    ".st-key-upload_file [data-testid=stFileUploaderDropzone] button p{{font-size:0}}"
    ".st-key-upload_file [data-testid=stFileUploaderDropzone] button p::after"
    '{{content:"{word}";font-size:.95rem}}</style>'
)


def upload_panel(scene: Scene) -> None:
    """Draw it, for whoever may."""
    said = st.session_state.pop(_NOTICE, None)
    if said is not None:
        st.html(note(said[1], said[0]))
    if not scene.may("upload"):
        st.html(note(scene.text("upload.not_you")))
        return
    try:
        ending = panel_file(scene.workspace).suffix
    except LiftwerkError as error:
        st.html(note(in_words(scene, error)))
        return
    st.html(_BUTTON.format(word=scene.text("upload.button")))
    given = st.file_uploader(scene.text("upload.choose", ending=ending), type=[ending[1:]], key="upload_file")
    if given is None or scene.person is None:
        return
    try:
        found = examine(scene.workspace, scene.person, given.name, given.getvalue())
    except Refusal as refusal:
        st.html(note(refusal.sentence(scene.decided), "bad"))
        return
    if found.problems:
        st.html(problems_table(scene, list(found.problems)))
    st.html(_extents(scene, found))
    if not found.sound:
        st.html(note(scene.text("upload.unsound"), "bad"))
        return
    reason = st.text_input(scene.text("decide.reason"), key="upload_reason", max_chars=500)
    st.button(
        scene.text("upload.replace"), key="upload_now", type="primary", on_click=_put, args=(scene, found, reason)
    )


def _put(scene: Scene, found: Candidate, reason: str) -> None:
    """Put the data in place as whoever is signed in now."""
    try:
        workspace, person = acting()
        put_in_place(workspace, person, found, reason)
    except LiftwerkError as error:
        st.session_state[_NOTICE] = ("bad", in_words(scene, error))
        return
    st.session_state[_NOTICE] = ("good", scene.text("upload.done"))


def _extents(scene: Scene, found: Candidate) -> str:
    words = scene.wording
    names = ("geos", "periods", "first", "last", "outcome", "spend")

    def shown(extent: Extent | None, name: str) -> str:
        if extent is None:
            return "–"
        value = getattr(extent, name)
        if name in ("outcome", "spend"):
            return words.number(value, digits=0)
        return words.number(value, digits=0) if isinstance(value, int) else str(value)

    columns = [
        Column(title=scene.text("upload.what")),
        Column(title=scene.text("upload.before"), align="right"),
        Column(title=scene.text("upload.after"), align="right"),
    ]
    rows = [
        [
            Cell(text=scene.text(f"upload.{name}")),
            Cell(text=shown(found.before, name)),
            Cell(
                text=shown(found.after, name),
                tone="accent" if shown(found.before, name) != shown(found.after, name) else "plain",
            ),
        ]
        for name in names
    ]
    return table(columns, rows, label=scene.text("upload.what"))
