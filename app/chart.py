"""A figure on the page: the chart, the sentence that describes it, its picture and its numbers to download."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.loaders import safe_csv
from app.markup.cards import caption
from app.scene import Scene


def draw(scene: Scene, figure: go.Figure, *, name: str, says: str, data: pd.DataFrame | None = None) -> None:
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
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="top", wrap=False, key=f"foot_{name}"
    ):
        st.html(caption(says), width="stretch")
        if data is not None:
            numbers = data
            st.download_button(
                scene.text("chart.csv"),
                lambda: safe_csv(numbers),
                file_name=f"liftwerk_{name}.csv",
                mime="text/csv",
                key=f"csv_{name}",
                type="tertiary",
                on_click="ignore",
                help=scene.text("chart.csv_help"),
            )
