"""A figure on the page: the chart, the sentence that describes it, its picture and its numbers to download."""

from __future__ import annotations

from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.loaders import safe_csv
from app.markup.cards import caption, picture_button
from app.scene import Scene


def draw(scene: Scene, figure: go.Figure, *, name: str, says: str, data: pd.DataFrame) -> None:
    """Show a figure.

    Parameters
    ----------
    scene
        The page's scene.
    figure
        Built by a function of `app.figures`.
    name
        File name of its downloads, unique on the page.
    says
        One sentence on what it shows, read by screen readers too.
    data
        The numbers behind it, offered as CSV.
    """
    st.plotly_chart(
        figure,
        theme=None,
        key=f"chart_{name}",
        alt=says,
        config={
            "displaylogo": False,
            "displayModeBar": "hover",
            "modeBarButtons": [["toImage"]],
            "toImageButtonOptions": {"format": "png", "filename": f"liftwerk_{name}", "scale": 2},
            "scrollZoom": False,
        },
    )
    _foot(scene, name, says, data)


def draw_rows(scene: Scene, drawing: str, *, name: str, says: str, data: pd.DataFrame) -> None:
    """Show a drawing of `app.markup.interval_rows`; the other arguments are those of `draw`."""
    file = f"liftwerk_{name}"
    st.html(f'<div data-lw-drawing="{escape(file, quote=True)}">{drawing}</div>')
    _foot(scene, name, says, data, picture_button(scene.text("chart.png"), scene.text("chart.png_help"), file))


def _foot(scene: Scene, name: str, says: str, data: pd.DataFrame, picture: str = "") -> None:
    """What stands below a figure: its sentence, and what can be downloaded."""
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="top", wrap=False, key=f"foot_{name}"
    ):
        st.html(caption(says), width="stretch")
        if picture:
            st.html(picture, width="content")
        st.download_button(
            scene.text("chart.csv"),
            lambda: safe_csv(data),
            file_name=f"liftwerk_{name}.csv",
            mime="text/csv",
            key=f"csv_{name}",
            type="tertiary",
            on_click="ignore",
            help=scene.text("chart.csv_help"),
        )
