"""Dots with their intervals, one row a name: ROAS, marginal ROAS, creatives, credit.

Drawn as text and boxes of the page itself: it stands with the first words, keeps its letters' size on a phone, and the
first page needs no library of 4.7 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from app.figures.canvas import padded, ticks


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One name with its estimate.

    Attributes
    ----------
    name
        Label of the row.
    value, lower, upper
        Estimate and interval in the axis' unit.
    colour
        CSS colour of dot and line.
    """

    name: str
    value: float
    lower: float
    upper: float
    colour: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A vertical line to compare with, e.g. break-even, and what is written on it."""

    value: float
    text: str


def interval_rows(
    rows: Sequence[Row],
    *,
    title: str,
    says: str,
    text: Callable[[float], str],
    reference: Reference | None = None,
) -> str:
    """A horizontal dot-and-interval plot, first row on top, the value written above each dot.

    Parameters
    ----------
    rows
        At least one; finite numbers.
    title
        Of the axis, with its unit.
    says
        One sentence on what it shows, read by screen readers in place of the drawing.
    text
        How a value is written.
    reference
        A line to compare with.

    Examples
    --------
    >>> row = Row(name="TV", value=1.5, lower=1.0, upper=2.0, colour="#1F5FA8")
    >>> drawn = interval_rows([row], title="ROAS", says="TV leads.", text=lambda value: f"{value:.1f}")
    >>> 'aria-label="TV leads."' in drawn, 'title="TV: 1.5 [1.0 – 2.0]"' in drawn
    (True, True)
    """
    ends = [end for row in rows for end in (row.lower, row.upper)]
    span = padded([*ends, reference.value] if reference else ends, zero=True)

    def place(value: float) -> str:
        return f"{100 * (value - span[0]) / (span[1] - span[0]):.2f}%"

    marks = ticks(*span)
    grid = "".join(f'<i style="left:{place(mark)}"></i>' for mark in marks)
    line = ""
    if reference is not None:
        line = f'<em style="left:{place(reference.value)}"></em><b style="left:{place(reference.value)}">'
        line += f"{escape(reference.text)}</b>"
    written = "".join(f'<span style="left:{place(mark)}">{escape(text(mark))}</span>' for mark in marks)
    return (
        f'<div class="lw-rows{" lw-compared" if reference else ""}" role="img" aria-label="{escape(says, quote=True)}">'
        f'<div class="lw-grid" style="grid-row:1 / span {len(rows)}">{grid}{line}</div>'
        f"{''.join(_row(number, row, place, text) for number, row in enumerate(rows, 1))}"
        f'<div class="lw-ticks">{written}</div><div class="lw-axis">{escape(title)}</div></div>'
    )


def _row(number: int, row: Row, place: Callable[[float], str], text: Callable[[float], str]) -> str:
    whole = f"{row.name}: {text(row.value)} [{text(row.lower)} – {text(row.upper)}]"
    right = f"calc(100% - {place(row.upper)})"
    return (
        f'<span class="lw-name" style="grid-row:{number}">{escape(row.name)}</span>'
        f'<span class="lw-lane" style="grid-row:{number};color:{row.colour}" title="{escape(whole, quote=True)}">'
        f'<i class="lw-span" style="left:{place(row.lower)};right:{right}"></i>'
        f'<i class="lw-dot" style="left:{place(row.value)}"></i>'
        f'<b style="left:{place(row.value)}">{escape(text(row.value))}</b></span>'
    )
