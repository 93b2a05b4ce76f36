"""What the model says each part brought: totals by channel for every draw, and the decomposition over time.

A channel's contribution is its geo coefficient × saturated, carried-over media × money per scaled unit: the outcome
that would be missing without the channel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmm.collapsed_kernel import transform_media
from mmm.compilation import compiled
from mmm.design import Design
from mmm.kernel_arrays import KernelData, Work, new_work
from mmm.spec import ModelSpec
from mmm.transforms import ADSTOCK_PARAMETERS, SATURATION_PARAMETERS, adstock_weights, apply_adstock, saturate

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draws:
    """Posterior draws in natural units. D draws, G geos, C channels, K shared columns, L lags.

    Attributes
    ----------
    weights
        Adstock weights, shape (D, C, L).
    saturation
        Saturation parameters, shape (D, C, P).
    effect
        Scaled effect of each channel in each geo, shape (D, G, C).
    intercept
        Shape (D, G).
    shared
        Shape (D, K).
    noise
        Shape (D, G), scaled.
    """

    weights: FloatArray
    saturation: FloatArray
    effect: FloatArray
    intercept: FloatArray
    shared: FloatArray
    noise: FloatArray

    def __len__(self) -> int:
        return int(self.weights.shape[0])


def collect_draws(natural: dict[str, FloatArray], by_geo: FloatArray, shared: FloatArray, spec: ModelSpec) -> Draws:
    """Flat draws from named parameters (D, size), geo coefficients (D, G, 1 + C) and shared ones (D, K)."""
    lags = spec.lags
    adstock = np.stack([natural[name] for name in ADSTOCK_PARAMETERS[spec.adstock]], axis=-1)
    return Draws(
        weights=adstock_weights(spec.adstock, adstock, lags),
        saturation=np.stack([natural[name] for name in SATURATION_PARAMETERS[spec.saturation]], axis=-1),
        effect=by_geo[:, :, 1:],
        intercept=by_geo[:, :, 0],
        shared=shared,
        noise=natural["noise"],
    )


def channel_totals(points: FloatArray, by_geo: FloatArray, data: KernelData) -> FloatArray:
    """Contribution of every channel over the whole panel, all geos, in money.

    Parameters
    ----------
    points
        Shape (D, n), sampler points.
    by_geo
        Shape (D, G, 1 + C), coefficients.
    data
        As the density saw it.

    Returns
    -------
    FloatArray
        Shape (D, C).
    """
    return _channel_totals(np.ascontiguousarray(points), np.ascontiguousarray(by_geo), data, new_work(data))


@compiled
def _channel_totals(points: FloatArray, by_geo: FloatArray, data: KernelData, work: Work) -> FloatArray:
    geos, channels, _ = data.media.shape
    result = np.zeros((len(points), channels))
    for draw in range(len(points)):
        transform_media(data.centre + data.spread * points[draw], data, work)
        for geo in range(geos):
            for channel in range(channels):
                total = (data.money[geo] * work.saturated[geo, channel, 0]).sum()
                result[draw, channel] += by_geo[draw, geo, channel + 1] * total
    return result


def geo_parts(draws: Draws, design: Design, spec: ModelSpec, geo: int) -> dict[str, FloatArray]:
    """Every component of one geo's expected outcome in money, each of shape (D, T); they add up to the fit.

    Components: ``baseline`` (intercept, trend, knots), ``season``, ``holidays``, ``control:NAME``,
    ``organic:NAME``, and one by channel name.
    """
    money = design.money[geo]
    carried = apply_adstock(design.media[geo][None], draws.weights)
    media = saturate(spec.saturation, carried, draws.saturation[:, :, None, :]) * draws.effect[:, geo, :, None]
    parts: dict[str, FloatArray] = {"baseline": np.repeat(draws.intercept[:, geo, None], design.periods, axis=1)}
    for component in dict.fromkeys(design.shared.component):
        columns = [index for index, name in enumerate(design.shared.component) if name == component]
        value = draws.shared[:, columns] @ design.shared.values[geo][:, columns].T
        parts[component] = parts[component] + value if component in parts else value
    for channel, name in enumerate(design.panel.channels):
        parts[name] = media[:, channel]
    return {name: values * money for name, values in parts.items()}


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


def fit_table(draws: Draws, design: Design, spec: ModelSpec, *, level: float, seed: int) -> pd.DataFrame:
    """Observed outcome beside its prediction: columns date, geo, observed, mean, lower, upper (money).

    The interval is that of a new observation (posterior predictive), noise included.
    """
    rng = np.random.default_rng([seed, 11])
    observed, frames = design.panel.outcome_value, []
    for geo, name in enumerate(design.panel.geos):
        expected = np.sum(list(geo_parts(draws, design, spec, geo).values()), axis=0)
        noise = rng.standard_normal(expected.shape) * draws.noise[:, geo, None] * design.money[geo]
        lower, upper = quantiles(expected + noise, level)
        frames.append(
            pd.DataFrame(
                {
                    "date": design.panel.dates,
                    "geo": name,
                    "observed": observed[geo],
                    "mean": expected.mean(axis=0),
                    "lower": lower,
                    "upper": upper,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def quantiles(values: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Ends of the central interval along the first axis."""
    lower, upper = np.quantile(values, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    return np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
