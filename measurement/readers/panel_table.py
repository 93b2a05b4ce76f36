"""From the panel's table to a `Panel`: parsed, checked, sorted, complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from measurement.errors import InputError, Problem
from measurement.panel import Panel
from measurement.panel_layout import lay_out_data
from measurement.panel_settings import ChannelSection, PanelSection
from measurement.readers.calendar_checks import Calendar, check_calendar, lay_out
from measurement.readers.findings import Findings, IntArray
from measurement.readers.holiday_calendar import holiday_columns, read_holidays
from measurement.readers.panel_checks import check_values
from measurement.readers.panel_parse import FloatArray, ParsedPanel, parse_panel
from measurement.readers.treatment_references import treatment_references
from measurement.workspace import Workspace

Holidays = tuple[tuple[str, ...], FloatArray]


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
    references = np.zeros(0)
    if parsed is not None:
        references = treatment_references(parsed, workspace.settings.panel.treatments, in_settings)
    holidays = None if calendar is None else _holidays(workspace, calendar, in_settings)
    problems = tuple(_with_line(problem, workspace) for problem in (*in_settings.problems, *in_table.problems))
    if parsed is None or calendar is None:
        return PanelReading(panel=None, problems=problems)
    sound = not any(problem.severity == "error" for problem in problems)
    panel = None
    if sound:
        data = _assemble(parsed, calendar, workspace.settings.panel, references, holidays)
        panel = Panel(
            data=data,
            currency=workspace.settings.workspace.currency,
            outcome_kind=workspace.settings.panel.outcome_kind,
            period=calendar.period,
            notes=tuple(problem for problem in problems if problem.severity == "warning"),
        )
    return PanelReading(panel=panel, problems=problems, geos=calendar.geos, dates=calendar.dates)


def _holidays(workspace: Workspace, calendar: Calendar, found: Findings) -> Holidays | None:
    """Names (H) and shares (T, H) of the holidays in the panel."""
    setting = workspace.settings.panel.holidays
    if setting is None:
        return None
    days_per_period = 7 if calendar.period == "week" else 1
    try:
        days = read_holidays(setting, workspace.root, calendar.dates)
    except InputError as error:
        found.problems += error.problems
        return None
    names, values = holiday_columns(days, calendar.dates, days_per_period)
    if not names:
        found.add(
            "no holiday falls into the panel's periods, so they are left out",
            "Check the dates in the file, or remove panel.holidays",
            column="panel.holidays",
            value=setting,
            severity="warning",
        )
    return names, values


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
    settings: PanelSection,
    references: FloatArray,
    holidays: Holidays | None,
) -> xr.Dataset:
    row = calendar.row

    def grid(column: str) -> FloatArray:
        return parsed.numbers[column][row]

    def stack(columns: list[FloatArray]) -> FloatArray:
        return np.stack(columns, axis=-1) if columns else np.zeros((*row.shape, 0))

    channels = list(settings.channels)
    per_unit = settings.value_per_unit
    values = {
        "outcome": grid(settings.outcome),
        "value_per_unit": grid(per_unit) if isinstance(per_unit, str) else np.full(row.shape, float(per_unit or 1.0)),
        "spend": stack([grid(settings.channels[name].spend) for name in channels]),
        "exposure": stack([_exposure(settings.channels[name], grid) for name in channels]),
        **{
            role: stack([grid(use.column) for use in parsed.of(role)])
            for role in ("reach", "frequency", "control", "treatment", "organic")
        },
        "treatment_reference": references,
        "holiday": None if holidays is None else holidays[1],
        "population": _population(parsed, row),
    }
    names = {
        "channel": channels,
        "rf_channel": [use.name for use in parsed.of("reach")],
        "control_name": [use.name for use in parsed.of("control")],
        "treatment_name": [use.name for use in parsed.of("treatment")],
        "organic_name": [use.name for use in parsed.of("organic")],
        "holiday_name": () if holidays is None else holidays[0],
    }
    return lay_out_data(geos=calendar.geos, dates=calendar.dates, names=names, values=values)


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
