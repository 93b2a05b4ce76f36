"""Compiled: one cold problem in one call. The Gram matrix is filled in only where the active set asks for it.

`geolift.active_set` shares a whole Gram matrix between many right-hand sides. For a single one most of that matrix is
never looked at: a handful of donors ever enters. Here slopes come from the residual, which costs one pass over the
donors a step, and which is also the more exact of the two.
"""

from __future__ import annotations

import numpy as np

from geolift.active_set import (
    COMPANY,
    NEARLY,
    Flags,
    Places,
    Reals,
    _append,
    _exchange,
    _settle,
    _steepest,
    compiled,
    compiled_sums,
)


@compiled_sums
def _centre(target: Reals, donors: Reals, aim: Reals, pool: Reals, squares: Reals) -> float:
    """Target and donors less the donors' mean, into ``aim`` and ``pool``; returns ``aim``'s square, NaN if not finite.

    ``squares`` (J,) receives the sum of squares of each row of ``pool``. Since Σ w = 1, moving donors and target by one
    common series leaves the minimiser unchanged. Nothing is scaled: every limit below is relative to these squares.
    """
    count, periods = donors.shape
    aim[:] = 0.0
    for j in range(count):
        for t in range(periods):
            aim[t] += donors[j, t]
    for t in range(periods):
        aim[t] /= count
    total, own = 0.0, 0.0
    for j in range(count):
        square = 0.0
        for t in range(periods):
            moved = donors[j, t] - aim[t]
            pool[j, t] = moved
            square += moved * moved
        squares[j] = square
        total += square
    for t in range(periods):
        aim[t] = target[t] - aim[t]
        own += aim[t] * aim[t]
    return float(own) if np.isfinite(total + own) else np.nan


@compiled
def _first(gram: Reals, squares: Reals, linear: Reals, mask: Flags, penalty: float) -> int:
    """The allowed donor closest to the target on its own; the Gram matrix receives its diagonal."""
    enter, nearest = 0, np.inf
    for j in range(squares.shape[0]):
        gram[j, j] = squares[j] + penalty
        cost = 0.5 * gram[j, j] - linear[j]
        if mask[j] and cost < nearest:
            enter, nearest = j, cost
    return enter


@compiled_sums
def _residual(aim: Reals, pool: Reals, members: Places, size: int, weights: Reals, out: Reals) -> float:
    """``y − wX`` into ``out``; returns its square."""
    periods = aim.shape[0]
    for t in range(periods):
        out[t] = aim[t]
    for k in range(size):
        share = weights[members[k]]
        donor = members[k]
        for t in range(periods):
            out[t] -= share * pool[donor, t]
    square = 0.0
    for t in range(periods):
        square += out[t] * out[t]
    return float(square)


@compiled_sums
def _products(pool: Reals, donor: int, members: Places, size: int, gram: Reals) -> None:
    """The donor's products with the members, into the Gram matrix."""
    for k in range(size):
        other = members[k]
        total = 0.0
        for t in range(pool.shape[1]):
            total += pool[donor, t] * pool[other, t]
        gram[donor, other] = total
        gram[other, donor] = total


@compiled
def _enter(
    factor: Reals,
    size: int,
    gram: Reals,
    members: Places,
    donor: int,
    shift: float,
    shifted: Reals,
    weights: Reals,
    work: Reals,
) -> int:
    """Take ``donor`` in, by exchange where it depends on the members; returns the new size, 0 where neither works."""
    if _append(factor, size, gram, members, donor, shift, shifted, work):
        return size + 1
    left = _exchange(factor, size, members, donor, weights, work)
    return left + 1 if _append(factor, left, gram, members, donor, shift, shifted, work) else 0


@compiled
def solve_single(target: Reals, donors: Reals, allowed: Flags, ridge: float, weights: Reals, told: Reals) -> None:
    """Minimise ``½ ‖y − wX‖² + ½ ridge ‖w‖²`` over the simplex of the allowed donors (all where ``allowed`` is empty).

    ``weights`` (J,) receives the solution; ``told`` (4,) the duality gap and the objective, both in the unit of the
    data, the gap over the objective (0 where it is rounding), and the number of steps (negative where a value is not
    finite).
    """
    count, periods = donors.shape
    aim, pool = np.empty(periods), np.empty((count, periods))
    squares = np.empty(count)
    square = _centre(target, donors, aim, pool, squares)
    if np.isnan(square):
        told[3] = -1.0
        return
    mask = allowed if allowed.shape[0] == count else np.ones(count, dtype=np.bool_)
    linear, rest = np.dot(pool, aim), np.empty(periods)
    gram, factor = np.empty((count, count)), np.empty((count + 1, count + 1))
    members, work, shifted = np.zeros(count + 1, dtype=np.int64), np.empty((3, count + 1)), np.empty(count)
    trace, rounding = squares.sum() + count * ridge, np.finfo(np.float64).eps * (square + squares.max())
    enter = _first(gram, squares, linear, mask, ridge)
    shift = trace / count if trace > 0.0 else 1.0
    shifted[:] = linear + shift
    weights[:] = 0.0
    weights[enter] = 1.0
    _append(factor, 0, gram, members, enter, shift, shifted, work)
    size, steps, stalls, gap, value, previous = 1, 0, 0, 0.0, 0.0, np.inf
    for _ in range(20 * count + 50):
        error = _residual(aim, pool, members, size, weights, rest)
        slope = np.dot(pool, rest)
        level, own = 0.0, 0.0
        for j in range(count):
            slope[j] = ridge * weights[j] - slope[j]
        for k in range(size):
            level += weights[members[k]] * slope[members[k]]
            own += weights[members[k]] * weights[members[k]]
        enter = _steepest(slope, mask, level)
        gap = 0.0 if enter < 0 else level - slope[enter]
        value = 0.5 * error + 0.5 * ridge * own
        stalls = stalls + 1 if value >= previous else 0
        if enter < 0 or stalls > 5 or weights[enter] > 0.0 or gap <= max(1e-12 * value, rounding):
            break
        previous, steps = min(previous, value), steps + 1
        _products(pool, enter, members, size, gram)
        size = _enter(factor, size, gram, members, enter, shift, shifted, weights, work)
        if size == 0:  # the weights have moved since the gap was taken
            gap = np.inf
            break
        # Beside the steepest donor those nearly as steep: fewer passes over the data. One that should not have come
        # goes at a step of length zero, and one at least stays, so that each pass descends.
        for _ in range(COMPANY):
            slope[members[size - 1]] = np.inf
            donor = _steepest(slope, mask, level - NEARLY * gap)
            if donor < 0 or weights[donor] > 0.0:
                break
            _products(pool, donor, members, size, gram)
            if not _append(factor, size, gram, members, donor, shift, shifted, work):
                break
            size += 1
        size = _settle(factor, size, members, weights, work)
    told[0], told[1] = min(max(gap, 0.0), value), value
    told[2] = told[0] / told[1] if told[0] > rounding else 0.0
    told[3] = steps
