"""Does the model hold on data that it has not seen? Rolling time slices, and what one more week changes.

A time slice fits the first periods only and forecasts the next ones under the spend, controls and holidays that then
came; exposure follows spend at its recent rate. The forecast is scored as draws against what happened, beside the value
of a year ago with the errors that this plain rule made before. Lift tests count as known once they are measured.
See `mmm.geo_holdout` for geos left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.estimates import LiftEstimate
from measurement.panel import Panel
from measurement.progress import Progress, silent
from measurement.readers.holiday_calendar import HolidayDays
from mmm.design import MIN_PERIODS
from mmm.forecast import Future
from mmm.forecast_score import crps
from mmm.model import MMM
from mmm.plain_forecast import covered, seasonal_naive
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
#: Share of the interval's width by which a channel may move when a week is added.
MOVE_LIMIT = 1.0 / 3.0
#: Geo name of the rows that add all geos up.
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeSlices:
    """Result of rolling time slices.

    Attributes
    ----------
    forecasts
        One row a slice, geo (and `ALL`) and period: ``slice``, ``geo``, ``date``, ``observed``, ``mean``, ``lower``,
        ``upper``, ``crps``, ``plain_crps`` (money), ``inside``.
    level
        Of the intervals.
    currency
        Of the money.
    healthy
        Slice → whether its fit passed the health gate.
    """

    forecasts: pd.DataFrame
    level: float
    currency: str
    healthy: dict[int, bool]

    def table(self) -> pd.DataFrame:
        """One row a slice, and one for all.

        Columns: ``slice``, ``crps`` and ``plain_crps`` of geos relative to their mean outcome, ``skill`` (1 less their
        ratio: above 0 the model beats the plain rule), ``coverage``, ``bias`` (forecast over observed total, less 1),
        ``national_crps``, ``national_skill``, ``national_coverage``.
        """
        rows = [_summary(str(number), part) for number, part in self.forecasts.groupby("slice")]
        return pd.DataFrame([*rows, _summary("all", self.forecasts)])


def _summary(name: str, rows: pd.DataFrame) -> dict[str, object]:
    geos, whole = rows[rows["geo"] != ALL], rows[rows["geo"] == ALL]
    scale = geos.groupby("geo")["observed"].transform("mean")
    own, plain = (geos["crps"] / scale).mean(), (geos["plain_crps"] / scale).mean()
    return {
        "slice": name,
        "crps": own,
        "plain_crps": plain,
        "skill": 1.0 - own / plain,
        "coverage": geos["inside"].mean(),
        "bias": whole["mean"].sum() / whole["observed"].sum() - 1.0,
        "national_crps": whole["crps"].mean() / whole["observed"].mean(),
        "national_skill": 1.0 - whole["crps"].mean() / whole["plain_crps"].mean(),
        "national_coverage": whole["inside"].mean(),
    }


def time_slices(
    panel: Panel,
    spec: ModelSpec,
    lifts: Sequence[LiftEstimate] = (),
    *,
    horizon: int = 8,
    slices: int = 3,
    level: float = 0.9,
    seed: int,
    progress: Progress = silent,
) -> TimeSlices:
    """Fit the panel without its last ``k × horizon`` periods, k = slices … 1, and forecast the next ``horizon``.

    Parameters
    ----------
    panel, spec, lifts, seed
        As for a fit.
    horizon
        Periods that each slice forecasts.
    slices
        Number of refits.
    level
        Of the intervals.
    progress
        Told which slice is being fitted.

    Raises
    ------
    InputError
        Where the panel is too short for the slices.
    """
    first = len(panel.dates) - slices * horizon
    if first < MIN_PERIODS or slices < 1 or horizon < 1:
        raise InputError.of(
            f"the first slice must leave at least {MIN_PERIODS} periods to fit",
            "Take fewer or shorter slices",
            column="slices",
            value=f"{slices} slices of {horizon} periods in {len(panel.dates)}",
        )
    frames, healthy = [], {}
    for number in range(slices):
        progress(number / slices, f"time slice {number + 1} of {slices}")
        frame, healthy[number] = _slice(panel, spec, lifts, (first + number * horizon, horizon), seed=seed, level=level)
        frames.append(frame.assign(slice=number))
    progress(1.0, "time slices done")
    return TimeSlices(
        forecasts=pd.concat(frames, ignore_index=True), level=level, currency=panel.currency, healthy=healthy
    )


def _slice(
    panel: Panel,
    spec: ModelSpec,
    lifts: Sequence[LiftEstimate],
    place: tuple[int, int],
    *,
    seed: int,
    level: float,
) -> tuple[pd.DataFrame, bool]:
    """One slice: its rows, and whether its fit is healthy."""
    cut, horizon = place
    part = panel.select(until=panel.dates[cut - 1])
    window = slice(cut, cut + horizon)
    fitted = MMM(spec).fit(part, known_lifts(lifts, part), seed=seed)
    future = Future(
        periods=horizon,
        spend=panel.data["spend"].to_numpy()[:, window].astype(np.float64),
        controls=future_controls(panel, window),
        holidays=future_holidays(panel),
    )
    drawn = fitted.forecast(future, seed=seed).outcome
    plain = seasonal_naive(
        part.outcome_value,
        horizon,
        season=round(364 / panel.days_per_period),
        draws=len(drawn),
        rng=np.random.default_rng([seed, 51]),
    )
    geos = [*panel.geos, ALL]
    drawn, plain, observed = (_with_total(values) for values in (drawn, plain, panel.outcome_value[:, window]))
    lower, upper = np.quantile(drawn, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    columns = {
        "observed": observed,
        "mean": drawn.mean(axis=0),
        "lower": lower,
        "upper": upper,
        "crps": crps(drawn, observed),
        "plain_crps": crps(plain, observed),
        "inside": covered(drawn, observed, level),
    }
    frame = pd.DataFrame({"geo": np.repeat(geos, horizon), "date": np.tile(panel.dates[window].to_numpy(), len(geos))})
    return frame.assign(**{name: values.ravel() for name, values in columns.items()}), fitted.healthy


def _with_total(values: FloatArray) -> FloatArray:
    """Append the sum over geos, (…, G, H) → (…, G + 1, H)."""
    return np.concatenate([values, values.sum(axis=-2, keepdims=True)], axis=-2)


def known_lifts(lifts: Sequence[LiftEstimate], panel: Panel) -> list[LiftEstimate]:
    """Lift tests that were measured to the end before the panel's last period was over."""
    end = panel.dates[-1] + pd.Timedelta(days=panel.days_per_period - 1)
    return [lift for lift in lifts if pd.Timestamp(lift.measured_until or lift.end) <= end]


