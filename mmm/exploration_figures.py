"""Figures of an exploration: pure functions from the result to a Plotly figure, in the result's language."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from measurement.wording import Wording, load_wording
from mmm.exploration import Exploration
from mmm.exploration_findings import LITTLE, LOW_ENOUGH, SOME
from mmm.figure_ground import INK, MUTED, SERIES, empty_ground

_WARN, _HINT = "#A8321A", "#8A6100"
#: Blue and orange differ in lightness too; white is no correlation.
_DIVERGING = [[0.0, "#B4540A"], [0.5, "#FFFFFF"], [1.0, "#1F5FA8"]]


def correlation_figure(found: Exploration) -> go.Figure:
    """Which channels move together, as a square of correlations of own variation."""
    words, channels = _words(found), found.panel.channels
    matrix = np.eye(len(channels))
    place = {channel: index for index, channel in enumerate(channels)}
    for row in found.correlations.to_dict("records"):
        first, second = place[str(row["channel"])], place[str(row["other"])]
        matrix[first, second] = matrix[second, first] = row["own_variation"]
    heat = go.Heatmap(
        z=matrix,
        x=channels,
        y=channels,
        zmin=-1,
        zmax=1,
        colorscale=_DIVERGING,
        text=[[words.number(value) if np.isfinite(value) else "–" for value in line] for line in matrix],
        texttemplate="%{text}",
        hovertemplate="%{y} · %{x}: %{text}<extra></extra>",
        colorbar={"title": {"text": words.text("figure.correlation"), "side": "right"}},
    )
    figure = _ground(words, "correlation_title", height=140 + 42 * len(channels))
    figure.add_trace(heat)
    figure.update_yaxes(autorange="reversed")
    return figure


def information_figure(found: Exploration) -> go.Figure:
    """What a fit will leave unknown of each channel's return; empty where no fit is possible."""
    words = _words(found)
    figure = _ground(words, "ratio_title", height=140 + 32 * len(found.panel.channels))
    if found.identifiability is None:
        return figure
    table = found.identifiability.table
    colours = [_WARN if ratio >= LITTLE else _HINT if ratio >= SOME else MUTED for ratio in table["ratio"]]
    figure.add_bar(
        x=table["ratio"],
        y=table["channel"],
        orientation="h",
        marker={"color": colours},
        text=[words.number(ratio) for ratio in table["ratio"]],
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    figure.add_vline(x=LITTLE, line={"color": INK, "dash": "dash", "width": 1})
    figure.add_annotation(
        x=LITTLE, y=1, yref="paper", yanchor="bottom", text=words.text("figure.little"), showarrow=False
    )
    figure.update_xaxes(range=[0, 1.05], title={"text": words.text("figure.ratio")})
    figure.update_yaxes(autorange="reversed")
    return figure


def level_figure(found: Exploration) -> go.Figure:
    """How low and how high each channel went: a line a channel, with the level that shows the way down to zero."""
    words = _words(found)
    figure = _ground(words, "level_title", height=140 + 32 * len(found.panel.channels))
    for row in found.coverage.dropna(subset=["lowest"]).to_dict("records"):
        colour = _HINT if row["lowest"] > LOW_ENOUGH else MUTED
        figure.add_scatter(
            x=[row["lowest"], row["highest"]],
            y=[row["channel"], row["channel"]],
            mode="lines+markers",
            line={"color": colour, "width": 3},
            marker={"size": 8},
            text=[words.number(row["lowest"]), words.number(row["highest"])],
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    figure.add_vline(x=LOW_ENOUGH, line={"color": INK, "dash": "dash", "width": 1})
    figure.update_xaxes(rangemode="tozero", title={"text": words.text("figure.level")})
    figure.update_yaxes(autorange="reversed")
    return figure


def cost_figure(found: Exploration) -> go.Figure:
    """Cost per exposure over time on a log scale, a line a channel: equal steps are equal percentages."""
    words = _words(found)
    figure = _ground(words, "cost_title", height=380)
    for number, (channel, part) in enumerate(found.costs.groupby("channel", sort=False)):
        colour = SERIES[number % len(SERIES)]
        figure.add_scatter(x=part["date"], y=part["cost"], name=str(channel), mode="lines", line={"color": colour})
    title = words.text("figure.cost", currency=found.panel.currency)
    figure.update_yaxes(type="log", title={"text": title})
    figure.update_xaxes(title={"text": words.text("figure.date")})
    figure.update_layout(showlegend=True)
    return figure


def share_figure(found: Exploration) -> go.Figure:
    """Share of spend against share of exposure, a point a channel and geo; off the diagonal a geo paid more or less."""
    words = _words(found)
    figure = _ground(words, "shares_title", height=420)
    for number, (channel, part) in enumerate(found.shares.groupby("channel", sort=False)):
        figure.add_scatter(
            x=part["spend_share"],
            y=part["exposure_share"],
            name=str(channel),
            text=part["geo"],
            mode="markers",
            marker={"color": SERIES[number % len(SERIES)], "size": 8},
            hovertemplate="%{text}: %{x:.1%} · %{y:.1%}",
        )
    top = float(found.shares[["spend_share", "exposure_share"]].max().max()) if len(found.shares) else 1.0
    figure.add_shape(type="line", x0=0, y0=0, x1=top, y1=top, line={"color": INK, "dash": "dash", "width": 1})
    figure.update_xaxes(title={"text": words.text("figure.spend_share")}, tickformat=".0%")
    figure.update_yaxes(title={"text": words.text("figure.exposure_share")}, tickformat=".0%")
    figure.update_layout(showlegend=True)
    return figure


def outlier_figure(found: Exploration) -> go.Figure:
    """Outliers by date, as multiples of the usual value on a log scale."""
    words = _words(found)
    figure = _ground(words, "outlier_title", height=360)
    for number, (subject, part) in enumerate(found.outliers.groupby("subject", sort=False)):
        figure.add_scatter(
            x=part["date"],
            y=part["times"],
            name=str(subject),
            text=part["geo"],
            mode="markers",
            marker={"color": SERIES[number % len(SERIES)], "size": 9},
            hovertemplate="%{text}, %{x}: %{y:.2f}",
        )
    figure.add_hline(y=1.0, line={"color": INK, "dash": "dash", "width": 1})
    figure.update_yaxes(type="log", title={"text": words.text("figure.outlier")})
    figure.update_xaxes(title={"text": words.text("figure.date")})
    figure.update_layout(showlegend=True)
    return figure


def _words(found: Exploration) -> Wording:
    return load_wording("mmm", found.locale, found.panel.currency)


def _ground(words: Wording, title: str, *, height: int) -> go.Figure:
    return empty_ground(words, f"figure.{title}", height=height)
