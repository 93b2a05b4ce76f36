"""From the panel's table to a `Panel`: parsed, checked, sorted, complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from measurement.errors import InputError, Problem
from measurement.panel import DIMENSIONS, Panel
from measurement.readers.calendar_checks import Calendar, check_calendar, lay_out
from measurement.readers.findings import Findings, IntArray
from measurement.readers.holiday_counts import holiday_control
from measurement.readers.panel_checks import check_values
from measurement.readers.panel_parse import FloatArray, ParsedPanel, parse_panel
from measurement.settings import ChannelSection
from measurement.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PanelReading:
    """What became of a panel's table.

    Attributes
    ----------
    panel
        ``None`` where an error stands in the way.
    problems
        Everything found, in settings and table.
    geos, dates
        Names and first days of the periods, as far as they could be read.
    """

    panel: Panel | None
    problems: tuple[Problem, ...]
    geos: tuple[str, ...] = ()
    dates: pd.DatetimeIndex | None = None


def read_panel(workspace: Workspace) -> Panel:
    """The panel a workspace describes; warnings travel along in ``Panel.notes``.

    Raises
    ------
    InputError
        Lists every problem of the table and of its settings, each with file, line, column, value and remedy.
    """
    reading = load_panel(workspace)
    if reading.panel is None:
        raise InputError([problem for problem in reading.problems if problem.severity == "error"])
    return reading.panel


def load_panel(workspace: Workspace) -> PanelReading:
    """The panel with every problem found on the way, without raising."""
    parsed, in_table, in_settings = parse_panel(workspace)
    calendar = None if parsed is None else _checked_calendar(parsed, workspace, in_table)
    holidays: tuple[str, FloatArray] | None = None
    code = workspace.settings.panel.holidays
    if calendar is not None and code is not None:
        try:
            holidays = holiday_control(code, workspace.root, calendar.dates, 7 if calendar.period == "week" else 1)
        except InputError as error:
            in_settings.problems += error.problems
    if holidays is not None and np.ptp(holidays[1]) == 0:
        in_settings.add(
            "every period has the same number of holidays, so they are left out",
            "Check the dates in the file, or remove panel.holidays",
            column="panel.holidays",
            value=code,
            severity="warning",
        )
        holidays = None
    problems = tuple(_with_line(problem, workspace) for problem in (*in_settings.problems, *in_table.problems))
    if parsed is None or calendar is None:
        return PanelReading(panel=None, problems=problems)
    sound = not any(problem.severity == "error" for problem in problems)
    panel = _assemble(parsed, calendar, holidays, workspace, problems) if sound else None
    return PanelReading(panel=panel, problems=problems, geos=calendar.geos, dates=calendar.dates)


def _with_line(problem: Problem, workspace: Workspace) -> Problem:
    """A settings' problem with its line."""
    if problem.file != workspace.file.name or problem.line is not None:
        return problem
    fields = problem.to_dict() | {"line": workspace.setting_line(problem.column)}
    return Problem(**fields)  # type: ignore[arg-type]  # the fields of a Problem


def _checked_calendar(parsed: ParsedPanel, workspace: Workspace, found: Findings) -> Calendar | None:
    """All checks; the calendar only where names and dates are sound, else every gap in it would be an echo."""
    settings = workspace.settings.panel
    check_values(parsed, settings.outcome_kind, found)
    keys = {"", settings.date, settings.geo}
    if any(problem.severity == "error" and problem.column in keys for problem in found.problems):
        return None
    calendar = lay_out(parsed, settings.date, found)
    if calendar is not None:
        check_calendar(parsed, calendar, settings.date, settings.last_complete, found)
    return calendar


def _assemble(
    parsed: ParsedPanel,
    calendar: Calendar,
    holidays: tuple[str, FloatArray] | None,
    workspace: Workspace,
    problems: tuple[Problem, ...],
) -> Panel:
    settings = workspace.settings.panel
    row = calendar.row

    def grid(column: str) -> FloatArray:
        return parsed.numbers[column][row]

    def stack(columns: list[FloatArray]) -> FloatArray:
        return np.stack(columns, axis=-1) if columns else np.zeros((*row.shape, 0))

    channels = list(settings.channels)
    controls = [(use.name, grid(use.column)) for use in parsed.of("control")]
    if holidays is not None:
        controls.append((holidays[0], np.broadcast_to(holidays[1], row.shape)))
    per_unit = settings.value_per_unit
    values = {
        "outcome": grid(settings.outcome),
        "value_per_unit": grid(per_unit) if isinstance(per_unit, str) else np.full(row.shape, float(per_unit or 1.0)),
        "spend": stack([grid(settings.channels[name].spend) for name in channels]),
        "exposure": stack([_exposure(settings.channels[name], grid) for name in channels]),
        "control": stack([control for _, control in controls]),
        "organic": stack([grid(use.column) for use in parsed.of("organic")]),
        "population": _population(parsed, row),
    }
    data = xr.Dataset(
        {name: (DIMENSIONS[name], block) for name, block in values.items()},
        coords={
            "geo": list(calendar.geos),
            "date": calendar.dates,
            "channel": channels,
            "control_name": [name for name, _ in controls],
            "organic_name": [use.name for use in parsed.of("organic")],
        },
    )
    return Panel(
        data=data,
        currency=workspace.settings.workspace.currency,
        outcome_kind=settings.outcome_kind,
        period=calendar.period,
        notes=tuple(problem for problem in problems if problem.severity == "warning"),
    )


def _exposure(channel: ChannelSection, grid: Callable[[str], FloatArray]) -> FloatArray:
    """What the audience saw, shape (G, T): exposure, else reach times frequency, else the spend."""
    if channel.exposure is not None:
        return grid(channel.exposure)
    if channel.reach is not None and channel.frequency is not None:
        return grid(channel.reach) * grid(channel.frequency)
    return grid(channel.spend)


def _population(parsed: ParsedPanel, row: IntArray) -> FloatArray:
    """Mean over the periods, shape (G,); ones where no column holds it."""
    columns = parsed.of("population")
    return parsed.numbers[columns[0].column][row].mean(axis=1) if columns else np.ones(len(row))
