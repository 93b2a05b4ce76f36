"""``[panel]``: which columns of the panel's table hold what."""

from __future__ import annotations

import datetime as dt
import math
from typing import Literal

from pydantic import Field, field_validator, model_validator

from measurement.settings_section import Section, one_of, placed

REFERENCES = ("min", "max", "mean")


class ChannelSection(Section):
    """``[panel.channels.NAME]``."""

    spend: str
    exposure: str | None = None
    reach: str | None = None
    frequency: str | None = None


class TreatmentSection(Section):
    """``[panel.treatments.NAME]``: a non-media treatment, e.g. a price, whose contribution is counted.

    ``reference`` is the value against which it counts: the column's own ``"min"``, ``"max"`` or ``"mean"`` over all
    geos and periods, or a number in the column's unit.
    """

    column: str
    reference: float | Literal["min", "max", "mean"] = "mean"

    @field_validator("reference", mode="before")
    @classmethod
    def _number_or_name(cls, value: object) -> object:
        if isinstance(value, str) and value not in REFERENCES:
            raise placed("the reference is neither min, max nor mean, nor a number", one_of(value, REFERENCES))
        if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
            raise placed("the reference is not a number", "Write reference = 9.99, or one of min, max, mean")
        return value


class PanelSection(Section):
    """``[panel]``: which columns hold what. ``last_complete`` is the last complete period; later rows are left out."""

    file: str | None = None
    url: str | None = None
    table: str | None = None
    date: str
    geo: str | None = None
    outcome: str
    outcome_kind: Literal["revenue", "units"] = "revenue"
    value_per_unit: float | str | None = None
    population: str | None = None
    controls: tuple[str, ...] = ()
    organic: tuple[str, ...] = ()
    holidays: str | None = None
    last_complete: dt.date | None = None
    channels: dict[str, ChannelSection] = Field(default_factory=dict)
    treatments: dict[str, TreatmentSection] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> PanelSection:
        if (self.file is None) == (self.url is None):
            raise ValueError('name exactly one source: file = "data/panel.csv", or url and table')
        if self.url is not None and self.table is None:
            raise ValueError('a url needs table = "…" beside it')
        if self.outcome_kind == "units" and self.value_per_unit is None:
            raise ValueError('outcome_kind = "units" needs value_per_unit: a number or a column\'s name')
        return self

    @model_validator(mode="after")
    def _treatments_are_no_controls(self) -> PanelSection:
        for name, treatment in self.treatments.items():
            if treatment.column in self.controls:
                raise placed(
                    "the column is a control as well, and would be counted twice",
                    f"Remove '{treatment.column}' from panel.controls, or remove [panel.treatments.{name}]",
                    place=f"panel.treatments.{name}.column",
                    value=treatment.column,
                )
        return self
