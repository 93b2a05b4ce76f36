"""Plain horizontal bars with their value at the end: donor weights, traffic, chances."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from app.figures.canvas import Style, blank, label_axis


def bars(
    values: Sequence[tuple[str, float]],
    style: Style,
    *,
    title: str,
    text: Callable[[float], str],
    top: float | None = None,
) -> go.Figure:
    """Bars, first on top, each with its value written behind it.

    Parameters
    ----------
    values
        Name and value ≥ 0.
    style
        Look.
    title
        Of the axis, with unit.
    text
        How a value is written.
    top
        End of the axis; by default a little beyond the longest bar.
    """
    figure = blank(style, height=56 + 30 * len(values), left=8, bottom=44, top=4)
    names = [name for name, _ in values]
    numbers = [number for _, number in values]
    figure.add_bar(
        x=numbers,
        y=names,
        orientation="h",
        marker={"color": style.palette.accent},
        text=[text(number) for number in numbers],
        textposition="outside",
        textfont={"color": style.palette.ink},
        cliponaxis=False,
        hoverinfo="skip",
    )
    high = top if top is not None else max([*numbers, 0.0]) * 1.15 or 1.0
    label_axis(figure.update_xaxes, (0.0, high), title=title, text=text, wanted=4)
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=names[::-1],
        showgrid=False,
        tickfont={"size": 13, "color": style.palette.ink},
        ticklabelstandoff=8,
    )
    return figure.done()
