"""Whether a panel's calendar is whole: rhythm, duplicates, gaps, ragged starts, a last week that is not over."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.panel import NATIONAL, Period, detect_period
from measurement.readers.findings import BoolArray, Findings, IntArray
from measurement.readers.panel_parse import FloatArray, ParsedPanel

#: A last period with less than this share of the usual outcome and of the usual spend is held to be incomplete.
PARTIAL_SHARE = 0.6
#: With less than this share of the usual outcome it is incomplete whatever was spent.
PARTIAL_OUTCOME_SHARE = 0.25
_REFERENCE_PERIODS = 8
FEW_WEEKS = 52


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calendar:
    """Rows by geo and period.

    Attributes
    ----------
    geos
        Names, sorted, length G.
    dates
        Every period from first to last, length T, without gaps.
    period
        ``"week"`` or ``"day"``.
    row
        Row position of each geo-period, shape (G, T), −1 where there is none.
    """

    geos: tuple[str, ...]
    dates: pd.DatetimeIndex
    period: Period
    row: IntArray


def lay_out(panel: ParsedPanel, date_column: str, found: Findings) -> Calendar | None:
    """Rows on a calendar without gaps; ``None`` where the rhythm is broken or a geo-period stands twice."""
    distinct = pd.DatetimeIndex(np.unique(panel.dates))
    try:
        period = detect_period(distinct)
    except InputError as error:
        first = error.problems[0]
        found.add(first.message, first.remedy, column=date_column, value=first.value)
        return None
    step = 7 if period == "week" else 1
    days = panel.dates.astype("datetime64[D]").astype(np.int64)
    start = int(days[np.flatnonzero(_on_rhythm(days, step))].min())
    off = (days - start) % step != 0
    if off.any():
        usual = dt.date(1970, 1, 1) + dt.timedelta(days=start)
        found.rows(
            off,
            date_column,
            f"the week does not start on {usual:%A} like the others",
            f"Give every week the date of its {usual:%A}",
            value=lambda row: panel.table.cell(date_column, row),
        )
        return None
    names, geo_codes = np.unique(panel.geos.astype(str), return_inverse=True)
    date_codes = (days - start) // step
    row: IntArray = np.full((len(names), int(date_codes.max()) + 1), -1, dtype=np.int64)
    flat = geo_codes.astype(np.int64) * row.shape[1] + date_codes
    _, first_rows = np.unique(flat, return_index=True)
    repeated = np.ones(len(flat), dtype=bool)
    repeated[first_rows] = False
    row.ravel()[flat[first_rows]] = first_rows
    if repeated.any():
        _name_repeated(panel, date_column, repeated, row.ravel()[flat], found)
        return None
    dates = pd.DatetimeIndex((start + step * np.arange(row.shape[1])).astype("datetime64[D]").astype("datetime64[ns]"))
    return Calendar(geos=tuple(str(name) for name in names), dates=dates, period=period, row=row)


def _on_rhythm(days: IntArray, step: int) -> BoolArray:
    """Rows on the weekday most rows have."""
    phase = days % step
    return np.asarray(phase == np.bincount(phase).argmax(), dtype=np.bool_)


def _name_repeated(
    panel: ParsedPanel, date_column: str, repeated: BoolArray, first_rows: IntArray, found: Findings
) -> None:
    what = "period" if (panel.geos == NATIONAL).all() else "geo and period"
    found.rows(
        repeated,
        date_column,
        f"this {what} stands twice in the table",
        "Remove one of the rows, or add them up; if rows differ by another column (a region?), name it as panel.geo",
        value=lambda row: f"{_label(panel.geos[row], panel.dates[row])}, also on line {found.lines[first_rows[row]]}",
    )


def _label(geo: str, date: np.datetime64) -> str:
    day = str(date.astype("datetime64[D]"))
    return day if geo == NATIONAL else f"{geo}, {day}"


def check_calendar(
    panel: ParsedPanel, calendar: Calendar, date_column: str, last_complete: dt.date | None, found: Findings
) -> None:
    """Gaps, ragged geos, an incomplete last period, row order, length and future dates."""
    present = calendar.row >= 0
    _check_gaps(calendar, present, date_column, found)
    confirmed = last_complete is not None and pd.Timestamp(last_complete) >= calendar.dates[-1]
    if not found.has_errors and not confirmed:
        _check_last(panel, calendar, date_column, found)
    _check_order(calendar, date_column, found)
    weeks = len(calendar.dates) / (1 if calendar.period == "week" else 7)
    if panel.of("spend") and weeks < FEW_WEEKS:
        found.add(
            f"the panel covers {weeks:.0f} weeks: too few to tell seasons from media",
            "Add older data, two years or more if you have them",
            column=date_column,
            severity="warning",
        )
    future = panel.dates > np.datetime64(dt.datetime.now(dt.UTC).date(), "ns")
    found.rows(
        future,
        date_column,
        "the date lies in the future",
        "Check the date; planned spend does not belong into the panel",
        value=lambda row: panel.table.cell(date_column, row),
        severity="warning",
    )


def _check_gaps(calendar: Calendar, present: BoolArray, date_column: str, found: Findings) -> None:
    """Missing periods, of all geos and of single ones; neighbours in time are told as one gap."""
    anywhere = present.any(axis=0)
    last_rows = np.maximum.accumulate(calendar.row.max(axis=0))
    gaps = _runs(~anywhere)
    _name_runs(
        calendar,
        [(int(last_rows[start - 1]), "", start, stop) for start, stop in gaps],
        (f"a {calendar.period} is missing after this row", "Add its rows (0 where nothing was spent or sold)"),
        date_column,
        found,
    )
    first = present.argmax(axis=1)
    last = present.shape[1] - 1 - present[:, ::-1].argmax(axis=1)
    _check_ragged(calendar, first, last, date_column, found)
    single = []
    for index, geo in enumerate(calendar.geos):
        inside = slice(int(first[index]), int(last[index]) + 1)
        for start, stop in _runs(~present[index, inside] & anywhere[inside]):
            before = calendar.row[index, : inside.start + start]
            single.append((int(before[before >= 0][-1]), geo, inside.start + start, inside.start + stop))
    _name_runs(
        calendar,
        single,
        (
            f"a {calendar.period} of this geo is missing after this row",
            "Add the row (0 where nothing was spent or sold)",
        ),
        date_column,
        found,
    )


def _runs(mask: BoolArray) -> list[tuple[int, int]]:
    """First and last position of each run of true values.

    Examples
    --------
    >>> _runs(np.array([False, True, True, False, True]))
    [(1, 2), (4, 4)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(start), int(stop) - 1) for start, stop in zip(edges[::2], edges[1::2], strict=True)]


