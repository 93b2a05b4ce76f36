"""Figures of validation: pure functions from a result to a Plotly figure, axes named with their units."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from measurement.wording import Wording
from mmm.figure_ground import MUTED, SERIES, ground, name_axes, translucent
from mmm.fit_figures import add_observed
from mmm.geo_holdout import GeoHoldout
from mmm.validation import ALL, TimeSlices


def slices_figure(words: Wording, found: TimeSlices, geo: str = ALL) -> go.Figure:
    """What came and what each slice had forecast, one geo or all together, with intervals."""
    figure = ground(words, "slices_title", height=420)
    rows = found.forecasts[found.forecasts["geo"] == geo]
    for number, part in rows.groupby("slice"):
        colour = SERIES[int(str(number)) % len(SERIES)]
        band = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        figure.add_scatter(x=part["date"], y=part["upper"], **band)
        figure.add_scatter(x=part["date"], y=part["lower"], fill="tonexty", fillcolor=translucent(colour), **band)
        figure.add_scatter(x=part["date"], y=part["mean"], mode="lines", line={"color": colour, "width": 2})
    add_observed(figure, words, rows)
    name_axes(figure, words, "date", "money_period")
    return figure


def skill_figure(words: Wording, found: TimeSlices) -> go.Figure:
    """Score of each slice beside that of the plain rule: lower is better."""
    table = found.table()
    table = table[table["slice"] != "all"]
    return _beside(words, "skill_title", [f"{int(name) + 1}" for name in table["slice"]], table, "slice_number")


def holdout_figure(words: Wording, found: GeoHoldout) -> go.Figure:
    """Score of each geo left out beside that of the fitted geos' own course: lower is better."""
    return _beside(words, "holdout_title", list(found.table["geo"]), found.table, "geo")


def _beside(words: Wording, title: str, names: list[str], table: pd.DataFrame, axis: str) -> go.Figure:
    figure = ground(words, title, height=360)
    for column, colour, name in (("crps", SERIES[0], "model"), ("plain_crps", MUTED, "plain_rule")):
        figure.add_bar(
            x=names,
            y=table[column],
            name=words.text(f"fit_figure.{name}"),
            marker={"color": colour},
            hovertemplate="%{x}: %{y:.1%}",
        )
    name_axes(figure, words, axis, "crps_share")
    figure.update_yaxes(tickformat=".1%", rangemode="tozero")
    figure.update_layout(showlegend=True, barmode="group")
    return figure
