"""Two pictures as inline SVG: today's and the proposed budget, and what the next unit of money brings."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from measurement.wording import Wording

_WIDTH, _ROW, _LEFT, _TOP, _RIGHT = 860, 34, 190, 34, 110
_INK, _MUTED, _LINE, _GAIN, _LOSS = "#1B2126", "#5B646B", "#DEDACF", "#1F5FA8", "#B4540A"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """A channel's money a week."""

    name: str
    current: float
    proposed: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRow:
    """A channel's value with its interval."""

    name: str
    value: float
    lower: float
    upper: float


def budget_chart(rows: Sequence[BudgetRow], words: Wording, title: str) -> str:
    """A line a channel from today's spend (hollow) to the proposal (filled)."""
    top = max((max(row.current, row.proposed) for row in rows), default=1.0) or 1.0
    scale = _Scale(0.0, top, words)
    parts = scale.frame(len(rows), words.money)
    for number, row in enumerate(rows):
        y = _middle(number)
        x0, x1 = scale.x(row.current), scale.x(row.proposed)
        colour = _GAIN if row.proposed > row.current else _LOSS if row.proposed < row.current else _MUTED
        parts.append(_name(row.name, y))
        parts.append(f'<line x1="{x0:.1f}" y1="{y}" x2="{x1:.1f}" y2="{y}" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<circle cx="{x0:.1f}" cy="{y}" r="5" fill="#fff" stroke="{_MUTED}" stroke-width="1.5"/>')
        parts.append(f'<circle cx="{x1:.1f}" cy="{y}" r="5" fill="{colour}"/>')
        change = row.proposed - row.current
        text = words.money(change, signed=True) if abs(change) >= 0.5 else "±0"
        parts.append(_label(text, y, colour))
    return _svg(parts, len(rows), title)


def interval_chart(rows: Sequence[IntervalRow], words: Wording, title: str) -> str:
    """A dot and a bar a channel, with a line at 1."""
    top = max((row.upper for row in rows), default=1.0)
    low = min((row.lower for row in rows), default=0.0)
    scale = _Scale(min(low, 0.0), max(top, 1.2), words)
    parts = scale.frame(len(rows), lambda value: words.number(value, digits=scale.digits))
    one = scale.x(1.0)
    bottom = _TOP + _ROW * len(rows)
    parts.append(
        f'<line x1="{one:.1f}" y1="{_TOP}" x2="{one:.1f}" y2="{bottom}" stroke="{_INK}" stroke-dasharray="4 3"/>'
    )
    for number, row in enumerate(rows):
        y = _middle(number)
        x0, x1, x = scale.x(row.lower), scale.x(row.upper), scale.x(row.value)
        colour = _GAIN if row.lower > 1 else _LOSS if row.upper < 1 else _INK
        parts.append(_name(row.name, y))
        parts.append(
            f'<line x1="{x0:.1f}" y1="{y}" x2="{x1:.1f}" y2="{y}" stroke="{colour}" stroke-width="3" opacity=".55"/>'
        )
        parts.append(f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{colour}"/>')
        parts.append(_label(words.number(row.value, digits=2), y, colour))
    return _svg(parts, len(rows), title)


class _Scale:
    """A linear axis with round ticks."""

    def __init__(self, low: float, high: float, words: Wording) -> None:
        step = _step((high - low) / 5)
        self.low, self.high = math.floor(low / step) * step, math.ceil(high / step) * step
        self.step, self.words = step, words
        self.digits = max(0, -math.floor(math.log10(step)))

    def x(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def frame(self, rows: int, written: Callable[[float], str]) -> list[str]:
        """Grid lines and their numbers."""
        bottom = _TOP + _ROW * rows
        parts = []
        for number in range(round((self.high - self.low) / self.step) + 1):
            value = self.low + number * self.step
            x = self.x(value)
            parts.append(f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}" stroke="{_LINE}"/>')
            text = escape(written(value))
            parts.append(
                f'<text x="{x:.1f}" y="{_TOP - 10}" text-anchor="middle" fill="{_MUTED}" font-size="12">{text}</text>'
            )
        return parts


def _step(rough: float) -> float:
    """The next round step: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= rough * (1 - 1e-9))


def _middle(row: int) -> float:
    return _TOP + _ROW * (row + 0.5)


def _name(text: str, y: float) -> str:
    short = text if len(text) <= 24 else text[:23] + "…"
    return f'<text x="{_LEFT - 14}" y="{y + 4.5}" text-anchor="end" fill="{_INK}" font-size="14">{escape(short)}</text>'


def _label(text: str, y: float, colour: str) -> str:
    look = f'text-anchor="end" fill="{colour}" font-size="14" font-weight="600"'
    return f'<text x="{_WIDTH}" y="{y + 4.5}" {look}>{escape(text)}</text>'


def _svg(parts: list[str], rows: int, title: str) -> str:
    height = _TOP + _ROW * rows + 6
    named = f'role="img" aria-label="{escape(title, quote=True)}"'
    return f'<svg viewBox="0 0 {_WIDTH} {height}" {named} font-family="inherit">' + "".join(parts) + "</svg>"
