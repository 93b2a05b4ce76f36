"""How often the test at hand cries wolf on this very panel: A/A rejections before the test began."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from geolift.estimators import BoolArray, Comparison, Estimator, refitted
from geolift.inference import placebo_members
from geolift.jackknife import jackknife_plus
from geolift.permutation import TIE, permutation_p_values, random_orders
from geolift.time_based_regression import student_t

FloatArray = NDArray[np.float64]
#: Shortest history before a window, in window lengths: short, so that the windows are many and far apart.
HISTORY = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AaRate:
    """Share of windows without any treatment in which the test rejects.

    Attributes
    ----------
    rate
        The share.
    lower, upper
        Its 90% interval (Clopper and Pearson; windows overlap, so that it is if anything too narrow).
    windows
        Number of geo sets × windows tried.
    alpha
        The test's level: an honest test rejects about this share.
    """

    rate: float
    lower: float
    upper: float
    windows: int
    alpha: float

    def to_dict(self) -> dict[str, float | int]:
        """The fields as plain JSON values."""
        return {
            "rate": self.rate,
            "lower": self.lower,
            "upper": self.upper,
            "windows": self.windows,
            "alpha": self.alpha,
        }


def aa_rate(
    estimator: Estimator,
    outcome: FloatArray,
    *,
    treated: NDArray[np.intp],
    post: int,
    method: str,
    alpha: float,
    ends: int = 12,
    sets: int = 30,
    seed: int = 0,
) -> AaRate | None:
    """Run the test where nothing was tested.

    Parameters
    ----------
    outcome
        Shape (G, T): every geo, periods before the test only.
    treated
        The treated geos; they and random sets of the same size are each taken as if treated.
    post
        Length of the measured window.
    method
        ``"block_conformal"``, ``"jackknife_plus"``, ``"iid_conformal"``, ``"placebo_sets"`` or ``"student_t"``.
    ends, sets
        Number of windows (evenly spaced) and of sets in each.

    Returns
    -------
    AaRate | None
        ``None`` where the history is too short for a single window.

    Notes
    -----
    Conformal p-values are taken at zero without the widening that `geolift.inference.invert` adds, so that the
    share is, if anything, above that of the reported p-value.
    """
    geos, periods = outcome.shape
    shortest = max((HISTORY + 1) * post, 10 + post)
    if periods < shortest or geos <= len(treated) + 1:
        return None
    members = placebo_members(geos, len(treated), most=sets, seed=seed)
    members = np.unique(np.vstack([np.sort(treated)[None], members]), axis=0)
    allowed = np.ones((len(members), geos), dtype=np.bool_)
    np.put_along_axis(allowed, members, False, axis=1)
    found: list[FloatArray] = []
    for end in np.unique(np.linspace(shortest, periods, ends).round().astype(int)):
        history = outcome[:, :end]
        series = history[members].mean(axis=1)
        if method == "placebo_sets":
            found.append(_placebo_p(estimator, history, series, allowed, members, post))
            continue
        if method == "student_t":
            found.append(_student_p(history, series, allowed, post))
            continue
        if method == "jackknife_plus":
            found.append(_jackknife_p(estimator, history, series, allowed, post))
            continue
        residual, weights = refitted(estimator, series, history, allowed)
        if method == "iid_conformal":
            orders = random_orders(int(end), post, draws=1000, seed=seed)
            found.append(permutation_p_values(residual, post, statistic="absolute", orders=orders))
        else:
            found.append(permutation_p_values(residual, post, donors=history, weights=weights))
    values = np.concatenate(found)
    return aa_share(int((values <= alpha + TIE).sum()), len(values), alpha)


def aa_share(hits: int, count: int, alpha: float) -> AaRate:
    """The rate of ``hits`` in ``count`` windows with its interval."""
    return AaRate(
        rate=hits / count,
        lower=0.0 if hits == 0 else float(beta.ppf(0.05, hits, count - hits + 1)),
        upper=1.0 if hits == count else float(beta.ppf(0.95, hits + 1, count - hits)),
        windows=count,
        alpha=alpha,
    )


def _placebo_p(
    estimator: Estimator,
    history: FloatArray,
    series: FloatArray,
    allowed: BoolArray,
    members: NDArray[np.intp],
    post: int,
) -> FloatArray:
    """p-value of each set among the sets that share no geo with it."""
    pre = history.shape[1] - post
    effect = series - estimator.counterfactuals(series, history, pre, allowed)
    error = np.sqrt(np.mean(effect[:, :pre] ** 2, axis=1))
    score = np.abs(effect[:, pre:].mean(axis=1)) / np.maximum(error, 1e-300)
    values = []
    for own in range(len(members)):
        others = ~np.isin(members, members[own]).any(axis=1)
        values.append((1 + (score[others] >= score[own] * (1 - TIE)).sum()) / (1 + others.sum()))
    return np.asarray(values, dtype=np.float64)


def _jackknife_p(
    estimator: Estimator, history: FloatArray, series: FloatArray, allowed: BoolArray, post: int
) -> FloatArray:
    """p-values of the sets whose history holds enough blocks."""
    pre, values = history.shape[1] - post, []
    for row, mask in zip(series, allowed, strict=True):
        names = tuple(str(place) for place in np.flatnonzero(mask))
        one = Comparison(treated=row, donors=history[mask], pre=pre, names=names)
        values.append(jackknife_plus(estimator, one, level=0.5).p_value)
    return np.asarray(values, dtype=np.float64)


def _student_p(history: FloatArray, series: FloatArray, allowed: BoolArray, post: int) -> FloatArray:
    pre = history.shape[1] - post
    values = []
    for row, mask in zip(series, allowed, strict=True):
        names = tuple(str(place) for place in np.flatnonzero(mask))
        values.append(student_t(Comparison(treated=row, donors=history[mask], pre=pre, names=names)).p_value)
    return np.asarray(values, dtype=np.float64)
