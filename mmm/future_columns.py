"""The linear part's columns in the periods after the panel, on the scales that the panel fixed.

Season, trend, controls and holidays are the same functions of the date and of the control, centred and scaled as in the
panel. A random walk goes on: the steps known so far run out, and each further knot brings a new one. A Gaussian process
is evaluated beyond the panel, as far as its basis reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.panel import Panel
from measurement.readers.holiday_calendar import OTHER_HOLIDAYS, HolidayDays, read_holidays
from measurement.readers.holiday_calendar import holiday_columns as panel_holidays
from mmm.baseline import DRIFT_EVERY, PROCESS, PROCESS_REACH, fourier, holiday_columns
from mmm.design import Design
from mmm.spec import ModelSpec
from mmm.spend_path import recent_pattern

FloatArray = NDArray[np.float64]
Controls = Mapping[str, float | FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FutureColumns:
    """Columns of H periods after the panel. G geos, K shared columns, E further rows of a geo.

    Attributes
    ----------
    shared
        Shape (G, H, K).
    walk
        Shape (M, H): steps of the level's random walk that the panel did not reach.
    extra
        Shape (G, E, H).
    drift
        Shape (M', H): steps of a geo's own drift that the panel did not reach.
    """

    shared: FloatArray
    walk: FloatArray
    extra: FloatArray
    drift: FloatArray


def future_columns(
    design: Design, spec: ModelSpec, dates: pd.DatetimeIndex, controls: Controls, holidays: str | HolidayDays | None
) -> FutureColumns:
    """Continue the linear part.

    Parameters
    ----------
    design, spec
        The fit.
    dates
        The panel's periods and H more, length T + H.
    controls
        By control or treatment: a number, (H,), or (G, H), in its own unit; those left out go on at their recent
        pattern.
    holidays
        Country code, or days, of the holidays that the panel brought; not needed where the specification names the
        country.

    Raises
    ------
    InputError
        For a control that the panel does not have or of the wrong shape; where holidays are in the model but not
        known in the future; for more periods than `longest_future`.
    """
    panel, ahead = design.panel, len(dates) - design.periods
    if ahead > longest_future(design):
        raise InputError.of(
            "the model does not reach so far beyond the panel",
            'Forecast fewer periods; with baseline = "knots" they may be more',
            column="periods",
            value=f"{ahead}, at most {longest_future(design)}",
        )
    named = dict(_control_series(panel, ahead, controls))
    named |= _holidays(panel, spec, dates, holidays)
    named |= {name: wave - wave[: design.periods].mean() for name, wave in fourier(dates, spec.harmonics)}
    old, walk = walk_beyond(design.periods, spec.knot_every, ahead)
    steps = np.arange(design.periods, design.periods + ahead)
    columns = []
    for index, name in enumerate(design.shared.names):
        kind, _, number = name.partition(":")
        if kind == "level":
            column = np.ones(ahead)
        elif kind == "trend":
            column = steps / (design.periods - 1.0) - 0.5
        elif kind == "knot":
            column = old[int(number)]
        elif kind == "wave":
            column = _wave(float(design.shared.frequency[index]), design.periods, ahead)
        else:
            column = named[name][..., design.periods :]
        columns.append(np.broadcast_to(column, (design.geos, ahead)))
    extra, drift = _extra_rows(design, spec, ahead, named)
    return FutureColumns(
        shared=np.stack(columns, axis=-1),
        walk=walk if (design.shared.group == 0).any() else walk[:0],
        extra=extra,
        drift=drift,
    )


def walk_beyond(periods: int, every: int, ahead: int) -> tuple[FloatArray, FloatArray]:
    """A spline random walk after its panel: `mmm.baseline.random_walk_basis` with further knots.

    Splines reach over their neighbours' knots, so the newest known steps are still rising where the panel ends.

    Returns
    -------
    tuple
        Columns of the S known steps after the panel, (S, H), and those of further steps, (M, H).
    """
    from scipy.interpolate import BSpline

    inner = max(2, round((periods - 1) / every) + 1)
    grid = np.linspace(0.0, periods - 1.0, inner)
    step = grid[1] - grid[0]
    more = int(np.ceil(ahead / step))
    knots = grid[0] + step * np.arange(-3, inner + 3 + more)
    splines = BSpline.design_matrix(np.arange(periods + ahead, dtype=np.float64), knots, 3).toarray()
    count = splines.shape[1]
    walk = splines @ np.tril(np.ones((count, count)))
    known = walk[:, 1 : count - more]
    return (known[periods:] - known[:periods].mean(axis=0)).T, walk[periods:, count - more :].T


def longest_future(design: Design) -> int:
    """How many periods a Gaussian process in the baseline reaches beyond its panel; 520 where there is none."""
    return design.periods // 4 if (design.shared.group == PROCESS).any() else 520


def _wave(frequency: float, periods: int, ahead: int) -> FloatArray:
    """A column of the Gaussian process after the panel, (H,)."""
    reach = PROCESS_REACH * periods / 2.0
    place = np.arange(periods + ahead) - (periods - 1) / 2.0 + reach
    wave = np.sin(frequency * place) / np.sqrt(reach)
    return np.asarray(wave[periods:] - wave[:periods].mean(), dtype=np.float64)


def _extra_rows(
    design: Design, spec: ModelSpec, ahead: int, named: Mapping[str, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Further rows of the geos (G, E, H), and new steps of their drift (M', H)."""
    every = DRIFT_EVERY if spec.geo_drift is None else spec.geo_drift
    drifts = "drift" in design.extra.groups
    old, drift = walk_beyond(design.periods, every, ahead) if drifts else (np.zeros((0, ahead)),) * 2
    rows = np.zeros((design.geos, len(design.extra.component), ahead))
    for row, group in enumerate(design.extra.group):
        name = design.extra.groups[group]
        rows[:, row] = old[row] if name == "drift" else named[name][..., design.periods :]
    return rows, drift


def _control_series(panel: Panel, ahead: int, controls: Controls) -> list[tuple[str, FloatArray]]:
    """Controls and treatments in the model's units over panel and future, (G, T + H) each; as in `mmm.baseline`."""
    _refuse_strangers(panel, controls)
    found = []
    for index, name in enumerate(panel.controls):
        values = panel.data["control"].to_numpy()[..., index].astype(np.float64)
        mean = values.mean(axis=1, keepdims=True)
        found.append((f"control:{name}", _scaled(values, mean, _future(values, name, ahead, panel, controls))))
    reference = panel.data["treatment_reference"].to_numpy()
    for index, name in enumerate(panel.treatments):
        values = panel.data["treatment"].to_numpy()[..., index].astype(np.float64)
        later = _future(values, name, ahead, panel, controls)
        found.append((f"treatment:{name}", _scaled(values, np.full((1, 1), reference[index]), later)))
    return found


def _scaled(values: FloatArray, zero: FloatArray, later: FloatArray) -> FloatArray:
    """Distance from ``zero`` in standard deviations within geos, panel then future."""
    spread = float((values - values.mean(axis=1, keepdims=True)).std())
    whole = np.concatenate([values, later], axis=1) - zero
    return np.asarray(whole / spread if spread > 0 else whole * 0.0, dtype=np.float64)


def _future(values: FloatArray, name: str, ahead: int, panel: Panel, controls: Controls) -> FloatArray:
    """A control's future, (G, H), in its own unit."""
    if name not in controls:
        return recent_pattern(values, ahead, panel.days_per_period)[:, values.shape[1] :]
    given = np.asarray(controls[name], dtype=np.float64)
    if given.shape not in {(), (ahead,), (len(values), ahead)} or not np.isfinite(given).all():
        raise InputError.of(
            "the future of a control has the wrong shape, or gaps",
            f"Pass a number, {ahead} numbers, or {ahead} for each geo",
            column=name,
            value=str(given.shape),
        )
    return np.broadcast_to(given, (len(values), ahead))


def _refuse_strangers(panel: Panel, controls: Controls) -> None:
    known = (*panel.controls, *panel.treatments)
    strangers = [name for name in controls if name not in known]
    if strangers:
        remedy = f"Use one of {', '.join(known)}" if known else "Leave controls out: the panel has none"
        raise InputError.of("the panel has no such control", remedy, column="controls", value=strangers[0])


def _holidays(
    panel: Panel, spec: ModelSpec, dates: pd.DatetimeIndex, holidays: str | HolidayDays | None
) -> dict[str, FloatArray]:
    """Columns of the model's holidays over panel and future, centred over the panel, (T + H,) each."""
    periods, days = len(panel.dates), panel.days_per_period
    if not panel.holiday_names:
        found = dict(holiday_columns(dates, spec.holidays, days)) if spec.holidays else {}
        return {name: column - column[:periods].mean() for name, column in found.items()}
    source = holidays if holidays is not None else spec.holidays
    if source is None:
        raise InputError.of(
            "the model knows holidays, but not those of the periods to come",
            'Pass holidays = "DE", or the days themselves',
            column="holidays",
        )
    calendar = read_holidays(source, Path(), dates) if isinstance(source, str) else source
    names, shares = panel_holidays(calendar, dates, days)
    later = dict(zip(names, shares[periods:].T, strict=True))
    strange = [column for name, column in later.items() if name not in panel.holiday_names]
    result = {}
    for index, name in enumerate(panel.holiday_names):
        inside = panel.data["holiday"].to_numpy()[:, index].astype(np.float64)
        beyond = later.get(name, np.zeros(len(dates) - periods))
        if name == OTHER_HOLIDAYS:  # holidays that were rare in the panel share a column
            beyond = beyond + np.sum(strange, axis=0) if strange else beyond
        result[f"holiday:{name}"] = np.concatenate([inside, beyond]) - inside.mean()
    return result
