"""The compiled kernel: an active-set method for simplex-constrained least squares on a shared Gram matrix.

Primal active set with an incrementally grown and shrunk Cholesky factor, in the spirit of Lawson and Hanson (1974),
chapter 23, with the sum constraint carried by a multiplier. A donor that depends on those already in the set is
exchanged along the null direction instead of being appended, so that collinear and duplicate donors are no special
case. Importing this module imports numba; `geolift.weights` does so only when it solves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

Reals = NDArray[np.float64]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]

#: A Cholesky pivot below this share of its diagonal marks a dependent donor.
DEPENDENT = 1e-11
#: Donors taken in beside the steepest one, and how steep they must be, as a share of its descent below the level.
COMPANY, NEARLY = 2, 0.5


def compiled[F: Callable[..., object]](function: F) -> F:
    """Compile with numba and keep the machine code on disk, so that only the first use on a machine waits."""
    try:
        return cast("F", njit(cache=True)(function))
    except RuntimeError:  # nowhere to write (read-only home and package): the same code, compiled every time
        return cast("F", njit(function))


def compiled_sums[F: Callable[..., object]](function: F) -> F:
    """`compiled`, with leave to add up in another order, so that sums use vector units; NaN stays NaN."""
    freedom = {"reassoc", "contract", "nsz"}
    try:
        return cast("F", njit(cache=True, fastmath=freedom)(function))
    except RuntimeError:  # as above
        return cast("F", njit(function, fastmath=freedom))


@compiled_sums
def _forward(factor: Reals, size: int, rhs: Reals) -> None:
    """Solve ``L z = rhs`` in place."""
    for i in range(size):
        total = 0.0
        for k in range(i):
            total += factor[i, k] * rhs[k]
        rhs[i] = (rhs[i] - total) / factor[i, i]


@compiled
def _backward(factor: Reals, size: int, rhs: Reals) -> None:
    """Solve ``Lᵀ z = rhs`` in place, row by row of the factor."""
    for i in range(size - 1, -1, -1):
        rhs[i] /= factor[i, i]
        done = rhs[i]
        for k in range(i):
            rhs[k] -= factor[i, k] * done


@compiled
def _append(
    factor: Reals, size: int, gram: Reals, members: Places, donor: int, shift: float, linear: Reals, work: Reals
) -> bool:
    """Grow the factor by ``donor``; ``False`` (and nothing appended) where it depends on the members.

    Rows of ``work``: the donor's row ``L⁻¹g`` of the factor, and ``L⁻¹c`` and ``L⁻¹1`` of the members, which grow too.
    """
    row, aimed, ones = work[0], work[1], work[2]
    for k in range(size):
        row[k] = gram[members[k], donor] + shift
    _forward(factor, size, row)
    pivot, aim, one = gram[donor, donor] + shift, linear[donor], 1.0
    for k in range(size):
        pivot -= row[k] * row[k]
        aim -= row[k] * aimed[k]
        one -= row[k] * ones[k]
    if pivot <= DEPENDENT * (gram[donor, donor] + shift):
        return False
    root = np.sqrt(pivot)
    for k in range(size):
        factor[size, k] = row[k]
    factor[size, size] = root
    aimed[size], ones[size] = aim / root, one / root
    members[size] = donor
    return True


@compiled
def _remove(factor: Reals, size: int, members: Places, place: int, work: Reals) -> None:
    """Shrink the factor by the member at ``place`` (Givens rotations), ``L⁻¹c`` and ``L⁻¹1`` along with it."""
    for i in range(place, size - 1):
        members[i] = members[i + 1]
        for k in range(i + 2):
            factor[i, k] = factor[i + 1, k]
    for i in range(place, size - 1):
        a, b = factor[i, i], factor[i, i + 1]
        length = np.hypot(a, b)
        cosine, sine = a / length, b / length
        factor[i, i] = length
        factor[i, i + 1] = 0.0
        for j in range(i + 1, size - 1):
            upper, lower = factor[j, i], factor[j, i + 1]
            factor[j, i] = cosine * upper + sine * lower
            factor[j, i + 1] = cosine * lower - sine * upper
        for half in range(1, 3):
            upper, lower = work[half, i], work[half, i + 1]
            work[half, i] = cosine * upper + sine * lower
            work[half, i + 1] = cosine * lower - sine * upper


@compiled
def _settle(factor: Reals, size: int, members: Places, weights: Reals, work: Reals) -> int:
    """Move to the minimum over the members, dropping those that reach zero; returns the new size.

    The minimum is ``L⁻ᵀ(L⁻¹c + μ L⁻¹1)``, with the multiplier ``μ`` that makes it sum to 1.
    """
    goal, aimed, ones = work[0], work[1], work[2]
    while True:
        total, spread = 0.0, 0.0
        for k in range(size):
            total += ones[k] * aimed[k]
            spread += ones[k] * ones[k]
        multiplier = (1.0 - total) / spread
        for k in range(size):
            goal[k] = aimed[k] + multiplier * ones[k]
        _backward(factor, size, goal)
        step, first = 1.0, -1
        for k in range(size):
            if goal[k] < 0.0:
                here = weights[members[k]]
                reach = here / (here - goal[k])
                if reach < step or first < 0:
                    step, first = min(step, reach), k
        for k in range(size):
            donor = members[k]
            weights[donor] += step * (goal[k] - weights[donor])
        if first < 0:
            return size
        weights[members[first]] = 0.0
        _remove(factor, size, members, first, work)
        size -= 1


@compiled
def _exchange(factor: Reals, size: int, members: Places, donor: int, weights: Reals, work: Reals) -> int:
    """Swap a dependent ``donor`` in along the null direction (the first row of ``work`` holds ``L⁻¹g``); new size."""
    row = work[0]
    _backward(factor, size, row)
    step, first = np.inf, -1
    for k in range(size):
        if row[k] > 0.0:
            reach = weights[members[k]] / row[k]
            if reach < step:
                step, first = reach, k
    if first < 0:
        return size
    for k in range(size):
        weights[members[k]] -= step * row[k]
    weights[donor] += step
    weights[members[first]] = 0.0
    _remove(factor, size, members, first, work)
    return size - 1


@compiled
def _start(
    factor: Reals, gram: Reals, members: Places, shift: float, weights: Reals, linear: Reals, work: Reals
) -> int:
    """Factor the donors with positive starting weight; a dependent one hands its weight to the first member."""
    size = 0
    for j in range(gram.shape[0]):
        if weights[j] > 0.0:
            if _append(factor, size, gram, members, j, shift, linear, work):
                size += 1
            else:
                weights[members[0]] += weights[j]
                weights[j] = 0.0
    return size


@compiled
def _slopes(
    gram: Reals, linear: Reals, members: Places, size: int, weights: Reals, slope: Reals
) -> tuple[float, float]:
    """Gradient ``Gw − c`` of every donor into ``slope``; returns its mean under the weights, and ``cᵀw``."""
    for j in range(gram.shape[0]):
        slope[j] = -linear[j]
    for k in range(size):  # row by row of the symmetric matrix: contiguous, so that vector units can work
        donor = members[k]
        share = weights[donor]
        for j in range(gram.shape[0]):
            slope[j] += gram[donor, j] * share
    level, cross = 0.0, 0.0
    for k in range(size):
        level += weights[members[k]] * slope[members[k]]
        cross += weights[members[k]] * linear[members[k]]
    return level, cross


@compiled
def _steepest(slope: Reals, allowed: Flags, level: float) -> int:
    """The allowed donor with the lowest slope below ``level``, −1 where there is none."""
    enter, lowest = -1, level
    for j in range(slope.shape[0]):
        if allowed[j] and slope[j] < lowest:
            enter, lowest = j, slope[j]
    return enter


@compiled
def solve(
    gram: Reals,
    linear: Reals,
    square: float,
    allowed: Flags,
    shift: float,
    weights: Reals,
    factor: Reals,
    members: Places,
    scratch: Reals,
) -> float:
    """Minimise ``½ wᵀGw − cᵀw`` over the simplex of the allowed donors, starting from feasible ``weights``.

    ``square`` is ``yᵀy``; ``weights`` (J,) is overwritten by the solution. Returns the duality gap, in the unit
    of the objective ``½‖y − wX‖²``.
    """
    donors = gram.shape[0]
    work, slope, shifted = scratch[:3], scratch[3, :donors], scratch[4]
    largest = 0.0
    for j in range(donors):
        shifted[j] = linear[j] + shift
        largest = max(largest, gram[j, j])
    size = _start(factor, gram, members, shift, weights, shifted, work)
    size = _settle(factor, size, members, weights, work)
    gap, previous, stalls = 0.0, np.inf, 0
    for _ in range(20 * donors + 50):
        level, cross = _slopes(gram, linear, members, size, weights, slope)
        enter = _steepest(slope, allowed, level)
        gap = 0.0 if enter < 0 else level - slope[enter]
        value = 0.5 * (square + level - cross)
        stalls = stalls + 1 if value >= previous else 0
        if enter < 0 or stalls > 5 or weights[enter] > 0.0 or gap <= max(1e-12 * value, 2e-16 * (square + largest)):
            break
        previous = min(previous, value)
        if not _append(factor, size, gram, members, enter, shift, shifted, work):
            size = _exchange(factor, size, members, enter, weights, work)
            if not _append(factor, size, gram, members, enter, shift, shifted, work):
                break
        size += 1
        # Beside the steepest donor those nearly as steep, so that passes are fewer. One that should not have come goes
        # at a step of length zero, and one at least stays, so that each pass descends.
        for _ in range(COMPANY):
            slope[members[size - 1]] = np.inf
            donor = _steepest(slope, allowed, level - NEARLY * gap)
            if donor < 0 or weights[donor] > 0.0:
                break
            if not _append(factor, size, gram, members, donor, shift, shifted, work):
                break
            size += 1
        size = _settle(factor, size, members, weights, work)
    return gap


@compiled
def _nearest(gram: Reals, linear: Reals, allowed: Flags) -> int:
    """The allowed donor that is closest to the target on its own: the cold start."""
    best, lowest = 0, np.inf
    for j in range(gram.shape[0]):
        cost = 0.5 * gram[j, j] - linear[j]
        if allowed[j] and cost < lowest:
            best, lowest = j, cost
    return best


@compiled
def solve_many(
    gram: Reals,
    linear: Reals,
    square: Reals,
    allowed: Flags,
    shift: float,
    warm: bool,
    weights: Reals,
    gaps: Reals,
) -> None:
    """`solve` for every row of ``linear`` (R, J); ``warm`` starts each row at the solution of the one before."""
    rows, donors = linear.shape
    factor = np.zeros((donors + 1, donors + 1))
    members = np.zeros(donors + 1, dtype=np.int64)
    scratch = np.zeros((5, donors + 1))
    for r in range(rows):
        usable = warm and r > 0
        if usable:
            for j in range(donors):
                weights[r, j] = weights[r - 1, j]
                if weights[r, j] > 0.0 and not allowed[r, j]:
                    usable = False
        if not usable:
            weights[r, :] = 0.0
            weights[r, _nearest(gram, linear[r], allowed[r])] = 1.0
        gaps[r] = solve(gram, linear[r], square[r], allowed[r], shift, weights[r], factor, members, scratch)
