"""The best-matched treated set with a proof: a mixed-integer program above the size where every set can be tried.

What a beam search finds is good; whether something better was missed it cannot say. This program chooses treated geos
and donor weights at once so that the treated mean, relative to its own level, strays least from the donors (mean
absolute distance), under the same business rules. HiGHS returns the set with a bound: no set of that size is better by
more than the gap.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geolift.candidates import Pool
from geolift.mixed_integer import proven_bound, solve_mixed_integer
from measurement.errors import InputError

FloatArray = NDArray[np.float64]
#: Points of the history in the program: longer ones are averaged over equal spans.
POINTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class CertifiedSet:
    """A treated set and how far from the best one it can be.

    Attributes
    ----------
    treated
        Places of the geos.
    imbalance
        Mean absolute distance of the treated mean from the donors, as a share of its level.
    bound
        No set of this size that obeys the rules has a smaller imbalance.
    certified
        Whether the two agree within 0.01%.
    """

    treated: tuple[int, ...]
    imbalance: float
    bound: float
    certified: bool

    @property
    def gap(self) -> float:
        """Imbalance over bound, minus 1."""
        return self.imbalance / self.bound - 1 if self.bound > 0 else float("inf")


def certified_set(outcome: FloatArray, pool: Pool, size: int, *, seconds: float) -> CertifiedSet | None:
    """The best-matched set of ``size`` geos, or the best found in the time with its bound.

    Parameters
    ----------
    outcome
        Shape (G, T): history without tests.
    pool
        Geos and business rules.
    seconds
        Time for the solver.

    Returns
    -------
    CertifiedSet | None
        ``None`` where no set of this size was found, be it for the rules or for the time.

    Raises
    ------
    InputError
        Where a geo's mean outcome is not positive: shares of it mean nothing then.
    """
    levels = outcome.mean(axis=1)
    if not (levels > 0).all():
        raise InputError.of(
            f"the mean outcome of '{pool.geos[int(levels.argmin())]}' is not positive",
            "Leave it out, or do without the certificate",
            column="outcome",
        )
    problem, chosen = _program(outcome, pool, size)
    if not solve_mixed_integer(problem, seconds=seconds, gap=1e-5):
        return None
    treated = tuple(int(place) for place in np.flatnonzero(chosen.value > 0.5))
    value, bound = float(problem.value), max(proven_bound(problem), 0.0)
    return CertifiedSet(treated=treated, imbalance=value, bound=bound, certified=bool(value <= bound * 1.0001))


def certified_sets(outcome: FloatArray, pool: Pool, sizes: Sequence[int], *, seconds: float) -> list[CertifiedSet]:
    """`certified_set` for every size, the time shared between them; what one leaves goes to those after it."""
    found, until = [], time.monotonic() + seconds
    for number, size in enumerate(sizes):
        left = max(until - time.monotonic(), 0.1)
        found.append(certified_set(outcome, pool, size, seconds=left / (len(sizes) - number)))
    return [one for one in found if one is not None]


def _program(outcome: FloatArray, pool: Pool, size: int) -> tuple[Any, Any]:
    """The program and its 0/1 variables.

    With ``u`` one over the treated geos' level, ``y = u z`` are the shares of the treated series and ``v`` those of the
    donors; fixing ``Σ level·y = 1`` makes the ratio linear (Charnes and Cooper 1962).
    """
    import cvxpy

    cp: Any = cvxpy  # its functions are not typed
    geos = len(pool.geos)
    levels = outcome.mean(axis=1)
    level = levels / levels.sum()
    moves = _points(outcome - levels[:, None]) / levels.sum()
    small, large = np.sort(level)[:size].sum(), np.sort(level)[-size:].sum()
    highest, lowest = 1 / float(small), 1 / float(large)
    chosen = cp.Variable(geos, boolean=True)
    treated, donors = cp.Variable(geos, nonneg=True), cp.Variable(geos, nonneg=True)
    inverse, distance = cp.Variable(nonneg=True), cp.Variable(moves.shape[1], nonneg=True)
    astray = moves.T @ (treated - donors)
    rules = [
        astray <= distance,
        -astray <= distance,
        cp.sum(chosen) == size,
        treated <= highest * chosen,
        treated >= lowest * chosen,
        treated >= inverse - highest * (1 - chosen),
        treated <= inverse - lowest * (1 - chosen),
        level @ treated == 1,
        cp.sum(treated) == size * inverse,
        cp.sum(donors) == size * inverse,
        donors <= size * highest * cp.multiply(1 - chosen, pool.donors.astype(float)),
        inverse >= lowest,
        inverse <= highest,
        *_business(chosen, donors, pool, size * highest),
    ]
    return cp.Problem(cp.Minimize(cp.sum(distance) / moves.shape[1]), rules), chosen


def _business(chosen: Any, donors: Any, pool: Pool, most: float) -> list[Any]:  # noqa: ANN401 - cvxpy is untyped
    """The business rules as linear constraints."""
    rules, places = pool.rules, {geo: place for place, geo in enumerate(pool.geos)}
    low, high = rules.holdout_share
    held: list[Any] = [1 - pool.outcome_share @ chosen >= low, 1 - pool.outcome_share @ chosen <= high]
    held += [chosen[places[geo]] == 1 for geo in rules.must_include]
    held += [chosen[places[geo]] == 0 for geo in rules.must_exclude]
    if rules.most_per_region is not None:
        for region in sorted(set(rules.region.values())):
            inside = np.array([float(rules.region.get(geo) == region) for geo in pool.geos])
            held.append(inside @ chosen <= rules.most_per_region)
    for one, others in rules.neighbours.items():
        for other in (name for name in others if name in places):
            held.append(donors[places[one]] <= most * (1 - chosen[places[other]]))
            held.append(donors[places[other]] <= most * (1 - chosen[places[one]]))
    return held


def _points(rows: FloatArray) -> FloatArray:
    """Means over equal spans, at most `POINTS` of them; what does not fill a span is left out at the start."""
    span = -(-rows.shape[1] // POINTS)
    kept = rows[:, rows.shape[1] % span :]
    return np.asarray(kept.reshape(len(rows), -1, span).mean(axis=2), dtype=np.float64)
