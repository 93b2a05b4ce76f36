"""Compiled: surprises of all windows of a gap, in units of what the fit of the weights left of their error.

The gap is what remains after the donors in use were fitted: along the directions in which their weights could move
nothing remains. A window whose prediction error lies partly along those directions is smaller than its model says,
most of all at the ends of donors that drift. With ``a`` a window's row of the operator (`geolift.drift`), ``K`` the
model's covariance and ``Q`` an orthonormal basis of the directions, its variance is ``(a − QQᵀa)ᵀ K (a − QQᵀa)``
instead of ``aᵀKa = 1``.

The directions are differences of donors, so that all products with ``a`` and ``K`` are made once for every donor and
model; a test adds a small Cholesky factor and as many forward substitutions as the directions are many.
"""

from __future__ import annotations

import numpy as np

from geolift.active_set import Places, Reals, compiled, compiled_sums

#: Weights from here on count as in use.
USED = 1e-9
#: A direction that is known from the others up to this share of its square is left out.
DEPENDENT = 1e-8
#: Smallest variance left: below it the fit has taken a window up whole, and what remains is rounding.
FLOOR = 1e-3


@compiled_sums
def _window_sums(row: Reals, share: Reals, out: Reals) -> None:
    """``Σ_k share[k, s] row[s + k]`` over every cyclic window ``s``, into ``out``."""
    post, periods = share.shape
    out[:] = 0.0
    for k in range(post):
        for s in range(periods - k):
            out[s] += share[k, s] * row[s + k]
        for s in range(periods - k, periods):
            out[s] += share[k, s] * row[s + k - periods]


@compiled_sums
def _tilt(row: Reals) -> float:
    """Product of a row with time, counted from its middle."""
    middle, total = 0.5 * (row.shape[0] - 1), 0.0
    for t in range(row.shape[0]):
        total += row[t] * (t - middle)
    return total


@compiled_sums
def _times_inverse(row: Reals, ratio: float, out: Reals) -> None:
    """``K⁻¹ row`` for ``K = I + ratio · min(s, t)``: ``row − ratio (D + ratio I)⁻¹ row``, ``D`` tridiagonal."""
    periods = row.shape[0]
    pivots = np.empty(periods)
    pivots[0], out[0] = 2.0 + ratio, row[0]
    for t in range(1, periods):
        pivots[t] = (2.0 if t < periods - 1 else 1.0) + ratio - 1.0 / pivots[t - 1]
        out[t] = row[t] + out[t - 1] / pivots[t - 1]
    out[periods - 1] /= pivots[periods - 1]
    for t in range(periods - 2, -1, -1):
        out[t] = (out[t] + out[t + 1]) / pivots[t]
    for t in range(periods):
        out[t] = row[t] - ratio * out[t]


@compiled_sums
def _times_covariance(row: Reals, ratio: float, out: Reals) -> None:
    """``K row`` for ``K = I + ratio · min(s, t)``: sums from behind, summed up from the front."""
    periods, tail, run = row.shape[0], 0.0, 0.0
    for t in range(periods - 1, -1, -1):
        tail += row[t]
        out[t] = tail
    for t in range(periods):
        run += out[t]
        out[t] = row[t] + ratio * run


@compiled_sums
def surprise(row: Reals, ratio: float, share: Reals, pull: Reals, lean: Reals, work: Reals, out: Reals) -> None:
    """The operator times a row whose mean is zero, into ``out`` (T,)."""
    if ratio > 0.0:
        _times_inverse(row, ratio, work)
        _window_sums(work, share, out)
        level = 0.0
        for t in range(row.shape[0]):
            level += pull[t] * row[t]
    else:
        _window_sums(row, share, out)
        level = _tilt(row)
    for s in range(row.shape[0]):
        out[s] -= lean[s] * level


@compiled
def prepare(
    centred: Reals, ratio: float, share: Reals, pull: Reals, lean: Reals, plain: Reals, against: Reals, cross: Reals
) -> None:
    """What the donors (J, T) bring to a model: ``K a`` and ``a`` times each (both J, T), and ``K`` between them (J, J).

    For a steady gap (``ratio`` 0) only the first, and the products with time in the first column of ``cross``.
    """
    work = np.empty_like(centred)
    for j in range(centred.shape[0]):
        _window_sums(centred[j], share, plain[j])
        if ratio > 0.0:
            surprise(centred[j], ratio, share, pull, lean, work[j], against[j])
            _times_covariance(centred[j], ratio, work[j])
        else:
            cross[j, 0] = _tilt(centred[j])
    if ratio > 0.0:
        cross[:] = np.dot(work, centred.T)


@compiled
def directions(gram: Reals, weights: Reals, members: Places, factor: Reals) -> int:
    """Cholesky factor of the directions in which the weights in use can move; returns how many.

    ``members`` receives the donors, the one from which all differences are taken first.
    """
    anchor, count = int(np.argmax(weights)), 0
    members[0] = anchor
    for j in range(gram.shape[0]):
        if j == anchor or weights[j] <= USED:
            continue
        own = gram[j, j] - 2.0 * gram[j, anchor] + gram[anchor, anchor]
        left = own
        for i in range(count):
            other = members[i + 1]
            value = gram[j, other] - gram[j, anchor] - gram[other, anchor] + gram[anchor, anchor]
            for k in range(i):
                value -= factor[count, k] * factor[i, k]
            value /= factor[i, i]
            factor[count, i] = value
            left -= value * value
        if left > DEPENDENT * own:
            factor[count, count] = np.sqrt(left)
            count += 1
            members[count] = j
    return count


