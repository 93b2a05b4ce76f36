"""The frame around every page: style sheet, sidebar, language switch, and an end to every error."""

from __future__ import annotations

import logging
from collections.abc import Callable
from html import escape

import streamlit as st

from app.loaders import latest
from app.markup.cards import bullets, state
from app.scene import Scene, choose_language
from decisions.problem_words import in_words
from measurement.errors import LiftwerkError
from measurement.store import RunRecord
from measurement.wording import LANGUAGES, Wording

_LOG = logging.getLogger(__name__)
_OWN_NAMES = {"en": "English", "de": "Deutsch"}


def run_view(name: str, show: Callable[[Scene], None], scene: Scene) -> None:
    """Draw a page; whatever goes wrong ends in words and a remedy, never in a traceback."""
    _drawn(scene, name, show, scene)


@st.fragment
def run_part(scene: Scene, name: str, show: Callable[..., None], *things: object) -> None:
    """Draw a part of a page that is drawn anew by itself when one of its own controls is touched.

    ``show`` is called with ``things``; errors end as those of a page do.
    """
    _drawn(scene, name, show, *things)


def _drawn(scene: Scene, name: str, show: Callable[..., None], *things: object) -> None:
    try:
        show(*things)
    except LiftwerkError as error:
        show_problems(scene.wording, error)
    except Exception:  # noqa: BLE001 - the last line of defence: a page never shows a traceback
        _LOG.exception("%s could not be drawn", name)
        st.html(
            state(
                title=scene.text("state.fault_title"),
                body=scene.text("state.fault_body"),
                command="liftwerk check",
                tone="bad",
            )
        )


def show_problems(wording: Wording, error: LiftwerkError) -> None:
    """An artifact or the settings are wrong: say where and how to mend it."""
    st.html(state(title=wording.text("state.broken_title"), body=wording.text("state.broken_body"), tone="bad"))
    st.html(
        bullets(
            [
                (problem.place, f"{problem.message}{f' ({problem.value})' if problem.value else ''}. {problem.remedy}.")
                for problem in (in_words(problem, wording) for problem in error.problems)
            ]
        )
    )


def sidebar(scene: Scene) -> None:
    """What stands below the navigation: the workspace's name and the language switch."""
    with st.sidebar:
        shown = scene.wording.language
        st.segmented_control(
            scene.text("frame.language"),
            LANGUAGES,
            default=shown,
            format_func=_OWN_NAMES.__getitem__,
            required=True,
            key="language_switch",
            label_visibility="collapsed",
            on_change=_switched,
        )
        if scene.person is not None:
            role = scene.text(f"role.{scene.person.role}")
            st.caption(scene.text("frame.person", name=scene.person.name, role=role))
            if scene.person.via == "file":
                st.html(f'<a class="lw-out" href="/sign-out" target="_self">{escape(scene.text("door.sign_out"))}</a>')
            elif scene.person.via == "oidc":
                st.button(scene.text("door.sign_out"), key="sign_out", on_click=st.logout, type="tertiary")
        st.caption(scene.text("frame.foot", name=scene.workspace.settings.workspace.name))


def _switched() -> None:
    choose_language(str(st.session_state["language_switch"]))


def need_run(scene: Scene, kind: str, command: str) -> RunRecord | None:
    """The newest run of a kind; where there is none, the page says which command makes one."""
    run = latest(scene.workspace, kind)
    if run is None:
        nothing_yet(scene, kind, command)
    return run


def nothing_yet(scene: Scene, what: str, command: str) -> None:
    """The page's answer where nothing of a kind was made yet: the command that makes it."""
    st.html(
        state(
            title=scene.text("state.empty_title"),
            body=scene.text(f"state.empty_{what}"),
            command=command,
            tone="accent",
        )
    )
