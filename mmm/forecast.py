"""What will come, and what would come of other spend: the model continued beyond its panel, every uncertainty included.

The level goes on as a random walk from where each draw left it, with new steps of that draw's size, and so does every
geo's own drift; season, trend, holidays and controls go on by date; carry-over of past spend is included. A new
observation has new noise, and a new deviation that all geos share. Effects that vary over time stay where they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.readers.holiday_calendar import HolidayDays
from mmm.contributions import component_names, noise_draws, quantiles
from mmm.design import Design
from mmm.forecast_score import crps
from mmm.future_columns import Controls, FutureColumns, future_columns
from mmm.media_response import Draws, channel_response
from mmm.spec import ModelSpec
from mmm.spend_path import Horizon, Spend, horizon, lay_out_spend, media_of

FloatArray = NDArray[np.float64]
_FUTURE = 31  # stream of random numbers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecast:
    """Outcome of H periods after the panel. D draws, G geos; money.

    Attributes
    ----------
    dates, geos, currency
        Names of the axes, and the money.
    spend
        Shape (G, H, P): the spend it rests on.
    parts
        Component → (D, G, H), as in the decomposition; they add up to ``expected``.
    outcome
        Shape (D, G, H): new observations, shared shocks and noise included.
    """

    dates: pd.DatetimeIndex
    geos: tuple[str, ...]
    currency: str
    spend: FloatArray
    parts: Mapping[str, FloatArray]
    outcome: FloatArray

    @property
    def expected(self) -> FloatArray:
        """Expected outcome, without shocks and noise, shape (D, G, H)."""
        return np.asarray(np.sum(list(self.parts.values()), axis=0), dtype=np.float64)

    def table(self, level: float = 0.9, observed: FloatArray | None = None) -> pd.DataFrame:
        """One row a geo and period, money.

        Columns: date, geo, mean, lower, upper (of a new observation), expected, expected_lower, expected_upper
        (without noise), level; and observed, where it is given (G, H).
        """
        expected = self.expected
        lower, upper = quantiles(self.outcome, level)
        low, high = quantiles(expected, level)
        table = self._long(
            {
                "mean": self.outcome.mean(axis=0),
                "lower": lower,
                "upper": upper,
                "expected": expected.mean(axis=0),
                "expected_lower": low,
                "expected_upper": high,
            }
        )
        table["level"] = level
        if observed is not None:
            table["observed"] = np.asarray(observed, dtype=np.float64).ravel()
        return table

    def national(self, level: float = 0.9) -> pd.DataFrame:
        """All geos together: columns date, mean, lower, upper, expected, level (money)."""
        total = self.outcome.sum(axis=1)
        lower, upper = quantiles(total, level)
        return pd.DataFrame(
            {
                "date": self.dates,
                "mean": total.mean(axis=0),
                "lower": lower,
                "upper": upper,
                "expected": self.expected.sum(axis=1).mean(axis=0),
                "level": level,
            }
        )

    def components(self, level: float = 0.9) -> pd.DataFrame:
        """Expected outcome by component: columns date, geo, component, mean, lower, upper (money)."""
        frames = []
        for name, values in self.parts.items():
            lower, upper = quantiles(values, level)
            frame = self._long({"mean": values.mean(axis=0), "lower": lower, "upper": upper})
            frame.insert(2, "component", name)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def score(self, observed: FloatArray, level: float = 0.9) -> dict[str, float]:
        """How good it was.

        Parameters
        ----------
        observed
            Shape (G, H), money.
        level
            Of the interval whose coverage is told.

        Returns
        -------
        dict
            ``coverage``: share inside the interval; ``bias``: total forecast over total observed, less one; ``crps``:
            mean continuous ranked probability score, money; ``mape``: mean absolute error of the mean over the mean
            observed outcome.
        """
        if np.shape(observed) != self.outcome.shape[1:]:
            raise InputError.of(
                "observed outcome has the wrong shape",
                "Pass one number a geo and period",
                column="observed",
                value=f"{np.shape(observed)}, expected {self.outcome.shape[1:]}",
            )
        lower, upper = quantiles(self.outcome, level)
        mean = self.outcome.mean(axis=0)
        return {
            "coverage": float(((observed >= lower) & (observed <= upper)).mean()),
            "bias": float(mean.sum() / observed.sum() - 1.0),
            "crps": float(crps(self.outcome, observed).mean()),
            "mape": float(np.abs(mean - observed).mean() / observed.mean()),
        }

    def _long(self, values: Mapping[str, FloatArray]) -> pd.DataFrame:
        """Arrays (G, H) as columns, geo by geo."""
        geos, periods = len(self.geos), len(self.dates)
        table = pd.DataFrame({"date": np.tile(self.dates.to_numpy(), geos), "geo": np.repeat(list(self.geos), periods)})
        return table.assign(**{name: array.ravel() for name, array in values.items()})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Future:
    """What is assumed of the H periods to come.

    Attributes
    ----------
    periods
        H.
    spend
        See `mmm.spend_path.Spend`, over the H periods; ``None``: the recent pattern.
    controls
        See `mmm.future_columns.future_columns`.
    holidays
        Country code, or days, where the panel brought holidays of its own.
    """

    periods: int
    spend: Spend = None
    controls: Controls | None = None
    holidays: str | HolidayDays | None = None


def forecast(
    draws: Draws,
    scales: Mapping[str, FloatArray],
    design: Design,
    spec: ModelSpec,
    future: Future,
    *,
    seed: int,
) -> Forecast:
    """Continue a fit.

    Parameters
    ----------
    draws, design, spec
        The fit.
    scales
        Of the same D draws, where the model has them: ``walk_sd`` and ``shock_sd`` (D, 1), ``extra_sd`` (D, groups).
    future
        What is assumed.
    seed
        Of new steps, shocks and noise.

    Raises
    ------
    InputError
        Where spend, controls or holidays do not fit; see `Future`.
    """
    if future.periods < 1:
        raise InputError.of("nothing to forecast", "Pass at least 1", column="periods", value=future.periods)
    base = horizon(design, future.periods)
    window = slice(design.periods, None)
    spend = base.spend.copy()
    spend[:, window] = lay_out_spend(future.spend, base, window)
    media = media_of(base, spend)
    columns = future_columns(design, spec, base.dates, future.controls or {}, future.holidays)
    rng = np.random.default_rng([seed, _FUTURE])
    walk = _new_steps(columns.walk, scales.get("walk_sd"), draws, rng)
    shock = np.zeros((len(draws), future.periods))
    if "shock_sd" in scales:
        shock = rng.standard_normal(shock.shape) * scales["shock_sd"]
    by_geo, outcome = [], []
    for geo in range(design.geos):
        drift = _new_steps(columns.drift, _drift_sd(scales, design), draws, rng)
        parts = _baseline_parts(draws, design, columns, geo)
        parts["baseline"] = parts["baseline"] + walk + drift
        parts |= _media_parts(draws, base, spec, media, geo)
        noise = shock + noise_draws(draws, spec, geo, future.periods, rng)
        money = base.money[geo, window]
        by_geo.append({name: values * money for name, values in parts.items()})
        outcome.append(np.sum(list(by_geo[-1].values()), axis=0) + noise * money)
    return Forecast(
        dates=base.dates[window],
        geos=design.panel.geos,
        currency=design.panel.currency,
        spend=spend[:, window],
        parts={name: np.stack([parts[name] for parts in by_geo], axis=1) for name in by_geo[0]},
        outcome=np.stack(outcome, axis=1),
    )


def _drift_sd(scales: Mapping[str, FloatArray], design: Design) -> FloatArray | None:
    if "drift" not in design.extra.groups:
        return None
    place = design.extra.groups.index("drift")
    return scales["extra_sd"][:, place : place + 1]


def _new_steps(columns: FloatArray, sd: FloatArray | None, draws: Draws, rng: np.random.Generator) -> FloatArray:
    """What steps not yet taken bring, (D, H)."""
    if sd is None or not len(columns):
        return np.zeros((len(draws), columns.shape[1]))
    return np.asarray(rng.standard_normal((len(draws), len(columns))) * sd @ columns, dtype=np.float64)


def _baseline_parts(draws: Draws, design: Design, columns: FutureColumns, geo: int) -> dict[str, FloatArray]:
    """Components without media of one geo, scaled, (D, H) each."""
    periods = columns.shared.shape[1]
    parts = {"baseline": np.repeat(draws.intercept[:, geo, None], periods, axis=1)}
    for index, component in enumerate(design.shared.component):
        value = draws.shared[:, index, None] * columns.shared[geo, :, index]
        parts[component] = parts[component] + value if component in parts else value
    for row, component in enumerate(design.extra.component):
        value = draws.extra[:, geo, row, None] * columns.extra[geo, row]
        parts[component] = parts[component] + value if component in parts else value
    return parts


def _media_parts(
    draws: Draws, base: Horizon, spec: ModelSpec, media: tuple[FloatArray, FloatArray], geo: int
) -> dict[str, FloatArray]:
    """Components of the media of one geo after the panel, scaled, (D, H) each."""
    design, parts = base.design, {}
    for channel, component in enumerate(component_names(design).values()):
        paths = (media[0][geo, channel, design.periods :], media[1][geo, channel, design.periods :])
        time = base.time[design.periods :]
        level = channel_response(draws, design, spec, channel, paths, time=time)
        parts[component] = level * draws.effect[:, geo, channel, None]
    return parts
