"""Key performance indicators of the content pipeline: what a KPI is, and its daily series."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

Direction = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """A KPI's definition.

    Attributes
    ----------
    id
        Stable id, as in ``kpis.csv`` (e.g. ``"latency_p95"``).
    name
        English display name.
    unit
        ``"ms"``, ``"fraction"``, ``"count"``, ``"currency"``, ``"per_hour"``.
    direction
        Which way is better.
    formula
        In words, for the reader of the page.
    """

    id: str
    name: str
    unit: str
    direction: Direction
    formula: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KpiSeries:
    """A KPI by day for one team and model; every tuple has one entry a day.

    Attributes
    ----------
    value, lower, upper
        In the KPI's unit; ``None`` where nothing was judged that day (not judged is not zero).
    n
        Number of observations behind each value.
    """

    kpi: Kpi
    team: str
    model: str
    day: tuple[date, ...]
    value: tuple[float | None, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    n: tuple[int, ...]
