"""Compiled: simulated geo tests on one window, for many sets and effects. See `geolift.power`."""

from __future__ import annotations

import numpy as np

from geolift.active_set import Flags, Places, Reals, _nearest, compiled, compiled_sums, solve
from geolift.drift import LAGS

TIE = 1e-9


@compiled
def _cyclic_sums(values: Reals, post: int, out: Reals) -> None:
    """Absolute sums over every cyclic window of ``post`` periods; the observed one is at ``T − post``."""
    periods = values.shape[0]
    total = 0.0
    for t in range(post):
        total += values[t]
    for t in range(periods - post):
        out[t] = abs(total)
        total += values[t + post] - values[t]
    for t in range(periods - post, periods):  # wrapped around; no remainders in the loops, they cost more than the sums
        out[t] = abs(total)
        total += values[t + post - periods] - values[t]


@compiled_sums
def _ranks(values: Reals, out: Places) -> None:
    """How many entries are at least as large, ties up to rounding: plain counting, which vector units do fast."""
    for t in range(values.shape[0]):
        bar = values[t] * (1.0 - TIE)
        count = 0
        for other in range(values.shape[0]):
            count += values[other] >= bar
        out[t] = count


@compiled
def _cyclic_p_value(residual: Reals, post: int, sums: Reals, first: Places, second: Places) -> float:
    """p-value of the last ``post`` residuals: see `geolift.permutation`, statistic ``"combined"``."""
    periods = residual.shape[0]
    _cyclic_sums(residual, post, sums)
    _ranks(sums, first)
    for t in range(periods):
        residual[t] = abs(residual[t])
    _cyclic_sums(residual, post, sums)
    _ranks(sums, second)
    bar = first[periods - post] * second[periods - post]
    hits = 1.0
    for t in range(periods):
        if first[t] * second[t] <= bar:
            hits += 1.0
    return float(hits / (1 + periods))


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


@compiled
def _surprise_p_value(residual: Reals, post: int, operator: Reals, sums: Reals) -> float:
    """p-value of the last ``post`` residuals of a gap that drifts: see `geolift.drift`."""
    periods = residual.shape[0]
    sums[:] = np.abs(np.dot(operator, residual))
    bar = sums[periods - post] * (1.0 - TIE)
    hits = 1.0
    for t in range(periods):
        if sums[t] >= bar:
            hits += 1.0
    return float(hits / (1 + periods))


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
    thresholds: Reals,
    operators: Reals,
) -> Reals:
    """p-values (S, F) of no effect on one window (G, T), sets as shares (S, G) of their mean.

    Gaps whose persistence reaches a threshold (L,) are read by that level's operator (L, T, T) of `geolift.drift`.
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
    sums, first, second = np.empty(periods), np.empty(periods, dtype=np.int64), np.empty(periods, dtype=np.int64)
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
            level = np.searchsorted(thresholds, _persistence(residual, periods - post), side="right")
            if level > 0:
                found[s, f] = _surprise_p_value(residual, post, operators[level - 1], sums)
            else:
                found[s, f] = _cyclic_p_value(residual, post, sums, first, second)
    return found
