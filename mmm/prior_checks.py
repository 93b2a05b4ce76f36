"""What the model believes before it sees the outcome: whole worlds drawn from the prior.

Parameters come from their priors, coefficients from theirs given the parameters, and an outcome from both. Two uses:
a person sees whether the priors imply believable outcomes (`prior_predictive`), and simulation-based calibration fits
the drawn outcomes and asks whether the truth is found as often as it should be (`simulate_from_prior`; Talts et al.
2018, Validating Bayesian inference algorithms with simulation-based calibration).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.panel import Panel
from mmm.baseline import FIXED, WALK
from mmm.contributions import geo_parts, quantiles
from mmm.design import Design, build_design
from mmm.kernel_arrays import COEFFICIENT, MARGINAL
from mmm.media_response import Draws, channel_response, collect_draws
from mmm.parameters import INTERCEPT_PRIOR, Parameters, parameters
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
#: Media are raised by this share to read a marginal return, as in the density.
NUDGE = 0.01
_SIMULATED = 21  # stream of random numbers


class PriorSample(NamedTuple):
    """Worlds drawn from the prior. D draws, G geos, T periods, J coefficients a geo, Q shared ones.

    Attributes
    ----------
    natural
        Name → (D, size): non-linear parameters in natural units, as `mmm.parameters.Parameters.natural` gives them.
    coefficients
        Of the geos (D, G, J: intercept, media, further rows) and shared ones (D, Q: columns, then shocks), scaled.
    outcome
        Shape (D, G, T), scaled, noise included: what `mmm.design.Design.outcome` would hold.
    """

    natural: dict[str, FloatArray]
    coefficients: tuple[FloatArray, FloatArray]
    outcome: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PriorPredictive:
    """Outcomes that the priors imply. D draws, G geos, T periods, P paid channels.

    Attributes
    ----------
    panel
        The data they are held against.
    outcome
        Shape (D, G, T): money.
    roas
        Shape (D, P): ROAS over the whole panel.
    media_share
        Shape (D,): contribution of all paid channels as a share of the drawn expected outcome.
    """

    panel: Panel
    outcome: FloatArray
    roas: FloatArray
    media_share: FloatArray

    def table(self, level: float = 0.9) -> pd.DataFrame:
        """Observed outcome beside what the priors expect: columns date, geo, observed, mean, lower, upper (money)."""
        lower, upper = quantiles(self.outcome, level)
        observed, mean = self.panel.outcome_value, self.outcome.mean(axis=0)
        frames = [
            pd.DataFrame(
                {
                    "date": self.panel.dates,
                    "geo": name,
                    "observed": observed[geo],
                    "mean": mean[geo],
                    "lower": lower[geo],
                    "upper": upper[geo],
                }
            )
            for geo, name in enumerate(self.panel.geos)
        ]
        return pd.concat(frames, ignore_index=True)

    def channels_table(self, level: float = 0.9) -> pd.DataFrame:
        """ROAS that the priors imply: columns channel, median, lower, upper, level."""
        lower, upper = quantiles(self.roas, level)
        return pd.DataFrame(
            {
                "channel": list(self.panel.channels),
                "median": np.median(self.roas, axis=0),
                "lower": lower,
                "upper": upper,
                "level": level,
            }
        )


def prior_predictive(panel: Panel, spec: ModelSpec, *, draws: int = 200, seed: int) -> PriorPredictive:
    """Outcomes that the priors imply for a panel.

    Parameters
    ----------
    panel, spec
        As for a fit.
    draws
        Number of worlds.
    seed
        Of the draws.

    Raises
    ------
    InputError
        Where the panel cannot carry the model.
    """
    design = build_design(panel, spec)
    layout = parameters(design, spec)
    sample = simulate_from_prior(design, layout, spec, seed, draws=draws)
    known = collect_draws(sample.natural, sample.coefficients, layout, design, spec)
    paid, expected = np.zeros((draws, design.channels)), np.zeros(draws)
    for geo in range(design.geos):
        parts = geo_parts(known, design, spec, geo)
        paid += np.stack([parts[name].sum(axis=1) for name in panel.channels], axis=1)
        expected += np.sum([values.sum(axis=1) for values in parts.values()], axis=0)
    return PriorPredictive(
        panel=panel,
        outcome=sample.outcome * design.money,
        roas=paid / design.spend,
        media_share=paid.sum(axis=1) / expected,
    )


def simulate_from_prior(
    design: Design, layout: Parameters, spec: ModelSpec, seed: int, *, draws: int = 1
) -> PriorSample:
    """Draw parameters, coefficients and an outcome from the model.

    Parameters
    ----------
    design
        Media, columns, money; its outcome is not read.
    layout, spec
        Of the same model.
    seed
        Of the draws.
    draws
        Number of worlds D.

    Returns
    -------
    PriorSample
        For simulation-based calibration, fit ``dataclasses.replace(design, outcome=sample.outcome[0])``: scale, money
        and priors then stay those under which the world was drawn.
    """
    rng = np.random.default_rng([seed, _SIMULATED])
    natural = layout.natural(_prior_points(layout, spec, draws, rng))
    natural = {name: np.asarray(values, dtype=np.float64) for name, values in natural.items()}
    media = len(design.media_names)
    blank = np.zeros((draws, design.geos, 1 + media + len(design.extra.component)))
    columns = len(design.shared.names)
    shared = rng.standard_normal((draws, columns + design.periods * int(design.shocks))) * _shared_sd(design, natural)
    formless = collect_draws(natural, (blank, shared), layout, design, spec)
    by_geo = _geo_coefficients(design, natural, national_effects(formless, natural["effect"], design, spec), rng)
    known = collect_draws(natural, (by_geo, shared), layout, design, spec)
    outcome = np.empty((draws, design.geos, design.periods))
    for geo in range(design.geos):
        expected = np.sum(list(geo_parts(known, design, spec, geo).values()), axis=0) / design.money[geo]
        noise = rng.standard_normal(expected.shape) * natural["noise"][:, geo, None]
        if "weight" in natural:
            noise /= np.sqrt(natural["weight"].reshape(draws, design.geos, design.periods)[:, geo])
        outcome[:, geo] = expected + noise
    return PriorSample(natural, (by_geo, shared), outcome)


def national_effects(draws: Draws, effect: FloatArray, design: Design, spec: ModelSpec) -> FloatArray:
    """National coefficient of every medium: effect × basis / what one unit of it brings; see `mmm.effect_priors`.

    Parameters
    ----------
    draws
        Shapes and courses; coefficients are not read.
    effect
        Shape (D, C): ROAS, marginal ROAS, share or coefficient, by the prior's kind.
    design, spec
        Of the model.

    Returns
    -------
    FloatArray
        Shape (D, C), scaled.
    """
    result = np.empty_like(effect)
    for channel in range(effect.shape[1]):
        normaliser, total = design.priors.normaliser[channel], np.ones(len(draws))
        if normaliser != COEFFICIENT:
            total = _money_of_media(draws, design, spec, channel, 1.0)
        if normaliser == MARGINAL:
            total = (_money_of_media(draws, design, spec, channel, 1.0 + NUDGE) - total) / NUDGE
        result[:, channel] = effect[:, channel] * design.priors.basis[channel] / total
    return result


def _money_of_media(draws: Draws, design: Design, spec: ModelSpec, channel: int, factor: float) -> FloatArray:
    """What one unit of coefficient brings over the panel in money, media multiplied by a factor; shape (D,)."""
    total = np.zeros(len(draws))
    for geo in range(design.geos):
        paths = (factor * design.media[geo, channel], design.reach[geo, channel])
        total += channel_response(draws, design, spec, channel, paths) @ design.money[geo]
    return total


def _prior_points(layout: Parameters, spec: ModelSpec, draws: int, rng: np.random.Generator) -> FloatArray:
    """Sampler points (D, n): standard normal, but the weights of Student-t noise, which are Gamma(ν/2, ν/2)."""
    points = rng.standard_normal((draws, len(layout.centre)))
    if "weight" in layout.names:
        size = layout.sizes[layout.names.index("weight")]
        start = sum(layout.sizes[: layout.names.index("weight")])
        weight = rng.gamma(spec.degrees / 2.0, 2.0 / spec.degrees, (draws, size))
        block = slice(start, start + size)
        points[:, block] = (np.log(weight) - layout.centre[block]) / layout.spread[block]
    return points


def _shared_sd(design: Design, natural: dict[str, FloatArray]) -> FloatArray:
    """Prior standard deviations of shared coefficients and shocks given the parameters, shape (D, Q)."""
    shared, draws = design.shared, len(natural["effect"])
    columns = []
    for column, group in enumerate(shared.group):
        if group == FIXED:
            columns.append(np.full(draws, shared.prior_sd[column]))
        elif group == WALK:
            columns.append(natural["walk_sd"][:, 0])
        else:
            length, frequency = natural["gp_length"][:, 0], float(shared.frequency[column])
            columns.append(natural["gp_sd"][:, 0] * spectral_root(length, frequency) + 1e-9)
    if design.shocks:
        columns += [natural["shock_sd"][:, 0]] * design.periods
    return np.stack(columns, axis=1)


def spectral_root(length: FloatArray, frequency: float) -> FloatArray:
    """Root of the squared exponential's spectral density at unit variance (Solin, Särkkä 2020), shape as ``length``."""
    return np.asarray(
        np.sqrt(np.sqrt(2.0 * np.pi) * length) * np.exp(-0.25 * (length * frequency) ** 2), dtype=np.float64
    )


def _geo_coefficients(
    design: Design, natural: dict[str, FloatArray], national: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Intercepts, media effects and further rows of every geo, shape (D, G, J)."""
    draws, media = national.shape
    level = np.full((draws, 1), INTERCEPT_PRIOR[1])
    spread = natural.get("geo_spread", np.zeros((draws, media)))
    further = natural.get("extra_sd", np.zeros((draws, 0)))[:, design.extra.group]
    mean = np.concatenate([np.full((draws, 1), INTERCEPT_PRIOR[0]), national, np.zeros_like(further)], axis=1)
    width = np.concatenate([level, national * spread, further], axis=1)
    unit = rng.standard_normal((draws, design.geos, mean.shape[1]))
    return np.asarray(mean[:, None] + width[:, None] * unit, dtype=np.float64)
