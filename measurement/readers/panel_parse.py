"""The panel's table with every column parsed: what both the checks and the reader start from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from measurement.panel import NATIONAL
from measurement.readers.cells import read_dates, read_names, read_numbers
from measurement.readers.findings import BoolArray, Findings
from measurement.readers.panel_columns import (
    CURRENCY_HEADERS,
    ColumnUse,
    check_header,
    check_uses,
    column_uses,
)
from measurement.readers.tables import RawTable, read_database, read_table
from measurement.workspace import Workspace

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParsedPanel:
    """A panel's rows, parsed but not yet checked against each other.

    Attributes
    ----------
    table
        As found, without rows after ``panel.last_complete``.
    dates
        First day of each row's period, ``datetime64[ns]``, shape (N,), NaT where unreadable.
    geos
        Names, shape (N,); `NATIONAL` throughout where the settings name no geo column.
    uses
        The number columns, in the order of the settings; only those the table has.
    numbers
        Column → values, shape (N,), NaN where unreadable.
    left_out
        Rows after ``panel.last_complete``, which are not in any of the above.
    """

    table: RawTable
    dates: NDArray[np.datetime64]
    geos: NDArray[np.object_]
    uses: tuple[ColumnUse, ...]
    numbers: dict[str, FloatArray]
    left_out: int = 0

    def of(self, role: str) -> list[ColumnUse]:
        """Columns that play a part."""
        return [use for use in self.uses if use.role == role]

    def sum_of(self, role: str) -> FloatArray:
        """Sum over the columns of a part by row, shape (N,)."""
        return np.sum([self.numbers[use.column] for use in self.of(role)] or [np.zeros(len(self.dates))], axis=0)


def panel_source(workspace: Workspace) -> str:
    """The panel's file as the user wrote it, or the database table's name (a url may hold a password)."""
    panel = workspace.settings.panel
    return panel.file if panel.file is not None else f"{str(panel.url).partition(':')[0]}:{panel.table}"


def parse_panel(workspace: Workspace) -> tuple[ParsedPanel | None, Findings, Findings]:
    """Read and parse the panel's table.

    Returns
    -------
    tuple
        The parsed panel (``None`` where the table or one of its columns is missing), what was found in the
        table, and what was found in the settings.
    """
    panel = workspace.settings.panel
    in_settings, in_table = Findings(workspace.file.name), Findings(panel_source(workspace))
    check_uses(panel, in_settings)
    if panel.file is not None:
        expects = (panel.date, panel.outcome)
        table = read_table(workspace.path(panel.file), panel.file, in_table, sheet=panel.table, expects=expects)
    else:
        table = read_database(str(panel.url), str(panel.table), workspace.root, in_table)
    if table is None or table.frame.columns.empty or table.frame.empty:
        return None, in_table, in_settings
    in_table.lines = table.lines
    absent = check_header(panel, table, in_table)
    uses = tuple(use for use in column_uses(panel) if use.column not in absent)
    rows = len(table.frame)
    dates = np.full(rows, np.datetime64("NaT", "ns"), dtype="datetime64[ns]")
    if panel.date not in absent:
        dates = read_dates(table, panel.date, in_table)
    if panel.last_complete is not None:
        kept = ~(dates > np.datetime64(panel.last_complete, "ns"))
        table, dates = _keep(table, kept), dates[kept]
        in_table.lines = table.lines
        if not kept.any():
            _name_nothing_kept(workspace, in_settings)
            return None, in_table, in_settings
    geos = np.full(len(table.frame), NATIONAL, dtype=object)
    if panel.geo is not None and panel.geo not in absent:
        geos = read_names(table, panel.geo, in_table)
    columns = list(dict.fromkeys(use.column for use in uses))
    numbers = read_numbers(table, columns, in_table, currency=workspace.settings.workspace.currency)
    _check_currency_column(table, workspace.settings.workspace.currency, in_table)
    parsed = ParsedPanel(table=table, dates=dates, geos=geos, uses=uses, numbers=numbers, left_out=rows - len(dates))
    return (None if absent else parsed), in_table, in_settings


def _keep(table: RawTable, kept: BoolArray) -> RawTable:
    return RawTable(
        file=table.file,
        frame=table.frame[kept].reset_index(drop=True),
        lines=table.lines[kept],
        delimiter=table.delimiter,
        header_line=table.header_line,
    )


def _name_nothing_kept(workspace: Workspace, found: Findings) -> None:
    found.add(
        "every row of the panel lies after last_complete",
        "Set last_complete to the first day of the last period whose data are complete",
        column="panel.last_complete",
        line=workspace.setting_line("panel.last_complete"),
        value=workspace.settings.panel.last_complete,
    )


def _check_currency_column(table: RawTable, currency: str, found: Findings) -> None:
    """A column that names each row's currency must name the workspace's in every row."""
    for column in table.frame.columns:
        if str(column).casefold() not in CURRENCY_HEADERS:
            continue
        codes = table.frame[column].astype("str").fillna("").str.strip().str.upper()
        codes = codes.replace({"€": "EUR", "$": "USD", "£": "GBP"})
        found.rows(
            ((codes != currency) & (codes != "")).to_numpy(dtype=bool),
            str(column),
            f"the row is in another currency than the workspace ({currency})",
            f"Convert its amounts to {currency}, or change workspace.currency",
            value=partial(table.cell, str(column)),
        )
