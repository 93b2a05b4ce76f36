"""Which column of the panel's table plays which part, and whether the table has it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from measurement.readers.findings import Findings
from measurement.readers.tables import RawTable
from measurement.settings import PanelSection

Role = Literal[
    "outcome",
    "value_per_unit",
    "population",
    "control",
    "treatment",
    "organic",
    "spend",
    "exposure",
    "reach",
    "frequency",
]
#: Headers under which exports keep the currency of a row.
CURRENCY_HEADERS = {"currency", "currency_code", "curr", "währung", "waehrung", "devise"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnUse:
    """A number column that ``liftwerk.toml`` names.

    Attributes
    ----------
    column
        Header in the table.
    role
        What it is.
    setting
        Where it is named, e.g. ``"panel.channels.tv.spend"``.
    name
        Channel, control, treatment or organic medium; ``""`` for the rest.
    """

    column: str
    role: Role
    setting: str
    name: str = ""


def column_uses(panel: PanelSection) -> list[ColumnUse]:
    """Every number column the settings name, outcome first."""
    uses = [ColumnUse(column=panel.outcome, role="outcome", setting="panel.outcome")]
    if isinstance(panel.value_per_unit, str):
        uses.append(ColumnUse(column=panel.value_per_unit, role="value_per_unit", setting="panel.value_per_unit"))
    if panel.population is not None:
        uses.append(ColumnUse(column=panel.population, role="population", setting="panel.population"))
    uses += [ColumnUse(column=name, role="control", setting="panel.controls", name=name) for name in panel.controls]
    uses += [
        ColumnUse(column=treatment.column, role="treatment", setting=f"panel.treatments.{name}.column", name=name)
        for name, treatment in panel.treatments.items()
    ]
    uses += [ColumnUse(column=name, role="organic", setting="panel.organic", name=name) for name in panel.organic]
    for channel, section in panel.channels.items():
        for role in ("spend", "exposure", "reach", "frequency"):
            column = getattr(section, role)
            if column is not None:
                uses.append(
                    ColumnUse(column=column, role=role, setting=f"panel.channels.{channel}.{role}", name=channel)
                )
    return uses


def check_uses(panel: PanelSection, found: Findings) -> None:
    """Settings that contradict each other: one column in two parts, reach without frequency."""
    taken: dict[str, str] = {panel.date: "panel.date"}
    if panel.geo is not None and panel.geo == panel.date:
        found.add("one column is named twice", "Name the geo's own column", column="panel.geo", value=panel.geo)
    for use in column_uses(panel):
        spend_again = use.role == "exposure" and taken.get(use.column) == f"panel.channels.{use.name}.spend"
        if use.column in taken and not spend_again:
            found.add(
                f"the column '{use.column}' is already used by {taken[use.column]}",
                "Name another column, or remove this setting",
                column=use.setting,
                value=use.column,
            )
        taken.setdefault(use.column, use.setting)
    for channel, section in panel.channels.items():
        place = f"panel.channels.{channel}"
        if (section.reach is None) != (section.frequency is None):
            found.add("reach and frequency belong together", "Name both, or use exposure", column=place)
        if section.exposure is not None and section.reach is not None:
            found.add("exposure and reach are both given", "Name exposure, or reach and frequency", column=place)


def check_header(panel: PanelSection, table: RawTable, found: Findings) -> set[str]:
    """Columns the settings name and the table lacks (errors, returned), and columns that nothing uses (a warning)."""
    header = [str(column) for column in table.frame.columns]
    named = {panel.date: "panel.date", **({panel.geo: "panel.geo"} if panel.geo else {})}
    for use in column_uses(panel):
        named.setdefault(use.column, use.setting)
    absent = {column for column in named if column not in header}
    for column, setting in named.items():
        if column in absent:
            found.add(
                f"there is no such column, but {setting} names it",
                suggest(column, [name for name in header if name not in named], header),
                column=column,
                line=table.header_line,
                value=", ".join(header),
            )
    spare = [name for name in header if name not in named and name.casefold() not in CURRENCY_HEADERS]
    if spare:
        found.add(
            "columns that liftwerk.toml does not name are left out",
            "Name them under [panel] if they should count",
            line=table.header_line,
            value=", ".join(spare),
            severity="warning",
        )
    return absent


def suggest(wanted: str, likely: Iterable[str], known: Iterable[str]) -> str:
    """``Did you mean …`` with the nearest name, else the known ones."""
    folded = {name.casefold(): name for name in likely}
    near = difflib.get_close_matches(wanted.casefold(), folded, 1)
    if near:
        return f"Did you mean '{folded[near[0]]}'?"
    return f"Use one of: {', '.join(known) or '(none)'}"
