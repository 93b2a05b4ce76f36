"""Figures of a fit: pure functions from its tables to Plotly figures, axes named with their units."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray

from measurement.curves import ResponseCurves
from measurement.wording import Wording
from mmm.figure_ground import INK, MUTED, SERIES, ground, name_axes, translucent

FloatArray = NDArray[np.float64]
_ROW = 36
#: Share of the whole outcome below which a part is not drawn in the waterfall.
_NOTHING = 0.001
#: Returns of a channel → colour, symbol, thickness of the interval; the last only where lift tests were used.
_RETURNS = {
    "roas": (SERIES[0], "circle", 2),
    "marginal_roas": (SERIES[1], "diamond", 1),
    "roas_without_tests": (MUTED, "circle-open", 1),
}


def roas_figure(words: Wording, table: pd.DataFrame) -> go.Figure:
    """ROAS and marginal ROAS with their intervals, a row a channel; a line marks where a euro brings a euro.

    Where lift tests were used, the ROAS without them is drawn too.

    Parameters
    ----------
    words
        Language and currency.
    table
        As `mmm.fitted.FittedMMM.channels_table`.
    """
    figure = ground(words, "roas_title", height=160 + _ROW * len(table))
    for name, (colour, symbol, thickness) in _RETURNS.items():
        if name not in table:
            continue
        value = table[name]
        figure.add_scatter(
            x=value,
            y=table["channel"],
            orientation="h",
            mode="markers",
            name=words.text(f"fit_figure.{name}"),
            marker={"color": colour, "size": 10, "symbol": symbol},
            error_x={
                "array": table[f"{name}_upper"] - value,
                "arrayminus": value - table[f"{name}_lower"],
                "thickness": thickness,
            },
            hovertemplate="%{y}: %{x:.2f}",
        )
    figure.add_vline(x=1.0, line={"color": INK, "dash": "dash", "width": 1})
    name_axes(figure, words, "per_spend", "")
    figure.update_xaxes(rangemode="tozero")
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(showlegend=True, scattermode="group")
    return figure


def contributions_figure(words: Wording, decomposition: pd.DataFrame, channels: tuple[str, ...]) -> go.Figure:
    """What each paid channel brought, stacked over time, all geos together.

    Parameters
    ----------
    words
        Language and currency.
    decomposition
        Columns date, geo, component, mean.
    channels
        Paid channels.
    """
    return _stacked(words, "contributions_title", _by_date(decomposition), channels)


def decomposition_figure(words: Wording, decomposition: pd.DataFrame) -> go.Figure:
    """Every component of the expected outcome over the whole panel, as a waterfall from the baseline up.

    Season, holidays and controls are measured from their mean, so they move outcome between weeks and bring next to
    nothing over the whole panel; parts below `_NOTHING` of the total are left out.
    """
    totals = decomposition.groupby("component", sort=False)["mean"].sum()
    totals = totals[totals.abs() >= _NOTHING * abs(float(totals.sum()))]
    figure = ground(words, "decomposition_title", height=440)
    names = [*(_component(words, str(name)) for name in totals.index), words.text("fit_figure.total")]
    figure.add_waterfall(
        x=names,
        y=[*totals, 0.0],
        measure=[*["relative"] * len(totals), "total"],
        connector={"line": {"color": MUTED, "width": 1}},
        increasing={"marker": {"color": SERIES[2]}},
        decreasing={"marker": {"color": SERIES[1]}},
        totals={"marker": {"color": SERIES[0]}},
        hovertemplate="%{x}: %{delta:,.0f}<extra></extra>",
    )
    name_axes(figure, words, "component", "money_whole")
    return figure


def add_observed(figure: go.Figure, words: Wording, table: pd.DataFrame) -> None:
    """What came, as dots; columns date, observed."""
    figure.add_scatter(
        x=table["date"],
        y=table["observed"],
        mode="markers",
        name=words.text("fit_figure.observed"),
        marker={"color": INK, "size": 5},
    )


def fit_figure(words: Wording, table: pd.DataFrame) -> go.Figure:
    """Observed outcome beside its prediction, all geos together.

    Parameters
    ----------
    words
        Language and currency.
    table
        National: columns date, observed, mean, lower, upper.
    """
    figure = ground(words, "fit_title", height=420)
    _band(figure, table["date"], table, SERIES[0], words.text("fit_figure.predicted"))
    add_observed(figure, words, table)
    name_axes(figure, words, "date", "money_period")
    figure.update_layout(showlegend=True)
    return figure


def curves_figure(words: Wording, curves: ResponseCurves, level: float) -> go.Figure:
    """Response curves with their intervals and today's spend."""
    figure = ground(words, "curves_title", height=460)
    for number, cell in enumerate(curves.cells):
        drawn, colour = curves.outcome[:, number], SERIES[number % len(SERIES)]
        ends = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
        table = pd.DataFrame({"mean": drawn.mean(axis=0), "lower": ends[0], "upper": ends[1]})
        _band(figure, curves.spend[number], table, colour, cell)
        now = float(curves.observed_spend[number])
        figure.add_scatter(
            x=[now],
            y=[np.interp(now, curves.spend[number], table["mean"])],
            mode="markers",
            marker={"color": colour, "size": 10},
            name=words.text("fit_figure.today", channel=cell),
            showlegend=False,
        )
    name_axes(figure, words, "spend_week", "money_week")
    figure.update_layout(showlegend=True)
    return figure


