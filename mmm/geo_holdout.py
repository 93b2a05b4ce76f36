"""Geo hold-out: fit on some geos, predict the others from the hierarchy alone.

What carries over to a geo that the fit has not seen: shared columns and shocks as they were drawn; media effects,
own drift and response to controls drawn from the distribution over geos; the noise of a fitted geo picked at random,
because noise has no distribution over geos. The *size* of the geo is taken as known, its mean outcome being what a
media mix model is scaled by and does not predict: the level of every draw is set so that the mean is met. So the score
is of the movement over time. Exposure is scaled as over all geos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.panel import Panel
from measurement.progress import Progress, silent
from mmm.calibration import lift_design
from mmm.contributions import geo_parts
from mmm.design import Design, build_design
from mmm.effect_priors import effect_priors
from mmm.engines import sample_posterior
from mmm.forecast_score import crps
from mmm.media_response import Draws, collect_draws
from mmm.parameters import parameters
from mmm.plain_forecast import covered
from mmm.prior_checks import national_effects
from mmm.selection import chosen_spec
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
#: Draws of the posterior that predict.
PREDICTING = 400


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeoHoldout:
    """Result of a geo hold-out. H geos left out, D draws, T periods.

    Attributes
    ----------
    geos
        The geos left out.
    predicted
        Shape (D, H, T), money, noise included.
    observed
        Shape (H, T), money.
    table
        One row a geo left out: ``geo``, ``crps`` and ``plain_crps`` (relative to the geo's mean outcome; plain is the
        course of the fitted geos, with their spread around it), ``coverage`` of 90% intervals, ``correlation`` of
        prediction and outcome over time.
    """

    geos: tuple[str, ...]
    predicted: FloatArray
    observed: FloatArray
    table: pd.DataFrame


def geo_holdout(
    panel: Panel, spec: ModelSpec, left_out: Sequence[str], *, seed: int, progress: Progress = silent
) -> GeoHoldout:
    """Fit on all geos but some, and predict those.

    Parameters
    ----------
    panel, spec, seed, progress
        As for a fit; without lift tests, which are readouts of single geos.
    left_out
        Names of the geos left out; at least two must stay.

    Raises
    ------
    InputError
        Where a name is unknown or too few geos stay.
    """
    strangers = [geo for geo in left_out if geo not in panel.geos]
    if strangers or not left_out or len(panel.geos) - len(set(left_out)) < 2:
        raise InputError.of(
            "a geo hold-out needs known geos to leave out, and two or more that stay",
            f"Choose from {', '.join(panel.geos)}",
            column="left_out",
            value=", ".join(left_out),
        )
    held = [index for index, geo in enumerate(panel.geos) if geo in set(left_out)]
    stay = [index for index in range(len(panel.geos)) if index not in held]
    spec, _ = chosen_spec(panel.select(geos=[panel.geos[index] for index in stay]), spec)
    whole = build_design(panel, spec)
    train = geo_subset(whole, stay, spec)
    layout = parameters(train, spec)
    sampled = sample_posterior(train, layout, lift_design(train, ()), spec, seed=seed, progress=progress)
    total = sampled.diverging.size
    keep = np.linspace(0, total - 1, min(PREDICTING, total)).astype(int)
    natural = {
        name: np.asarray(values).reshape(total, -1)[keep] for name, values in layout.natural(sampled.points).items()
    }
    by_geo = sampled.by_geo.reshape(total, *sampled.by_geo.shape[2:])[keep]
    draws = collect_draws(natural, (by_geo, sampled.shared.reshape(total, -1)[keep]), layout, train, spec)
    national = national_effects(draws, natural["effect"], train, spec)
    rng = np.random.default_rng([seed, 41])
    predicted = np.stack(
        [_predict(geo_subset(whole, [geo], spec), (draws, natural, national), spec, rng) for geo in held], axis=1
    )
    return _result(whole, held, stay, predicted)


def geo_subset(design: Design, geos: list[int], spec: ModelSpec) -> Design:
    """A design restricted to some geos, in the scaled units of the whole."""
    panel = design.panel.select(geos=[design.panel.geos[index] for index in geos])
    spend = panel.data["spend"].to_numpy().sum(axis=(0, 1)).astype(np.float64)
    money = design.money[geos]
    return replace(
        design,
        panel=panel,
        outcome=design.outcome[geos],
        scale=design.scale[geos],
        money=money,
        media=design.media[geos],
        reach=design.reach[geos],
        media_unit=design.media_unit[geos],
        reach_unit=design.reach_unit[geos],
        spend=spend,
        shared=replace(design.shared, values=design.shared.values[geos]),
        extra=replace(design.extra, values=design.extra.values[geos]),
        priors=effect_priors(panel, spec, design.media_names, float(money.mean(axis=1).sum())),
    )


def _predict(
    alone: Design,
    fitted: tuple[Draws, dict[str, FloatArray], FloatArray],
    spec: ModelSpec,
    rng: np.random.Generator,
) -> FloatArray:
    """New observations of one unseen geo, money, shape (D, T)."""
    draws, natural, national = fitted
    count, media = national.shape
    effect = national * (1.0 + natural["geo_spread"] * rng.standard_normal((count, media)))
    width = natural.get("extra_sd", np.zeros((count, 0)))[:, alone.extra.group]
    unseen = replace(
        draws,
        effect=effect[:, None],
        intercept=np.zeros((count, 1)),
        extra=(width * rng.standard_normal(width.shape))[:, None],
        noise=draws.noise[np.arange(count), rng.integers(0, draws.noise.shape[1], count)][:, None],
    )
    expected = np.sum(list(geo_parts(unseen, alone, spec, 0).values()), axis=0) / alone.money[0]
    shape = expected.shape
    noise = rng.standard_t(spec.degrees, shape) if spec.noise == "student_t" else rng.standard_normal(shape)
    value = expected + noise * unseen.noise
    return np.asarray((value - value.mean(axis=1, keepdims=True) + alone.outcome[0].mean()) * alone.money[0])


def _result(whole: Design, held: list[int], stay: list[int], predicted: FloatArray) -> GeoHoldout:
    """Scores beside those of the plain course: each fitted geo's own is one draw of it."""
    observed = whole.panel.outcome_value[held]
    rows = []
    for place, geo in enumerate(held):
        mean = observed[place].mean()
        plain = whole.outcome[stay] * whole.money[geo]
        middle = predicted[:, place].mean(axis=0)
        rows.append(
            {
                "geo": whole.panel.geos[geo],
                "crps": float(crps(predicted[:, place], observed[place]).mean() / mean),
                "plain_crps": float(crps(plain, observed[place]).mean() / mean),
                "coverage": float(covered(predicted[:, place], observed[place]).mean()),
                "correlation": float(np.corrcoef(middle, observed[place])[0, 1]),
            }
        )
    names = tuple(whole.panel.geos[geo] for geo in held)
    return GeoHoldout(geos=names, predicted=predicted, observed=observed, table=pd.DataFrame(rows))
