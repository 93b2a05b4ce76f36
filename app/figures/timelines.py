"""Curves over time: observed against model with a band, stacked contributions, cumulative lift, KPI trends."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.figures.canvas import Style, blank, label_axis, label_dates, padded, spread, thin, title_y
from app.figures.drawing import Drawing
from app.theme import translucent


@dataclass(frozen=True, slots=True, kw_only=True)
class AxisWords:
    """Titles of the axes with their units, and how values are written."""

    x: str
    y: str
    text: Callable[[float], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LineNames:
    """Direct labels of the two lines of `against_model`."""

    observed: str
    expected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A shaded stretch of time and its name."""

    start: pd.Timestamp
    end: pd.Timestamp
    text: str


def against_model(
    table: pd.DataFrame,
    style: Style,
    words: AxisWords,
    names: LineNames,
    *,
    expected: str = "mean",
    window: Window | None = None,
    height: int = 340,
) -> go.Figure:
    """Observed line over an expected line with its band.

    Parameters
    ----------
    table
        Columns ``date``, ``observed``, the one named ``expected``, and ``lower``/``upper`` (missing: no band).
    style, words, names
        Look, axes, labels.
    expected
        Column of the model's line.
    window
        Stretch to shade, e.g. the test.
    height
        Pixels.
    """
    kept = table.sort_values("date").reset_index(drop=True)
    kept = kept.iloc[thin(kept["observed"].to_numpy(dtype=np.float64))]
    figure, colours = blank(style, height=height, right=112), style.palette
    ends = [kept["observed"], kept[expected]]
    if {"lower", "upper"} <= set(kept.columns):
        _band(figure, kept, translucent(colours.accent, 0.2))
        ends += [kept["lower"], kept["upper"]]
    for column, colour, width, label in (
        (expected, colours.accent, 2.0, names.expected),
        ("observed", colours.ink, 1.5, names.observed),
    ):
        _line(figure, kept, column, words.text, {"color": colour, "width": width}, label)
    if window is not None:
        shade(figure, window, style)
    span = padded(pd.concat(ends).to_numpy(dtype=np.float64), zero=False)
    _end_labels(
        figure,
        kept["date"].iloc[-1],
        [
            (names.observed, float(kept["observed"].iloc[-1]), colours.ink),
            (names.expected, float(kept[expected].iloc[-1]), colours.accent),
        ],
        gap=(span[1] - span[0]) * 18 / height,
    )
    label_axis(figure.update_yaxes, span, text=words.text)
    title_y(figure, words.y, style)
    label_dates(figure, pd.DatetimeIndex(kept["date"]), style, title=words.x)
    return figure.done()


def stacked(
    table: pd.DataFrame, style: Style, words: AxisWords, labels: dict[str, str], colours: dict[str, str]
) -> go.Figure:
    """Stacked areas, one a component, each named at its right end.

    Parameters
    ----------
    table
        Index ``date``, one column a component in stacking order, bottom first; values ≥ 0 except small noise.
    style, words
        Look and axes.
    labels, colours
        By column.
    """
    kept = table.iloc[thin(table.sum(axis=1).to_numpy(dtype=np.float64), 1500)]
    figure = blank(style, height=400, right=128)
    middles, base = [], 0.0
    for name in kept.columns:
        values = kept[name].to_numpy(dtype=np.float64)
        figure.add_scatter(
            x=kept.index,
            y=values.astype(np.float32),
            mode="lines",
            stackgroup="one",
            line={"width": 0.6, "color": style.palette.paper},
            fillcolor=translucent(colours[name], 0.9),
            # Formatted by the browser: a text for each of some thousand points would weigh more than the chart.
            hovertemplate=f"{labels[name]}, %{{x|%Y-%m-%d}}: %{{y:,.0f}} {style.wording.currency}<extra></extra>",
        )
        middles.append(base + values[-1] / 2)
        base += float(values[-1])
    span = (0.0, padded(kept.sum(axis=1).to_numpy(dtype=np.float64), zero=True)[1])
    _end_labels(
        figure,
        kept.index[-1],
        [(labels[n], m, style.palette.ink) for n, m in zip(kept.columns, middles, strict=True)],
        gap=span[1] * 17 / 330,
        low=span[1] * 8 / 330,  # a label below the axis would be cut off
        marks=[colours[n] for n in kept.columns],
    )
    label_axis(figure.update_yaxes, span, text=words.text)
    title_y(figure, words.y, style)
    label_dates(figure, pd.DatetimeIndex(kept.index), style, title=words.x)
    return figure.done()


