"""What the model says each part brought: totals by channel for every draw, and the decomposition over time.

A channel's contribution is its geo coefficient × transformed media × money per scaled unit: the outcome that would be
missing without the channel.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmm.collapsed_kernel import transform
from mmm.design import Design
from mmm.kernel_arrays import KernelData, new_work
from mmm.media_response import Draws, panel_response
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]


def channel_totals(points: FloatArray, by_geo: FloatArray, data: KernelData) -> FloatArray:
    """Contribution of every medium over the whole panel, all geos, in money.

    Parameters
    ----------
    points
        Shape (D, n), sampler points.
    by_geo
        Shape (D, G, J), coefficients.
    data
        As the density saw it.

    Returns
    -------
    FloatArray
        Shape (D, C).
    """
    work, channels = new_work(data), data.media.shape[1]
    result = np.empty((len(points), channels))
    for draw, point in enumerate(np.ascontiguousarray(points)):
        transform(point, data, work)
        by_unit = np.einsum("gct,gt->gc", work.rows[:, data.order[1 : channels + 1]], data.money)
        result[draw] = (by_geo[draw][:, 1 : channels + 1] * by_unit).sum(axis=0)
    return result


def channels_table(
    channels: tuple[str, ...], spend: FloatArray, drawn: dict[str, FloatArray], whole: float, level: float
) -> pd.DataFrame:
    """One row a channel, as `mmm.fitted.FittedMMM.channels_table` describes it.

    Parameters
    ----------
    channels, spend
        Length C.
    drawn
        ``contribution``, ``roas``, ``marginal_roas``, each (D, C).
    whole
        Outcome value of the whole panel, of which the share is taken.
    level
        Of the intervals.
    """
    table = pd.DataFrame({"channel": list(channels), "spend": spend})
    for name, values in drawn.items():
        table[name] = values.mean(axis=0)
        table[f"{name}_lower"], table[f"{name}_upper"] = quantiles(values, level)
        if name == "contribution":
            table["share"] = values.mean(axis=0) / whole
    table["level"] = level
    return table


def component_names(design: Design) -> dict[str, str]:
    """Medium → name of its component in the decomposition."""
    paid = design.panel.channels
    return {name: name if name in paid else f"organic:{name}" for name in design.media_names}


def geo_parts(draws: Draws, design: Design, spec: ModelSpec, geo: int) -> dict[str, FloatArray]:
    """Every component of one geo's expected outcome in money, each of shape (D, T); they add up to the fit.

    Components: ``baseline`` (level, trend, knots, the geo's drift, shared shocks), ``season``, ``holidays``,
    ``control:NAME``, ``treatment:NAME``, ``organic:NAME``, and one by channel name.
    """
    money, shared, extra = design.money[geo], design.shared, design.extra
    parts: dict[str, FloatArray] = {"baseline": np.repeat(draws.intercept[:, geo, None], design.periods, axis=1)}
    if draws.shock.shape[1]:
        parts["baseline"] = parts["baseline"] + draws.shock
    for component in dict.fromkeys(shared.component):
        columns = [index for index, name in enumerate(shared.component) if name == component]
        _add(parts, component, draws.shared[:, columns] @ shared.values[geo][:, columns].T)
    for component in dict.fromkeys(extra.component):
        rows = [index for index, name in enumerate(extra.component) if name == component]
        _add(parts, component, draws.extra[:, geo][:, rows] @ extra.values[geo][rows])
    for channel, (_, component) in enumerate(component_names(design).items()):
        media = panel_response(draws, design, spec, channel, geo)
        _add(parts, component, media * draws.effect[:, geo, channel, None])
    return {name: values * money for name, values in parts.items()}


def _add(parts: dict[str, FloatArray], name: str, values: FloatArray) -> None:
    parts[name] = parts[name] + values if name in parts else values


def decomposition(draws: Draws, design: Design, spec: ModelSpec, level: float) -> pd.DataFrame:
    """Every component by date and geo: columns date, geo, component, mean, lower, upper (money)."""
    frames = []
    for geo, name in enumerate(design.panel.geos):
        for component, values in geo_parts(draws, design, spec, geo).items():
            lower, upper = quantiles(values, level)
            frames.append(
                pd.DataFrame(
                    {
                        "date": design.panel.dates,
                        "geo": name,
                        "component": component,
                        "mean": values.mean(axis=0),
                        "lower": lower,
                        "upper": upper,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def noise_draws(draws: Draws, spec: ModelSpec, geo: int, periods: int, rng: np.random.Generator) -> FloatArray:
    """New noise of one geo, scaled, shape (D, periods)."""
    shape = (len(draws), periods)
    student = spec.noise == "student_t"
    drawn = rng.standard_t(spec.degrees, shape) if student else rng.standard_normal(shape)
    return np.asarray(drawn * draws.noise[:, geo, None], dtype=np.float64)


def fit_table(draws: Draws, design: Design, spec: ModelSpec, *, level: float, seed: int) -> pd.DataFrame:
    """Observed outcome beside its prediction: columns date, geo, observed, mean, lower, upper (money).

    The interval is that of a new observation (posterior predictive), noise included.
    """
    observed, frames = design.panel.outcome_value, []
    for geo, (expected, noise) in enumerate(_predictive(draws, design, spec, seed)):
        lower, upper = quantiles(expected + noise, level)
        frames.append(
            pd.DataFrame(
                {
                    "date": design.panel.dates,
                    "geo": design.panel.geos[geo],
                    "observed": observed[geo],
                    "mean": expected.mean(axis=0),
                    "lower": lower,
                    "upper": upper,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def national_fit_table(draws: Draws, design: Design, spec: ModelSpec, *, level: float, seed: int) -> pd.DataFrame:
    """The same for all geos together: columns date, observed, mean, lower, upper (money)."""
    expected, noise = np.zeros((2, len(draws), design.periods))
    for one, new in _predictive(draws, design, spec, seed):
        expected += one
        noise += new
    lower, upper = quantiles(expected + noise, level)
    observed = design.panel.outcome_value.sum(axis=0)
    values = {"observed": observed, "mean": expected.mean(axis=0), "lower": lower, "upper": upper}
    return pd.DataFrame({"date": design.panel.dates, **values})


def _predictive(draws: Draws, design: Design, spec: ModelSpec, seed: int) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Expected outcome and new noise of one geo after the other, (D, T) each, money."""
    rng = np.random.default_rng([seed, 11])
    for geo in range(design.geos):
        expected = np.sum(list(geo_parts(draws, design, spec, geo).values()), axis=0)
        yield expected, noise_draws(draws, spec, geo, design.periods, rng) * design.money[geo]


def quantiles(values: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Ends of the central interval along the first axis."""
    lower, upper = np.quantile(values, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    return np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
