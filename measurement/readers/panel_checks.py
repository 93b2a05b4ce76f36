"""Whether a panel's values make sense: signs, columns that never change, spend that bought nothing, outliers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from measurement.readers.findings import BoolArray, Findings, IntArray
from measurement.readers.panel_columns import ColumnUse
from measurement.readers.panel_parse import FloatArray, ParsedPanel

#: Share of a channel's rows with spend that may lack exposure (rounding, corrections) before it is an error.
WITHOUT_EXPOSURE = 0.02
#: A value this many times the 95th percentile of its geo's non-zero values is shown as an outlier.
OUTLIER_FACTOR = 10.0
_MUST_BE_POSITIVE = {"population": "population", "value_per_unit": "value per unit"}
_MAY_NOT_BE_NEGATIVE = {"spend", "exposure", "reach", "frequency"}
_REMEDY_IF_CONSTANT = {
    "control": "Remove it from {use.setting}",
    "organic": "Remove it from {use.setting}",
    "treatment": "Remove [panel.treatments.{use.name}] from liftwerk.toml",
    "outcome": "Check the export",
}


def check_values(panel: ParsedPanel, outcome_kind: str, found: Findings) -> None:
    """Every check of cells and columns that needs no calendar."""
    geo_codes = pd.factorize(panel.geos)[0].astype(np.int64)
    for use in panel.uses:
        values = panel.numbers[use.column]
        _check_sign(panel, use, values, outcome_kind, found)
        _check_constant(use, values, found)
        _check_outliers(panel, use, values, geo_codes, found)
    for use in (*panel.of("exposure"), *panel.of("reach")):
        _check_exposure(panel, use, found)
    for use in panel.of("frequency"):
        _check_frequency(panel, use, found)
    _check_twins(panel, found)


def _check_sign(panel: ParsedPanel, use: ColumnUse, values: FloatArray, outcome_kind: str, found: Findings) -> None:
    def cell(row: int) -> str:
        return panel.table.cell(use.column, row)

    negative: BoolArray = values < 0
    if use.role in _MUST_BE_POSITIVE:
        message = f"the {_MUST_BE_POSITIVE[use.role]} must be above zero"
        found.rows(values <= 0, use.column, message, "Enter the true number", value=cell)
    elif use.role in _MAY_NOT_BE_NEGATIVE:
        found.rows(
            negative,
            use.column,
            f"the {use.role} is negative",
            "Enter what was booked in that period; book refunds in the period they belong to",
            value=cell,
        )
    elif use.role == "outcome":
        found.rows(
            negative,
            use.column,
            "the outcome is negative",
            "Keep returns out of the outcome, or book them in the period of the sale",
            value=cell,
            severity="error" if outcome_kind == "units" else "warning",
        )


def _check_constant(use: ColumnUse, values: FloatArray, found: Findings) -> None:
    known = values[np.isfinite(values)]
    if len(known) < 2 or use.role in _MUST_BE_POSITIVE or known.min() != known.max():
        return
    value = f"{known[0]:g} in every row"
    if use.role == "spend" and known[0] == 0:
        found.add(
            f"no money was ever spent on the channel '{use.name}'",
            f"Remove [panel.channels.{use.name}] from liftwerk.toml",
            column=use.column,
            value=value,
        )
    elif use.role in {"spend", "exposure", "reach"}:
        found.add(
            f"the {use.role} of '{use.name}' never changes, so the data cannot show what it does",
            "Vary it, or bring a lift test for this channel",
            column=use.column,
            value=value,
            severity="warning",
        )
    elif use.role == "frequency":
        found.add(
            f"the frequency of '{use.name}' never changes, so the data cannot show which frequency is best",
            "Name exposure instead of reach and frequency",
            column=use.column,
            value=value,
            severity="warning",
        )
    elif use.role in _REMEDY_IF_CONSTANT:
        remedy = _REMEDY_IF_CONSTANT[use.role].format(use=use)
        found.add("the column never changes", remedy, column=use.column, value=value)


def _check_exposure(panel: ParsedPanel, use: ColumnUse, found: Findings) -> None:
    """Spend that bought nothing: an error beyond `WITHOUT_EXPOSURE` of the rows with spend, else a warning."""
    spend_column = _column_of(panel, "spend", use.name)
    spend, seen = panel.numbers[spend_column], panel.numbers[use.column]
    without: BoolArray = (spend > 0) & (seen == 0)
    if not without.any():
        return

    def cells(row: int) -> str:
        return f"spend {panel.table.cell(spend_column, row)}, {use.role} {panel.table.cell(use.column, row)}"

    many = without.sum() > WITHOUT_EXPOSURE * (spend > 0).sum()
    found.rows(
        without,
        use.column,
        f"money was spent ({spend_column}) without any {use.role}",
        f"Enter the {use.role}, or move the spend to the period in which it ran",
        value=lambda row: (
            f"spend {panel.table.cell(spend_column, row)}, {use.role} {panel.table.cell(use.column, row)}"
        ),
        severity="error" if many else "warning",
    )


def _check_frequency(panel: ParsedPanel, use: ColumnUse, found: Findings) -> None:
    """People who were reached had at least one contact; none at all contradicts itself, less than one is odd."""
    reach_column = _column_of(panel, "reach", use.name)
    if not reach_column:
        return  # told by `check_uses`
    reach, frequency = panel.numbers[reach_column], panel.numbers[use.column]
    remedy = "Frequency is contacts divided by people reached, so at least 1: check both columns"
    found.rows(
        (reach > 0) & (frequency == 0),
        use.column,
        "people were reached, but the frequency is zero",
        remedy,
        value=lambda row: panel.table.cell(use.column, row),
    )
    short: BoolArray = (reach > 0) & (frequency > 0) & (frequency < 1)
    if short.any():
        first = int(np.flatnonzero(short)[0])
        found.add(
            f"the frequency is below 1 in {short.sum()} rows with reach",
            remedy,
            column=use.column,
            line=int(found.lines[first]),
            value=panel.table.cell(use.column, first),
            severity="warning",
        )


def _column_of(panel: ParsedPanel, role: str, name: str) -> str:
    """Column of a part of a channel, ``""`` where the settings name none."""
    return next((use.column for use in panel.of(role) if use.name == name), "")


def _check_twins(panel: ParsedPanel, found: Findings) -> None:
    """Two channels with the same spend in every row cannot be told apart."""
    spends = panel.of("spend")
    for index, use in enumerate(spends):
        for other in spends[:index]:
            if use.column != other.column and np.array_equal(panel.numbers[use.column], panel.numbers[other.column]):
                found.add(
                    f"the spend is the same as that of '{other.name}' in every row",
                    "Check the export; join the two channels if they always run together",
                    column=use.column,
                    severity="warning",
                )


def _check_outliers(
    panel: ParsedPanel, use: ColumnUse, values: FloatArray, geo_codes: IntArray, found: Findings
) -> None:
    """Warn of slips of the decimal sign; controls may be anything and are left alone."""
    if use.role in {"control", "population", "frequency"}:
        return
    size = np.abs(values)
    usual = pd.Series(np.where(size > 0, size, np.nan)).groupby(geo_codes).quantile(0.95).to_numpy()
    # Two rows of twenty may be the whole of a campaign: below that a percentile says nothing.
    enough = np.bincount(geo_codes, weights=size > 0) >= 20
    found.rows(
        enough[geo_codes] & (size > OUTLIER_FACTOR * usual[geo_codes]),
        use.column,
        f"the value is more than {OUTLIER_FACTOR:g} times what is usual there",
        "Check the decimal sign and the unit",
        value=lambda row: panel.table.cell(use.column, row),
        severity="warning",
    )
