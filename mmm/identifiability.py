"""How much will the data say about each channel's effect? A forecast of the posterior by linear algebra, in seconds.

The model is linearised at the centre of its priors (`mmm.linearisation`), with log effects, the shapes of carry-over
and saturation, the geo effects and the whole baseline unknown. It then is a Gaussian model, whose posterior covariance
does not depend on the outcome except through three numbers: the noise, how far the baseline wanders, and how large the
shocks are that all geos share. They are estimated by their marginal likelihood. In units of prior standard deviations::

    y_g − ȳ_g = X_g θ + R_g u_g + e_g      θ ~ N(0, D),  u_g ~ N(0, I),  e_g ~ N(0, σ_g² I)

X_g holds the derivatives of expected outcome by log effect and by shape, and the shared columns; R_g the geo's own
channel effects, drift and response to controls, integrated out. It is a forecast for a channel with the effect that the
prior expects: one that works better shows itself more clearly, one that does nothing will be pulled towards the prior.
The level of each geo is left open, by taking everything about its mean over time: what a fit reads off a prior on
levels is no information in the data, and over many geos it would pass for a lot of it.

References
----------
Bayesian D-optimal design works with the same matrix: Chaloner, Verdinelli (1995), Bayesian Experimental Design.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mmm.blas import one_blas_thread
from mmm.design import Design
from mmm.linearisation import Linearised, linearise
from mmm.parameters import NOISE_PRIOR, parameters
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
_LEAST_NOISE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Identifiability:
    """Forecast of what a fit will know. P paid channels.

    Attributes
    ----------
    table
        Columns ``channel``, ``prior_sd`` and ``expected_sd`` (of the log effect, be it a ROAS or what else the prior of
        the channel is on: 0.3 is about ±30%), ``ratio`` (expected over prior: 1 means that the data say nothing),
        ``partner`` and ``partner_correlation`` (the channel with which it is most easily confused, and the posterior
        correlation of the two), ``test_sd`` (standard error, relative to the effect, of a lift test that would halve
        ``expected_sd``).
    correlation
        Shape (P, P): posterior correlation of the log effects.
    noise
        Noise of a geo and period, relative to the geo's mean outcome (mean over geos).
    wander
        Standard deviation of a step of the baseline from knot to knot (of the whole course, where it is a Gaussian
        process), relative to mean outcome.
    shocks
        Standard deviation of what all geos share in one period, relative to mean outcome; 0 where the model has none.
    """

    table: pd.DataFrame
    correlation: FloatArray
    noise: float
    wander: float
    shocks: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grams:
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


@one_blas_thread()
def identifiability(design: Design, spec: ModelSpec) -> Identifiability:
    """Forecast the posterior of every channel's log effect.

    Parameters
    ----------
    design
        From `mmm.design.build_design`.
    spec
        The model that is to be fitted: its forms, priors and baseline.
    """
    model, mix = linearise(design, spec), parameters(design, spec).mix
    grams = inner_products(model)
    relative = _relative_noise(design)
    factor, scales = _noise_and_scales(grams, model, relative)
    precision, _, _ = posterior(grams, model.sd(scales), factor * relative)
    whitened = np.linalg.inv(precision)[: len(mix), : len(mix)]
    paid = design.channels
    covariance = (mix @ whitened @ mix.T)[:paid, :paid]
    size = np.sqrt(np.diag(covariance))
    correlation = np.asarray(covariance / np.outer(size, size), dtype=np.float64)
    return Identifiability(
        table=_table(design, size, correlation),
        correlation=correlation,
        noise=float((factor * relative).mean()),
        wander=float(scales[0]),
        shocks=float(scales[1]) if design.shocks else 0.0,
    )


def _table(design: Design, expected: FloatArray, correlation: FloatArray) -> pd.DataFrame:
    channels = design.panel.channels
    prior = design.effect_log_sd[: len(channels)]
    off = np.where(np.eye(len(channels), dtype=bool), 0.0, correlation)
    partner = np.argmax(np.abs(off), axis=1)
    alone = len(channels) == 1
    return pd.DataFrame(
        {
            "channel": channels,
            "prior_sd": prior,
            "expected_sd": expected,
            "ratio": expected / prior,
            "partner": ["" if alone else channels[place] for place in partner],
            "partner_correlation": off[np.arange(len(channels)), partner],
            "test_sd": expected / np.sqrt(3.0),  # 1/half² = 1/sd² + 1/test² with half = sd/2
        }
    )


def inner_products(model: Linearised) -> Grams:
    """Inner products of a linearised model's columns, geo by geo."""
    X, R, rest = model.shared, model.own, model.rest
    return Grams(
        shared=X @ np.swapaxes(X, 1, 2),
        cross=R @ np.swapaxes(X, 1, 2),
        own=R @ np.swapaxes(R, 1, 2),
        outcome_shared=np.einsum("gnt,gt->gn", X, rest),
        outcome_own=np.einsum("gqt,gt->gq", R, rest),
        outcome=np.asarray((rest**2).sum(axis=1)),
        degrees=rest.shape[1] - 1,
    )


def _relative_noise(design: Design) -> FloatArray:
    """Rough noise of each geo, shape (G,), from period to period beyond what all geos do; only ratios matter."""
    steps = np.diff(design.outcome, axis=1)
    if design.geos > 2:
        steps = steps - np.median(steps, axis=0)
    return np.asarray(np.maximum(steps.std(axis=1) / np.sqrt(2.0), _LEAST_NOISE), dtype=np.float64)


def posterior(grams: Grams, prior_sd: FloatArray, noise: FloatArray) -> tuple[FloatArray, FloatArray, float]:
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


def _noise_and_scales(grams: Grams, model: Linearised, relative: FloatArray) -> tuple[float, FloatArray]:
    """Factor on the rough noise, and wander and shocks (2,), by their marginal likelihood with the model's priors."""
    from scipy.optimize import minimize

    free = 1 + int(model.learnt.max(initial=0))
    centres = np.array([prior[0] for prior in model.scale_priors])
    spreads = np.array([prior[1] for prior in model.scale_priors])

    def natural(point: FloatArray) -> tuple[float, FloatArray]:
        logs = np.concatenate([point[1:], centres[free:]])
        return float(np.exp(np.clip(point[0], -12.0, 5.0))), np.exp(np.clip(logs, -12.0, 5.0))

    def cost(point: FloatArray) -> float:
        factor, scales = natural(point)
        sd = model.sd(scales)
        precision, score, rest = posterior(grams, sd, factor * relative)
        fitted = float(score @ np.linalg.solve(precision, score))
        log_det = float(np.linalg.slogdet(precision)[1] + 2.0 * np.log(sd).sum())
        noise_prior = (np.log((factor * relative).mean()) - NOISE_PRIOR[0]) / NOISE_PRIOR[1]
        scale_prior = (np.log(scales) - centres) / spreads
        return float(rest - fitted + log_det + noise_prior**2 + (scale_prior**2).sum())

    start = np.concatenate([[0.0], centres[:free]])
    evaluations = 60 * (1 + free)
    found = minimize(cost, start, method="Nelder-Mead", options={"xatol": 0.02, "fatol": 0.05, "maxiter": evaluations})
    return natural(found.x)
