"""Regressions of the reward on the context from counts: logistic and linear, with Gaussian posteriors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import linalg, special

from bandits.rewards import Floats

#: How the reward depends on the context: x'β plus noise, or a rate whose log-odds are x'β.
Family = Literal["linear", "logistic"]
_STEPS = 50
_SMALL = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaussian:
    """A Gaussian belief about coefficients: ``mean``, shape (d,), and ``root``, lower, covariance = root root'."""

    mean: Floats
    root: Floats

    @classmethod
    def independent(cls, mean: Floats, width: Floats) -> Gaussian:
        """Each coefficient for itself, with standard deviation ``width``, shape (d,)."""
        return cls(mean=np.asarray(mean, dtype=float), root=np.diag(width))


def fit_logistic(x: Floats, shown: Floats, won: Floats, centre: Floats, width: Floats) -> Gaussian:
    """P(reward = 1) = 1 / (1 + exp(-x'β)): mode of the posterior and its curvature (Laplace's approximation).

    Parameters
    ----------
    x
        Contexts, shape (n, d).
    shown, won
        Decisions and rewarded ones of each context, shape (n,); may be fractional.
    centre, width
        Prior: independent normal coefficients, shape (d,), widths above 0.

    Notes
    -----
    Newton's method; the log-posterior is concave, and a step that does not raise it is halved.

    Examples
    --------
    >>> x = np.array([[1.0, 1.0], [1.0, -1.0]])
    >>> fit = fit_logistic(x, np.full(2, 1000.0), np.array([200.0, 50.0]), np.zeros(2), np.full(2, 5.0))
    >>> special.expit(x @ fit.mean).round(3).tolist()
    [0.2, 0.05]
    """
    precision = 1.0 / width**2

    def height(at: Floats) -> float:
        score = x @ at
        return float(won @ score - shown @ np.logaddexp(0.0, score) - 0.5 * precision @ (at - centre) ** 2)

    at, best = np.array(centre, dtype=float), height(centre)
    for _ in range(_STEPS):
        share = special.expit(x @ at)
        gradient = x.T @ (won - shown * share) - precision * (at - centre)
        curvature = (x.T * (shown * share * (1.0 - share))) @ x + np.diag(precision)
        step = linalg.solve(curvature, gradient, assume_a="pos")
        if gradient @ step < _SMALL:
            break
        part = 1.0
        while (reached := height(at + part * step)) < best and part > _SMALL:
            part /= 2.0
        at, best = at + part * step, max(reached, best)
    share = special.expit(x @ at)
    curvature = (x.T * (shown * share * (1.0 - share))) @ x + np.diag(precision)
    return Gaussian(mean=at, root=_root_of_inverse(curvature))


def fit_linear(x: Floats, shown: Floats, total: Floats, noise: float, centre: Floats, width: Floats) -> Gaussian:
    """Reward = x'β + noise: the exact posterior for a known standard deviation of the noise.

    Parameters
    ----------
    x
        Contexts, shape (n, d).
    shown, total
        Decisions, may be fractional, and sum of the rewards of each context, shape (n,).
    noise
        Standard deviation of one reward.
    centre, width
        Prior: independent normal coefficients, shape (d,), widths above 0.

    Examples
    --------
    >>> x = np.array([[1.0, 1.0], [1.0, -1.0]])
    >>> fit = fit_linear(x, np.full(2, 500.0), np.array([1500.0, 500.0]), 2.0, np.zeros(2), np.full(2, 50.0))
    >>> (x @ fit.mean).round(2).tolist()
    [3.0, 1.0]
    """
    precision = 1.0 / width**2
    curvature = (x.T * (shown / noise**2)) @ x + np.diag(precision)
    right = x.T @ (total / noise**2) + precision * centre
    return Gaussian(mean=linalg.solve(curvature, right, assume_a="pos"), root=_root_of_inverse(curvature))


def expected_rate(score: Floats, width: Floats) -> Floats:
    """Mean of 1 / (1 + exp(-s)) for normal ``s`` of these means and standard deviations, by the probit approximation.

    References
    ----------
    MacKay (1992), The evidence framework applied to classification networks, Neural Computation 4.

    Examples
    --------
    >>> expected_rate(np.array([0.0, 2.0]), np.array([3.0, 0.0])).round(4).tolist()
    [0.5, 0.8808]
    """
    return np.asarray(special.expit(score / np.sqrt(1.0 + np.pi / 8.0 * width**2)))


def _root_of_inverse(precision: Floats) -> Floats:
    """Lower factor of the inverse: with P = LL' the inverse is L'⁻¹L⁻¹, whose own lower factor is wanted."""
    lower = linalg.cholesky(precision, lower=True)
    upper = linalg.solve_triangular(lower, np.eye(len(lower)), lower=True)
    return np.asarray(linalg.cholesky(upper.T @ upper, lower=True))
