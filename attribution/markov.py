"""Markov credit by exact removal effects.

The state of a journey is its last k touches; it ends in a conversion or without one. With transition probabilities P
among the states and r into conversion, p = P p + r is the chance to convert. Removing channel c sends every step into
c to the end without conversion. By the fundamental matrix N = (I − P)⁻¹ the loss is exactly
N[start, S] N[S, S]⁻¹ p[S], S being the states whose newest touch is c (Anderl et al. 2016; Kemeny & Snell 1960). For
value, r holds the expected value instead. No simulation, hence no simulation error. Credit, not cause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from attribution.paths import FloatArray, IntArray, PathTable
from attribution.transitions import Transitions, count_transitions
from measurement.errors import InputError

if TYPE_CHECKING:
    # Imported where they are used: they take longer to load than a million journeys to solve.
    import pandas as pd
    from scipy import sparse

#: Up to this many states one dense inverse serves all channels; beyond, one sparse solve a channel.
_DENSE = 400
#: Cells of the dense chains of the draws worked on at a time: about what a processor keeps close.
_CELLS = 1_000_000
#: Draws are solved with seven digits, many more than an interval's ends have.
_DRAWN = np.float32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarkovCredit:
    """Credit of every channel.

    Attributes
    ----------
    channels
        Names, C of them.
    order
        Order of the chain.
    removal, removal_value
        Share of conversions, and of value, lost without the channel, shape (C,).
    conversions, value
        Removal effects scaled to all conversions and all value with a touch before them, shape (C,).
    """

    channels: tuple[str, ...]
    order: int
    removal: FloatArray
    removal_value: FloatArray
    conversions: FloatArray
    value: FloatArray


def markov(table: PathTable, *, order: int = 1) -> MarkovCredit:
    """Exact removal effects and the credit that follows.

    Parameters
    ----------
    table
        Paths, with those that led nowhere: without nulls every path converts and the removal effect only says how
        often a channel is met.
    order
        1 to 4; see `attribution.order.choose_order`.

    Raises
    ------
    InputError
        Where nothing converts.

    Examples
    --------
    >>> from attribution.paths import paths_from_strings
    >>> table = paths_from_strings(["a > b", "a", "b"], conversions=[3, 0, 1], nulls=[0, 4, 2])
    >>> markov(table).removal.round(3).tolist()
    [0.5, 1.0]
    """
    counts = count_transitions(table, order=order)
    return credit_of(counts)


def credit_of(counts: Transitions) -> MarkovCredit:
    """Credit from transition counts; see `markov`."""
    counts = counts.total()
    conversions, value = float(counts.conversions.sum()), float(counts.value.sum())
    if conversions <= 0:
        raise InputError.of("no path ends in a conversion", "Widen the time range", column="conversions", value=0)
    removal, removal_value = removal_effects(counts)
    return MarkovCredit(
        channels=counts.channels,
        order=counts.order,
        removal=removal,
        removal_value=removal_value,
        conversions=scaled(removal, conversions),
        value=scaled(removal_value, value),
    )


def scaled(effects: FloatArray, total: float | FloatArray) -> FloatArray:
    """Effects, shape (…, C), made to sum to ``total``; zeros where all are 0."""
    sums = effects.sum(axis=-1, keepdims=True)
    shares = np.divide(effects, sums, out=np.zeros_like(effects), where=sums != 0)
    return np.asarray(shares * np.expand_dims(np.asarray(total), -1), dtype=np.float64)


def removal_effects(counts: Transitions) -> tuple[FloatArray, FloatArray]:
    """Share of conversions and of value lost without each channel, each of shape (C,)."""
    if len(counts.history) <= _DENSE:
        left, reward = _dense(counts, lambda each: each[None, :])
        both = _by_inverse(left, reward, counts.newest, len(counts.channels))[0]
    else:
        matrix, reward = chain(counts)
        both = _by_solves(matrix, reward, counts.newest, len(counts.channels))
    return both[:, 0], both[:, 1]


def chain(counts: Transitions) -> tuple[sparse.csc_array, FloatArray]:
    """Transition probabilities (S, S), and reward into conversion and of value (S, 2)."""
    from scipy import sparse

    states = len(counts.history)
    leaving = np.bincount(counts.source, weights=counts.steps, minlength=states) + counts.conversions + counts.nulls
    share = np.divide(1.0, leaving, out=np.zeros(states), where=leaving > 0)
    steps = counts.steps * share[counts.source]
    matrix = sparse.coo_array((steps, (counts.source, counts.target)), shape=(states, states)).tocsc()
    return matrix, np.column_stack([counts.conversions, counts.value]) * share[:, None]


def effects_of_draws(counts: Transitions, weights: FloatArray) -> FloatArray:
    """Removal effects for many weightings of the buckets.

    Parameters
    ----------
    counts
        Counted with ``buckets=True``.
    weights
        Shape (B, BUCKETS).

    Returns
    -------
    Shape (B, C, 2): conversions and value.
    """
    states, draws = len(counts.history), len(weights)
    result = np.empty((draws, len(counts.channels), 2))
    if states > _DENSE:
        for draw, weight in enumerate(weights):
            matrix, reward = chain(counts.weighted(weight))
            result[draw] = _by_solves(matrix, reward, counts.newest, len(counts.channels))
        return result
    size = max(1, min(draws, _CELLS // states**2))
    for first in range(0, draws, size):
        some = weights[first : first + size]
        left, reward = _dense(counts, partial(_weighted, some))
        result[first : first + size] = _by_inverse(
            left.astype(_DRAWN), reward.astype(_DRAWN), counts.newest, len(counts.channels)
        )
    return result


def _weighted(weights: FloatArray, counts: FloatArray) -> FloatArray:
    return np.asarray(weights @ counts.T, dtype=np.float64)


def _dense(counts: Transitions, drawn: Callable[[FloatArray], FloatArray]) -> tuple[FloatArray, FloatArray]:
    """I − P of many chains, shape (B, S, S), and their rewards (B, S, 2); ``drawn`` gives B rows of a count."""
    steps, converted, missed, value = (
        drawn(each) for each in (counts.steps, counts.conversions, counts.nulls, counts.value)
    )
    draws, states = converted.shape
    flat = np.zeros((draws, states * states))
    flat[:, counts.source * states + counts.target] = -steps
    left = flat.reshape(draws, states, states)
    leaving = converted + missed - left.sum(axis=2)
    share = np.divide(1.0, leaving, out=np.zeros_like(leaving), where=leaving > 0)
    left *= share[:, :, None]
    left[:, np.arange(states), np.arange(states)] += 1.0
    return left, np.stack([converted, value], axis=2) * share[:, :, None]


def _by_inverse(left: FloatArray, reward: FloatArray, newest: IntArray, channels: int) -> FloatArray:
    """Removal effects (B, C, 2) of dense chains from I − P, shape (B, S, S), by their fundamental matrices."""
    full = np.linalg.inv(left)
    chance = full @ reward
    lost = np.empty((len(left), channels, 2))
    for channel in range(channels):
        inside = np.flatnonzero(newest == channel)
        if len(inside) == 1:
            met = full[:, 0, inside] / full[:, inside, inside]
            lost[:, channel] = met * chance[:, inside[0]]
        else:
            block = full[:, inside[:, None], inside[None, :]]
            lost[:, channel] = (full[:, 0, inside][:, None, :] @ np.linalg.solve(block, chance[:, inside]))[:, 0]
    whole = chance[:, 0][:, None, :]
    return np.asarray(np.divide(lost, whole, out=np.zeros_like(lost), where=whole != 0), dtype=np.float64)


def _by_solves(matrix: sparse.csc_array, reward: FloatArray, newest: IntArray, channels: int) -> FloatArray:
    """Removal effects (C, 2) of a large chain: one sparse solve a channel, on the states that remain."""
    from scipy import sparse
    from scipy.sparse.linalg import splu

    states = matrix.shape[0]
    eye = sparse.eye_array(states, format="csc")
    whole = splu(sparse.csc_array(eye - matrix)).solve(reward)[0]
    lost = np.empty((channels, 2))
    for channel in range(channels):
        left = np.flatnonzero(newest != channel)
        part = sparse.csc_array((eye - matrix)[left][:, left])
        lost[channel] = whole - splu(part).solve(reward[left])[0]
    return np.asarray(np.divide(lost, whole, out=np.zeros_like(lost), where=whole != 0), dtype=np.float64)


def transition_table(table: PathTable) -> pd.DataFrame:
    """Order-1 transitions: ``from``, ``to``, ``count``, ``probability``; (start), (conversion) and (end) as names."""
    import pandas as pd

    counts = count_transitions(table, order=1)
    names = np.array(["(start)", *table.channels])[counts.history]
    rows = [
        pd.DataFrame({"from": names[counts.source], "to": names[counts.target], "count": counts.steps}),
        pd.DataFrame({"from": names, "to": "(conversion)", "count": counts.conversions}),
        pd.DataFrame({"from": names, "to": "(end)", "count": counts.nulls}),
    ]
    frame = pd.concat(rows, ignore_index=True)
    frame = frame[frame["count"] > 0].sort_values(["from", "to"], ignore_index=True)
    frame["probability"] = frame["count"] / frame.groupby("from")["count"].transform("sum")
    return frame
