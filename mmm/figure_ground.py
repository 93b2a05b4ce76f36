"""The house's look for figures of the media mix model."""

from __future__ import annotations

import plotly.graph_objects as go

from measurement.wording import Wording

INK, MUTED, LINE, BAND = "#1B2126", "#5B646B", "#DEDACF", 0.18
#: Distinguishable with the common kinds of colour blindness (Paul Tol, muted).
SERIES = ("#332288", "#CC6677", "#44AA99", "#999933", "#88CCEE", "#882255", "#117733", "#AA4499", "#661100", "#6699CC")


def ground(words: Wording, title: str, *, height: int) -> go.Figure:
    """An empty figure with its title, ``fit_figure.TITLE`` of the wording."""
    return empty_ground(words, f"fit_figure.{title}", height=height)


def empty_ground(words: Wording, title: str, *, height: int) -> go.Figure:
    """An empty figure in the house's look, with its title by key of the wording."""
    figure = go.Figure(layout={"template": go.layout.Template()})
    figure.update_layout(
        title={"text": words.text(title), "font": {"size": 16}},
        height=height,
        margin={"l": 110, "r": 30, "t": 60, "b": 60},
        paper_bgcolor="#FFFFFF",
        plot_bgcolor="#FFFFFF",
        font={"size": 13, "color": INK},
        separators=",." if words.language == "de" else ".,",
        showlegend=False,
        bargap=0.35,
    )
    axis = {"showgrid": True, "gridcolor": LINE, "zeroline": False, "tickfont": {"color": MUTED}, "automargin": True}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure


def name_axes(figure: go.Figure, words: Wording, x: str, y: str, **facts: object) -> None:
    """Name both axes, unit included, from ``fit_figure.KEY`` of the wording; an empty key leaves an axis unnamed."""
    for update, key in ((figure.update_xaxes, x), (figure.update_yaxes, y)):
        if key:
            update(title={"text": words.text(f"fit_figure.{key}", currency=words.currency, **facts)})


def translucent(colour: str) -> str:
    """The colour of a band around a line of this colour (``#RRGGBB``)."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{BAND})"
