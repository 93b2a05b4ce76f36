"""Reshaping of artifact tables for figures: sums and pivots, no statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from measurement.store import RunRecord

ALL_GEOS = "*"
#: How the content run names totals over teams and models.
ALL = "(all)"


def by_date(parts: pd.DataFrame) -> pd.DataFrame:
    """Decomposition summed over geos: index ``date``, one column a component."""
    return parts.pivot_table(
        index="date", columns="component", values="mean", aggfunc="sum", observed=True
    ).sort_index()


def media_components(wide: pd.DataFrame, channels: list[str]) -> pd.DataFrame:
    """The paid channels of `by_date`."""
    return wide[[name for name in channels if name in wide.columns]]


def fit_of(fit: pd.DataFrame, geo: str) -> pd.DataFrame:
    """Observed against model for one geo, or the sum over all without a band: intervals do not add up."""
    if geo != ALL_GEOS:
        return fit[fit["geo"].astype(str) == geo].sort_values("date")
    return fit.groupby("date", as_index=False)[["observed", "mean"]].sum()


def weekly_proposal(plan: pd.DataFrame) -> dict[str, float]:
    """Proposed spend of the plan's first week by channel, summed over geos."""
    first = plan[plan["week"] == plan["week"].min()] if "week" in plan.columns and plan["week"].notna().any() else plan
    return {str(name): float(value) for name, value in first.groupby("channel")["proposed"].sum().items()}


def change_by_geo(plan: pd.DataFrame) -> pd.DataFrame | None:
    """Proposed minus today's spend of the plan's first week, channels by geos; ``None`` for a plan over all geos."""
    first = plan[plan["week"] == plan["week"].min()]
    if first["geo"].nunique() < 2:
        return None
    moved = first.assign(change=first["proposed"] - first["current"])
    return pd.DataFrame(
        moved.pivot_table(index="channel", columns="geo", values="change", aggfunc="sum", observed=True)
    )


def around_the_mean(flight: pd.DataFrame) -> pd.DataFrame:
    """Spend of every week less the channel's mean week, channels by weeks, summed over geos."""
    wide = pd.DataFrame(flight.pivot_table(index="channel", columns="week", values="spend", aggfunc="sum"))
    return wide.sub(wide.mean(axis=1), axis=0)


def largest_cell(wide: pd.DataFrame) -> tuple[str, str]:
    """Row and column of the largest number in size.

    Examples
    --------
    >>> largest_cell(pd.DataFrame({"Bremen": [1.0, -5.0], "Hessen": [2.0, 3.0]}, index=["tv", "radio"]))
    ('radio', 'Bremen')
    """
    sizes = np.nan_to_num(np.abs(wide.to_numpy(dtype=np.float64)))
    row, column = divmod(int(sizes.argmax()), sizes.shape[1])
    return str(wide.index[row]), str(wide.columns[column])


def cumulative_effect(series: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    """Running sum of observed minus counterfactual from ``start``: columns ``date``, ``effect``."""
    during = series[series["date"] >= start]
    return pd.DataFrame({"date": during["date"], "effect": (during["observed"] - during["counterfactual"]).cumsum()})


def around(series: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """The test with eight times its length before it: years of history would squeeze the test to a sliver."""
    return series[series["date"] >= start - 8 * (end - start)]


def newest_tests(
    readouts: list[tuple[RunRecord, Mapping[str, Any]]],
) -> list[tuple[RunRecord, Mapping[str, Any]]]:
    """The newest readout of each test (same channel, geos and days), latest test first; runs come newest first."""
    seen: dict[tuple[object, ...], tuple[RunRecord, Mapping[str, Any]]] = {}
    for run, readout in readouts:
        seen.setdefault(
            (readout["channel"], tuple(readout["treated"]), readout["start"], readout["end"]), (run, readout)
        )
    return sorted(seen.values(), key=lambda pair: str(pair[1]["end"]), reverse=True)


def choices(values: pd.Series) -> list[str]:
    """Distinct values as text, the total first."""
    return sorted({str(value) for value in values}, key=lambda name: (name != ALL, name))


def last_known(rows: pd.DataFrame) -> pd.Series | None:
    """The newest day's row that has a value, ``None`` where nothing was measured."""
    known = rows[rows["value"].notna()].sort_values("day")
    return known.iloc[-1] if len(known) else None


def missed(breached: pd.Series | object) -> Any:  # noqa: ANN401 - a flag or a column of flags
    """Whether objectives were missed; where none is set the artifact leaves the field empty, which is not a miss."""
    if isinstance(breached, pd.Series):
        return breached.astype(str).str.lower() == "true"
    return str(breached).lower() == "true"


def by_day(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a day (or a week, for KPIs measured weekly), open where nothing was judged: lines do not bridge gaps."""
    once = rows.drop_duplicates("day").set_index("day").sort_index()
    steps = once.index.to_series().diff().dt.days.dropna()
    step = max(int(steps.median()), 1) if len(steps) else 1
    days = pd.date_range(once.index.min(), once.index.max(), freq=f"{step}D", name="day")
    # A rhythm with exceptions keeps its own days: a grid that skips a measurement would hide it.
    return (once.reindex(days) if once.index.isin(days).all() else once.rename_axis("day")).reset_index()
