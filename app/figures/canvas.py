"""The ground every figure stands on: fonts, colours, axes with units and localised ticks."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from babel.dates import format_date
from numpy.typing import NDArray

from app.figures.drawing import Drawing
from app.theme import BODY_FONT, Palette
from app.units import short_money
from measurement.wording import Wording

#: Beyond this many points a line is thinned to what a screen can show.
MAX_POINTS = 5000
#: A longer stretch of time is named by its months, a shorter one by its days.
_DAYS_OF_MONTHS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What every figure needs besides its numbers: colours of the mode, words and number formats."""

    palette: Palette
    wording: Wording


def blank(style: Style, *, height: int, left: int = 64, right: int = 24, top: int = 34, bottom: int = 48) -> Drawing:
    """An empty figure in the house's look."""
    colours = style.palette
    axis = {
        "showgrid": True,
        "gridcolor": colours.line,
        "zeroline": False,
        "tickfont": {"color": colours.muted, "size": 12},
        "title": {"font": {"color": colours.muted, "size": 12}},
        "fixedrange": True,
        "automargin": True,
    }
    return Drawing(
        {
            "height": height,
            "margin": {"l": left, "r": right, "t": top, "b": bottom},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"family": BODY_FONT, "size": 13, "color": colours.ink},
            "separators": ",." if style.wording.language == "de" else ".,",
            "showlegend": False,
            "hovermode": "closest",
            "hoverlabel": {
                "bgcolor": colours.panel,
                "bordercolor": colours.line,
                "font": {"color": colours.ink},
            },
            "dragmode": False,
            "bargap": 0.35,
            "xaxis": axis,
            "yaxis": axis,
        }
    )


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round tick positions (1, 2, 2.5 or 5 times a power of ten) that cover ``low`` to ``high``.

    Examples
    --------
    >>> ticks(0, 23000)
    [0.0, 5000.0, 10000.0, 15000.0, 20000.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / wanted
    scale = 10.0 ** math.floor(math.log10(raw))
    step = next(scale * factor for factor in (1, 2, 2.5, 5, 10) if scale * factor >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


def label_axis(
    axis: Callable[..., object],
    span: tuple[float, float],
    *,
    text: Callable[[float], str],
    title: str = "",
    wanted: int = 5,
) -> None:
    """Give an axis (``figure.update_xaxes`` or ``update_yaxes``) a range, localised ticks and, below it, a title."""
    places = ticks(*span, wanted=wanted)
    axis(range=list(span), tickmode="array", tickvals=places, ticktext=[text(place) for place in places])
    if title:
        axis(title={"text": title})


def title_y(figure: Drawing, title: str, style: Style) -> None:
    """The vertical axis' title with its unit, written level above the axis: nobody tilts their head."""
    figure.add_annotation(
        name="y title",
        x=0,
        xref="paper",
        xanchor="left",
        y=1,
        yref="paper",
        yanchor="bottom",
        xshift=-figure.layout["margin"]["l"] + 4,
        yshift=8,
        text=title,
        showarrow=False,
        font={"color": style.palette.muted, "size": 12},
    )


def money_text(style: Style, top: float) -> Callable[[float], str]:
    """How an axis that reaches ``top`` writes money: whole below 10,000, shortened above."""
    if abs(top) < 10_000:
        return style.wording.money
    return lambda value: short_money(value, style.wording)


def label_dates(figure: Drawing, dates: pd.DatetimeIndex, style: Style, *, title: str, wanted: int = 6) -> None:
    """A date axis whose ticks are written in the page's language."""
    if (dates[-1] - dates[0]).days > _DAYS_OF_MONTHS:
        chosen, pattern = _months(dates, wanted), "MMM yyyy"
    else:
        chosen = dates[:: max(math.ceil((len(dates) - 1) / max(wanted - 1, 1)), 1)]
        pattern = "d. MMM" if style.wording.language == "de" else "d MMM"
    # Left to itself the axis would grow to hold the labels at the lines' ends, which have the margin: on a phone that
    # is more than the data keep.
    air = (dates[-1] - dates[0]) * 0.01 or pd.Timedelta(days=1)
    figure.update_xaxes(
        type="date",
        range=[dates[0] - air, dates[-1] + air],
        tickmode="array",
        tickvals=list(chosen),
        ticktext=[format_date(day.date(), pattern, locale=style.wording.locale) for day in chosen],
        title={"text": title},
        showgrid=False,
        ticks="outside",
        tickcolor=style.palette.line,
    )


def _months(dates: pd.DatetimeIndex, wanted: int) -> pd.DatetimeIndex:
    """First days of months, so that equal distances on the axis carry equal steps of its names."""
    months = pd.date_range(dates[0], dates[-1], freq="MS", normalize=True)
    step = next((months_apart for months_apart in (1, 2, 3, 6) if len(months) <= wanted * months_apart), 12)
    return months[::step]


def padded(
    values: Sequence[float] | NDArray[np.float64], *, zero: bool = False, share: float = 0.06
) -> tuple[float, float]:
    """Range that holds all finite values with a little air; ``zero`` includes zero as the floor or ceiling."""
    finite = np.asarray(values, dtype=np.float64)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    air = (high - low) * share or max(abs(high), 1.0) * share
    return (low if zero and low == 0.0 else low - air), high + air


def spread(places: Sequence[float], gap: float, low: float = -math.inf) -> list[float]:
    """Label positions near ``places``, none below ``low``, that keep at least ``gap`` between them.

    Examples
    --------
    >>> spread([1.0, 1.0, 5.0], 1.0)
    [0.5, 1.5, 5.0]
    >>> spread([0.0, 0.0, 5.0], 1.0, low=0.0)
    [0.0, 1.0, 5.0]
    """
    order = np.argsort(places, kind="stable")
    moved = np.asarray(places, dtype=np.float64)[order]
    for _ in range(200):
        overlap = gap - np.diff(moved)
        if not (overlap > 1e-9).any():
            break
        push = np.maximum(overlap, 0.0) / 2
        moved[:-1] -= push
        moved[1:] += push
    if moved.size and moved[0] < low:
        moved = np.maximum(moved, low + gap * np.arange(len(moved)))
    result = np.empty_like(moved)
    result[order] = moved
    return [float(value) for value in result]


def thin(values: NDArray[np.float64], limit: int = MAX_POINTS) -> NDArray[np.intp]:
    """Indices of at most ``limit`` points that keep every bucket's first, lowest and highest value.

    A screen of 1,500 pixels cannot show more; peaks stay visible, unlike with plain striding.
    """
    if len(values) <= limit:
        return np.arange(len(values))
    chosen = {0, len(values) - 1}
    for bucket in np.array_split(np.arange(len(values)), max(limit // 3 - 1, 1)):
        part = values[bucket]
        chosen |= {int(bucket[0]), int(bucket[np.nanargmin(part)]), int(bucket[np.nanargmax(part)])}
    return np.array(sorted(chosen), dtype=np.intp)
