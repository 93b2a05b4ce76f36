"""The shared linear part: trend, wandering baseline, season, holidays, controls, organic media as columns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.panel import Panel
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]

#: Prior standard deviations of shared coefficients, in shares of a geo's mean outcome.
TREND_SD, SEASON_SD, HOLIDAY_SD, CONTROL_SD, ORGANIC_SD = 0.3, 0.15, 0.1, 0.15, 0.15


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SharedColumns:
    """Columns whose coefficients all geos share.

    Attributes
    ----------
    values
        Shape (G, T, K).
    names
        Length K, e.g. ``"knot:3"``, ``"control:price_index"``.
    component
        Length K: what a column counts to in the decomposition (``baseline``, ``season``, ``holidays``,
        ``control:NAME``, ``organic:NAME``).
    prior_sd
        Shape (K,); ignored where ``group`` ≥ 0.
    group
        Shape (K,): −1 for a fixed prior; 0 for the knots, 1 for shocks by period, whose standard deviations are learnt.
    dropped
        Names of columns left out because they never vary.
    """

    values: FloatArray
    names: tuple[str, ...]
    component: tuple[str, ...]
    prior_sd: FloatArray
    group: NDArray[np.int64]
    dropped: tuple[str, ...]


@dataclass(slots=True)
class _Collector:
    """Columns as they are gathered."""

    geos: int
    values: list[FloatArray] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    component: list[str] = field(default_factory=list)
    prior_sd: list[float] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def add(self, name: str, component: str, values: FloatArray, sd: float, group: int = -1) -> None:
        """Take a column of shape (T,) or (G, T)."""
        full = np.broadcast_to(values, (self.geos, values.shape[-1]))
        if float(np.ptp(full - full.mean(axis=1, keepdims=True))) < 1e-9:
            self.dropped.append(name)
            return
        self.values.append(np.array(full))
        self.names.append(name)
        self.component.append(component)
        self.prior_sd.append(sd)
        self.group.append(group)


def shared_columns(panel: Panel, spec: ModelSpec, size: FloatArray) -> SharedColumns:
    """Build the shared columns of a panel.

    Parameters
    ----------
    panel
        The data.
    spec
        Knots, harmonics, holidays.
    size
        Shape (G,): size of each geo (population or mean outcome); organic media are taken per head.
    """
    dates, periods = panel.dates, len(panel.dates)
    take = _Collector(len(panel.geos))
    take.add("trend", "baseline", np.linspace(-0.5, 0.5, periods), TREND_SD)
    for number, column in enumerate(random_walk_basis(periods, spec.knot_every).T):
        take.add(f"knot:{number}", "baseline", column, 0.0, group=0)
    if spec.shocks and len(panel.geos) > 1:
        for number in range(periods):
            take.add(f"shock:{number}", "baseline", np.eye(periods)[number], 0.0, group=1)
    for name, column in fourier(dates, spec.harmonics):
        take.add(name, "season", column, SEASON_SD)
    if spec.holidays:
        for name, column in holiday_columns(dates, spec.holidays, panel.days_per_period):
            take.add(name, "holidays", column, HOLIDAY_SD)
    control = panel.data["control"].to_numpy()
    for index, name in enumerate(panel.controls):
        take.add(f"control:{name}", f"control:{name}", standardised(control[..., index]), CONTROL_SD)
    organic = panel.data["organic"].to_numpy() / size[:, None, None]
    for index, name in enumerate(panel.organic):
        take.add(f"organic:{name}", f"organic:{name}", per_sd(organic[..., index]), ORGANIC_SD)
    return SharedColumns(
        values=np.ascontiguousarray(np.stack(take.values, axis=-1)),
        names=tuple(take.names),
        component=tuple(take.component),
        prior_sd=np.array(take.prior_sd),
        group=np.array(take.group, dtype=np.int64),
        dropped=tuple(take.dropped),
    )


def standardised(values: FloatArray) -> FloatArray:
    """Centred within each geo and divided by the standard deviation over all of them, shape kept."""
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = float(centred.std())
    return np.asarray(centred / spread if spread > 0 else centred, dtype=np.float64)


def per_sd(values: FloatArray) -> FloatArray:
    """Divided by the standard deviation within geos, zero kept at zero: no organic activity, no contribution."""
    spread = float((values - values.mean(axis=-1, keepdims=True)).std())
    return np.asarray(values / spread if spread > 0 else values * 0.0, dtype=np.float64)


def random_walk_basis(periods: int, every: int) -> FloatArray:
    """Cubic B-splines of a Gaussian random walk over knots, as columns for its independent steps.

    Coefficients of the splines are cumulative sums of the steps; columns are centred over time, so that the
    intercept is the mean level.

    Returns
    -------
    FloatArray
        Shape (periods, steps).
    """
    from scipy.interpolate import BSpline

    inner = max(2, round((periods - 1) / every) + 1)
    grid = np.linspace(0.0, periods - 1.0, inner)
    step = grid[1] - grid[0]
    knots = np.concatenate([grid[0] - step * np.arange(3, 0, -1), grid, grid[-1] + step * np.arange(1, 4)])
    splines = BSpline.design_matrix(np.arange(periods, dtype=np.float64), knots, 3).toarray()
    walk = splines @ np.tril(np.ones((splines.shape[1], splines.shape[1])))
    steps = walk[:, 1:]
    return np.asarray(steps - steps.mean(axis=0), dtype=np.float64)


def fourier(dates: pd.DatetimeIndex, harmonics: int) -> list[tuple[str, FloatArray]]:
    """Yearly sine and cosine columns, centred."""
    angle = 2.0 * np.pi * np.asarray(dates.day_of_year, dtype=np.float64) / 365.25
    columns = []
    for order in range(1, harmonics + 1):
        for name, wave in ((f"sin:{order}", np.sin(order * angle)), (f"cos:{order}", np.cos(order * angle))):
            columns.append((name, np.asarray(wave - wave.mean(), dtype=np.float64)))
    return columns


def holiday_columns(dates: pd.DatetimeIndex, country: str, days: int) -> list[tuple[str, FloatArray]]:
    """One column for each public holiday of a country: 1 in the periods that hold it.

    Raises
    ------
    InputError
        For a country code that is not known.
    """
    import holidays

    years = range(dates[0].year, dates[-1].year + 2)
    try:
        calendar = holidays.country_holidays(country, years=years)
    except NotImplementedError as unknown:
        raise InputError.of(
            "unknown country code for holidays",
            "Use a two-letter code such as DE, or leave holidays out",
            column="panel.holidays",
            value=country,
        ) from unknown
    columns: dict[str, FloatArray] = {}
    for day, label in sorted(calendar.items()):
        place = int(np.searchsorted(dates.to_numpy(), np.datetime64(day), side="right")) - 1
        if place >= 0 and (pd.Timestamp(day) - dates[place]).days < days:
            columns.setdefault(str(label), np.zeros(len(dates)))[place] = 1.0
    return [(f"holiday:{name}", column - column.mean()) for name, column in columns.items()]
