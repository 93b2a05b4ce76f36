"""A field for an amount of money, written and read in the page's language: ``1.234,50`` in German."""

from __future__ import annotations

import streamlit as st

from app.markup.cards import note
from app.scene import Scene
from measurement.errors import InputError
from measurement.typed_amounts import read_amount

#: What was typed is quoted no further.
_SHOWN = 40


def amount_field(
    scene: Scene, label: str, *, value: float, key: str, span: tuple[float, float], kept: str = ""
) -> float | None:
    """The amount typed, ``None`` where it is none or lies outside ``span``; the field then says what to write.

    Parameters
    ----------
    scene
        The page's scene.
    label
        Of the field.
    value
        What stands in it at first.
    key
        Of the field, unique on the page.
    span
        Smallest and largest amount.
    kept
        Entry of the session that holds the last sound amount: the field then shows it in another language too.
    """
    words = scene.wording
    place = f"{key}_{words.language}"
    if kept:
        value = float(st.session_state.get(kept, value))

    def tidy() -> None:
        """What was typed as ``5000`` stands there as ``5.000,00``."""
        found = _sound(scene, str(st.session_state[place]), span)
        if isinstance(found, float):
            st.session_state[place] = words.number(found)
            if kept:
                st.session_state[kept] = found

    typed = st.text_input(label, value=words.number(value), key=place, on_change=tidy)
    found = _sound(scene, typed, span)
    if isinstance(found, float):
        return found
    st.html(note(found, "bad"))
    return None


def _sound(scene: Scene, typed: str, span: tuple[float, float]) -> float | str:
    """The amount, or a sentence on what is wrong with it."""
    words = scene.wording
    try:
        found = read_amount(typed, words)
    except InputError:
        return scene.text("amount.unreadable", typed=typed[:_SHOWN], example=words.number(1234.5))
    if span[0] <= found <= span[1]:
        return found
    return scene.text("amount.outside", lowest=words.money(span[0]), highest=words.money(span[1]))
