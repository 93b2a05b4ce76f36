"""A table that reads like print: numbers right-aligned in tabular figures, long text wrapped, nothing clipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from app.markup.cards import Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading and manners.

    Attributes
    ----------
    title
        Heading.
    align
        ``"left"`` for words, ``"right"`` for numbers.
    minor
        Left out on a phone.
    hint
        Explanation shown on hover and read by screen readers.
    """

    title: str
    align: Literal["left", "right"] = "left"
    minor: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell: text, a quieter second part, a tone, and for changes a bar from −1 to 1.

    Attributes
    ----------
    text
        What is read first.
    below
        Smaller text after it, e.g. the interval.
    tone
        Colour of the text.
    bar
        Signed share of the widest bar in the column, ``None`` for no bar.
    pill
        Whether the text stands in an outlined pill.
    small
        Set smaller: whole sentences.
    """

    text: str
    below: str = ""
    tone: Tone = "plain"
    bar: float | None = None
    pill: bool = False
    small: bool = False


def table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, label: str, quiet: bool = False) -> str:
    """The table as HTML.

    Parameters
    ----------
    columns
        Headings, one a column.
    rows
        Cells, one a column.
    label
        Caption for screen readers.
    quiet
        Drawn muted: the numbers are not to be acted on.
    """
    head = "".join(_heading(column) for column in columns)
    body = "".join(
        f"<tr>{''.join(_cell(column, cell) for column, cell in zip(columns, row, strict=True))}</tr>" for row in rows
    )
    manner = " lw-quiet" if quiet else ""
    return (
        f'<div class="lw-scroll"><table class="lw-table{manner}"><caption>{escape(label)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _heading(column: Column) -> str:
    hint = f' title="{escape(column.hint)}"' if column.hint else ""
    return f'<th scope="col" class="{_manners(column)}"{hint}>{escape(column.title)}</th>'


def _manners(column: Column) -> str:
    return f"lw-{column.align}" + (" lw-minor" if column.minor else "")


def _cell(column: Column, cell: Cell) -> str:
    manner = (" lw-pill" if cell.pill else "") + (" lw-why" if cell.small else "")
    inner = f'<span class="lw-cell lw-{cell.tone}{manner}">{escape(cell.text)}</span>'
    if cell.below:
        inner += f'<span class="lw-below">{escape(cell.below)}</span>'
    if cell.bar is not None:
        inner = f'<span class="lw-pair">{_bar(cell.bar)}{inner}</span>'
    return f'<td class="{_manners(column)}" data-title="{escape(column.title)}">{inner}</td>'


def _bar(share: float) -> str:
    """A bar that grows from the middle: right for more, left for less."""
    width = min(abs(share), 1.0) * 50
    side, tone = ("left:50%", "lw-bar-gain") if share >= 0 else (f"left:{50 - width:.1f}%", "lw-bar-loss")
    return f'<span class="lw-bar" aria-hidden="true"><i class="{tone}" style="{side};width:{width:.1f}%"></i></span>'