def _name_runs(
    calendar: Calendar,
    gaps: list[tuple[int, str, int, int]],
    told: tuple[str, str],
    date_column: str,
    found: Findings,
) -> None:
    """Gaps as (row before, geo, first and last missing period)."""
    days = [str(date.date()) for date in calendar.dates]
    labels = {
        row: (f"{geo}, " if geo else "") + (days[start] if start == stop else f"{days[start]} to {days[stop]}")
        for row, geo, start, stop in gaps
    }
    rows = np.asarray([row for row, *_ in gaps], dtype=np.int64)
    found.rows(rows, date_column, *told, value=lambda row: labels[row])


def _check_ragged(calendar: Calendar, first: IntArray, last: IntArray, date_column: str, found: Findings) -> None:
    end = len(calendar.dates) - 1
    days = [str(date.date()) for date in calendar.dates]
    late_start, early_end = np.flatnonzero(first > 0), np.flatnonzero(last < end - 1)
    geo_of = {int(row): int(geo) for geo in (*late_start, *early_end) for row in calendar.row[geo]}
    if len(late_start):
        found.rows(
            calendar.row[late_start, first[late_start]],
            date_column,
            f"this geo starts later than the panel ({days[0]})",
            f"Add its rows, or start the whole panel on {days[first.max()]}, or leave the geo out",
            value=lambda row: f"{calendar.geos[geo_of[row]]} starts on {days[first[geo_of[row]]]}",
        )
    if len(early_end):
        found.rows(
            calendar.row[early_end, last[early_end]],
            date_column,
            f"this geo ends before the panel does ({days[-1]})",
            f"Add its rows, or set last_complete = {days[last.min()]} under [panel], or leave the geo out",
            value=lambda row: f"{calendar.geos[geo_of[row]]} ends on {days[last[geo_of[row]]]}",
        )
    missing = [geo for index, geo in enumerate(calendar.geos) if last[index] == end - 1]
    if missing:
        found.add(
            f"the last {calendar.period} is not complete: {len(missing)} of {len(calendar.geos)} geos are missing",
            f"Wait for the data, or set last_complete = {days[-2]} under [panel] in liftwerk.toml",
            column=date_column,
            line=int(found.lines[int(calendar.row[:, -1].max())]),
            value=f"{days[-1]}: {', '.join(missing)}",
        )


def _check_last(panel: ParsedPanel, calendar: Calendar, date_column: str, found: Findings) -> None:
    """An unfinished last period would be read as a crash of sales."""
    step = 1 if calendar.period == "week" else 7  # days are compared with the same weekday
    totals = {
        role: np.nansum(panel.sum_of(role)[calendar.row], axis=0) if panel.of(role) else None
        for role in ("outcome", "spend")
    }
    shares = {role: _share_of_usual(total, step) for role, total in totals.items() if total is not None}
    outcome, spend = shares["outcome"], shares.get("spend")
    if outcome is None:
        return
    low = outcome < PARTIAL_SHARE and (spend is None or spend < PARTIAL_SHARE)
    if low or outcome < PARTIAL_OUTCOME_SHARE:
        before = calendar.dates[-2].date()
        compared = "" if spend is None else f", spend {spend:.0%}"
        found.add(
            f"the last {calendar.period} looks incomplete: outcome {outcome:.0%}{compared} of what is usual",
            f"Set last_complete = {before} under [panel] in liftwerk.toml to leave it out, "
            f"or last_complete = {calendar.dates[-1].date()} to confirm that it is complete",
            column=date_column,
            line=int(found.lines[int(calendar.row[:, -1].max())]),
            value=str(calendar.dates[-1].date()),
        )


def _share_of_usual(total: FloatArray, step: int) -> float | None:
    """Last total over the median of the eight before it; ``None`` where there are too few or nothing is usual."""
    before: NDArray[np.float64] = total[-1 - step :: -step][:_REFERENCE_PERIODS]
    if len(before) < 4 or np.median(before) <= 0:
        return None
    return float(total[-1] / np.median(before))


def _check_order(calendar: Calendar, date_column: str, found: Findings) -> None:
    """Rows of a geo forwards or backwards in time are both fine; a mixture hints at a broken export."""
    for index, geo in enumerate(calendar.geos):
        rows = calendar.row[index][calendar.row[index] >= 0]
        steps = np.diff(rows)
        if (steps > 0).all() or (steps < 0).all():
            continue
        where = int(np.flatnonzero(steps < 0)[0])
        found.add(
            "rows are not in order of date" + ("" if geo == NATIONAL else f" (first seen in '{geo}')"),
            "Nothing need be done: liftwerk sorts them; check that the export did not mix up columns",
            column=date_column,
            line=int(found.lines[rows[where + 1]]),
            severity="warning",
        )
        return
