"""Confidence interval of a mean by empirical likelihood, in which values that never came but could have count."""

from __future__ import annotations

import numpy as np
from scipy import optimize, stats

from bandits.rewards import Floats

#: What stands for a loss that rounding made 0.
_LEAST = 1e-12


def mean_interval(values: Floats, low: float, high: float, level: float) -> tuple[float, float]:
    """Interval of the mean that ``values`` were drawn around.

    A mean is inside if some distribution has it under which the values are not much less likely than they can be at
    most: the bound of minus twice the log-ratio is the quantile of χ²₁, with Bartlett's correction for skewness and
    kurtosis. The distribution may also have mass at ``low`` and ``high``, where nothing was seen. So rare and heavy
    values give long intervals on the side on which they would be, also where none of them has come yet.

    Parameters
    ----------
    values
        Shape (n,).
    low, high
        Least and largest value that could have come.

    References
    ----------
    Owen (2001), Empirical Likelihood; DiCiccio, Hall and Romano (1991), Annals of Statistics 19 (Bartlett);
    Karampatziakis, Langford and Mineiro (2020), Empirical likelihood for contextual bandits (unseen values).

    Examples
    --------
    >>> tuple(round(end, 4) for end in mean_interval(np.zeros(100), 0.0, 1.0, 0.95))
    (0.0, 0.0295)
    """
    bound = _bound(values, level)
    # adding 0 makes no end a negative zero
    return 0.0 - _upper_end(-values, -low, bound), 0.0 + _upper_end(values, high, bound)


def _bound(values: Floats, level: float) -> float:
    """What the log-likelihood may fall by."""
    around = values - values.mean()
    variance = float((around**2).mean())
    half = float(stats.chi2.ppf(level, 1)) / 2.0
    if variance <= 0.0:
        # nothing came, and only one end can be missed: the chance of that is what the level leaves
        return -float(np.log1p(-level))
    kurtosis, skewness = float((around**4).mean()) / variance**2, float((around**3).mean()) / variance**1.5
    return float(half * (1.0 + (kurtosis / 2.0 - skewness**2 / 3.0) / len(values)))


def _upper_end(values: Floats, high: float, bound: float) -> float:
    """Largest mean whose log-likelihood is at most ``bound`` below the maximum.

    The likeliest distribution of a given mean has weights proportional to 1 / (γ - value); the mean grows as γ falls
    to the largest value that could come. If the bound is not used up there, the rest goes into mass at that value.
    """
    n, spread = len(values), float(values.std())
    most = max(high, float(values.max()))
    if spread <= 1e-14 * max(abs(most), 1e-300):
        return most - float(np.exp(-bound / n)) * (most - float(values.mean()))

    def loss(gap: float) -> float:
        distance = most + gap - values
        return float(n * (np.log(distance).mean() + np.log((1.0 / distance).mean())))

    if most > values.max() and (used := loss(0.0)) <= bound:
        return most - float(np.exp((used - bound) / n)) / float((1.0 / (most - values)).mean())
    # logarithms make it nearly a straight line: far away the loss falls with the square of the distance
    near = far = float(np.log(spread * np.sqrt(n / (2.0 * bound))))
    while loss(np.exp(far)) > bound:
        far += 1.0
    while loss(np.exp(near)) < bound:
        near -= 1.0

    def excess(log_gap: float) -> float:
        return float(np.log(max(loss(np.exp(log_gap)), _LEAST) / bound))

    gap = float(np.exp(optimize.brentq(excess, near, far, xtol=1e-9))) if near < far else float(np.exp(near))
    return most + gap - 1.0 / float((1.0 / (most + gap - values)).mean())
