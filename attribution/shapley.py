"""Shapley credit over the sets of channels met on a path.

Two games. The *sum* game values a set S by the conversions of all paths that use channels of S only; its Shapley value
has a closed form, one over the number of distinct channels of each path (Zhao et al. 2018): it is the linear rule over
unique channels, no more. The *rate* game values S by the conversion **rate** of those paths; it needs all subsets,
exact here up to 20 channels by one subset (zeta) transform over the observed sets, sampled with an error bound above.
Rate credit may be negative: paths that meet the channel convert less often. Credit, not cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, log
from typing import TYPE_CHECKING

import numpy as np

from attribution.paths import BUCKETS, FloatArray, IntArray, PathTable
from measurement.errors import InputError

if TYPE_CHECKING:
    from scipy import sparse

MOST_EXACT = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChannelSets:
    """Distinct sets of channels with their outcomes.

    Attributes
    ----------
    channels
        Names, C of them.
    member
        Which channels each set holds, boolean, shape (U, C).
    counts
        Conversions, value and journeys, shape (3, U) or (3, U, BUCKETS).
    """

    channels: tuple[str, ...]
    member: sparse.csr_array
    counts: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ShapleyCredit:
    """Credit of every channel.

    Attributes
    ----------
    channels
        Names, C of them.
    game
        ``"sum"`` or ``"rate"``.
    conversions, value
        Credit; sums to all conversions and all value with a touch, shape (C,).
    error
        Half-width within which every channel's conversions lie with the stated confidence; 0 where exact.
    permutations
        Orders drawn, 0 where exact.
    """

    channels: tuple[str, ...]
    game: str
    conversions: FloatArray
    value: FloatArray
    error: FloatArray
    permutations: int = 0


def channel_sets(table: PathTable, *, buckets: bool = False) -> ChannelSets:
    """Paths grouped by the set of channels they meet, any number of channels."""
    from scipy import sparse

    width = len(table.channels)
    words = -(-width // 60)
    keys = np.zeros((table.count, words), dtype=np.int64)
    for word in range(words):
        inside = (table.touches // 60) == word
        bit = np.where(inside, np.int64(1) << (table.touches % 60).astype(np.int64), 0)
        keys[:, word] = np.bitwise_or.reduceat(bit, table.offsets[:-1])
    if words == 1:
        found, group = np.unique(keys[:, 0], return_inverse=True)
        found = found[:, None]
    else:
        found, group = np.unique(keys, axis=0, return_inverse=True)
    cell = group.astype(np.int64).ravel()
    if buckets:
        cell = cell * BUCKETS + table.bucket
    size = len(found) * (BUCKETS if buckets else 1)
    sums = [
        np.bincount(cell, weights=each, minlength=size) for each in (table.conversions, table.value, table.journeys)
    ]
    member = np.column_stack([(found[:, each // 60] >> (each % 60)) & 1 for each in range(width)])
    counts = np.stack(sums)
    return ChannelSets(
        channels=table.channels,
        member=sparse.csr_array(member.astype(np.int8)),
        counts=counts.reshape(3, len(found), BUCKETS) if buckets else counts,
    )


def shapley_sum(table: PathTable) -> ShapleyCredit:
    """The sum game in closed form: every path's conversions in equal parts to its distinct channels.

    Examples
    --------
    >>> from attribution.paths import paths_from_strings
    >>> shapley_sum(paths_from_strings(["a > b > a", "b"], conversions=[4, 1])).conversions.tolist()
    [2.0, 3.0]
    """
    sets = channel_sets(table)
    part = sets.member / sets.member.sum(axis=1)[:, None]
    return ShapleyCredit(
        channels=sets.channels,
        game="sum",
        conversions=np.asarray(part.T @ sets.counts[0]),
        value=np.asarray(part.T @ sets.counts[1]),
        error=np.zeros(len(sets.channels)),
    )


def shapley_ordered(table: PathTable, *, positions: int = 10) -> FloatArray:
    """The ordered sum game: conversions by channel and position of the touch, shape (C, positions).

    A channel's part of a path is split evenly over the places where it stands (Zhao et al. 2018, section 3.2); the
    last column collects all later positions. Rows sum to `shapley_sum`.
    """
    owner = table.owner()
    place = np.arange(len(owner)) - table.offsets[owner]
    width = len(table.channels)
    pair = owner * width + table.touches
    _, inverse, often = np.unique(pair, return_inverse=True, return_counts=True)
    times = often[inverse].astype(np.float64)
    distinct = np.add.reduceat(1.0 / times, table.offsets[:-1])
    share = table.conversions[owner] / distinct[owner] / times
    cell = table.touches.astype(np.int64) * positions + np.minimum(place, positions - 1)
    return np.bincount(cell, weights=share, minlength=width * positions).reshape(width, positions)


def shapley_rate(table: PathTable, *, permutations: int = 4_000, seed: int = 0, level: float = 0.95) -> ShapleyCredit:
    """The rate game: exact up to `MOST_EXACT` channels, from random orders with an error bound above.

    Parameters
    ----------
    table
        Paths, with those that led nowhere.
    permutations
        Orders to draw above `MOST_EXACT` channels.
    seed
        Of the orders.
    level
        Confidence with which *all* channels lie within ``error`` (empirical Bernstein bound, Maurer & Pontil 2009).

    Raises
    ------
    InputError
        For fewer than two permutations.

    Examples
    --------
    >>> from attribution.paths import paths_from_strings
    >>> table = paths_from_strings(["a", "b", "a > b"], conversions=[1, 2, 3], nulls=[9, 8, 3])
    >>> shapley_rate(table).conversions.round(6).tolist()
    [1.7, 4.3]
    """
    sets = channel_sets(table)
    journeys = float(sets.counts[2].sum())
    width = len(sets.channels)
    if width <= MOST_EXACT:
        both = rate_values(sets, sets.counts[:, :, None])[0] * journeys
        return ShapleyCredit(
            channels=sets.channels, game="rate", conversions=both[:, 0], value=both[:, 1], error=np.zeros(width)
        )
    if permutations < 2:
        raise InputError.of("sampling needs orders", "Use 4000", column="permutations", value=permutations)
    mean, variance = _sampled(sets, permutations, np.random.default_rng([seed, 91]))
    confidence = log(4.0 * width / (1.0 - level))
    # A rate lies in [0, top], hence a marginal contribution in [-top, top].
    seen = sets.counts[2] > 0
    top = float((sets.counts[0][seen] / sets.counts[2][seen]).max())
    error = np.sqrt(2 * variance[:, 0] * confidence / permutations) + 2 * top * 7 * confidence / (
        3 * (permutations - 1)
    )
    return ShapleyCredit(
        channels=sets.channels,
        game="rate",
        conversions=mean[:, 0] * journeys,
        value=mean[:, 1] * journeys,
        error=error * journeys,
        permutations=permutations,
    )


def rate_values(sets: ChannelSets, counts: FloatArray) -> FloatArray:
    """Exact Shapley values of the rate game, shape (B, C, 2), for counts of shape (3, U, B)."""
    width = len(sets.channels)
    code = np.asarray(sets.member @ (1 << np.arange(width, dtype=np.int64)))
    draws = counts.shape[2]
    table = np.zeros((3, 1 << width, draws))
    table[:, code] = counts
    for bit in range(width):
        halves = table.reshape(3, -1, 2, 1 << bit, draws)
        halves[:, :, 1] += halves[:, :, 0]
    journeys = table[2]
    rate = np.divide(table[:2], journeys, out=np.zeros_like(table[:2]), where=journeys > 0)
    size = _set_sizes(width)
    weight = np.array([1.0 / (width * comb(width - 1, each)) for each in range(width)])
    result = np.empty((draws, width, 2))
    for bit in range(width):
        halves = rate.reshape(2, -1, 2, 1 << bit, draws)
        without = size.reshape(-1, 2, 1 << bit)[:, 0]
        gain = halves[:, :, 1] - halves[:, :, 0]
        result[:, bit] = np.einsum("aijd,ij->da", gain, weight[without])
    return result


def _set_sizes(width: int) -> IntArray:
    size = np.zeros(1, dtype=np.int64)
    for _ in range(width):
        size = np.concatenate([size, size + 1])
    return size


def _sampled(sets: ChannelSets, permutations: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of marginal contributions over random orders, each of shape (C, 2)."""
    width = len(sets.channels)
    total, square = np.zeros((width, 2)), np.zeros((width, 2))
    for _ in range(permutations):
        rank = rng.permutation(width)
        # A set is complete once its last channel has joined.
        complete = np.maximum.reduceat(rank[sets.member.indices], sets.member.indptr[:-1])
        sums = [np.bincount(complete, weights=each, minlength=width).cumsum() for each in sets.counts]
        rates = np.column_stack([np.divide(each, sums[2], out=np.zeros(width), where=sums[2] > 0) for each in sums[:2]])
        gain = np.diff(rates, axis=0, prepend=0.0)[rank]
        total += gain
        square += gain**2
    mean = total / permutations
    return mean, (square - permutations * mean**2) / (permutations - 1)
