"""Do channels move together? Correlations and variance inflation, before and after what a geo model sets aside.

A model of many geos does not learn from the level of a geo, nor from what all geos do in the same week: the intercepts
and the wandering baseline take both. What is left of a channel is its *own variation*. Two channels that look alike
nationally may be apart there, and the other way round; so every number is given at both stages.

References
----------
Variance inflation factor 1/(1 − R²): Belsley, Kuh, Welsch (1980), Regression Diagnostics.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.panel import Panel
from mmm.baseline import fourier, random_walk_basis

FloatArray = NDArray[np.float64]

#: Days between the knots of the smooth curve that stands for the baseline where there is one geo only.
SLOW_DAYS = 91
#: Share of a column's own spread below which what is left of it is rounding.
_NOTHING = 1e-9


def relative_spend(panel: Panel) -> FloatArray:
    """Spend divided by each geo's mean spend on the channel, shape (G, T, C); zero where a geo never spent."""
    spend = panel.data["spend"].to_numpy().astype(np.float64)
    usual = spend.mean(axis=1, keepdims=True)
    return np.asarray(np.divide(spend, usual, out=np.zeros_like(spend), where=usual > 0), dtype=np.float64)


def within_geos(values: FloatArray) -> FloatArray:
    """Shape (G, T, K) with each geo's mean removed."""
    return np.asarray(values - values.mean(axis=1, keepdims=True), dtype=np.float64)


def own_variation(values: FloatArray, panel: Panel) -> FloatArray:
    """What a model can learn from, shape (G, T, K) kept.

    With several geos: the mean of each geo and of each period removed. With one: season and a smooth curve (a knot a
    quarter) projected out.
    """
    centred = within_geos(values)
    if values.shape[0] > 1:
        return np.asarray(centred - centred.mean(axis=0, keepdims=True), dtype=np.float64)
    slow = slow_columns(panel)
    if slow.shape[0] <= slow.shape[1]:
        return np.zeros_like(centred)
    fitted = slow @ np.linalg.lstsq(slow, centred[0], rcond=None)[0]
    rest = centred - fitted[None]
    spread = centred.std(axis=(0, 1))
    return np.where(rest.std(axis=(0, 1)) > _NOTHING * spread, rest, 0.0)


def slow_columns(panel: Panel) -> FloatArray:
    """Trend, smooth curve and yearly season as columns, shape (T, K)."""
    periods = len(panel.dates)
    line = np.linspace(-0.5, 0.5, periods)
    season = [column for _, column in fourier(panel.dates, 2)]
    curve = random_walk_basis(periods, max(1, SLOW_DAYS // panel.days_per_period))
    return np.column_stack([np.ones(periods), line, *season, curve])


def correlation_table(panel: Panel) -> pd.DataFrame:
    """Correlation of spend between every two channels.

    Returns
    -------
    pandas.DataFrame
        Columns ``channel``, ``other``, ``within_geos`` (geo means removed), ``own_variation`` (period means removed
        too, see `own_variation`); missing where a channel has no such variation.
    """
    spend = relative_spend(panel)
    stages = {"within_geos": within_geos(spend), "own_variation": own_variation(spend, panel)}
    matrices = {name: correlation(_rows(values)) for name, values in stages.items()}
    return pd.DataFrame(
        [
            {
                "channel": panel.channels[first],
                "other": panel.channels[second],
                **{name: matrix[first, second] for name, matrix in matrices.items()},
            }
            for first, second in combinations(range(len(panel.channels)), 2)
        ],
        columns=["channel", "other", *stages],
    )


def inflation_table(panel: Panel) -> pd.DataFrame:
    """Variance inflation of every channel given the other channels, controls, treatments and organic media.

    Returns
    -------
    pandas.DataFrame
        Columns ``channel``, ``plain`` (one common mean removed), ``within_geos``, ``own_variation``; 1: stands alone,
        10: nine tenths of its variation can be told from the others; infinite for copies, missing without variation.
        ``own_share``: share of the variance within geos that is own variation.
    """
    spend = relative_spend(panel)
    controls = [panel.data[name].to_numpy().astype(np.float64) for name in ("control", "treatment", "organic")]
    everything = np.concatenate([spend, *controls], axis=2)
    stages = {
        "plain": everything - everything.mean(axis=(0, 1)),
        "within_geos": within_geos(everything),
        "own_variation": own_variation(everything, panel),
    }
    count = len(panel.channels)
    table = {name: inflation(_rows(values))[:count] for name, values in stages.items()}
    total, own = (stages[name][..., :count].var(axis=(0, 1)) for name in ("within_geos", "own_variation"))
    share = np.divide(own, total, out=np.full(count, np.nan), where=total > 0)
    return pd.DataFrame({"channel": panel.channels, **table, "own_share": share})


def correlation(columns: FloatArray) -> FloatArray:
    """Correlation of centred columns (N, K) as (K, K); missing for columns without variation.

    Examples
    --------
    >>> correlation(np.array([[1.0, 2.0], [-1.0, -2.0]])).round(12).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    size = np.sqrt((columns**2).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        result = (columns.T @ columns) / np.outer(size, size)
    return np.asarray(np.where(np.outer(size, size) > 0, np.clip(result, -1.0, 1.0), np.nan), dtype=np.float64)


def inflation(columns: FloatArray) -> FloatArray:
    """Variance inflation factors of centred columns (N, K), shape (K,).

    Examples
    --------
    >>> inflation(np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])).tolist()
    [1.0, 1.0]
    """
    size = np.sqrt((columns**2).mean(axis=0))
    moving = np.flatnonzero(size > 0)
    scaled = columns[:, moving] / size[moving]
    result = np.full(columns.shape[1], np.nan)
    for place, index in enumerate(moving):
        others = np.delete(scaled, place, axis=1)
        target = scaled[:, place]
        rest = target - others @ np.linalg.lstsq(others, target, rcond=None)[0] if others.shape[1] else target
        unexplained = float((rest**2).mean())
        result[index] = 1.0 / unexplained if unexplained > _NOTHING else np.inf
    return result


def _rows(values: FloatArray) -> FloatArray:
    """(G, T, K) → (G·T, K)."""
    return values.reshape(values.shape[0] * values.shape[1], values.shape[2])
