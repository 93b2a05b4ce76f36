"""Intervals of rates, quantiles, means, ratios and counts, vectorised over groups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import special  # scipy.stats takes two seconds to import

Floats = NDArray[np.float64]


def wilson(hits: Floats, n: Floats, level: float) -> tuple[Floats, Floats]:
    """Wilson's score interval of a rate (Wilson 1927); arrays of one shape, ``n`` positive.

    Examples
    --------
    >>> lower, upper = wilson(np.array([2.0]), np.array([50.0]), 0.95)
    >>> lower.round(4).tolist(), upper.round(4).tolist()
    ([0.011], [0.1346])
    """
    z = float(special.ndtri(0.5 + level / 2.0))
    rate = hits / n
    middle = (rate + z**2 / (2.0 * n)) / (1.0 + z**2 / n)
    reach = z / (1.0 + z**2 / n) * np.sqrt(rate * (1.0 - rate) / n + z**2 / (4.0 * n**2))
    # at 0 and n hits the ends are 0 and 1 exactly; rounding would leave 1e-17
    lower = np.where(hits <= 0, 0.0, np.maximum(middle - reach, 0.0))
    return lower, np.where(hits >= n, 1.0, np.minimum(middle + reach, 1.0))


def quantile_ranks(n: NDArray[np.int64], q: float, level: float) -> tuple[Floats, Floats]:
    """Fractional ranks (1-based) of the ends of a quantile's interval; NaN where the sample is too small for an end.

    The interval [X(l), X(u)] covers with P(l ≤ B < u), B ~ Binomial(n, q), whatever the distribution. Whole ranks
    overshoot the level; interpolation between neighbouring order statistics (Nyblom 1992, of which Hettmansperger and
    Sheather 1986 is the median's case) meets it closely for continuous data.

    Examples
    --------
    >>> lower, upper = quantile_ranks(np.array([100]), 0.5, 0.95)
    >>> lower.round(2).tolist(), upper.round(2).tolist()
    ([40.76], [60.24])
    """
    tail = (1.0 - level) / 2.0
    upper = _upper_rank(n, q, 1.0 - tail)
    # the lower end of q is the upper end of 1-q counted from the other side
    lower = n + 1.0 - _upper_rank(n, 1.0 - q, 1.0 - tail)
    return lower, upper


def _upper_rank(n: NDArray[np.int64], q: float, confidence: float) -> Floats:
    """Rank r + lambda such that P(quantile ≤ X(r) + lambda (X(r+1) - X(r))) is about ``confidence``."""
    # P(quantile ≤ X(r)) = P(B ≤ r-1): the last rank below the confidence and the first at or above it
    above = _binomial_quantile(n, q, confidence) + 1.0
    below = above - 1.0
    p_above, p_below = special.bdtr(above - 1.0, n, q), special.bdtr(below - 1.0, n, q)
    with np.errstate(invalid="ignore", divide="ignore"):
        odds = below * (1.0 - q) * (p_above - confidence) / ((n - below) * q * (confidence - p_below))
        share = 1.0 / (1.0 + odds)
    rank = np.where(below >= 1.0, below + np.nan_to_num(share, nan=1.0), above)
    return np.where(above <= n, rank, np.nan)


def _binomial_quantile(n: NDArray[np.int64], q: float, confidence: float) -> Floats:
    """The least k with P(B ≤ k) ≥ confidence, B ~ Binomial(n, q)."""
    found = np.clip(np.ceil(special.bdtrik(confidence, n, q)), 0, n)
    # the inverse is continuous and rounded: its neighbours are asked too
    found = np.where(special.bdtr(found, n, q) < confidence, np.minimum(found + 1.0, n), found)
    lower = np.maximum(found - 1.0, 0.0)
    return np.where((found > 0) & (special.bdtr(lower, n, q) >= confidence), lower, found)


def mean_interval(total: Floats, squares: Floats, n: Floats, level: float) -> tuple[Floats, Floats]:
    """Student's interval of a mean from sums; NaN for fewer than two observations."""
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        variance = np.maximum(squares / n - mean**2, 0.0) * n / (n - 1.0)
        reach = np.where(
            n > 1, special.stdtrit(np.maximum(n - 1.0, 1.0), 0.5 + level / 2.0) * np.sqrt(variance / n), np.nan
        )
    return mean - reach, mean + reach


def amount_interval(total: Floats, squares: Floats, n: Floats, level: float) -> tuple[Floats, Floats]:
    """Interval of a mean of amounts that are never below zero, which Student's misses where they are skewed.

    Hall's transformation of the t statistic (Hall 1992) with a gamma distribution's skewness, twice the coefficient of
    variation: third moments of a few dozen amounts are noise. NaN for fewer than two observations.

    Examples
    --------
    >>> lower, upper = amount_interval(np.array([40.0]), np.array([320.0]), np.array([10.0]), 0.95)
    >>> lower.round(2).tolist(), upper.round(2).tolist()
    ([1.93], [15.01])
    """
    low, high = mean_interval(total, squares, n, level)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / n
        t = special.stdtrit(np.maximum(n - 1.0, 1.0), 0.5 + level / 2.0)
        error = (high - mean) / t
        skew = 2.0 * error / mean  # twice the coefficient of variation, over √n
        ends = [mean - error * 3.0 / skew * (np.cbrt(1.0 + skew * (y - skew / 6.0)) - 1.0) for y in (t, -t)]
    known = (error > 0) & (mean > 0)
    return np.where(known, np.maximum(ends[0], 0.0), low), np.where(known, ends[1], high)


def share_interval(share: Floats, ends: tuple[Floats, Floats]) -> tuple[Floats, Floats]:
    """An interval of a share on the scale of log odds, within 0 and 1 and wider towards the middle.

    Parameters
    ----------
    share, ends
        The share, and its interval by the delta method.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        odds = np.log(share / (1.0 - share))
        reach = (ends[1] - share) / (share * (1.0 - share))
        low, high = special.expit(odds - reach), special.expit(odds + reach)
    inside = (share > 0) & (share < 1)
    return np.where(inside, low, np.clip(ends[0], 0.0, 1.0)), np.where(inside, high, np.clip(ends[1], 0.0, 1.0))


def ratio_interval(sums: dict[str, Floats], level: float) -> tuple[Floats, Floats]:
    """Delta-method interval of Σy/Σx from n, y, x, yy, xx, xy (sums); NaN for fewer than two observations."""
    n, y, x = sums["n"], sums["y"], sums["x"]
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = y / x
        # the residuals y - ratio·x sum to zero, so their mean square is their variance
        squares = np.maximum(sums["yy"] - 2.0 * ratio * sums["xy"] + ratio**2 * sums["xx"], 0.0)
        error = np.sqrt(squares * n / np.maximum(n - 1.0, 1.0)) / x
        reach = np.where(n > 1, special.stdtrit(np.maximum(n - 1.0, 1.0), 0.5 + level / 2.0) * error, np.nan)
    return ratio - reach, ratio + reach


def sum_interval(total: Floats, squares: Floats, level: float) -> tuple[Floats, Floats]:
    """Interval of what a sum over a random number of calls would be on average: days alike, other calls.

    The gamma interval of weighted Poisson counts (Fay and Feuer 1997), with the mean weight of Tiwari, Clegg and Zou
    (2006) in the upper end; where all weights are the same, it is Garwood's.

    Parameters
    ----------
    total, squares
        Sum of the values and of their squares, one shape; no value below zero.

    Examples
    --------
    >>> lower, upper = sum_interval(np.array([40.0]), np.array([160.0]), 0.95)  # ten calls of four
    >>> (lower / 4).round(2).tolist(), (upper / 4).round(2).tolist()
    ([4.8], [18.39])
    """
    tail = (1.0 - level) / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = np.where(total > 0, squares / total, np.nan)
        lower = weight * special.gammaincinv(np.maximum(total / weight, 1e-9), tail)
        more, wider = total + weight, squares + weight**2
        upper = wider / more * special.gammainccinv(more**2 / wider, tail)
    return np.where(total > 0, lower, 0.0), upper


def count_interval(count: Floats, level: float) -> tuple[Floats, Floats]:
    """Garwood's exact interval of a Poisson mean (Garwood 1936)."""
    tail = (1.0 - level) / 2.0
    lower = np.where(count > 0, special.gammaincinv(np.maximum(count, 1e-9), tail), 0.0)
    return lower, np.asarray(special.gammainccinv(count + 1.0, tail))
