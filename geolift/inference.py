"""Tests of no effect, and the intervals that are their inversion: the two cannot contradict each other.

Every test gives a p-value for each hypothetical mean effect. The interval is the hull of the effects it does not
reject, and the p-value reported for "no effect" is the largest p-value of any effect at least as far from the point
estimate on that side. The second step only makes the test more careful, and it makes "p ≤ α" and "the interval
excludes zero" the same statement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from geolift.drift import persistence
from geolift.estimators import Comparison, Estimator, refitted
from geolift.permutation import TIE, Statistic, permutation_p_values, random_orders
from measurement.errors import InputError
from measurement.estimates import Interval

FloatArray = NDArray[np.float64]
#: Half-width of the first search grid, in root-mean-square pre-period errors.
FIRST_REACH = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TestResult:
    """A p-value and the interval that inverts it.

    Attributes
    ----------
    p_value
        Of no effect; never below ``1 / (1 + draws)``.
    interval
        For the mean effect a treated geo and period.
    method
        ``"block_conformal"``, ``"iid_conformal"`` or ``"placebo_sets"``.
    draws
        Number of permutations or placebo sets behind the p-value.
    details
        What else a reader may want to see.
    """

    __test__ = False  # not a test case, whatever its name looks like

    p_value: float
    interval: Interval
    method: str
    draws: int
    details: Mapping[str, float | str] = field(default_factory=dict)


def rejection_level(level: float) -> float:
    """``1 − level`` without the rounding that would make a p-value of exactly 0.1 miss a 90% interval.

    Examples
    --------
    >>> 1 - 0.9 == 0.1, rejection_level(0.9) == 0.1
    (False, True)
    """
    return round(1 - level, 12)


def null_p_values(
    estimator: Estimator,
    comparison: Comparison,
    effects: FloatArray,
    *,
    shape: FloatArray | None = None,
    statistic: Statistic = "adaptive",
    orders: NDArray[np.intp] | None = None,
) -> FloatArray:
    """Conformal p-values of hypothetical mean effects, refitting under each (Chernozhukov et al. 2021).

    Parameters
    ----------
    effects
        Shape (A,): hypothetical mean effects.
    shape
        Shape (post,), mean 1: how an effect spreads over the measured window; left out, evenly.
    statistic, orders
        See `geolift.permutation.permutation_p_values`.

    Returns
    -------
    FloatArray
        Shape (A,).
    """
    path = np.ones(comparison.post) if shape is None else shape
    series = np.repeat(comparison.treated[None], len(effects), axis=0)
    series[:, comparison.pre :] -= effects[:, None] * path
    residual, weights = refitted(estimator, series, comparison.donors)
    return permutation_p_values(
        residual, comparison.post, statistic=statistic, orders=orders, donors=comparison.donors, weights=weights
    )


def effect_shape(counterfactual: FloatArray) -> FloatArray:
    """A constant lift's path over the measured window, mean 1: in proportion to the counterfactual.

    Media add a share of what would have sold more than a fixed amount. Where the counterfactual is not positive
    throughout, effects are taken as even.
    """
    if not (counterfactual > 0).all():
        return np.ones(len(counterfactual))
    return np.asarray(counterfactual / counterfactual.mean(), dtype=np.float64)


def block_conformal(
    estimator: Estimator,
    comparison: Comparison,
    *,
    level: float = 0.9,
    statistic: Statistic = "adaptive",
    stretch: float = 1.0,
) -> TestResult:
    """Conformal test with block permutations, the default: honest under serial dependence.

    Refitting under each hypothesis makes the measured window one window of its length among the T there are; the
    p-value is the share of windows that surprise as much, given all other periods (`geolift.drift`). Effects are moved
    towards the point estimate by ``stretch`` before they are tested, which widens the interval by that factor
    (`geolift.selection`).

    Raises
    ------
    InputError
        Where there are too few periods for the level: the smallest possible p-value is 1 / T.
    """
    periods = len(comparison.treated)
    if periods * rejection_level(level) < 1:
        raise InputError.of(
            f"{periods} periods cannot give a {level:.0%} interval by permutation",
            f"Use at least {int(np.ceil(1 / rejection_level(level)))} periods, or a lower level",
            column="level",
            value=level,
        )

    return _conformal(
        estimator, comparison, level=level, method="block_conformal", statistic=statistic, orders=None, stretch=stretch
    )


def iid_conformal(
    estimator: Estimator,
    comparison: Comparison,
    *,
    level: float = 0.9,
    statistic: Statistic = "absolute",
    draws: int = 1000,
    seed: int = 0,
) -> TestResult:
    """Conformal test with unrestricted permutations: what GeoLift reports.

    It takes the residuals for independent. On daily data they seldom are, and it then rejects too often; it is here
    for comparison with other tools, not as a default.
    """
    orders = random_orders(len(comparison.treated), comparison.post, draws=draws, seed=seed)
    return _conformal(estimator, comparison, level=level, method="iid_conformal", statistic=statistic, orders=orders)


def _conformal(
    estimator: Estimator,
    comparison: Comparison,
    *,
    level: float,
    method: str,
    statistic: Statistic,
    orders: NDArray[np.intp] | None,
    stretch: float = 1.0,
) -> TestResult:
    fit = estimator.fit(comparison.treated, comparison.donors, comparison.pre)
    shape = effect_shape(fit.counterfactual[comparison.pre :])
    drift = float(persistence(fit.effect[None, : comparison.pre])[0])

    def p_values(effects: FloatArray) -> FloatArray:
        tested = fit.att + (effects - fit.att) / stretch
        return null_p_values(estimator, comparison, tested, shape=shape, statistic=statistic, orders=orders)

    scale = stretch * max(fit.pre_rmse, 1e-9 * float(np.abs(comparison.treated).mean()), 1e-300)
    lower, upper, p_value = invert(p_values, fit.att, scale, alpha=rejection_level(level))
    return TestResult(
        p_value=p_value,
        interval=Interval(lower=lower, upper=upper, level=level, kind="conformal"),
        method=method,
        draws=len(comparison.treated) - 1 if orders is None else len(orders),
        details={"statistic": statistic, "stretch": stretch, "persistence": drift},
    )


def invert(
    p_values: Callable[[FloatArray], FloatArray], centre: float, scale: float, *, alpha: float
) -> tuple[float, float, float]:
    """Hull of the effects with p > α around ``centre``, and the p-value of zero that agrees with it.

    ``centre`` itself is never rejected. The search widens until both ends are rejected, then halves the brackets;
    an end that is never rejected within 4096 × ``scale`` is reported as infinite.
    """
    tried = np.concatenate([[0.0], centre + scale * FIRST_REACH * np.linspace(-1, 1, 41)])
    found = p_values(tried)
    reach = FIRST_REACH * scale
    for side in (-1.0, 1.0):
        edge = reach
        while edge < 4096 * scale:
            outer = (tried - centre) * side >= edge * 0.75
            if outer.any() and (found[outer] <= alpha).all():
                break
            extra = centre + side * np.linspace(edge, 2 * edge, 9)[1:]
            tried, found = np.concatenate([tried, extra]), np.concatenate([found, p_values(extra)])
            edge *= 2
    ends = []
    for side in (-1.0, 1.0):
        for _ in range(12):
            bracket = _bracket(tried, found, centre, side, alpha)
            if bracket is None or abs(bracket[1] - bracket[0]) <= 1e-5 * max(scale, abs(bracket[0] - centre)):
                break
            inner = np.linspace(bracket[0], bracket[1], 6)[1:-1]
            tried, found = np.concatenate([tried, inner]), np.concatenate([found, p_values(inner)])
        bracket = _bracket(tried, found, centre, side, alpha)
        ends.append(side * np.inf if bracket is None else 0.5 * (bracket[0] + bracket[1]))
    beyond = tried * np.sign(centre) <= 0 if centre != 0 else np.ones(len(tried), dtype=bool)
    p_value = 1.0 if centre == 0 else float(found[beyond].max())
    return float(ends[0]), float(ends[1]), p_value


def _bracket(
    tried: FloatArray, found: FloatArray, centre: float, side: float, alpha: float
) -> tuple[float, float] | None:
    """Outermost effect kept on one side and the next one rejected; ``None`` where nothing outside is rejected."""
    away = (tried - centre) * side
    kept = max(float(np.max(away[(found > alpha) & (away >= 0)], initial=0.0)), 0.0)
    rejected = away[(away > kept) & (found <= alpha)]
    if len(rejected) == 0:
        return None
    return centre + side * kept, centre + side * float(rejected.min())


def placebo_sets(
    estimator: Estimator,
    comparison: Comparison,
    *,
    size: int,
    level: float = 0.9,
    most: int = 1000,
    stretch: float = 1.0,
    seed: int = 0,
) -> TestResult:
    """Rank the treated mean among untreated sets of the same size (Abadie et al. 2010, on sets).

    The statistic is the mean effect over the pre-period root mean square error. The interval adds to the point
    estimate those effects that would not stand out among the placebos.

    Parameters
    ----------
    size
        Number of treated geos; placebo means average as many donors.
    most
        Where there are more sets than this, a random sample of them.
    stretch
        Factor on the treated set's error (`geolift.selection`).

    Raises
    ------
    InputError
        Where there are too few placebo sets for the level.
    """
    members = placebo_members(len(comparison.names), size, most=most, seed=seed)
    alpha = rejection_level(level)
    if (1 + len(members)) * alpha < 1:
        raise InputError.of(
            f"{len(comparison.names)} untreated geos give only {len(members)} placebo sets of {size}",
            f"A {level:.0%} interval needs {int(np.ceil(1 / alpha)) - 1}: use a lower level, or block_conformal "
            "(which does not go with synthetic_did)",
            column="treated",
            value=size,
        )
    scores = np.abs(placebo_scores(estimator, comparison, members))
    fit = estimator.fit(comparison.treated, comparison.donors, comparison.pre)
    error = stretch * max(fit.pre_rmse, 1e-12 * float(np.abs(comparison.treated).mean()), 1e-300)
    own = abs(fit.att) / error
    p_value = float((1 + (scores >= own * (1 - TIE)).sum()) / (1 + len(scores)))
    # p > α as long as (1 + #{scores ≥ t}) > α (1 + n): the k-th largest score is the last value kept.
    keep = int(np.floor(alpha * (1 + len(scores)) + TIE))
    bound = float(np.sort(scores)[::-1][keep - 1]) / (1 - TIE)
    return TestResult(
        p_value=p_value,
        interval=Interval(lower=fit.att - bound * error, upper=fit.att + bound * error, level=level, kind="confidence"),
        method="placebo_sets",
        draws=len(members),
        details={"stretch": stretch, "statistic": own, "median_placebo": float(np.median(scores))},
    )


def placebo_members(donors: int, size: int, *, most: int, seed: int) -> NDArray[np.intp]:
    """Index sets (N, size) of donors: all of them where there are at most ``most``, else a random sample."""
    if size >= donors:
        return np.empty((0, size), dtype=np.intp)
    if comb(donors, size) <= most:
        return np.array(list(combinations(range(donors), size)), dtype=np.intp)
    generator = np.random.default_rng(seed)
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < most:
        drawn.add(tuple(sorted(generator.choice(donors, size, replace=False).tolist())))
    return np.array(sorted(drawn), dtype=np.intp)


def placebo_scores(estimator: Estimator, comparison: Comparison, members: NDArray[np.intp]) -> FloatArray:
    """Mean effect over pre-period root mean square error of every placebo set, shape (N,)."""
    pre = comparison.pre
    series = comparison.donors[members].mean(axis=1)
    allowed = np.ones((len(members), len(comparison.names)), dtype=np.bool_)
    np.put_along_axis(allowed, members, False, axis=1)
    effect = series - estimator.counterfactuals(series, comparison.donors, pre, allowed)
    error = np.sqrt(np.mean(effect[:, :pre] ** 2, axis=1))
    floor = 1e-12 * np.abs(series).mean(axis=1) + 1e-300
    return np.asarray(effect[:, pre:].mean(axis=1) / np.maximum(error, floor), dtype=np.float64)
