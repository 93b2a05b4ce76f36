"""The panel: the one way data enters a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

from measurement.errors import InputError, Problem
from measurement.panel_layout import DIMENSIONS, check_data, complete, frequency_notes, lay_out_data

OutcomeKind = Literal["revenue", "units"]
Period = Literal["week", "day"]
NATIONAL = "national"

__all__ = ["DIMENSIONS", "NATIONAL", "OutcomeKind", "Panel", "Period", "detect_period"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """Outcome, spend, exposure and controls by geo and period: complete, sorted, free of missing values.

    Attributes
    ----------
    data
        Data set with the variables of `DIMENSIONS` (G geos, T periods, C channels):
        ``outcome`` (G, T) in the outcome's own unit; ``value_per_unit`` (G, T), money per unit of outcome
        (ones where the outcome is revenue); ``spend`` (G, T, C) in money; ``exposure`` (G, T, C), spend itself
        where no exposure was measured; ``control`` (G, T, K); ``organic`` (G, T, O); ``population`` (G,), ones
        where unknown. Coordinate ``date`` is ``datetime64``, the first day of the period. Without columns unless given:
        ``reach``, people, and ``frequency``, contacts a person reached (G, T, R), of the channels ``rf_channel``, whose
        exposure is their product; ``treatment`` (G, T, M), non-media treatments such as a price, whose contribution
        counts against ``treatment_reference`` (M,); ``holiday`` (T, H), 1 in periods that hold a public holiday.
    currency
        ISO code of all money.
    outcome_kind
        ``"revenue"`` or ``"units"``.
    period
        ``"week"`` or ``"day"``.
    notes
        Warnings of the reader that a person should see (gaps filled, rows left out).

    Examples
    --------
    >>> panel = Panel.from_arrays(outcome=np.ones((1, 3)), dates=pd.date_range("2026-01-05", periods=3, freq="7D"))
    >>> panel.geos, panel.channels, panel.period
    (('national',), (), 'week')
    """

    data: xr.Dataset
    currency: str = "EUR"
    outcome_kind: OutcomeKind = "revenue"
    period: Period = "week"
    notes: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", complete(self.data))
        check_data(self.data)

    @property
    def geos(self) -> tuple[str, ...]:
        """Names of the G geos."""
        return tuple(str(name) for name in self.data["geo"].to_numpy())

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the C paid channels."""
        return tuple(str(name) for name in self.data["channel"].to_numpy())

    @property
    def controls(self) -> tuple[str, ...]:
        """Names of the K controls."""
        return tuple(str(name) for name in self.data["control_name"].to_numpy())

    @property
    def organic(self) -> tuple[str, ...]:
        """Names of the O organic media."""
        return tuple(str(name) for name in self.data["organic_name"].to_numpy())

    @property
    def reach_channels(self) -> tuple[str, ...]:
        """Names of the R channels whose reach and frequency are known."""
        return tuple(str(name) for name in self.data["rf_channel"].to_numpy())

    @property
    def treatments(self) -> tuple[str, ...]:
        """Names of the M non-media treatments."""
        return tuple(str(name) for name in self.data["treatment_name"].to_numpy())

    @property
    def holiday_names(self) -> tuple[str, ...]:
        """Names of the H public holidays."""
        return tuple(str(name) for name in self.data["holiday_name"].to_numpy())

    @property
    def holidays(self) -> xr.DataArray:
        """Public holidays by period, shape (T, H): 1 where a period holds the whole holiday."""
        return self.data["holiday"]

    @property
    def dates(self) -> pd.DatetimeIndex:
        """First day of each of the T periods."""
        return pd.DatetimeIndex(self.data["date"].to_numpy())

    @property
    def days_per_period(self) -> int:
        """7 for weeks, 1 for days."""
        return 7 if self.period == "week" else 1

    @property
    def outcome_value(self) -> NDArray[np.float64]:
        """Outcome in money, shape (G, T): outcome × value per unit."""
        return np.asarray((self.data["outcome"] * self.data["value_per_unit"]).to_numpy(), dtype=np.float64)

    def current_spend(self) -> dict[str, float]:
        """Spend of the last complete week by channel, all geos, in money a week (7 days for daily panels)."""
        periods = 1 if self.period == "week" else min(7, self.data.sizes["date"])
        last = self.data["spend"].isel(date=slice(-periods, None)).sum(("geo", "date"))
        scale = 1.0 if self.period == "week" else 7.0 / periods
        return {channel: float(last.sel(channel=channel)) * scale for channel in self.channels}

    def select(self, *, geos: Sequence[str] | None = None, until: pd.Timestamp | None = None) -> Panel:
        """The same panel restricted to some geos and to dates ≤ ``until``."""
        data = self.data if geos is None else self.data.sel(geo=list(geos))
        data = data if until is None else data.sel(date=slice(None, until))
        return Panel(
            data=data, currency=self.currency, outcome_kind=self.outcome_kind, period=self.period, notes=self.notes
        )

    @classmethod
    def read(cls, path: str | Path) -> Panel:
        """The panel that a workspace's ``liftwerk.toml`` (or its folder) describes.

        Raises
        ------
        InputError
            Lists every problem found, each with file, line, column, value and remedy.
        """
        from measurement.readers.panel_table import (
            read_panel,
        )  # the reader builds Panels: imported late, to avoid a cycle
        from measurement.workspace import Workspace

        return read_panel(Workspace.open(path))

    @classmethod
    def from_arrays(  # noqa: PLR0913 - one argument an array: this is the plain-array door
        cls,
        *,
        outcome: NDArray[np.float64],
        dates: pd.DatetimeIndex,
        geos: Sequence[str] = (NATIONAL,),
        spend: NDArray[np.float64] | None = None,
        channels: Sequence[str] = (),
        exposure: NDArray[np.float64] | None = None,
        reach: NDArray[np.float64] | None = None,
        frequency: NDArray[np.float64] | None = None,
        reach_channels: Sequence[str] = (),
        control: NDArray[np.float64] | None = None,
        controls: Sequence[str] = (),
        treatment: NDArray[np.float64] | None = None,
        treatments: Sequence[str] = (),
        treatment_reference: Sequence[float] | NDArray[np.float64] | None = None,
        organic: NDArray[np.float64] | None = None,
        organics: Sequence[str] = (),
        holiday: NDArray[np.float64] | None = None,
        holidays: Sequence[str] = (),
        population: NDArray[np.float64] | None = None,
        value_per_unit: NDArray[np.float64] | None = None,
        currency: str = "EUR",
        outcome_kind: OutcomeKind = "revenue",
        notes: tuple[Problem, ...] = (),
    ) -> Panel:
        """A panel from plain arrays; singular arguments are numbers, plural ones the names of their last dimension.

        Shapes are those of `Panel.data`. What is left out is empty, ones, or zeros; exposure is then the spend, or
        reach × frequency for ``reach_channels``; a treatment's reference is then its mean over all geos and dates.

        Raises
        ------
        InputError
            Names the variable whose shape, values or names are wrong.
        """
        data = lay_out_data(
            geos=geos,
            dates=dates,
            names={
                "channel": channels,
                "rf_channel": reach_channels,
                "control_name": controls,
                "treatment_name": treatments,
                "organic_name": organics,
                "holiday_name": holidays,
            },
            values={
                "outcome": outcome,
                "value_per_unit": value_per_unit,
                "spend": spend,
                "exposure": exposure,
                "reach": reach,
                "frequency": frequency,
                "control": control,
                "treatment": treatment,
                "treatment_reference": treatment_reference,
                "organic": organic,
                "holiday": holiday,
                "population": population,
            },
        )
        notes = (*notes, *frequency_notes(data))
        return cls(data=data, currency=currency, outcome_kind=outcome_kind, period=detect_period(dates), notes=notes)


def detect_period(dates: pd.DatetimeIndex) -> Period:
    """``"week"`` where the commonest step is seven days, ``"day"`` where it is one.

    Raises
    ------
    InputError
        For any other rhythm (months, hours).
    """
    if len(dates) < 2:
        return "week"
    steps = pd.Series(dates.sort_values()).diff().dropna().dt.days  # order is the Panel's own check
    step = int(steps.mode().iloc[0])
    if step == 7:
        return "week"
    if step == 1:
        return "day"
    raise InputError.of(
        "periods must be weeks or days",
        "Sum or split the data to weeks",
        column="date",
        value=f"{step} days between rows",
    )
