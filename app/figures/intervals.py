"""Dots with their intervals, one row a name: ROAS, marginal ROAS, creatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from app.figures.canvas import Style, blank, label_axis, padded
from app.figures.drawing import Drawing
from app.theme import translucent


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
    style: Style,
    *,
    title: str,
    text: Callable[[float], str],
    reference: Reference | None = None,
) -> go.Figure:
    """A horizontal dot-and-interval plot, first row on top, the value written beside each dot."""
    figure = blank(style, height=64 + 34 * len(rows), left=8, bottom=46, top=26 if reference else 8)
    names = [row.name for row in rows]
    ends = [end for row in rows for end in (row.lower, row.upper)]
    low, high = padded([*ends, reference.value] if reference else ends, zero=True)
    for row in rows:
        figure.add_scatter(
            x=[row.lower, row.upper],
            y=[row.name, row.name],
            mode="lines",
            line={"color": row.colour, "width": 3},
            opacity=0.45,
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=[row.value for row in rows],
        y=names,
        mode="markers",
        marker={"color": [row.colour for row in rows], "size": 11},
        customdata=[f"{text(row.value)}  [{text(row.lower)} – {text(row.upper)}]" for row in rows],
        hovertemplate="%{y}: %{customdata}<extra></extra>",
    )
    for row in rows:
        figure.add_annotation(
            x=row.value,
            y=row.name,
            text=text(row.value),
            yshift=13,
            showarrow=False,
            bgcolor=translucent(style.palette.paper, 0.8),
            font={"size": 11, "color": row.colour},
        )
    if reference is not None:
        _reference(figure, reference, style)
    label_axis(figure.update_xaxes, (low, high), title=title, text=text)
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=names[::-1],
        showgrid=False,
        tickfont={"size": 13, "color": style.palette.ink},
        ticklabelstandoff=10,
        range=[-0.6, len(rows) - 0.4],
    )
    return figure.done()


def _reference(figure: Drawing, reference: Reference, style: Style) -> None:
    figure.add_vline(x=reference.value, line={"color": style.palette.ink, "width": 1, "dash": "dot"})
    figure.add_annotation(
        x=reference.value,
        y=1,
        yref="paper",
        yanchor="bottom",
        text=reference.text,
        showarrow=False,
        font={"size": 12, "color": style.palette.muted},
    )
