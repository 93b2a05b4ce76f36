"""P(best) among normal scores, exactly and in some 50 microseconds: for policies that work it out for each person."""

from __future__ import annotations

import numpy as np
from scipy import special

from bandits.normal_scores import NormalScores
from bandits.propensity import TOLERANCE, Better, best_arm
from bandits.rewards import Floats

#: Beyond that many standard deviations there is no mass worth counting.
_REACH = 7.0
#: Step of the trapezoid rule in units of the narrowest width: the error, which falls with exp(-c/step²), is below 1e-9
#: for up to 200 arms, and a sum that is not 1 tells.
_STEP = 0.5
#: Points above which the adaptive quadrature is the cheaper one.
_MOST_POINTS = 400
_ROOT_2PI = float(np.sqrt(2.0 * np.pi))


def normal_best(mean: Floats, width: Floats, *, better: Better = "higher") -> Floats:
    """P(this score is the best) for independent normal scores, shape (arms,), sums to 1; error at most 1e-8.

    The integrand is a product of normal densities and distribution functions, entire and falling off at both ends:
    what the trapezoid rule integrates to rounding with a few dozen points (Trefethen and Weideman 2014). Where widths
    are very different, `bandits.propensity.best_arm` takes over.

    Parameters
    ----------
    mean, width
        Means and standard deviations, widths above 0, shape (arms,).

    Raises
    ------
    InputError
        If a width is 0 or a mean is not finite.

    Examples
    --------
    >>> normal_best(np.array([0.0, 0.0, 1.0]), np.array([1.0, 1.0, 1.0])).round(4).tolist()
    [0.1831, 0.1831, 0.6337]
    """
    signed = mean if better == "higher" else -mean
    high = signed + _REACH * width
    low = float((signed - _REACH * width).max())
    # an arm that cannot reach the best one's low end needs no points of its own
    narrowest = float(width[high >= low].min()) if len(width) and (width > 0).all() else 0.0
    points = (float(high.max()) - low) / (_STEP * narrowest) if narrowest > 0 else np.inf
    if points <= _MOST_POINTS:
        x = np.linspace(low, float(high.max()), int(points) + 2)
        score = (x - signed[:, None]) / width[:, None]
        log_beaten = np.log(np.maximum(special.ndtr(score), 1e-300))
        others = np.exp(log_beaten.sum(axis=0) - log_beaten)
        density = np.exp(-0.5 * score**2) / (width[:, None] * _ROOT_2PI)
        best = (density * others).sum(axis=1) * (x[1] - x[0])
        total = float(best.sum())
        if abs(total - 1.0) <= TOLERANCE:
            return np.asarray(best / total)
    names = tuple(map(str, range(len(mean))))
    return best_arm(NormalScores(arms=names, centre=mean, width=width), better=better).p_best
