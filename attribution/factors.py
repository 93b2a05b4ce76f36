"""Calibration factors of many channels from the few that were tested: a hierarchical model, integrated, not plugged in.

The factor of channel c is f_c = (value it caused) / (credit it was given). Log factors resemble each other within a
group and groups resemble each other:

    log f_c = m + g_group(c) + d_c,   m = log S + log p,  g ~ N(0, ω²),  d_c ~ N(0, τ² + e_c²)

The mean factor has two parts. p is the share of all conversions that the touches caused at all: from none to all of
them, so that its prior is Beta(2, 2). S is the overlap: what channels cause one by one sums to more than what they
cause together, as a journey is lost without any of its channels; 1.5, give or take a fifth, on paths of two to three
touches. e_c is the relative error of the credit itself; τ and ω have half-normal priors. The scale of τ falls with p:
the fewer people would have bought anyway, the fewer paths there are that credit gets wrong. A test says
y_c ~ N(f_c · credit_c, s_c²) on the scale of money, where tests are normal: a test that finds nothing, or less than
nothing, needs no special case. Given τ and ω the log factors are found by expectation propagation (Minka 2001; one
normal site a test); τ and ω are integrated on a grid, log p as a mixture of normals, one for each stretch of p. Credit
hands out every conversion and tends to exceed what was caused (Gordon et al. 2023 find two- to fivefold in online
display): p below 0.5. Half of all conversions caused means a mean factor of 0.75, all of them 1.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise, product

import numpy as np
from scipy.special import logsumexp

from attribution.paths import FloatArray, IntArray

#: Log overlap S: mean and standard deviation.
_OVERLAP, _OVERLAP_SPREAD = float(np.log(1.5)), 0.2
#: Stretches of p, the share that was caused.
_STRETCHES = (0.0, 0.15, 0.3, 0.5, 0.75, 1.0)
#: Scale of the half-normal prior of τ where everything was caused, and how much more where nothing was; that of ω.
_SCALE, _SCALE_ANYWAY, _SCALE_GROUPS = 0.15, 0.5, 0.4
#: Values on which τ and ω are integrated.
_GRID = np.array([0.02, 0.07, 0.13, 0.2, 0.28, 0.37, 0.47, 0.6, 0.8, 1.1, 1.5])
_GRID_GROUPS = _GRID[1::2]
_SWEEPS = 12
_DAMPING = 0.7
#: Relative change of the sites below which a sweep is the last.
_SETTLED = 1e-5
#: Sites stay this far from improper.
_LEAST_PRECISION = 1e-8


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogFactors:
    """Posterior of the log factors: a mixture of normals over the grid of (τ, ω).

    Attributes
    ----------
    weight
        Of each component, shape (H,).
    mean
        Shape (H, C).
    covariance
        Shape (H, C, C).
    spread
        Posterior mean of τ.
    """

    weight: FloatArray
    mean: FloatArray
    covariance: FloatArray
    spread: float

    def centre(self) -> FloatArray:
        """Posterior mean, shape (C,)."""
        return np.asarray(self.weight @ self.mean, dtype=np.float64)

    def draws(self, count: int, *, seed: int) -> FloatArray:
        """Draws, shape (count, C); channels of one group are correlated, as their sum requires."""
        rng = np.random.default_rng([seed, 93])
        often = rng.multinomial(count, self.weight)
        parts = [
            rng.multivariate_normal(mean, covariance, size=each, method="cholesky")
            for mean, covariance, each in zip(self.mean, self.covariance, often, strict=True)
            if each
        ]
        return np.concatenate(parts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """What was measured: ``place`` (channel numbers), ``value`` and ``error`` (in units of the credit), each (N,)."""

    place: IntArray
    value: FloatArray
    error: FloatArray


def log_factors(tests: Measured, *, group: IntArray, credit_error: FloatArray) -> LogFactors:
    """Posterior of every channel's log factor, tested or not.

    Parameters
    ----------
    tests
        Values and errors divided by the credit of their channel, at most one a channel.
    group
        Group number of each channel, shape (C,).
    credit_error
        Relative standard error of each channel's credit, shape (C,).
    """
    same = (group[:, None] == group[None, :]).astype(np.float64)
    apart = _cells(_GRID_GROUPS) if len(np.unique(group)) > 1 else [(0.0, 1.0)]
    means, covariances, logs, spreads = [], [], [], []
    for level, (spread, width), (between, step) in product(_levels(), _cells(_GRID), apart):
        prior = level.spread**2 + between**2 * same + np.diag(spread**2 + credit_error**2)
        mean, covariance, evidence = _propagate(level.centre, prior, tests)
        means.append(mean)
        covariances.append(covariance)
        spreads.append(spread)
        half_normal = -0.5 * ((spread / level.scale) ** 2 + (between / _SCALE_GROUPS) ** 2) - np.log(level.scale)
        logs.append(evidence + half_normal + np.log(width * step * level.weight))
    weight = np.exp(np.array(logs) - logsumexp(logs))
    return LogFactors(
        weight=weight / weight.sum(),
        mean=np.array(means),
        covariance=np.array(covariances),
        spread=float(weight @ np.array(spreads)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """Mean log factor where p lies in one stretch: a normal, its weight, and the scale of τ there."""

    centre: float
    spread: float
    weight: float
    scale: float


@cache
def _levels() -> tuple[_Level, ...]:
    found = []
    for low, high in pairwise(_STRETCHES):
        share = low + (high - low) * (np.arange(1_000) + 0.5) / 1_000
        density = share * (1.0 - share)  # Beta(2, 2), unscaled
        part = density / density.sum()
        centre = float(part @ np.log(share))
        spread = float(part @ (np.log(share) - centre) ** 2)
        found.append(
            _Level(
                centre=_OVERLAP + centre,
                spread=float(np.sqrt(_OVERLAP_SPREAD**2 + spread)),
                weight=float(density.mean() * (high - low) * 6.0),
                scale=_SCALE + _SCALE_ANYWAY * float(1.0 - part @ share),
            )
        )
    return tuple(found)


def _cells(grid: FloatArray) -> list[tuple[float, float]]:
    """Each value of a grid with the width of the cell around it."""
    edges = np.concatenate([[0.0], (grid[1:] + grid[:-1]) / 2, [1.5 * grid[-1] - 0.5 * grid[-2]]])
    return list(zip(grid.tolist(), np.diff(edges).tolist(), strict=True))


def _propagate(centre: float, prior: FloatArray, tests: Measured) -> tuple[FloatArray, FloatArray, float]:
    """Normal approximation (mean, covariance) and log evidence, given the mean and covariance of the prior."""
    count, place = len(prior), tests.place
    inverse = np.linalg.inv(prior)
    pull = inverse @ np.full(count, centre)
    precision, shift = np.zeros(count), np.zeros(count)
    for _ in range(_SWEEPS):
        covariance = np.linalg.inv(inverse + np.diag(precision))
        mean = covariance @ (pull + shift)
        cavity_mean, cavity_variance = _cavity(mean, covariance, precision, shift, place)
        _, tilted_mean, tilted_variance = _tilted(cavity_mean, cavity_variance, tests)
        wanted = np.maximum(1 / tilted_variance - 1 / cavity_variance, _LEAST_PRECISION)
        moved = tilted_mean * (wanted + 1 / cavity_variance) - cavity_mean / cavity_variance
        precision[place] += _DAMPING * (wanted - precision[place])
        shift[place] += _DAMPING * (moved - shift[place])
        if (np.abs(wanted - precision[place]) <= _SETTLED * wanted).all():
            break
    covariance = np.linalg.inv(inverse + np.diag(precision))
    mean = covariance @ (pull + shift)
    cavity_mean, cavity_variance = _cavity(mean, covariance, precision, shift, place)
    log_mass, _, _ = _tilted(cavity_mean, cavity_variance, tests)
    fit = 1 + precision[place] * cavity_variance
    moved_square = (cavity_mean + cavity_variance * shift[place]) ** 2 / (cavity_variance * fit)
    sites = log_mass + 0.5 * np.log(fit) - 0.5 * (moved_square - cavity_mean**2 / cavity_variance)
    joint = mean @ (pull + shift) - centre * pull.sum() - np.linalg.slogdet(np.eye(count) + prior * precision)[1]
    return mean, covariance, float(sites.sum() + 0.5 * joint)


def _cavity(
    mean: FloatArray, covariance: FloatArray, precision: FloatArray, shift: FloatArray, place: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of each tested channel without its own site."""
    own = np.diag(covariance)[place]
    left = 1 / np.maximum(1 / own - precision[place], _LEAST_PRECISION)
    return left * (mean[place] / own - shift[place]), left


