"""Figures of geo tests: the treated geos among placebo sets, and what designs can see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.figures.canvas import Style, blank, label_axis, label_dates, padded, title_y
from app.figures.timelines import AxisWords, Window, shade
from app.theme import translucent


def placebo_lines(table: pd.DataFrame, style: Style, words: AxisWords, window: Window, *, name: str) -> go.Figure:
    """The treated geos' effect over the effects that the same reading finds in untreated sets.

    Parameters
    ----------
    table
        Columns ``date``, ``set`` (0: the treated geos), ``effect`` (a share).
    style, words
        Look and axes.
    window
        The test.
    name
        Label of the treated geos' line.
    """
    figure, colours = blank(style, height=300, right=112), style.palette
    figure.add_hline(y=0, line={"color": colours.ink, "width": 1})
    wide = table.pivot_table(index="date", columns="set", values="effect").sort_index()
    thin = {"color": translucent(colours.muted, 0.35), "width": 1}
    others = wide.drop(columns=0)
    for column in others.columns:
        figure.add_scatter(x=wide.index, y=others[column], mode="lines", line=thin, hoverinfo="skip")
    own = wide[0]
    figure.add_scatter(
        x=wide.index,
        y=own,
        mode="lines",
        line={"color": colours.accent, "width": 2.5},
        customdata=[words.text(value) for value in own],
        hovertemplate="%{x|%Y-%m-%d}: %{customdata}<extra></extra>",
    )
    shade(figure, window, style)
    figure.add_annotation(
        x=wide.index[-1],
        y=float(own.iloc[-1]),
        text=name,
        xanchor="left",
        xshift=8,
        showarrow=False,
        font={"color": colours.accent, "size": 12},
    )
    # A few wild sets may leave the frame: the treated line has to stay readable.
    rest = others.to_numpy(dtype=np.float64)
    ends = np.quantile(rest, [0.01, 0.99]) if rest.size else np.zeros(2)
    label_axis(figure.update_yaxes, padded([*own, *ends], zero=True), text=words.text)
    title_y(figure, words.y, style)
    label_dates(figure, pd.DatetimeIndex(wide.index), style, title=words.x)
    return figure.done()


def power_lines(
    table: pd.DataFrame,
    style: Style,
    names: Sequence[tuple[int, str]],
    *,
    titles: tuple[str, str],
    text: Callable[[float], str],
    wanted: float,
) -> go.Figure:
    """Power of a few designs over the size of the lift.

    Parameters
    ----------
    table
        Columns ``rank``, ``effect``, ``power``.
    style
        Look.
    names
        Rank and label of the designs drawn, the best first.
    titles
        Of the horizontal and the vertical axis.
    text
        How a share is written.
    wanted
        Power to mark with a line.
    """
    figure, colours = blank(style, height=280, right=120), style.palette
    ends: list[tuple[str, float, str]] = []
    # Beyond the lift that every drawn design sees for certain there is nothing to look at.
    drawn = table[table["rank"].isin([rank for rank, _ in names])]
    unsure = drawn.loc[drawn["power"] < 0.995, "effect"]
    top = float(unsure.max()) * 1.15 if len(unsure) else float(drawn["effect"].max())
    for place, (rank, label) in enumerate(names):
        line = drawn[(drawn["rank"] == rank) & (drawn["effect"] <= top)].sort_values("effect")
        colour = colours.accent if place == 0 else colours.muted
        figure.add_scatter(
            x=line["effect"],
            y=line["power"],
            mode="lines",
            line={"color": colour, "width": 2.5 if place == 0 else 1.3},
            customdata=[
                f"{text(effect)}: {text(power)}" for effect, power in zip(line["effect"], line["power"], strict=True)
            ],
            hovertemplate=f"{label}, %{{customdata}}<extra></extra>",
        )
        ends.append((label, float(line["power"].iloc[-1]), colour))
    figure.add_hline(y=wanted, line={"color": colours.ink, "width": 1, "dash": "dot"})
    # Curves end near 1, so labels hang down from there rather than sit at the curves' own ends.
    for place, (label, _, colour) in enumerate(sorted(ends, key=lambda end: -end[1])):
        figure.add_annotation(
            x=top,
            y=1.0 - 0.09 * place,
            text=label,
            xanchor="left",
            xshift=8,
            showarrow=False,
            font={"color": colour, "size": 12},
        )
    label_axis(figure.update_xaxes, (0.0, top), text=text, title=titles[0])
    label_axis(figure.update_yaxes, (0.0, 1.04), text=text)
    title_y(figure, titles[1], style)
    return figure.done()
