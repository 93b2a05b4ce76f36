"""Headlines, badges, tiles, notes and the designed states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

Tone = Literal["plain", "good", "warn", "bad", "gain", "loss", "accent"]
_SIGNS: dict[Tone, str] = {"good": "✓", "warn": "!", "bad": "✕"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure with its name, its uncertainty and last week's value beside it.

    Attributes
    ----------
    label
        What the figure is.
    value
        The figure, formatted.
    note
        Its interval or a comparison.
    aside
        A quieter second line, e.g. last week's figure.
    tone
        Colour of the value.
    """

    label: str
    value: str
    note: str = ""
    aside: str = ""
    tone: Tone = "plain"


def badge(text: str, tone: Tone = "plain") -> str:
    """A word with a sign: never colour alone.

    Examples
    --------
    >>> badge("fresh", "good")
    '<span class="lw-badge lw-good"><span aria-hidden="true">✓</span> fresh</span>'
    """
    sign = f'<span aria-hidden="true">{_SIGNS[tone]}</span> ' if tone in _SIGNS else ""
    return f'<span class="lw-badge lw-{tone}">{sign}{escape(text)}</span>'


def kicker_line(text: str) -> str:
    """The small line above a headline."""
    return f'<p class="lw-kicker">{escape(text)}</p>'


def masthead(*, headline: str, kicker: str = "", lead: str = "", tone: Tone = "plain") -> str:
    """The top of a page: a small line, a headline and one sentence."""
    above = kicker_line(kicker) if kicker else ""
    sentence = f'<p class="lw-lead">{escape(lead)}</p>' if lead else ""
    return (
        f'<header class="lw-masthead">{above}'
        f'<h1 class="lw-headline lw-{tone}">{escape(headline)}</h1>{sentence}</header>'
    )


def section(title: str, note: str = "") -> str:
    """A heading inside a page with an optional sentence."""
    sentence = f"<p>{escape(note)}</p>" if note else ""
    return f'<div class="lw-section"><h2>{escape(title)}</h2>{sentence}</div>'


def small_title(title: str) -> str:
    """A heading above one chart of several."""
    return f'<h3 class="lw-small">{escape(title)}</h3>'


def tiles(items: Sequence[Tile], *, quiet: bool = False) -> str:
    """A row of tiles that wraps on small screens; ``quiet`` mutes what is not to be acted on."""
    return f'<div class="lw-tiles{" lw-quiet" if quiet else ""}">{"".join(_tile(item) for item in items)}</div>'


def _tile(item: Tile) -> str:
    note = f'<span class="lw-tile-note">{escape(item.note)}</span>' if item.note else ""
    aside = f'<span class="lw-tile-aside">{escape(item.aside)}</span>' if item.aside else ""
    return (
        f'<div class="lw-tile"><span class="lw-tile-label">{escape(item.label)}</span>'
        f'<span class="lw-tile-value lw-{item.tone}">{escape(item.value)}</span>{note}{aside}</div>'
    )


def note(text: str, tone: Tone = "plain") -> str:
    """A paragraph in the margin's voice."""
    return f'<p class="lw-note lw-edge-{tone}">{escape(text)}</p>'


def caption(text: str) -> str:
    """The sentence below a chart that says what it shows."""
    return f'<p class="lw-caption">{escape(text)}</p>'


def picture_button(label: str, help_text: str, file: str) -> str:
    """A button that saves the drawing marked with the same ``file`` as ``file.png``; the browser does it itself.

    Examples
    --------
    >>> picture_button("PNG", "As a picture", "roas")
    '<button type="button" class="lw-picture" data-lw-picture="roas" title="As a picture">PNG</button>'
    """
    named = f'data-lw-picture="{escape(file, quote=True)}" title="{escape(help_text, quote=True)}"'
    return f'<button type="button" class="lw-picture" {named}>{escape(label)}</button>'


def state(*, title: str, body: str, command: str = "", tone: Tone = "plain") -> str:
    """A page's answer when it has nothing to show: what is missing, and the command that mends it."""
    code = f"<pre><code>{escape(command)}</code></pre>" if command else ""
    return (
        f'<div class="lw-state lw-edge-{tone}" role="status"><h2>{escape(title)}</h2><p>{escape(body)}</p>{code}</div>'
    )


def bullets(items: Sequence[tuple[str, str]]) -> str:
    """Term and explanation, one a line."""
    rows = "".join(f"<li><strong>{escape(term)}</strong> {escape(text)}</li>" for term, text in items)
    return f'<ul class="lw-list">{rows}</ul>'