def trend(
    table: pd.DataFrame, style: Style, words: AxisWords, *, objective: float | None, objective_text: str
) -> go.Figure:
    """A KPI by day with its interval, days beyond the objective marked, gaps left open.

    Parameters
    ----------
    table
        Columns ``day``, ``value``, ``lower``, ``upper``, ``breached``; a missing value means not judged.
    style, words
        Look and axes.
    objective
        Drawn as a line where there is one.
    objective_text
        Written on that line.
    """
    kept = table.sort_values("day").rename(columns={"day": "date"})
    kept = kept.iloc[thin(kept["value"].to_numpy(dtype=np.float64))] if kept["value"].notna().any() else kept
    figure, colours = blank(style, height=240, right=36), style.palette
    known = kept.dropna(subset=["lower", "upper"])
    if len(known):
        _band(figure, known, translucent(colours.accent, 0.18))
    _line(figure, kept, "value", words.text, {"color": colours.accent, "width": 2})
    alone = kept[kept["value"].notna() & kept["value"].shift().isna() & kept["value"].shift(-1).isna()]
    figure.add_scatter(
        x=alone["date"], y=alone["value"], mode="markers", marker={"color": colours.accent, "size": 6}, hoverinfo="skip"
    )
    late = kept[(kept["breached"].astype(str).str.lower() == "true") & kept["value"].notna()]
    figure.add_scatter(
        x=late["date"],
        y=late["value"],
        mode="markers",
        marker={"color": colours.bad, "size": 8, "symbol": "x"},
        hoverinfo="skip",
    )
    ends = [*kept["value"], *known["lower"], *known["upper"], *([] if objective is None else [objective])]
    span = padded(ends, share=0.12)
    if objective is not None:
        figure.add_hline(y=objective, line={"color": colours.ink, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=1,
            xref="paper",
            xanchor="right",
            y=objective,
            yanchor="bottom",
            text=objective_text,
            showarrow=False,
            bgcolor=translucent(colours.paper, 0.75),
            font={"size": 11, "color": colours.muted},
        )
    label_axis(figure.update_yaxes, span, text=words.text, wanted=4)
    title_y(figure, words.y, style)
    label_dates(figure, pd.DatetimeIndex(kept["date"]), style, title=words.x, wanted=4)
    return figure.done()


def cumulative(
    table: pd.DataFrame, style: Style, words: AxisWords, *, total: tuple[float, float, float], total_text: str
) -> go.Figure:
    """Sum of observed minus counterfactual since the test began, with the readout's interval on its last point.

    Parameters
    ----------
    table
        Columns ``date``, ``effect`` (already summed), test periods only.
    style, words
        Look and axes.
    total
        Value, lower and upper of the readout's total.
    total_text
        Written beside the interval.
    """
    figure, colours = blank(style, height=260, right=120), style.palette
    figure.add_hline(y=0, line={"color": colours.ink, "width": 1})
    _line(figure, table, "effect", words.text, {"color": colours.accent, "width": 2.5})
    last = table["date"].iloc[-1]
    figure.add_scatter(
        x=[last],
        y=[total[0]],
        mode="markers",
        marker={"color": colours.accent, "size": 9},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [total[2] - total[0]],
            "arrayminus": [total[0] - total[1]],
            "color": colours.accent,
            "thickness": 2,
            "width": 6,
        },
        hoverinfo="skip",
    )
    figure.add_annotation(
        x=last, y=total[0], text=total_text, xanchor="left", xshift=14, showarrow=False, font={"color": colours.accent}
    )
    span = padded([*table["effect"], *total], zero=True)
    label_axis(figure.update_yaxes, span, text=words.text)
    title_y(figure, words.y, style)
    label_dates(figure, pd.DatetimeIndex(table["date"]), style, title=words.x)
    return figure.done()


def _band(figure: Drawing, table: pd.DataFrame, fill: str) -> None:
    figure.add_scatter(x=table["date"], y=table["upper"], mode="lines", line={"width": 0}, hoverinfo="skip")
    figure.add_scatter(
        x=table["date"],
        y=table["lower"],
        mode="lines",
        line={"width": 0},
        fill="tonexty",
        fillcolor=fill,
        hoverinfo="skip",
    )


def _line(
    figure: Drawing,
    table: pd.DataFrame,
    column: str,
    text: Callable[[float], str],
    line: dict[str, object],
    name: str = "",
) -> None:
    head = f"{name}, " if name else ""
    figure.add_scatter(
        x=table["date"],
        y=table[column],
        mode="lines",
        line=line,
        connectgaps=False,
        customdata=["" if pd.isna(value) else text(value) for value in table[column]],
        hovertemplate=f"{head}%{{x|%Y-%m-%d}}: %{{customdata}}<extra></extra>",
    )


def _end_labels(
    figure: Drawing,
    x: pd.Timestamp,
    labels: Sequence[tuple[str, float, str]],
    *,
    gap: float,
    low: float = -math.inf,
    marks: Sequence[str] | None = None,
) -> None:
    places = spread([place for _, place, _ in labels], gap, low)
    for i, ((text, _, colour), place) in enumerate(zip(labels, places, strict=True)):
        shown = f'<span style="color:{marks[i]}">■</span> {text}' if marks else text
        figure.add_annotation(
            x=x, y=place, text=shown, xanchor="left", xshift=8, showarrow=False, font={"color": colour, "size": 12}
        )


def shade(figure: Drawing, window: Window, style: Style) -> None:
    """Shade a stretch of time and name it at its upper left."""
    figure.add_vrect(x0=window.start, x1=window.end, fillcolor=translucent(style.palette.ink, 0.06))
    figure.add_annotation(
        x=window.start,
        y=1,
        yref="paper",
        yanchor="top",
        xanchor="left",
        xshift=4,
        text=window.text,
        showarrow=False,
        font={"size": 12, "color": style.palette.muted},
    )