def prior_posterior_figure(
    words: Wording, posterior: FloatArray, prior: FloatArray, channels: tuple[str, ...]
) -> go.Figure:
    """ROAS of every channel before and after seeing the data, as two half violins.

    Parameters
    ----------
    words
        Language and currency.
    posterior, prior
        Draws of ROAS, shape (D, C) and (D', C).
    channels
        Length C.
    """
    figure = ground(words, "prior_title", height=160 + 2 * _ROW * len(channels))
    for side, drawn, colour in (("prior", prior, MUTED), ("posterior", posterior, SERIES[0])):
        for number, channel in enumerate(channels):
            figure.add_violin(
                x=drawn[:, number],
                y0=channel,
                orientation="h",
                side="positive" if side == "posterior" else "negative",
                name=words.text(f"fit_figure.{side}"),
                legendgroup=side,
                showlegend=number == 0,
                line={"color": colour, "width": 1},
                fillcolor=translucent(colour),
                points=False,
                spanmode="hard",
                width=0.9,
            )
    top = float(max(np.quantile(posterior, 0.995), np.median(np.quantile(prior, 0.9, axis=0))))
    name_axes(figure, words, "per_spend", "")
    figure.update_xaxes(range=[min(0.0, float(np.quantile(posterior, 0.005))), top])
    figure.update_yaxes(autorange="reversed")
    figure.update_layout(showlegend=True, violingap=0, violinmode="overlay")
    return figure


def carry_over_figure(
    words: Wording, weights: FloatArray, media: tuple[str, ...], level: float, days: int
) -> go.Figure:
    """What share of an effect comes in which period after the contact.

    Parameters
    ----------
    words
        Language and currency.
    weights
        Adstock weights, shape (D, C, L).
    media
        Length C.
    level
        Of the bands.
    days
        Days a period, 7 or 1.
    """
    figure = ground(words, "carry_over_title", height=420)
    for number, name in enumerate(media):
        drawn = weights[:, number]
        ends = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
        table = pd.DataFrame({"mean": drawn.mean(axis=0), "lower": ends[0], "upper": ends[1]})
        _band(figure, np.arange(drawn.shape[1], dtype=np.float64), table, SERIES[number % len(SERIES)], name)
    name_axes(figure, words, "weeks_after" if days == 7 else "days_after", "share_of_effect")
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_layout(showlegend=True)
    return figure


def frequency_figure(words: Wording, curves: pd.DataFrame, table: pd.DataFrame) -> go.Figure:
    """Outcome against mean frequency at the same impressions, with today's and the best frequency.

    Parameters
    ----------
    words
        Language and currency.
    curves, table
        As `mmm.optimal_frequency.FrequencyCurves.curves` and ``table``.
    """
    figure = ground(words, "frequency_title", height=440)
    for number, row in enumerate(table.to_dict("records")):
        part, colour = curves[curves["channel"] == row["channel"]], SERIES[number % len(SERIES)]
        _band(figure, part["frequency"], part, colour, str(row["channel"]))
        for place, symbol, key in ((row["current"], "circle", "today"), (row["optimal"], "star", "best")):
            figure.add_scatter(
                x=[place],
                y=[np.interp(place, part["frequency"], part["mean"])],
                mode="markers",
                marker={"color": colour, "size": 12, "symbol": symbol},
                name=words.text(f"fit_figure.{key}", channel=row["channel"]),
            )
    name_axes(figure, words, "frequency", "money_week")
    figure.update_layout(showlegend=True)
    return figure


def _by_date(decomposition: pd.DataFrame) -> pd.DataFrame:
    """Means of all geos together: a row a date, a column a component."""
    return decomposition.pivot_table(index="date", columns="component", values="mean", aggfunc="sum", sort=False)


def _stacked(words: Wording, title: str, by_date: pd.DataFrame, components: tuple[str, ...]) -> go.Figure:
    figure = ground(words, title, height=440)
    for number, name in enumerate(components):
        colour = SERIES[number % len(SERIES)]
        figure.add_scatter(
            x=by_date.index,
            y=by_date[name],
            mode="lines",
            name=name,
            stackgroup="all",
            line={"color": colour, "width": 0.5},
            fillcolor=colour,
            hovertemplate="%{y:,.0f}",
        )
    name_axes(figure, words, "date", "money_period")
    figure.update_layout(showlegend=True)
    return figure


def _band(figure: go.Figure, x: pd.Series | FloatArray, table: pd.DataFrame, colour: str, name: str) -> None:
    """A line with its interval."""
    edges: dict[str, object] = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    figure.add_scatter(x=x, y=table["lower"], legendgroup=name, **edges)
    figure.add_scatter(x=x, y=table["upper"], legendgroup=name, fill="tonexty", fillcolor=translucent(colour), **edges)
    figure.add_scatter(x=x, y=table["mean"], mode="lines", name=name, legendgroup=name, line={"color": colour})


def _component(words: Wording, name: str) -> str:
    """A component in words: channels and controls by their own names."""
    key = f"component.{name}"
    return words.text(key) if key in words.messages else name.split(":", 1)[-1]
