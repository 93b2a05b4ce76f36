"""Figures of path attribution: credit by method, and how people move from touch to touch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import plotly.graph_objects as go

from app.figures.canvas import Style, blank, label_axis, padded
from app.names import readable
from app.theme import translucent

_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star", "x", "hexagon", "pentagon")


def credit_methods(
    shares: Mapping[str, Sequence[float]],
    channels: Sequence[str],
    style: Style,
    *,
    title: str,
    text: Callable[[float], str],
) -> go.Figure:
    """One row a channel, one mark a method: how far conventions disagree about the same paths.

    Parameters
    ----------
    shares
        Method as shown → share of all credit by channel, in the order of ``channels``; NaN where withheld.
    channels
        Labels, first on top.
    style
        Look.
    title
        Of the axis.
    text
        How a share is written.
    """
    figure = blank(style, height=120 + 38 * len(channels), left=8, bottom=46, top=66)
    flat = [value for each in shares.values() for value in each]
    for row, name in enumerate(channels):
        seen = [each[row] for each in shares.values() if math.isfinite(each[row])]
        if seen:
            figure.add_scatter(
                x=[min(seen), max(seen)],
                y=[name, name],
                mode="lines",
                line={"color": style.palette.line, "width": 6},
                hoverinfo="skip",
                showlegend=False,
            )
    for place, (method, values) in enumerate(shares.items()):
        figure.add_scatter(
            x=list(values),
            y=list(channels),
            name=method,
            mode="markers",
            marker={
                "color": style.palette.series[place % len(style.palette.series)],
                "symbol": _SYMBOLS[place % len(_SYMBOLS)],
                "size": 10,
                "line": {"color": style.palette.paper, "width": 1},
            },
            customdata=[text(value) if math.isfinite(value) else "" for value in values],
            hovertemplate="%{y} · " + method + ": %{customdata}<extra></extra>",
        )
    label_axis(figure.update_xaxes, padded(flat, zero=True), title=title, text=text)
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=list(channels)[::-1],
        showgrid=False,
        tickfont={"size": 13, "color": style.palette.ink},
        ticklabelstandoff=10,
    )
    figure.update_layout(showlegend=True, legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"})
    return figure.done()


def path_flow(steps: pd.DataFrame, style: Style, *, names: Mapping[str, str], title: Callable[[int], str]) -> go.Figure:
    """A Sankey diagram of the first touches: one column of nodes a touch, the outcomes at the end.

    Parameters
    ----------
    steps
        ``flow.csv``: step, from, to, count.
    style
        Look.
    names
        How ``(conversion)``, ``(end)`` and ``(later)`` are written.
    title
        Heading of the column of the n-th touch.
    """
    deepest = int(steps["step"].max())
    outcomes = ("(conversion)", "(end)")
    channels = sorted({name for name in [*steps["from"], *steps["to"]] if name not in names})
    colours = {name: style.palette.series[place % len(style.palette.series)] for place, name in enumerate(channels)} | {
        "(conversion)": style.palette.accent,
        "(end)": style.palette.faint,
        "(later)": style.palette.muted,
    }
    places: dict[tuple[int, str], int] = {}

    def node(step: int, name: str) -> int:
        column = deepest + 1 if name in outcomes else step
        return places.setdefault((column, name), len(places))

    taken = list(zip(steps["step"].tolist(), steps["from"].tolist(), steps["to"].tolist(), strict=True))
    source = [node(step, name) for step, name, _ in taken]
    target = [node(step + 1, name) for step, _, name in taken]
    said = [names.get(name, readable(name)) for _, name in places]
    figure = blank(style, height=460, left=8, right=8, top=34, bottom=16)
    figure.add_sankey(
        arrangement="snap",
        node={
            "label": said,
            "color": [colours[name] for _, name in places],
            "x": [_across(column, deepest) for column, _ in places],
            "y": _heights(places, steps),
            "pad": 12,
            "thickness": 12,
            "line": {"width": 0},
            "hovertemplate": "%{label}: %{value:,.0f}<extra></extra>",
        },
        link={
            "source": source,
            "target": target,
            "value": steps["count"].tolist(),
            "color": [translucent(colours[str(name)], 0.28) for name in steps["from"]],
            "hovertemplate": "%{source.label} → %{target.label}: %{value:,.0f}<extra></extra>",
        },
        textfont={"color": style.palette.ink, "size": 12},
    )
    for step in range(1, deepest + 1):
        figure.add_annotation(
            x=_across(step, deepest),
            y=1.0,
            yshift=24,
            xref="paper",
            yref="paper",
            text=title(step),
            showarrow=False,
            xanchor="left",
            font={"color": style.palette.muted, "size": 12},
        )
    return figure.done()


def _across(column: int, deepest: int) -> float:
    """Place of a column of nodes; Plotly refuses 0 and 1 themselves."""
    return min(max((column - 1) / deepest, 0.001), 0.999)


def _heights(places: Mapping[tuple[int, str], int], steps: pd.DataFrame) -> list[float]:
    """Middle of each node: largest first, specials last, so that colours keep their height from column to column."""
    total = steps.groupby("from")["count"].sum()
    column_of: dict[int, list[str]] = {}
    for column, name in places:
        column_of.setdefault(column, []).append(name)
    middle: dict[tuple[int, str], float] = {}
    for column, inside in column_of.items():
        ordered = sorted(inside, key=lambda name: (name.startswith("("), -float(total.get(name, 0.0))))
        weight = {name: max(_size(column, name, steps), 1.0) for name in ordered}
        height, above = sum(weight.values()), 0.0
        for name in ordered:
            middle[column, name] = min(max((above + weight[name] / 2) / height, 0.01), 0.99)
            above += weight[name]
    return [middle[place] for place in places]


def _size(column: int, name: str, steps: pd.DataFrame) -> float:
    out = steps.loc[(steps["step"] == column) & (steps["from"] == name), "count"].sum()
    into = steps["to"] == name
    if name not in ("(conversion)", "(end)"):
        into &= steps["step"] == column - 1
    return float(max(out, steps.loc[into, "count"].sum()))