def future_controls(panel: Panel, window: slice) -> dict[str, float | FloatArray]:
    """Controls and treatments of a panel in some periods, by name, (G, H) each."""
    found: dict[str, float | FloatArray] = {}
    for names, variable in ((panel.controls, "control"), (panel.treatments, "treatment")):
        values = panel.data[variable].to_numpy()[:, window].astype(np.float64)
        found |= {name: values[..., index] for index, name in enumerate(names)}
    return found


def future_holidays(panel: Panel) -> HolidayDays | None:
    """The holidays of the whole panel as days, on the first day of their period."""
    if not panel.holiday_names:
        return None
    rows, columns = np.nonzero(panel.data["holiday"].to_numpy() > 0)
    return HolidayDays(
        days=panel.dates.to_numpy()[rows].astype("datetime64[D]"),
        names=np.asarray([panel.holiday_names[column] for column in columns], dtype=object),
        moved=np.zeros(len(rows), dtype=np.bool_),
    )


def refit_stability(
    panel: Panel,
    spec: ModelSpec,
    lifts: Sequence[LiftEstimate] = (),
    *,
    weeks: int = 1,
    seed: int,
    level: float = 0.9,
) -> pd.DataFrame:
    """What the last weeks change: the panel is fitted without and with them.

    Returns
    -------
    pandas.DataFrame
        One row a channel: ``channel``, ``before`` and ``after`` (ROAS), ``width`` (of the interval before), ``move``
        (the change as a share of it), ``steady`` (within `MOVE_LIMIT`). A channel that enters with the added weeks is
        left out.
    """
    periods = weeks * (7 // panel.days_per_period)
    part = panel.select(until=panel.dates[len(panel.dates) - 1 - periods])
    spent = part.data["spend"].to_numpy().sum(axis=(0, 1)) > 0
    if not spent.all():
        part = Panel(
            data=part.data.isel(channel=np.flatnonzero(spent)),
            currency=part.currency,
            outcome_kind=part.outcome_kind,
            period=part.period,
        )
    before = MMM(spec).fit(part, known_lifts(lifts, part), seed=seed).roas(level)
    after = MMM(spec).fit(panel, lifts, seed=seed).roas(level)
    rows = []
    for name, earlier in before.items():
        width = earlier.interval.width
        move = (after[name].value - earlier.value) / width
        rows.append(
            {
                "channel": name,
                "before": earlier.value,
                "after": after[name].value,
                "width": width,
                "move": move,
                "steady": abs(move) <= MOVE_LIMIT,
            }
        )
    return pd.DataFrame(rows)
