"""How much will the data say about each channel's ROAS? A forecast of the posterior by linear algebra, in seconds.

The model is linearised at the centre of its priors, with log ROAS, the shapes of carry-over and saturation, the geo
effects and the whole baseline unknown. It then is a Gaussian model, whose posterior covariance does not depend on the
outcome except through two numbers: the noise and how far the baseline wanders. Both are estimated by their marginal
likelihood. In units of prior standard deviations::

    y_g − ȳ_g = X_g θ + R_g u_g + e_g      θ ~ N(0, D),  u_g ~ N(0, I),  e_g ~ N(0, σ_g² I)

X_g holds the derivatives of expected outcome by log ROAS and by shape, and the shared columns; R_g the geo's
own channel effects, integrated out. It is a forecast for a channel with the ROAS that the prior expects: one
that works better shows itself more clearly, one that does nothing will be pulled towards the prior. The level of each
geo is left open, by taking everything about its mean over time: what a fit reads off a prior on levels is no
information in the data, and over many geos it would pass for a lot of it.

References
----------
Bayesian D-optimal design works with the same matrix: Chaloner, Verdinelli (1995), Bayesian Experimental Design.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmm.design import Design
from mmm.parameters import NOISE_PRIOR, SHOCK_PRIOR, WALK_PRIOR, Parameters, parameters
from mmm.spec import ModelSpec
from mmm.transforms import ADSTOCK_PARAMETERS, SATURATION_PARAMETERS, adstock_weights, apply_adstock, saturate

FloatArray = NDArray[np.float64]

#: Step, in prior standard deviations, over which a derivative by shape is taken: wide, so that it stands for the prior.
SHAPE_STEP = 0.7
_LEAST_NOISE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Identifiability:
    """Forecast of what a fit will know. C channels.

    Attributes
    ----------
    table
        Columns ``channel``, ``prior_sd`` and ``expected_sd`` (of log ROAS: 0.3 is about ±30%), ``ratio`` (expected over
        prior: 1 means that the data say nothing), ``partner`` and ``partner_correlation`` (the channel with which it is
        most easily confused, and the posterior correlation of the two), ``test_sd`` (standard error, relative to the
        return, of a lift test that would halve ``expected_sd``).
    correlation
        Shape (C, C): posterior correlation of the log ROAS.
    noise
        Noise of a geo and period, relative to the geo's mean outcome (mean over geos).
    wander
        Standard deviation of a step of the baseline from knot to knot, relative to mean outcome.
    """

    table: pd.DataFrame
    correlation: FloatArray
    noise: float
    wander: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Grams:
    """Inner products of each geo: all that the posterior needs. N columns of X, Q of R.

    Attributes
    ----------
    shared, cross, own
        Shapes (G, N, N), (G, Q, N), (G, Q, Q).
    outcome_shared, outcome_own, outcome
        Shapes (G, N), (G, Q), (G,).
    degrees
        T − 1: one period's worth goes to the level.
    """

    shared: FloatArray
    cross: FloatArray
    own: FloatArray
    outcome_shared: FloatArray
    outcome_own: FloatArray
    outcome: FloatArray
    degrees: int


def identifiability(design: Design, spec: ModelSpec) -> Identifiability:
    """Forecast the posterior of every channel's log ROAS.

    Parameters
    ----------
    design
        From `mmm.design.build_design`.
    spec
        The model that is to be fitted: its forms, priors and baseline.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it has no stubs

    with threadpool_limits(limits=1, user_api="blas"):  # hundreds of small matrices: more threads only wait
        return _forecast(design, spec)


def _forecast(design: Design, spec: ModelSpec) -> Identifiability:
    layout = parameters(design, spec)
    shapes = [*ADSTOCK_PARAMETERS[spec.adstock], *SATURATION_PARAMETERS[spec.saturation]]
    grams = _grams(design, spec, layout, shapes)
    known = design.channels * (1 + len(shapes))
    group = design.shared.group
    shared_sd = np.where(group < 0, design.shared.prior_sd, np.where(group == 0, np.nan, np.exp(SHOCK_PRIOR[0])))
    prior_sd = np.concatenate([np.ones(known), shared_sd])  # missing: a step of the baseline, to be estimated
    relative = _relative_noise(design)
    factor, wander = _noise_and_wander(grams, prior_sd, relative)
    precision, _, _ = _posterior(grams, _filled(prior_sd, wander), factor * relative)
    covariance = np.linalg.inv(precision)[: design.channels, : design.channels]
    size = np.sqrt(np.diag(covariance))
    correlation = np.asarray(covariance / np.outer(size, size), dtype=np.float64)
    return Identifiability(
        table=_table(design, size, correlation),
        correlation=correlation,
        noise=float((factor * relative).mean()),
        wander=wander,
    )


def _table(design: Design, ratio: FloatArray, correlation: FloatArray) -> pd.DataFrame:
    channels = design.panel.channels
    expected = ratio * design.roas_log_sd
    off = np.where(np.eye(len(channels), dtype=bool), 0.0, correlation)
    partner = np.argmax(np.abs(off), axis=1)
    alone = len(channels) == 1
    return pd.DataFrame(
        {
            "channel": channels,
            "prior_sd": design.roas_log_sd,
            "expected_sd": expected,
            "ratio": ratio,
            "partner": ["" if alone else channels[place] for place in partner],
            "partner_correlation": off[np.arange(len(channels)), partner],
            "test_sd": expected / np.sqrt(3.0),  # 1/half² = 1/sd² + 1/test² with half = sd/2
        }
    )


