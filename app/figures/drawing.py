"""A figure while it is drawn: plain values, made a Plotly figure once at the end.

Plotly checks a figure anew at every change, which costs a page of fourteen charts most of a second. Here changes are
collected, and checked when the drawing is done. Methods and their arguments are those of `plotly.graph_objects.Figure`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

#: Shorter lines are left as they are.
_LONG = 48
_DAY_MS = 86_400_000


class Drawing:
    """Traces and a layout.

    Parameters
    ----------
    layout
        As in `plotly.graph_objects.Layout`; nested dictionaries.

    Examples
    --------
    >>> drawing = Drawing({"height": 240})
    >>> drawing.add_scatter(x=[1, 2], y=[3, 4])
    >>> drawing.update_xaxes(title={"text": "Week"})
    >>> drawing.done().layout.xaxis.title.text
    'Week'
    """

    def __init__(self, layout: Mapping[str, Any]) -> None:
        self.layout: dict[str, Any] = _copied(layout)
        self._traces: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._shapes: list[dict[str, Any]] = []

    def done(self) -> go.Figure:
        """The figure, checked by Plotly."""
        # A template of its own keeps Plotly's look, 7 kB a figure, off the wire.
        own = {"annotations": self._annotations, "shapes": self._shapes, "template": go.layout.Template()}
        return go.Figure(data=self._traces, layout=self.layout | own)

    def add_scatter(self, **trace: object) -> None:
        """Lines, areas or dots."""
        self._traces.append({"type": "scatter", **_small(trace)})

    def add_bar(self, **trace: object) -> None:
        """Bars."""
        self._traces.append({"type": "bar", **trace})

    def add_heatmap(self, **trace: object) -> None:
        """A field of colours."""
        self._traces.append({"type": "heatmap", **trace})

    def add_sankey(self, **trace: object) -> None:
        """Streams between places."""
        self._traces.append({"type": "sankey", **trace})

    def add_annotation(self, **words: object) -> None:
        """A text at a place."""
        self._annotations.append(words)

    def add_hline(self, *, y: float, **look: object) -> None:
        """A line from one side to the other."""
        self._shapes.append({"type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": y, "y1": y, **look})

    def add_vline(self, *, x: float, **look: object) -> None:
        """A line from the bottom to the top."""
        self._shapes.append({"type": "line", "yref": "y domain", "y0": 0, "y1": 1, "x0": x, "x1": x, **look})

    def add_vrect(self, *, x0: object, x1: object, fillcolor: str) -> None:
        """A band from the bottom to the top, below everything."""
        look = {"fillcolor": fillcolor, "line": {"width": 0}, "layer": "below"}
        self._shapes.append({"type": "rect", "yref": "y domain", "y0": 0, "y1": 1, "x0": x0, "x1": x1, **look})

    def update_layout(self, **changes: object) -> None:
        """Change the layout; dictionaries are merged."""
        _merge(self.layout, changes)

    def update_xaxes(self, **changes: object) -> None:
        """Change the horizontal axis; dictionaries are merged."""
        _merge(self.layout.setdefault("xaxis", {}), changes)

    def update_yaxes(self, **changes: object) -> None:
        """Change the vertical axis; dictionaries are merged."""
        _merge(self.layout.setdefault("yaxis", {}), changes)


def _small(trace: dict[str, Any]) -> dict[str, Any]:
    """The same line in fewer bytes: equal steps along x as a start and a step, y as a screen can show it."""
    made = dict(trace)
    if len(trace["x"]) >= _LONG:
        made |= _steps(trace["x"])
        y = np.asarray(trace["y"])
        made["y"] = y.astype(np.float32) if y.dtype == np.float64 else trace["y"]
    return {name: value for name, value in made.items() if value is not None}


def _steps(x: Any) -> dict[str, Any]:  # noqa: ANN401 - a series, an index or an array
    """``x0`` and ``dx`` in place of ``x``; dates that do not keep step are written as days."""
    values = np.asarray(x)
    if values.dtype.kind == "M":
        days = values.astype("datetime64[D]")
        texts = np.datetime_as_string(days)
        gaps = np.diff(days.astype(np.int64))
        whole = bool((days == values).all())
        if whole and (gaps == gaps[0]).all():
            return {"x": None, "x0": str(texts[0]), "dx": int(gaps[0]) * _DAY_MS}
        return {"x": texts.tolist()} if whole else {}
    if values.dtype.kind == "f":
        gaps = np.diff(values)
        if np.allclose(gaps, gaps[0], rtol=1e-6, atol=0.0):
            return {"x": None, "x0": float(values[0]), "dx": float(values[-1] - values[0]) / (len(values) - 1)}
    return {}


def _merge(into: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        if isinstance(value, Mapping) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = _copied(value) if isinstance(value, Mapping) else value


def _copied(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _copied(value) if isinstance(value, Mapping) else value for name, value in tree.items()}
