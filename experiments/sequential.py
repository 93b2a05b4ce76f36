"""Tests that may be looked at every day: confidence sequences and e-values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from measurement.errors import InputError
from measurement.estimates import Interval

Floats = NDArray[np.float64]

#: Rate ratios that the alternative mixes over, on both sides of the null.
_RATIOS = np.array([1.05, 1.1, 1.2, 1.35, 1.5, 2.0, 3.0, 5.0])
_MIXED = np.concatenate([1.0 / _RATIOS[::-1], _RATIOS])


def asymptotic_reach(error: float, n: int, *, level: float = 0.95, tuned_n: int = 5000) -> float:
    """Half-width of the asymptotic confidence sequence of an estimate.

    Parameters
    ----------
    error
        Standard error now.
    n
        Units now.
    level
        P(the truth lies inside at every look) tends to this as the first look comes later.
    tuned_n
        Units at which the sequence is narrowest; fix it before the test.

    Notes
    -----
    Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and asymptotic confidence
    sequences" (2024), with ρ² of their appendix on optimal tuning.
    """
    if not (error >= 0 and n >= 1 and 0 < level < 1 and tuned_n >= 1):
        raise InputError.of("a confidence sequence has impossible arguments", "Pass level=0.95", column="sequential")
    alpha = 1.0 - level
    rho2 = (-2.0 * np.log(alpha) + np.log(-2.0 * np.log(alpha) + 1.0)) / tuned_n
    grown = n * rho2 + 1.0
    return float(error * np.sqrt(2.0 * grown / (n * rho2) * np.log(np.sqrt(grown) / alpha)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRatio:
    """Two rates compared at every look.

    Attributes
    ----------
    ratio
        Treatment's rate over control's, NaN without rewards in one of them.
    interval
        Always-valid confidence interval of the ratio.
    e_value, p_value
        Evidence against equal rates now, and the always-valid p-value: 1 / the highest evidence so far.
    significant
        Whether the evidence ever reached 1 / (1 - level): false at most in that share of tests, over all looks.
    """

    ratio: float
    interval: Interval
    e_value: float
    p_value: float
    significant: bool


def compare_rates(rewarded: ArrayLike, shown: ArrayLike, *, level: float = 0.95) -> RateRatio:
    """Compare two arms' rates over the looks so far.

    Given the rewards of a look, each lies in the treatment with its share of that look's decisions if rates are equal,
    whatever the rate did that day, so good and bad days are no evidence. The likelihood ratio is mixed over rate ratios
    and is a non-negative martingale: by Ville's inequality it ever reaches 1/α with probability at most α.
    The interval holds the ratios that the same test, shifted, never rejected.

    Parameters
    ----------
    rewarded, shown
        Rewarded decisions and decisions of each look, shape (looks, 2): control, treatment.

    Raises
    ------
    InputError
        If shapes disagree or a count is negative or exceeds its decisions.

    Examples
    --------
    >>> result = compare_rates([[20, 60]], [[1000, 1000]])
    >>> result.ratio, result.significant
    (3.0, True)
    """
    bad, n = np.asarray(rewarded, dtype=float), np.asarray(shown, dtype=float)
    if bad.shape != n.shape or bad.ndim != 2 or bad.shape[1] != 2 or not len(bad):
        raise InputError.of("looks must be pairs of counts", "Pass shape (looks, 2)", column="rewarded")
    if (bad < 0).any() or (bad > n).any():
        raise InputError.of("a count is negative or above its decisions", "Correct the counts", column="rewarded")
    course = np.exp(_log_e(bad, n, np.zeros(1))[:, 0])
    alpha = 1.0 - level
    grid = np.linspace(np.log(0.02), np.log(50.0), 801)
    inside = grid[_log_e(bad, n, grid).max(axis=0) < np.log(1.0 / alpha)]
    rates = bad.sum(axis=0) / np.maximum(n.sum(axis=0), 1.0)
    ratio = float(rates[1] / rates[0]) if rates.min() > 0 else float("nan")
    step = grid[1] - grid[0]
    # the ends lie between grid points: take the outer ones; what lies beyond the grid is unbounded
    lower = float(np.exp(inside[0] - step)) if len(inside) and inside[0] > grid[0] else 0.0
    upper = float(np.exp(inside[-1] + step)) if len(inside) and inside[-1] < grid[-1] else float("inf")
    return RateRatio(
        ratio=ratio,
        interval=Interval(lower=lower, upper=upper, level=level, kind="always_valid"),
        e_value=float(course[-1]),
        p_value=float(min(1.0, 1.0 / course.max())),
        significant=bool(course.max() >= 1.0 / alpha),
    )


def e_process(rewarded: ArrayLike, shown: ArrayLike) -> Floats:
    """Evidence against equal rates after each look, shape (looks,); see `compare_rates`."""
    return np.asarray(
        np.exp(_log_e(np.asarray(rewarded, dtype=float), np.asarray(shown, dtype=float), np.zeros(1))[:, 0])
    )


def _log_e(bad: Floats, n: Floats, null: Floats) -> Floats:
    """Log evidence against each log rate ratio of ``null`` after each look, shape (looks, len(null))."""
    both = (n > 0).all(axis=1)
    bad, n = np.where(both[:, None], bad, 0.0), np.where(both[:, None], n, 1.0)
    share = n[:, 1] / n.sum(axis=1)
    total, hits = bad.sum(axis=1), bad[:, 1]
    parts = []
    for ratio in _MIXED:
        other = np.exp(null) * ratio
        # conditional binomial: odds of lying in the treatment are (its share of decisions) times the rate ratio
        step = hits[:, None] * np.log(ratio) - total[:, None] * (
            np.log1p(share[:, None] * (other - 1.0)) - np.log1p(share[:, None] * (np.exp(null) - 1.0))
        )
        parts.append(np.cumsum(step, axis=0))
    stacked = np.stack(parts)
    top = stacked.max(axis=0)
    return np.asarray(np.minimum(top + np.log(np.exp(stacked - top).mean(axis=0)), 600.0))
