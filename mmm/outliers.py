"""Values far from what is usual for their geo at that time: slips of the decimal sign, outages, nameless events."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.panel import Panel

FloatArray = NDArray[np.float64]

#: Subject of the outcome's own outliers.
OUTCOME = "outcome"
#: Robust standard deviations beyond which a value is an outlier, and the least factor to the usual value.
Z_LIMIT = 6.0
OUTCOME_FACTOR, SPEND_FACTOR = 1.5, 3.0
#: Days around a date whose median is the usual value.
USUAL_DAYS = 91
#: Least robust spread of log values: closer to the median nothing is worth a word.
_LEAST_SPREAD = 0.02
_COLUMNS = ["subject", "geo", "date", "value", "usual", "times", "z"]


def outlier_table(panel: Panel) -> pd.DataFrame:
    """Outliers of the outcome (either way) and of each channel's spend (upwards), farthest first within a subject.

    A value is compared with the median of a quarter around it in the same geo, on the log scale (for days, by
    weekday). Its z is that distance over the robust spread (1.4826 × median absolute deviation) of the subject's
    distances in that geo. Little or no spend is no outlier: pauses and tails of flights are normal. A zero outcome has
    a finding of its own.

    Returns
    -------
    pandas.DataFrame
        Columns ``subject`` (`OUTCOME` or a channel), ``geo``, ``date``, ``value``, ``usual``, ``times`` (value over
        usual), ``z``.
    """
    spend = panel.data["spend"].to_numpy().astype(np.float64)
    subjects = [(OUTCOME, panel.data["outcome"].to_numpy().astype(np.float64), OUTCOME_FACTOR)]
    subjects += [(channel, spend[..., place], SPEND_FACTOR) for place, channel in enumerate(panel.channels)]
    parts = [_outliers(panel, name, values, factor) for name, values, factor in subjects]
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=_COLUMNS)


def _outliers(panel: Panel, name: str, values: FloatArray, factor: float) -> pd.DataFrame:
    rows = []
    for geo, series in zip(panel.geos, values, strict=True):
        distance = usual_distance(series, panel)
        spread = max(1.4826 * float(np.nanmedian(np.abs(distance))), _LEAST_SPREAD) if _known(distance) else np.inf
        size = np.abs(distance) if name == OUTCOME else distance
        far = np.flatnonzero((size > np.log(factor)) & (size > Z_LIMIT * spread))
        rows += [
            {
                "subject": name,
                "geo": geo,
                "date": panel.dates[int(place)],
                "value": series[place],
                "usual": series[place] / np.exp(distance[place]),
                "times": float(np.exp(distance[place])),
                "z": float(distance[place] / spread),
            }
            for place in far
        ]
    table = pd.DataFrame(rows, columns=_COLUMNS)
    return table.sort_values(["z", "geo", "date"], key=lambda column: -column.abs() if column.name == "z" else column)


def usual_distance(series: FloatArray, panel: Panel) -> FloatArray:
    """Log ratio of a geo's values (T,) to the median of the quarter around each; missing where not above zero."""
    logged = pd.Series(np.log(np.where(series > 0, series, np.nan)))
    window = USUAL_DAYS // panel.days_per_period
    distance = logged - logged.rolling(window, center=True, min_periods=5).median()
    if panel.period == "day":
        distance = distance - distance.groupby(panel.dates.day_of_week).transform("median")
    return distance.to_numpy(dtype=np.float64)


def _known(values: FloatArray) -> bool:
    return bool(np.isfinite(values).any())