def _tilted(mean: FloatArray, variance: FloatArray, tests: Measured) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Log mass, mean and variance of (normal in log f) × (normal test of f), by quadrature, each of shape (N,)."""
    deviation = np.sqrt(variance)
    wide = mean[:, None] + deviation[:, None] * np.linspace(-7, 7, 281)
    # A precise test is narrower than the grid: points of its own around it.
    positive = np.where(tests.value > 4 * tests.error, tests.value, 1.0)
    narrow = np.log(positive)[:, None] + np.linspace(-6, 6, 121) * (tests.error / positive)[:, None]
    narrow = np.where((tests.value > 4 * tests.error)[:, None], narrow, mean[:, None])
    points = np.sort(np.concatenate([wide, narrow], axis=1), axis=1)
    gaps = np.diff(points, axis=1)
    steps = 0.5 * (np.pad(gaps, ((0, 0), (0, 1))) + np.pad(gaps, ((0, 0), (1, 0))))
    logs = -0.5 * (points - mean[:, None]) ** 2 / variance[:, None] - 0.5 * np.log(2 * np.pi * variance)[:, None]
    logs -= 0.5 * ((tests.value[:, None] - np.exp(points)) / tests.error[:, None]) ** 2
    top = logs.max(axis=1, keepdims=True)
    mass = np.exp(logs - top) * steps
    total = mass.sum(axis=1)
    found = (mass * points).sum(axis=1) / total
    spread = (mass * (points - found[:, None]) ** 2).sum(axis=1) / total
    return np.log(total) + top[:, 0], found, np.maximum(spread, 1e-10)
