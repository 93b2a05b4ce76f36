"""An order of geos that comes from their data: samples drawn by place then depend on no name and no row order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from measurement.panel import Panel


def in_data_order(panel: Panel, geos: Sequence[str]) -> tuple[str, ...]:
    """The geos sorted by their outcome, period after period; the unit of the outcome makes no difference.

    Examples
    --------
    >>> import pandas as pd
    >>> dates = pd.date_range("2026-01-05", periods=2, freq="7D")
    >>> panel = Panel.from_arrays(outcome=np.array([[3.0, 1.0], [2.0, 9.0]]), dates=dates, geos=["a", "b"])
    >>> in_data_order(panel, panel.geos)
    ('b', 'a')
    """
    places = {geo: place for place, geo in enumerate(panel.geos)}
    rows = panel.outcome_value[[places[geo] for geo in geos]]
    return tuple(geos[int(place)] for place in np.lexsort(rows.T[::-1]))
