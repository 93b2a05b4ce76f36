"""Compiled: simulated geo tests on one window, for many sets and effects. See `geolift.power`."""

from __future__ import annotations

import numpy as np

from geolift.active_set import Flags, Places, Reals, _nearest, compiled, compiled_sums, solve
from geolift.drift import LAGS
from geolift.surprise_kernel import directions, left_over, prepare, surprise

TIE = 1e-9


@compiled_sums
def _persistence(residual: Reals, pre: int) -> float:
    """Sum of the autocorrelations of the first ``pre`` residuals: see `geolift.drift`."""
    middle = 0.0
    for t in range(pre):
        middle += residual[t]
    middle /= pre
    square, lagged = 0.0, 0.0
    for t in range(pre):
        square += (residual[t] - middle) ** 2
    for lag in LAGS:
        for t in range(lag, pre):
            lagged += (residual[t] - middle) * (residual[t - lag] - middle)
    return lagged / square if square > 1e-300 else 0.0


@compiled_sums
def _share_above(sums: Reals, left: Reals, observed: int) -> float:
    """Share of windows whose square ``sums²`` over ``left`` is at least that of the observed one."""
    bar = sums[observed] * sums[observed] / left[observed] * (1.0 - TIE) ** 2
    hits = 0
    for t in range(sums.shape[0]):
        hits += sums[t] * sums[t] >= bar * left[t]
    return float(hits / sums.shape[0])


@compiled
def _permuted_p_value(residual: Reals, post: int, orders: Places) -> float:
    """Share of unrestricted permutations, the observed order included, with at least as large a ``Σ|residual|``."""
    periods = residual.shape[0]
    bar = 0.0
    for t in range(periods):
        residual[t] = abs(residual[t])
        if t >= periods - post:
            bar += residual[t]
    bar *= 1.0 - TIE
    hits = 1.0
    for n in range(orders.shape[0]):
        total = 0.0
        for k in range(post):
            total += residual[orders[n, k]]
        if total >= bar:
            hits += 1.0
    return float(hits / (1 + orders.shape[0]))


@compiled
def _residual(target: Reals, donors: Reals, weights: Reals, out: Reals) -> None:
    """``y − wX`` into ``out``."""
    for t in range(target.shape[0]):
        out[t] = target[t]
    for j in range(donors.shape[0]):
        if weights[j] != 0.0:
            for t in range(target.shape[0]):
                out[t] -= weights[j] * donors[j, t]


@compiled
def _prepare(
    window: Reals,
    centred: Reals,
    gram: Reals,
    share: Reals,
    post: int,
    target: Reals,
    linear: Reals,
    bump: Reals,
    push: Reals,
) -> None:
    """A set's centred mean, its products with the donors, and both for what an effect of 1 would add."""
    geos, periods = window.shape
    target[:], bump[:], linear[:] = 0.0, 0.0, 0.0
    for j in range(geos):
        if share[j] > 0.0:
            target += share[j] * centred[j]
            linear += share[j] * gram[j]
            bump[periods - post :] += share[j] * window[j, periods - post :]
    bump -= bump.mean()
    push[:] = np.dot(centred, bump)


@compiled
def p_values(
    window: Reals,
    share: Reals,
    allowed: Flags,
    post: int,
    effects: Reals,
    orders: Places,
    kinds: Reals,
    shares: Reals,
    levels: Reals,
) -> Reals:
    """p-values (S, F) of no effect on one window (G, T), sets as shares (S, G) of their mean.

    ``kinds``, ``shares`` and ``levels`` are those of `geolift.drift.Stacked`: a gap is read by the last prediction
    whose persistence it reaches. Where ``orders`` are given, these take the windows' place.
    """
    geos, periods = window.shape
    means = np.empty(geos)
    centred = np.empty((geos, periods))
    for j in range(geos):
        means[j] = window[j].mean()
        centred[j] = window[j] - means[j]
    gram = np.dot(centred, centred.T)
    shift = max(np.trace(gram) / geos, 1e-12)
    factor, members = np.zeros((geos + 1, geos + 1)), np.zeros(geos + 1, dtype=np.int64)
    scratch, weights = np.zeros((5, geos + 1)), np.zeros(geos)
    target, bump, series, residual = np.empty(periods), np.empty(periods), np.empty(periods), np.empty(periods)
    linear, push, aim = np.empty(geos), np.empty(geos), np.empty(geos)
    found = np.empty((share.shape[0], effects.shape[0]))
    models = kinds.shape[1] if orders.shape[0] == 0 else 0
    known, lower, used = np.zeros(models, dtype=np.bool_), np.empty((geos, geos)), np.empty(geos + 1, dtype=np.int64)
    plain, against = np.empty((models, geos, periods)), np.empty((models, geos, periods))
    cross, room = np.empty((models, geos, geos)), np.empty((2, geos, periods))
    work, sums, left = np.empty(periods), np.empty(periods), np.empty(periods)
    for s in range(share.shape[0]):
        _prepare(window, centred, gram, share[s], post, target, linear, bump, push)
        weights[:] = 0.0
        weights[_nearest(gram, linear, allowed[s])] = 1.0
        for f in range(effects.shape[0]):
            for t in range(periods):
                series[t] = target[t] + effects[f] * bump[t]
            square = np.dot(series, series)
            for j in range(geos):
                aim[j] = linear[j] + effects[f] * push[j]
            solve(gram, aim, square, allowed[s], shift, weights, factor, members, scratch)
            _residual(series, centred, weights, residual)
            if orders.shape[0] > 0:
                found[s, f] = _permuted_p_value(residual, post, orders)
                continue
            m = np.searchsorted(kinds[0], _persistence(residual, periods - post), side="right") - 1
            ratio, share_of, pull, lean = kinds[1, m], shares[m], levels[0, m], levels[1, m]
            if not known[m]:
                prepare(centred, ratio, share_of, pull, lean, plain[m], against[m], cross[m])
                known[m] = True
            surprise(residual, ratio, share_of, pull, lean, work, sums)
            count = directions(gram, weights, used, lower)
            left_over(used, count, lower, kinds[2, m], lean, plain[m], against[m], cross[m], room, left)
            found[s, f] = _share_above(sums, left, periods - post)
    return found
