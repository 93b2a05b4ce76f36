"""Response curves as small multiples, today's and proposed spend marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.figures.canvas import Style, blank, label_axis, money_text, padded, title_y
from app.figures.drawing import Drawing
from app.theme import translucent


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveWords:
    """Axis titles with units and the names of the two marks."""

    x: str
    y: str
    today: str
    proposed: str


def response_curve(
    table: pd.DataFrame, style: Style, words: CurveWords, *, today: float, proposed: float | None
) -> go.Figure:
    """One channel's curve with its band.

    Parameters
    ----------
    table
        Columns ``spend``, ``mean``, ``lower``, ``upper``: money a week.
    style, words
        Look and words.
    today, proposed
        Spend to mark, money a week; ``None`` where there is no plan.
    """
    kept = table.sort_values("spend")
    grid, mean = kept["spend"].to_numpy(dtype=np.float64), kept["mean"].to_numpy(dtype=np.float64)
    figure, colours = blank(style, height=250, left=58, right=12, bottom=46), style.palette
    for column, fill in (("upper", None), ("lower", "tonexty")):
        figure.add_scatter(
            x=grid,
            y=kept[column],
            mode="lines",
            line={"width": 0},
            fill=fill,
            fillcolor=translucent(colours.accent, 0.18),
            hoverinfo="skip",
        )
    figure.add_scatter(
        x=grid,
        y=mean,
        mode="lines",
        line={"color": colours.accent, "width": 2.2},
        # Written by the browser: a page shows a curve for each of ten channels.
        hovertemplate=f"%{{x:,.0f}} → %{{y:,.0f}} {style.wording.currency}<extra></extra>",
    )
    more = proposed is None or proposed >= today
    here = (today, float(np.interp(today, grid, mean)))
    _mark(figure, style, here, Mark(text=words.today, hollow=True, left=more))
    if proposed is not None and abs(proposed - today) > 0.005 * max(today, 1.0):
        there = (proposed, float(np.interp(proposed, grid, mean)))
        _mark(figure, style, there, Mark(text=words.proposed, hollow=False, left=not more))
    high = max(float(grid[-1]), today, proposed or 0.0)
    label_axis(figure.update_xaxes, (0.0, high * 1.03), title=words.x, text=money_text(style, high), wanted=3)
    span = padded(np.concatenate([mean, kept["upper"].to_numpy(dtype=np.float64)]), zero=True)
    label_axis(figure.update_yaxes, span, text=money_text(style, span[1]), wanted=4)
    title_y(figure, words.y, style)
    figure.update_xaxes(showgrid=False)
    return figure.done()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A named dot on a curve: hollow for today, and on which side of it the name stands."""

    text: str
    hollow: bool
    left: bool


def _mark(figure: Drawing, style: Style, place: tuple[float, float], mark: Mark) -> None:
    colours = style.palette
    colour = colours.ink if mark.hollow else colours.loss
    figure.add_scatter(
        x=[place[0]],
        y=[place[1]],
        mode="markers",
        marker={
            "size": 10,
            "color": colours.paper if mark.hollow else colours.loss,
            "line": {"width": 2, "color": colour},
        },
        cliponaxis=False,
        hovertemplate=f"{mark.text}: {style.wording.money(place[0])}<extra></extra>",
    )
    figure.add_annotation(
        x=place[0],
        y=place[1],
        text=mark.text,
        showarrow=False,
        xanchor="right" if mark.left else "left",
        yshift=11 if mark.left else -11,  # curves rise: left of a dot there is room above it, right of it below
        font={"size": 12, "color": colour},
    )
