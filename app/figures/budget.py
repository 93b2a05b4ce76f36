"""Other budgets, other attitudes to risk, the causes of a change, and money by channel and geo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.figures.canvas import Style, blank, label_axis, money_text, padded, title_y
from app.figures.drawing import Drawing
from app.units import short_money


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """A named place on a line.

    Attributes
    ----------
    x, y
        Where.
    text
        Its name.
    hollow
        For comparison only: drawn open.
    side
        Where the name stands: a rising line has room below on the right and above on the left, a falling one above
        on the right.
    """

    x: float
    y: float
    text: str
    hollow: bool = False
    side: Literal["below right", "above left", "above right"] = "below right"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaneWords:
    """Titles of both axes, with units."""

    x: str
    y: str


def frontier_line(
    table: pd.DataFrame, style: Style, words: PlaneWords, spots: Sequence[Spot], *, x: str, y: str
) -> go.Figure:
    """A frontier: the best that can be had of ``y`` at each ``x``, with named places.

    Parameters
    ----------
    table
        Columns named by ``x`` and ``y``, money; sorted here.
    style, words
        Look and words.
    spots
        Places to name.
    x, y
        Columns of the axes.
    """
    kept = table.dropna(subset=[x, y]).sort_values(x)
    across, up = kept[x].to_numpy(dtype=np.float64), kept[y].to_numpy(dtype=np.float64)
    figure, colours, money = blank(style, height=330, left=70, right=40), style.palette, style.wording.money
    figure.add_scatter(
        x=across,
        y=up,
        mode="lines+markers",
        line={"color": colours.accent, "width": 2.2},
        marker={"size": 6, "color": colours.accent},
        customdata=[f"{money(a)} → {money(b)}" for a, b in zip(across, up, strict=True)],
        hovertemplate="%{customdata}<extra></extra>",
    )
    for spot in spots:
        _spot(figure, spot, style)
    wide = padded([*across, *(spot.x for spot in spots)], share=0.12)
    high = padded([*up, *(spot.y for spot in spots)], share=0.15)
    label_axis(figure.update_xaxes, wide, title=words.x, text=_money(style, wide))
    label_axis(figure.update_yaxes, high, text=_money(style, high))
    title_y(figure, words.y, style)
    figure.update_xaxes(showgrid=False)
    return figure.done()


def _money(style: Style, span: tuple[float, float]) -> Callable[[float], str]:
    """Whole amounts where shortened ones could not be told apart."""
    narrow = span[1] - span[0] < 0.05 * max(abs(span[0]), abs(span[1]))
    return style.wording.money if narrow else money_text(style, max(abs(span[0]), abs(span[1])))


def _spot(figure: Drawing, spot: Spot, style: Style) -> None:
    colours = style.palette
    colour = colours.ink if spot.hollow else colours.loss
    figure.add_scatter(
        x=[spot.x],
        y=[spot.y],
        mode="markers",
        marker={
            "size": 12,
            "color": colours.paper if spot.hollow else colours.loss,
            "line": {"width": 2, "color": colour},
        },
        cliponaxis=False,
        hovertemplate=f"{spot.text}: {style.wording.money(spot.x)}<extra></extra>",
    )
    figure.add_annotation(
        x=spot.x,
        y=spot.y,
        text=spot.text,
        showarrow=False,
        xanchor="left" if "right" in spot.side else "right",
        xshift=8 if "right" in spot.side else -8,
        yshift=-13 if "below" in spot.side else 13,
        font={"size": 12, "color": colour},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stair:
    """One cause and what it adds."""

    name: str
    change: float


def waterfall(
    stairs: Sequence[Stair], style: Style, *, start: tuple[str, float], end: tuple[str, float], title: str
) -> go.Figure:
    """From one amount to another, cause by cause, first on top; the two amounts are dots, the causes bars."""
    figure, colours, wording = blank(style, height=96 + 40 * len(stairs), left=8, top=8), style.palette, style.wording
    level, ends = start[1], [start[1], end[1]]
    for stair in stairs:
        colour = colours.gain if stair.change >= 0 else colours.loss
        figure.add_bar(
            x=[stair.change],
            base=[level],
            y=[stair.name],
            orientation="h",
            marker={"color": colour},
            hovertemplate=f"%{{y}}: {wording.money(stair.change, signed=True)}<extra></extra>",
        )
        level += stair.change
        ends.append(level)
        figure.add_annotation(
            x=max(level, level - stair.change),
            y=stair.name,
            text=wording.money(stair.change, signed=True),
            showarrow=False,
            xanchor="left",
            xshift=6,
            font={"size": 12, "color": colour},
        )
    for name, value in (start, end):
        figure.add_scatter(
            x=[value],
            y=[name],
            mode="markers+text",
            marker={"size": 11, "color": colours.ink},
            text=[wording.money(value)],
            textposition="middle right",
            textfont={"color": colours.ink, "size": 12},
            cliponaxis=False,
            hoverinfo="skip",
        )
    low, high = padded(ends, share=0.12)
    label_axis(figure.update_xaxes, (low, high + 0.18 * (high - low)), title=title, text=_money(style, (low, high)))
    names = [start[0], *(stair.name for stair in stairs), end[0]]
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=names[::-1],
        showgrid=False,
        tickfont={"size": 13, "color": colours.ink},
        ticklabelstandoff=8,
    )
    return figure.done()


def _short_signed(style: Style, value: float) -> str:
    """An amount in few characters with its sign: colour alone would leave readers out."""
    text = short_money(value, style.wording) if np.isfinite(value) else "–"
    return f"+{text}" if value > 0 else text


def heat_map(table: pd.DataFrame, style: Style, *, x: str, title: str) -> go.Figure:
    """Money by row and column, more in blue, less in orange.

    Parameters
    ----------
    table
        Rows by name (index), columns by name, changes in money.
    style
        Look.
    x
        Title of the columns' axis.
    title
        What the colours are, with unit.
    """
    figure = blank(style, height=110 + 30 * len(table), left=8, right=8, top=34, bottom=100)
    colours, top = style.palette, float(np.nanmax(np.abs(table.to_numpy(dtype=np.float64)), initial=0.0)) or 1.0
    written = [[style.wording.money(value, signed=True) for value in row] for row in table.to_numpy(dtype=np.float64)]
    figure.add_heatmap(
        z=table.to_numpy(dtype=np.float64),
        x=[str(name) for name in table.columns],
        y=[str(name) for name in table.index],
        zmin=-top,
        zmax=top,
        colorscale=[[0.0, colours.loss], [0.5, colours.paper], [1.0, colours.gain]],
        showscale=False,
        customdata=written,
        text=[[_short_signed(style, value) for value in row] for row in table.to_numpy(dtype=np.float64)],
        texttemplate="%{text}",
        textfont={"size": 11},
        hovertemplate="%{y}, %{x}: %{customdata}<extra></extra>",
        xgap=2,
        ygap=2,
    )
    figure.update_xaxes(showgrid=False, title={"text": x}, tickangle=-40)
    figure.update_yaxes(showgrid=False, autorange="reversed", tickfont={"size": 13, "color": colours.ink})
    title_y(figure, title, style)
    return figure.done()
