"""The schedule file of a switchback test, and the plan that it describes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.switchback import Switchback
from geolift.test_plan import GeoTest
from measurement.errors import InputError
from measurement.panel import Panel

COLUMNS = ("geo", "start", "end", "counted_from", "on")


def read_schedule(file: Path) -> pd.DataFrame:
    """A ``schedule.csv`` as ``geo design --switchback`` wrote it.

    Raises
    ------
    InputError
        Where it is missing or its columns are not those.
    """
    if not file.is_file():
        raise InputError.of("there is no such schedule", "Give the path relative to the test file", file=str(file))
    table = pd.read_csv(file, dtype={"geo": str})
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError.of(
            f"the schedule has no column '{missing[0]}'",
            f"It needs {', '.join(COLUMNS)}, as geo design --switchback writes it",
            file=file.name,
            column=missing[0],
        )
    for name in ("start", "end", "counted_from"):
        days = pd.to_datetime(table[name], format="%Y-%m-%d", errors="coerce")
        if days.isna().any():
            row = int(np.flatnonzero(days.isna())[0])
            raise InputError.of(
                "this is not a date",
                "Write it as 2026-03-02",
                file=file.name,
                line=row + 2,
                column=name,
                value=str(table[name].iloc[row]),
            )
        table[name] = days
    table["on"] = table["on"].astype(str).str.lower().isin(("true", "1", "on", "yes"))
    return table


def plan_of(panel: Panel, test: GeoTest, schedule: pd.DataFrame) -> tuple[Switchback, int]:
    """The schedule in periods, and the panel's period in which it starts.

    Raises
    ------
    InputError
        Where schedule, test and panel do not fit together.
    """
    named = set(schedule["geo"])
    if named != set(test.treated):
        astray = min(named ^ set(test.treated))
        raise InputError.of(
            "the schedule and 'treated' name different geos",
            "List the same geos in both",
            column="treated",
            value=astray,
        )
    test.check_against(panel)
    days = panel.days_per_period
    table = schedule.sort_values(["geo", "start"])
    spans = ((table["end"] - table["start"]).dt.days + 1).unique()
    washed = (table["counted_from"] - table["start"]).dt.days.unique()
    counts = table.groupby("geo")["start"].agg(["size", "min"])
    first = pd.Timestamp(counts["min"].iloc[0])
    regular = len(spans) == 1 and len(washed) == 1 and counts.nunique().eq(1).all()
    if not regular or spans[0] % days or washed[0] % days or first not in panel.dates:
        raise InputError.of(
            "the schedule does not follow the periods of the panel",
            "Blocks and washouts have one length, are whole periods and start together, as geo design draws them",
            column="schedule",
        )
    on = np.array([table.loc[table["geo"] == geo, "on"].to_numpy() for geo in test.treated], dtype=np.bool_)
    plan = Switchback(on=on, block=int(spans[0] // days), washout=int(washed[0] // days))
    start = int(np.flatnonzero(panel.dates == first)[0])
    if start + plan.periods > len(panel.dates):
        last = panel.dates[-1].date()
        raise InputError.of(
            "the schedule has not run to its end yet", f"The panel ends on {last}: read it later", column="schedule"
        )
    if _day(first) != test.start or _day(pd.Timestamp(table["end"].max())) != test.end:
        raise InputError.of(
            "start and end are not those of the schedule",
            f"Write start = {_day(first)} and end = {_day(pd.Timestamp(table['end'].max()))}",
            column="start",
            value=test.start,
        )
    return plan, start


def _day(moment: pd.Timestamp) -> date:
    return moment.date()
