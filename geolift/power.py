"""Simulated tests by the hundred thousand: p-values of injected effects in past windows.

A simulated test adds an effect to the last periods of a past window and asks what the block conformal test would have
said. Weights are refitted for every one of them, as they would be in earnest; what makes that cheap is that all
sets, windows and effects share one Gram matrix a window, that a set's target is a mean of that matrix's rows, and
that neighbouring effects start from each other's weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geolift.drift import stacked
from measurement.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CandidateSets:
    """Sets of geos that may be treated.

    Attributes
    ----------
    members
        Shape (S, G), true where the geo belongs to the set.
    allowed
        Shape (S, G), true where the geo may be a donor for the set (never a member).
    """

    members: BoolArray
    allowed: BoolArray

    def __post_init__(self) -> None:
        if self.members.shape != self.allowed.shape or not self.members.any(axis=1).all():
            raise InputError.of(
                "every candidate set needs at least one geo", "Pass members and allowed of shape (sets, geos)"
            )
        if (self.members & self.allowed).any() or not self.allowed.any(axis=1).all():
            raise InputError.of("every candidate set needs donors outside itself", "Leave geos untreated")

    def take(self, rows: NDArray[np.intp]) -> CandidateSets:
        """Some of the sets."""
        return CandidateSets(members=self.members[rows], allowed=self.allowed[rows])


def simulated_p_values(
    outcome: FloatArray,
    sets: CandidateSets,
    *,
    post: int,
    ends: NDArray[np.intp],
    effects: FloatArray,
    orders: NDArray[np.intp] | None = None,
) -> FloatArray:
    """p-values of no effect where an effect was injected.

    Parameters
    ----------
    outcome
        Shape (G, T): history without tests.
    sets
        S candidate sets.
    post
        Length of the simulated test, in periods.
    ends
        Shape (E,): one past the last period of each window (a look-back each), each larger than ``post``.
    effects
        Shape (F,): lifts of the treated geos' outcome, e.g. ``0.05``; neighbours should be close.
    orders
        Shape (N, post): `geolift.permutation.random_orders`; then GeoLift's test (``Σ|residual|``) is simulated in
        place of the block conformal one; all ends must then be equal.

    Returns
    -------
    FloatArray
        Shape (S, E, F). Synthetic control with fixed effects, refitted under the null each time.

    Examples
    --------
    >>> rng = np.random.default_rng(2)
    >>> history = 100 + 10 * np.sin(np.arange(60) / 5) + rng.normal(size=(6, 60))
    >>> one = np.eye(6, dtype=bool)[:1]
    >>> found = simulated_p_values(
    ...     history, CandidateSets(members=one, allowed=~one), post=5, ends=np.array([60]), effects=np.array([0, 0.2])
    ... )
    >>> found.shape, bool(found[0, 0, 1] < 0.05 < found[0, 0, 0])
    ((1, 1, 2), True)
    """
    from geolift import simulation_kernel

    if len(ends) == 0 or int(ends.min()) <= post or int(ends.max()) > outcome.shape[1]:
        raise InputError.of(
            "the history is too short for a simulated test of this length",
            "Bring more periods, or plan a shorter test",
            column="weeks",
            value=post,
        )
    result = np.empty((len(sets.members), len(ends), len(effects)))
    scale = float(np.sqrt(np.mean((outcome - outcome.mean(axis=1, keepdims=True)) ** 2))) or 1.0
    share = sets.members / sets.members.sum(axis=1, keepdims=True)
    none = np.empty((0, post), dtype=np.int64)
    for place, end in enumerate(ends):
        window = np.ascontiguousarray(outcome[:, :end]) / scale
        # Drawn orders need no prediction: any small one keeps the compiled signature.
        every = stacked(int(end) if orders is None else post + 1, int(post))
        result[:, place] = simulation_kernel.p_values(
            window,
            share,
            sets.allowed,
            int(post),
            np.ascontiguousarray(effects, dtype=np.float64),
            none if orders is None else np.ascontiguousarray(orders, dtype=np.int64),
            every.kinds,
            every.shares,
            every.levels,
        )
    return result


def look_back_ends(periods: int, post: int, *, look_backs: int = 10, history: float = 3.0) -> NDArray[np.intp]:
    """Ends of up to ``look_backs`` past windows, the newest last, as far apart as the history allows.

    Every window keeps at least ``history`` × ``post`` periods before it; windows overlap where they must.

    Raises
    ------
    InputError
        Where not even one window fits.

    Examples
    --------
    >>> look_back_ends(60, 5, look_backs=4).tolist()
    [45, 50, 55, 60]
    """
    first = int(np.ceil((1 + history) * post))
    if periods < first:
        raise InputError.of(
            f"{periods} periods of history are too few to plan a test of {post}",
            f"Bring at least {first} periods, or plan a shorter test",
            column="weeks",
            value=post,
        )
    step = int(np.clip((periods - first) // max(look_backs - 1, 1), 1, post))
    count = min(look_backs, (periods - first) // step + 1)
    return np.sort(periods - step * np.arange(count, dtype=np.intp))
