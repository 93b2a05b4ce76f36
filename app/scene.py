"""What a page is given: the workspace, its words and number formats, and the colours of the mode."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import streamlit as st
from babel import Locale

from app.figures.canvas import Style
from app.identity import current_person
from app.theme import Palette, palette
from app.units import short_money
from decisions.people import Deed, Person
from decisions.rule_words import rule_in_words
from measurement.wording import LANGUAGES, Wording, load_wording
from measurement.workspace import Workspace

#: Environment variable that names the workspace to a server that starts the app by itself.
WORKSPACE_VARIABLE = "LIFTWERK_WORKSPACE"
_FALLBACK = {"en": "en_GB", "de": "de_DE"}
_KEY = "lw_language"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything a view needs besides the artifacts.

    Attributes
    ----------
    workspace
        The opened workspace.
    wording
        Messages and number formats of the page's language.
    palette
        Colours of the browser's mode.
    decided
        Words of the decisions' room: checks, remedies, budget rules, refusals.
    person
        Who looks, ``None`` where nobody signed in.
    """

    workspace: Workspace
    wording: Wording
    palette: Palette
    decided: Wording
    person: Person | None = None

    @property
    def style(self) -> Style:
        """What figures need."""
        return Style(palette=self.palette, wording=self.wording)

    def text(self, key: str, **facts: object) -> str:
        """A message of the app's catalogue."""
        return self.wording.text(key, **facts)

    def short(self, value: float) -> str:
        """An amount in few characters, ``460 Tsd. €``."""
        return short_money(float(value), self.wording)

    def may(self, deed: Deed) -> bool:
        """Whether to offer an action; the action itself asks again."""
        return self.person is not None and self.person.may(deed)

    def moment(self, stamp: str) -> str:
        """A moment of the log in the page's language, ``14.11.2026, 09:00 UTC``; other texts stay as they are."""
        try:
            moment = datetime.fromisoformat(stamp).astimezone(UTC)
        except ValueError:
            return stamp
        return f"{self.wording.date(moment.date())}, {moment:%H:%M} UTC"

    def chance(self, value: float) -> str:
        """A probability that never reads as impossible or certain: no number of draws proves that."""
        words = self.wording
        if value < 0.01:
            return f"< {words.percent(0.01)}"
        return f"> {words.percent(0.99)}" if value > 0.99 else words.percent(value)

    def rule(self, name: str) -> str:
        """A budget rule in the page's language."""
        return rule_in_words(name, self.decided)

    def maybe(self, key: str, otherwise: str) -> str:
        """A message, or ``otherwise`` for ids that the catalogue does not know (new checks, KPIs, rules)."""
        return self.wording.messages.get(key, otherwise)

    def end(self, value: float | None, write: Callable[[float], str]) -> str:
        """An end of an interval; artifacts write an unbounded one as nothing."""
        return self.text("word.open") if value is None or pd.isna(value) else write(float(value))

    @staticmethod
    def finite(value: float, lower: float | None, upper: float | None) -> tuple[float, float, float]:
        """A drawable interval: an unbounded end is drawn at the value itself."""
        return float(value), float(value if lower is None else lower), float(value if upper is None else upper)


def workspace_folder() -> Path:
    """The folder named by ``LIFTWERK_WORKSPACE``, else by ``--workspace``, else the current one."""
    named = os.environ.get(WORKSPACE_VARIABLE)
    if not named and "--workspace" in sys.argv[:-1]:
        named = sys.argv[sys.argv.index("--workspace") + 1]
    return Path(named) if named else Path.cwd()


def language(default: str) -> str:
    """The page's language: ``?lang=`` of the address, then what the reader chose, then ``default``."""
    asked = st.query_params.get("lang")
    if asked in LANGUAGES:
        st.session_state[_KEY] = asked
    chosen = str(st.session_state.get(_KEY, default))
    if chosen not in (default, asked):
        st.query_params["lang"] = chosen  # the address of every page can be passed on
    return chosen


def choose_language(chosen: str) -> None:
    """Remember the reader's choice, in the session and in the address."""
    st.session_state[_KEY] = chosen
    st.query_params["lang"] = chosen


def wording_for(workspace_locale: str, currency: str) -> Wording:
    """The app's words: numbers keep the workspace's own locale where it speaks the chosen language."""
    own = Locale.parse(workspace_locale).language
    chosen = language(own if own in LANGUAGES else "en")
    return load_wording("app", workspace_locale if chosen == own else _FALLBACK[chosen], currency)


def decision_words(wording: Wording) -> Wording:
    """The words of the decisions' room (checks, remedies, rules, refusals) beside the app's own."""
    return load_wording("decisions", wording.locale, wording.currency)


def open_scene() -> Scene:
    """Open the workspace in the reader's language and mode.

    Raises
    ------
    InputError
        Where the workspace's settings are missing or wrong.
    """
    workspace = Workspace.open(workspace_folder())
    settings = workspace.settings.workspace
    wording = wording_for(settings.locale, settings.currency)
    return Scene(
        workspace=workspace,
        wording=wording,
        palette=palette(st.context.theme.type),
        decided=decision_words(wording),
        person=current_person(workspace),
    )
