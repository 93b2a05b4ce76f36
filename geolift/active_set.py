"""The compiled kernel: an active-set method for simplex-constrained least squares on a shared Gram matrix.

Primal active set with an incrementally grown and shrunk Cholesky factor, in the spirit of Lawson and Hanson (1974),
chapter 23, with the sum constraint carried by a multiplier. A donor that depends on those already in the set is
exchanged along the null direction instead of being appended, so that collinear and duplicate donors are no special
case. Importing this module imports numba; `geolift.weights` does so only when it solves.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: A Cholesky pivot below this share of its diagonal marks a dependent donor.
DEPENDENT = 1e-11


@njit(cache=True)
def _forward(factor, size, rhs):  # type: ignore[no-untyped-def]  # numba infers the types
    """Solve ``L z = rhs`` in place."""
    for i in range(size):
        total = rhs[i]
        for k in range(i):
            total -= factor[i, k] * rhs[k]
        rhs[i] = total / factor[i, i]


@njit(cache=True)
def _backward(factor, size, rhs):  # type: ignore[no-untyped-def]
    """Solve ``Lᵀ z = rhs`` in place."""
    for i in range(size - 1, -1, -1):
        total = rhs[i]
        for k in range(i + 1, size):
            total -= factor[k, i] * rhs[k]
        rhs[i] = total / factor[i, i]


@njit(cache=True)
def _append(factor, size, gram, members, donor, shift, row):  # type: ignore[no-untyped-def]
    """Grow the factor by ``donor``; returns its pivot squared (not appended when it is too small)."""
    for k in range(size):
        row[k] = gram[members[k], donor] + shift
    _forward(factor, size, row)
    pivot = gram[donor, donor] + shift
    for k in range(size):
        pivot -= row[k] * row[k]
    if pivot > DEPENDENT * (gram[donor, donor] + shift):
        for k in range(size):
            factor[size, k] = row[k]
        factor[size, size] = np.sqrt(pivot)
        members[size] = donor
    return pivot


@njit(cache=True)
def _remove(factor, size, members, place):  # type: ignore[no-untyped-def]
    """Shrink the factor by the member at ``place`` (Givens rotations)."""
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


@njit(cache=True)
def _settle(factor, size, members, linear, weights, work, ones):  # type: ignore[no-untyped-def]
    """Move to the minimum over the members, dropping those that reach zero; returns the new size."""
    while True:
        for k in range(size):
            work[k] = linear[members[k]]
            ones[k] = 1.0
        _forward(factor, size, work)
        _backward(factor, size, work)
        _forward(factor, size, ones)
        _backward(factor, size, ones)
        total, spread = 0.0, 0.0
        for k in range(size):
            total += work[k]
            spread += ones[k]
        multiplier = (1.0 - total) / spread
        step, first = 1.0, -1
        for k in range(size):
            work[k] += multiplier * ones[k]
            if work[k] < 0.0:
                here = weights[members[k]]
                reach = here / (here - work[k])
                if reach < step or first < 0:
                    step, first = min(step, reach), k
        for k in range(size):
            donor = members[k]
            weights[donor] += step * (work[k] - weights[donor])
        if first < 0:
            return size
        weights[members[first]] = 0.0
        _remove(factor, size, members, first)
        size -= 1


@njit(cache=True)
def _exchange(factor, size, members, donor, weights, row):  # type: ignore[no-untyped-def]
    """Swap a dependent ``donor`` in along the null direction (``row`` holds ``L⁻¹ g``); returns the new size."""
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
    _remove(factor, size, members, first)
    return size - 1


@njit(cache=True)
def solve(gram, linear, square, allowed, shift, weights, factor, members, scratch):  # type: ignore[no-untyped-def]
    """Minimise ``½ wᵀGw − cᵀw`` over the simplex of the allowed donors, starting from feasible ``weights``.

    ``square`` is ``yᵀy``; ``weights`` (J,) is overwritten by the solution. Returns the duality gap, in the unit
    of the objective ``½‖y − wX‖²``.
    """
    donors = gram.shape[0]
    row, ones, slope, shifted = scratch[0], scratch[1], scratch[2], scratch[3]
    size, largest = 0, 0.0
    for j in range(donors):
        shifted[j] = linear[j] + shift
        largest = max(largest, gram[j, j])
        if weights[j] > 0.0:
            pivot = _append(factor, size, gram, members, j, shift, row)
            if pivot > DEPENDENT * (gram[j, j] + shift):
                size += 1
            else:
                _give_up(weights, members, j)
    size = _settle(factor, size, members, shifted, weights, row, ones)
    gap, previous, stalls = 0.0, np.inf, 0
    for _ in range(20 * donors + 50):
        level, cross = 0.0, 0.0
        for j in range(donors):
            total = -linear[j]
            for k in range(size):
                total += gram[j, members[k]] * weights[members[k]]
            slope[j] = total
        for k in range(size):
            level += weights[members[k]] * slope[members[k]]
            cross += weights[members[k]] * linear[members[k]]
        enter, lowest = -1, level
        for j in range(donors):
            if allowed[j] and slope[j] < lowest:
                enter, lowest = j, slope[j]
        gap = level - lowest
        value = 0.5 * (square + level - cross)
        if enter < 0 or gap <= 1e-12 * value or gap <= 2e-16 * (square + largest):
            break
        stalls = stalls + 1 if value >= previous else 0
        if weights[enter] > 0.0 or stalls > 5:
            break
        previous = min(previous, value)
        pivot = _append(factor, size, gram, members, enter, shift, row)
        if pivot > DEPENDENT * (gram[enter, enter] + shift):
            size += 1
        else:
            size = _exchange(factor, size, members, enter, weights, row)
            if _append(factor, size, gram, members, enter, shift, row) <= DEPENDENT * (gram[enter, enter] + shift):
                break
            size += 1
        size = _settle(factor, size, members, shifted, weights, row, ones)
    return gap


@njit(cache=True)
def _give_up(weights, members, donor):  # type: ignore[no-untyped-def]
    """Give a dependent donor's starting weight to the first member, so that the start stays feasible."""
    weights[members[0]] += weights[donor]
    weights[donor] = 0.0


@njit(cache=True)
def solve_many(gram, linear, square, allowed, shift, warm, weights, gaps):  # type: ignore[no-untyped-def]
    """`solve` for every row of ``linear`` (R, J); ``warm`` starts each row at the solution of the one before."""
    rows, donors = linear.shape
    factor = np.zeros((donors + 1, donors + 1))
    members = np.zeros(donors + 1, dtype=np.int64)
    scratch = np.zeros((4, donors + 1))
    for r in range(rows):
        started = False
        if warm and r > 0:
            started = True
            for j in range(donors):
                weights[r, j] = weights[r - 1, j]
                if weights[r, j] > 0.0 and not allowed[r, j]:
                    started = False
        if not started:
            best, lowest = 0, np.inf
            for j in range(donors):
                weights[r, j] = 0.0
                cost = 0.5 * gram[j, j] - linear[r, j]
                if allowed[r, j] and cost < lowest:
                    best, lowest = j, cost
            weights[r, best] = 1.0
        gaps[r] = solve(gram, linear[r], square[r], allowed[r], shift, weights[r], factor, members, scratch)