@compiled_sums
def _spread(table: Reals, members: Places, count: int, factor: Reals, out: Reals) -> None:
    """Rows of ``table`` (J, T) along the orthonormal directions, into ``out`` (count, T)."""
    for i in range(count):
        row, own, anchor = out[i], table[members[i + 1]], table[members[0]]
        scale = 1.0 / factor[i, i]
        for s in range(row.shape[0]):
            row[s] = own[s] - anchor[s]
        done = 4 * (i // 4)
        for k in range(0, done, 4):  # four rows a pass: the sum is read and written a quarter as often
            first, second, third, fourth = factor[i, k], factor[i, k + 1], factor[i, k + 2], factor[i, k + 3]
            for s in range(row.shape[0]):
                row[s] -= first * out[k, s] + second * out[k + 1, s] + third * out[k + 2, s] + fourth * out[k + 3, s]
        for k in range(done, i):
            share = factor[i, k]
            for s in range(row.shape[0]):
                row[s] -= share * out[k, s]
        for s in range(row.shape[0]):
            row[s] *= scale


@compiled_sums
def _left_steady(sums: Reals, count: int, tilts: Reals, lean: Reals, slope: float, out: Reals) -> None:
    """Variance left for a steady gap, ``K = I + slope · t tᵀ``; ``sums`` (count, T): ``K a`` along the directions."""
    periods, steep = out.shape[0], 0.0
    along = np.zeros(periods)
    out[:] = 1.0
    for m in range(count):
        tilt = tilts[m]
        steep += tilt * tilt
        for s in range(periods):
            out[s] -= sums[m, s] * sums[m, s]
            along[s] += sums[m, s] * tilt
    for s in range(periods):
        rest = along[s] - lean[s] * steep
        out[s] += lean[s] * lean[s] * steep + slope * rest * rest


@compiled_sums
def _left_drifting(sums: Reals, against: Reals, between: Reals, count: int, out: Reals) -> None:
    """Variance left for a walk: ``K a``, ``a`` (both count, T) and ``K`` (count, count) along the directions."""
    out[:] = 1.0
    for m in range(count):
        for s in range(out.shape[0]):
            out[s] += (between[m, m] * against[m, s] - 2.0 * sums[m, s]) * against[m, s]
        for n in range(m):
            product = 2.0 * between[m, n]
            for s in range(out.shape[0]):
                out[s] += product * against[m, s] * against[n, s]


@compiled
def left_over(
    members: Places,
    count: int,
    factor: Reals,
    slope: float,
    lean: Reals,
    plain: Reals,
    against: Reals,
    cross: Reals,
    scratch: Reals,
    out: Reals,
) -> None:
    """Variance (T,) left of the surprises of all windows, never below `FLOOR`; tables as `prepare` made them."""
    sums, other = scratch[0], scratch[1]
    _spread(plain, members, count, factor, sums)
    if slope > 0.0:
        tilts = np.empty((count, 1))
        _spread(cross[:, :1], members, count, factor, tilts)
        _left_steady(sums, count, tilts[:, 0], lean, slope, out)
    else:
        _spread(against, members, count, factor, other)
        half, between = np.empty((count, cross.shape[0])), np.empty((count, count))
        _spread(cross, members, count, factor, half)
        _spread(half.T.copy(), members, count, factor, between)
        _left_drifting(sums, other, between, count, out)
    for s in range(out.shape[0]):
        out[s] = max(out[s], FLOOR)


@compiled
def surprises(
    residual: Reals, at: Places, donors: Reals, weights: Reals, kinds: Reals, shares: Reals, levels: Reals
) -> Reals:
    """Surprises (A, T) of the rows of ``residual``, row ``r`` by model ``at[r]``: see `geolift.drift.surprises`."""
    rows, periods = residual.shape
    geos, models = donors.shape[0], kinds.shape[1]
    centred, known = np.empty((geos, periods)), np.zeros(models, dtype=np.bool_)
    for j in range(geos):
        centred[j] = donors[j] - donors[j].mean()
    gram, factor, members = np.dot(centred, centred.T), np.empty((geos, geos)), np.empty(geos + 1, dtype=np.int64)
    plain, against = np.empty((models, geos, periods)), np.empty((models, geos, periods))
    cross, scratch = np.empty((models, geos, geos)), np.empty((2, geos, periods))
    row, work, left, found = np.empty(periods), np.empty(periods), np.ones(periods), np.empty((rows, periods))
    for r in range(rows):
        m = at[r]
        ratio, slope, share, pull, lean = kinds[1, m], kinds[2, m], shares[m], levels[0, m], levels[1, m]
        row[:] = residual[r] - residual[r].mean()
        surprise(row, ratio, share, pull, lean, work, found[r])
        if geos > 1:
            if not known[m]:
                prepare(centred, ratio, share, pull, lean, plain[m], against[m], cross[m])
                known[m] = True
            count = directions(gram, weights[r], members, factor)
            left_over(members, count, factor, slope, lean, plain[m], against[m], cross[m], scratch, left)
            for s in range(periods):
                found[r, s] /= np.sqrt(left[s])
    return found