def _grams(design: Design, spec: ModelSpec, layout: Parameters, shapes: list[str]) -> _Grams:
    """Lay the linearised model out and keep its inner products."""
    centre = _media_effect(design, spec, layout, np.zeros(len(layout.centre)))  # (G, C, T)
    columns = [centre * design.roas_log_sd[None, :, None]]
    places = dict(zip(layout.names, np.cumsum([0, *layout.sizes[:-1]]), strict=True))
    for name in shapes:
        step = np.zeros(len(layout.centre))
        step[places[name] : places[name] + design.channels] = SHAPE_STEP
        rise = _media_effect(design, spec, layout, step) - _media_effect(design, spec, layout, -step)
        columns.append(rise / (2.0 * SHAPE_STEP))
    spread = layout.natural(np.zeros(len(layout.centre))).get("geo_spread", np.zeros(design.channels))
    X = np.concatenate([*columns, np.swapaxes(design.shared.values, 1, 2)], axis=1)  # (G, N, T)
    X = X - X.mean(axis=2, keepdims=True)
    R = centre - centre.mean(axis=2, keepdims=True)
    R = R * spread[None, :, None]
    rest = design.outcome - centre.sum(axis=1)
    rest = rest - rest.mean(axis=1, keepdims=True)
    return _Grams(
        shared=X @ np.swapaxes(X, 1, 2),
        cross=R @ np.swapaxes(X, 1, 2),
        own=R @ np.swapaxes(R, 1, 2),
        outcome_shared=np.einsum("gnt,gt->gn", X, rest),
        outcome_own=np.einsum("gqt,gt->gq", R, rest),
        outcome=np.asarray((rest**2).sum(axis=1)),
        degrees=design.periods - 1,
    )


def _media_effect(design: Design, spec: ModelSpec, layout: Parameters, point: FloatArray) -> FloatArray:
    """Expected effect in scaled outcome, shape (G, C, T), at a point of the prior and its median ROAS."""
    natural = layout.natural(point)
    adstock = np.stack([natural[name] for name in ADSTOCK_PARAMETERS[spec.adstock]], axis=-1)
    saturation = np.stack([natural[name] for name in SATURATION_PARAMETERS[spec.saturation]], axis=-1)
    carried = apply_adstock(design.media, adstock_weights(spec.adstock, adstock, design.lags))
    level = saturate(spec.saturation, carried, saturation[:, None, :])
    total = np.einsum("gt,gct->c", design.money, level)
    return np.asarray(level * (np.exp(design.roas_log_mean) * design.spend / total)[None, :, None], dtype=np.float64)


def _relative_noise(design: Design) -> FloatArray:
    """Rough noise of each geo, shape (G,), from period to period beyond what all geos do; only ratios matter."""
    steps = np.diff(design.outcome, axis=1)
    if design.geos > 2:
        steps = steps - np.median(steps, axis=0)
    return np.asarray(np.maximum(steps.std(axis=1) / np.sqrt(2.0), _LEAST_NOISE), dtype=np.float64)


def _filled(prior_sd: FloatArray, wander: float) -> FloatArray:
    return np.asarray(np.where(np.isnan(prior_sd), wander, prior_sd), dtype=np.float64)


def _posterior(grams: _Grams, prior_sd: FloatArray, noise: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """Posterior precision (N, N) and score (N,) of θ, and minus twice the part of the log likelihood without θ."""
    variance = noise**2
    size = grams.own.shape[1]
    block = grams.own + variance[:, None, None] * np.eye(size)
    right = np.concatenate([grams.cross, grams.outcome_own[:, :, None]], axis=2)
    solved = np.linalg.solve(block, right)
    reduced = grams.shared - np.swapaxes(grams.cross, 1, 2) @ solved[:, :, :-1]
    score = grams.outcome_shared - np.einsum("gqn,gq->gn", grams.cross, solved[:, :, -1])
    square = grams.outcome - np.einsum("gq,gq->g", grams.outcome_own, solved[:, :, -1])
    precision = np.einsum("gnm,g->nm", reduced, 1.0 / variance) + np.diag(1.0 / prior_sd**2)
    log_det = (grams.degrees - size) * np.log(variance) + np.linalg.slogdet(block)[1]
    return precision, np.asarray((score / variance[:, None]).sum(axis=0)), float((square / variance + log_det).sum())


def _noise_and_wander(grams: _Grams, prior_sd: FloatArray, relative: FloatArray) -> tuple[float, float]:
    """Factor on the rough noise, and the baseline's step, by their marginal likelihood with the model's priors."""
    from scipy.optimize import minimize

    def cost(point: FloatArray) -> float:
        factor, wander = np.exp(np.clip(point, -12.0, 5.0))
        filled = _filled(prior_sd, float(wander))
        precision, score, rest = _posterior(grams, filled, factor * relative)
        fitted = float(score @ np.linalg.solve(precision, score))
        log_det = float(np.linalg.slogdet(precision)[1] + 2.0 * np.log(filled).sum())
        noise_prior = (np.log((factor * relative).mean()) - NOISE_PRIOR[0]) / NOISE_PRIOR[1]
        walk_prior = (np.log(wander) - WALK_PRIOR[0]) / WALK_PRIOR[1]
        return float(rest - fitted + log_det + noise_prior**2 + walk_prior**2)

    start = np.array([0.0, WALK_PRIOR[0]])
    found = minimize(cost, start, method="Nelder-Mead", options={"xatol": 0.02, "fatol": 0.05, "maxiter": 120})
    factor, wander = np.exp(np.clip(found.x, -12.0, 5.0))
    return float(factor), float(wander)
