"""How many units a test needs, and what it can find: fixed-horizon and always-valid."""

from __future__ import annotations

import numpy as np
from scipy import optimize, stats

from experiments.sequential import asymptotic_reach
from measurement.errors import InputError


def power_of(
    lift: float, *, mean: float, sd: float, n: float, share: float = 0.5, level: float = 0.95, anytime: bool = False
) -> float:
    """Probability of finding a relative ``lift`` with ``n`` units in all.

    Parameters
    ----------
    lift
        True relative lift, e.g. .05.
    mean, sd
        The control's mean and standard deviation of the metric; for a rate p the latter is √(p(1-p)).
    n
        Units in both arms together.
    share
        Of the units that get the treatment.
    level
        Two-sided.
    anytime
        Whether the test is read by the always-valid interval, tuned to ``n``, at its end; earlier looks only add power.

    Examples
    --------
    >>> round(power_of(0.1, mean=0.05, sd=0.2179, n=62_000), 2)
    0.82
    """
    _check(mean=mean, sd=sd, n=n, share=share, level=level)
    error = sd / mean * np.sqrt((1.0 / share + 1.0 / (1.0 - share)) / n)
    bound = (
        asymptotic_reach(1.0, max(round(n), 1), level=level, tuned_n=max(round(n), 1))
        if anytime
        else float(stats.norm.ppf(0.5 + level / 2.0))
    )
    return float(stats.norm.sf(bound - abs(lift) / error) + stats.norm.cdf(-bound - abs(lift) / error))


def minimum_detectable_effect(
    *,
    mean: float,
    sd: float,
    n: float,
    power: float = 0.8,
    share: float = 0.5,
    level: float = 0.95,
    anytime: bool = False,
) -> float:
    """Smallest relative lift that is found with probability ``power``; see `power_of`."""
    _check(mean=mean, sd=sd, n=n, share=share, level=level, power=power)
    error = sd / mean * np.sqrt((1.0 / share + 1.0 / (1.0 - share)) / n)

    def excess(lift: float) -> float:
        return power_of(lift, mean=mean, sd=sd, n=n, share=share, level=level, anytime=anytime) - power

    return float(optimize.brentq(excess, 0.0, 20.0 * error, xtol=1e-12 * max(error, 1e-300)))


def units_needed(
    lift: float, *, mean: float, sd: float, power: float = 0.8, share: float = 0.5, level: float = 0.95,
    anytime: bool = False,
) -> int:  # fmt: skip
    """Units in both arms together to find a relative ``lift`` with probability ``power``; see `power_of`."""
    if not lift != 0:
        raise InputError.of("a lift of 0 is never found", "Pass the smallest lift that matters", column="lift")
    _check(mean=mean, sd=sd, n=2.0, share=share, level=level, power=power)

    def excess(log_n: float) -> float:
        n = float(np.exp(log_n))
        return power_of(lift, mean=mean, sd=sd, n=n, share=share, level=level, anytime=anytime) - power

    return int(np.ceil(np.exp(optimize.brentq(excess, np.log(2.0), np.log(1e15), xtol=1e-9))))


def _check(*, mean: float, sd: float, n: float, share: float, level: float, power: float = 0.8) -> None:
    for name, value, fine in (
        ("mean", mean, mean > 0),
        ("sd", sd, sd > 0),
        ("n", n, n > 0),
        ("share", share, 0 < share < 1),
        ("level", level, 0 < level < 1),
        ("power", power, 0 < power < 1),
    ):
        if not fine:
            raise InputError.of(f"{name} is out of range", "See the parameter's description", column=name, value=value)
