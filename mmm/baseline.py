"""The linear part without media: shared columns (level, season, holidays, controls) and further rows of each geo."""

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
LEVEL_SD, TREND_SD, SEASON_SD, HOLIDAY_SD, CONTROL_SD = 0.5, 0.3, 0.15, 0.1, 0.15
#: Groups of shared columns whose standard deviation is learnt.
FIXED, WALK, PROCESS = -1, 0, 1
#: Periods between the knots of a geo's own drift, and of a varying effect.
DRIFT_EVERY, PATH_EVERY = 26, 13
#: The Gaussian process is laid out on this multiple of the panel's length, so that it is free at the ends.
PROCESS_REACH = 1.5


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
        ``control:NAME``, ``treatment:NAME``).
    prior_sd
        Shape (K,); ignored where ``group`` ≥ 0.
    group
        Shape (K,): `FIXED` prior, or learnt: `WALK` for steps of the knots, `PROCESS` for a Gaussian process.
    frequency
        Shape (K,): angular frequency by period of a Gaussian process's column, 0 elsewhere.
    dropped
        Names of columns left out because they never vary.
    """

    values: FloatArray
    names: tuple[str, ...]
    component: tuple[str, ...]
    prior_sd: FloatArray
    group: NDArray[np.int64]
    frequency: FloatArray
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeoRows:
    """Further rows of each geo, with coefficients of its own around zero: its drift, its response to controls.

    Attributes
    ----------
    values
        Shape (G, E, T).
    component
        Length E: what a row counts to in the decomposition.
    group
        Shape (E,): which standard deviation, an index of ``groups``.
    groups
        Names of the learnt standard deviations.
    """

    values: FloatArray
    component: tuple[str, ...]
    group: NDArray[np.int64]
    groups: tuple[str, ...]


@dataclass(slots=True)
class _Collector:
    """Columns as they are gathered."""

    geos: int
    values: list[FloatArray] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    component: list[str] = field(default_factory=list)
    prior_sd: list[float] = field(default_factory=list)
    group: list[int] = field(default_factory=list)
    frequency: list[float] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)

    def add(
        self, name: str, component: str, values: FloatArray, sd: float, group: int = FIXED, frequency: float = 0.0
    ) -> None:
        """Take a column of shape (T,) or (G, T)."""
        full = np.broadcast_to(values, (self.geos, values.shape[-1]))
        if name != "level" and float(np.ptp(full - full.mean(axis=1, keepdims=True))) < 1e-9:
            self.dropped.append(name)
            return
        self.values.append(np.array(full))
        self.names.append(name)
        self.component.append(component)
        self.prior_sd.append(sd)
        self.group.append(group)
        self.frequency.append(frequency)


def shared_columns(panel: Panel, spec: ModelSpec) -> SharedColumns:
    """Build the shared columns of a panel: level, season, holidays, controls, treatments."""
    dates, periods = panel.dates, len(panel.dates)
    take = _Collector(len(panel.geos))
    if len(panel.geos) > 1:
        take.add("level", "baseline", np.ones(periods), LEVEL_SD)
    take.add("trend", "baseline", np.linspace(-0.5, 0.5, periods), TREND_SD)
    if spec.baseline == "hsgp":
        for number, (column, frequency) in enumerate(process_basis(periods, spec.knot_every)):
            take.add(f"wave:{number}", "baseline", column, 0.0, PROCESS, frequency)
    else:
        for number, column in enumerate(random_walk_basis(periods, spec.knot_every).T):
            take.add(f"knot:{number}", "baseline", column, 0.0, WALK)
    for name, column in fourier(dates, spec.harmonics):
        take.add(name, "season", column, SEASON_SD)
    for name, column in _holidays(panel, spec):
        take.add(name, "holidays", column, HOLIDAY_SD)
    for name, column in control_columns(panel):
        take.add(name, name, column, CONTROL_SD)
    return SharedColumns(
        values=np.ascontiguousarray(np.stack(take.values, axis=-1)),
        names=tuple(take.names),
        component=tuple(take.component),
        prior_sd=np.array(take.prior_sd),
        group=np.array(take.group, dtype=np.int64),
        frequency=np.array(take.frequency),
        dropped=tuple(take.dropped),
    )


def control_columns(panel: Panel) -> list[tuple[str, FloatArray]]:
    """Controls, standardised, and treatments by their distance from the reference in standard deviations: (G, T)."""
    control, treatment = panel.data["control"].to_numpy(), panel.data["treatment"].to_numpy()
    columns = [
        (f"control:{name}", standardised(control[..., index].astype(np.float64)))
        for index, name in enumerate(panel.controls)
    ]
    reference = panel.data["treatment_reference"].to_numpy()
    for index, name in enumerate(panel.treatments):
        away = treatment[..., index].astype(np.float64) - float(reference[index])
        columns.append((f"treatment:{name}", per_sd(away)))
    return columns


def geo_rows(panel: Panel, spec: ModelSpec) -> GeoRows:
    """Build the further rows of the geos; none where there is one geo."""
    geos, periods = len(panel.geos), len(panel.dates)
    rows: list[FloatArray] = []
    component: list[str] = []
    group: list[int] = []
    groups: list[str] = []
    every = DRIFT_EVERY if spec.geo_drift is None else spec.geo_drift
    if geos > 1 and every > 0:
        for column in random_walk_basis(periods, every).T:
            rows.append(np.broadcast_to(column, (geos, periods)))
            component.append("baseline")
            group.append(0)
        groups.append("drift")
    if geos > 1 and spec.geo_controls is not False:
        for name, values in control_columns(panel):
            if float(np.ptp(values - values.mean(axis=1, keepdims=True))) >= 1e-9:
                rows.append(values)
                component.append(name)
                group.append(len(groups))
                groups.append(name)
    return GeoRows(
        values=np.ascontiguousarray(np.stack(rows, axis=1)) if rows else np.zeros((geos, 0, periods)),
        component=tuple(component),
        group=np.array(group, dtype=np.int64),
        groups=tuple(groups),
    )


def _holidays(panel: Panel, spec: ModelSpec) -> list[tuple[str, FloatArray]]:
    """Named holidays: the panel's own, or those of the specification's country."""
    if panel.holiday_names:
        values = panel.data["holiday"].to_numpy().astype(np.float64)
        return [
            (f"holiday:{name}", values[:, index] - values[:, index].mean())
            for index, name in enumerate(panel.holiday_names)
        ]
    return holiday_columns(panel.dates, spec.holidays, panel.days_per_period) if spec.holidays else []


def process_basis(periods: int, every: int) -> list[tuple[FloatArray, float]]:
    """Columns of a Hilbert-space Gaussian process and their angular frequencies (Solin, Särkkä 2020).

    Parameters
    ----------
    periods
        T.
    every
        Shortest wave worth a column is four times this many periods long.

    Returns
    -------
    list
        Pairs of a centred column (T,) and its frequency by period.
    """
    reach = PROCESS_REACH * periods / 2.0
    count = max(4, round(2.0 * reach / (2.0 * every)))
    place = np.arange(periods) - (periods - 1) / 2.0 + reach
    columns = []
    for number in range(1, count + 1):
        frequency = number * np.pi / (2.0 * reach)
        wave = np.sin(frequency * place) / np.sqrt(reach)
        columns.append((np.asarray(wave - wave.mean(), dtype=np.float64), float(frequency)))
    return columns


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
