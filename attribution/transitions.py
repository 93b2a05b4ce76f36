"""Transition counts of a chain of order k, by bucket of people, from which Markov credit and its bootstrap follow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attribution.paths import BUCKETS, FloatArray, IntArray, PathTable
from measurement.errors import InputError

#: Histories are numbered in base C + 1; beyond this many numbers the arithmetic would overflow.
_LARGEST = 2**62


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transitions:
    """Counts of a chain whose state is the last ``order`` touches.

    Attributes
    ----------
    channels
        Names, C of them.
    order
        Touches a state remembers.
    history
        Number of each state in base C + 1, newest touch in the lowest digit, 0 for "no touch yet"; the first is the
        start, 0. Shape (S,).
    source, target
        States a step leads from and to, shape (E,).
    steps
        How often, shape (E,) or (E, BUCKETS).
    conversions, nulls, value
        Conversions, ends without one, and conversion value at each state, shape (S,) or (S, BUCKETS).
    """

    channels: tuple[str, ...]
    order: int
    history: IntArray
    source: IntArray
    target: IntArray
    steps: FloatArray
    conversions: FloatArray
    nulls: FloatArray
    value: FloatArray

    @property
    def newest(self) -> IntArray:
        """Channel of the newest touch of each state, −1 for the start, shape (S,)."""
        return self.history % (len(self.channels) + 1) - 1

    def total(self) -> Transitions:
        """The same counts over all buckets."""
        if self.steps.ndim == 1:
            return self
        return self.weighted(np.ones(self.steps.shape[1]))

    def weighted(self, weights: FloatArray) -> Transitions:
        """Counts with bucket weights, shape (BUCKETS,)."""
        return Transitions(
            channels=self.channels,
            order=self.order,
            history=self.history,
            source=self.source,
            target=self.target,
            steps=self.steps @ weights,
            conversions=self.conversions @ weights,
            nulls=self.nulls @ weights,
            value=self.value @ weights,
        )


def count_transitions(table: PathTable, *, order: int = 1, buckets: bool = False) -> Transitions:
    """Count the steps of every path.

    Parameters
    ----------
    table
        Paths.
    order
        1 to 4.
    buckets
        Whether to keep the counts of each bucket apart (for `attribution.uncertainty`).

    Raises
    ------
    InputError
        For another order.

    Examples
    --------
    >>> from attribution.paths import paths_from_strings
    >>> counts = count_transitions(paths_from_strings(["a > b", "b"], conversions=[1, 0], nulls=[0, 2]))
    >>> counts.steps.tolist(), counts.conversions.tolist()
    ([1.0, 2.0, 1.0], [0.0, 0.0, 1.0])
    """
    base = len(table.channels) + 1
    if order not in (1, 2, 3, 4) or base ** (order + 1) > _LARGEST:
        raise InputError.of("the order of a chain must be 1 to 4", "Use 1", column="order", value=order)
    history = _histories(table, order)
    source, target, steps = _steps(table, base, order, history, buckets=buckets)
    last = [np.zeros((len(history), BUCKETS if buckets else 1)) for _ in range(3)]
    for part in table.chunks():
        state = np.searchsorted(history, history_codes(part, base, order)[part.offsets[1:] - 1])
        for sums, weight in zip(last, (part.conversions, part.nulls, part.value), strict=True):
            _add(sums, state, part.bucket, weight)
    flat = [sums if buckets else sums[:, 0] for sums in (steps, *last)]
    return Transitions(
        channels=table.channels,
        order=order,
        history=history,
        source=source,
        target=target,
        steps=flat[0],
        conversions=flat[1],
        nulls=flat[2],
        value=flat[3],
    )


def history_codes(table: PathTable, base: int, order: int) -> IntArray:
    """History number after each touch, shape (T,)."""
    digits = table.touches.astype(np.int64) + 1
    position = np.arange(len(digits)) - np.repeat(table.offsets[:-1], np.diff(table.offsets))
    codes = digits.copy()
    for back in range(1, order):
        older = np.zeros_like(digits)
        older[back:] = digits[:-back]
        codes += np.where(position >= back, older, 0) * base**back
    return codes


def _histories(table: PathTable, order: int) -> IntArray:
    """Every state that occurs, the start first, ascending."""
    base = len(table.channels) + 1
    seen = [np.zeros(1, dtype=np.int64)]
    for part in table.chunks():
        codes = history_codes(part, base, order)
        if base**order <= 1 << 22:
            seen.append(np.flatnonzero(np.bincount(codes, minlength=1)).astype(np.int64))
        else:
            seen.append(np.unique(codes))
    return np.unique(np.concatenate(seen))


def _steps(
    table: PathTable, base: int, order: int, history: IntArray, *, buckets: bool
) -> tuple[IntArray, IntArray, FloatArray]:
    """Steps between states as (source, target, counts): two passes, so that only steps that occur take memory."""
    count = len(history)
    lookup = _Lookup(history)
    pairs = [_distinct(_pair_codes(part, base, order, lookup), count) for part in table.chunks()]
    edges = np.unique(np.concatenate(pairs))
    place = _Lookup(edges)
    sums = np.zeros((len(edges), BUCKETS if buckets else 1))
    for part in table.chunks():
        length = np.diff(part.offsets)
        edge = place(_pair_codes(part, base, order, lookup))
        _add(sums, edge, np.repeat(part.bucket, length), np.repeat(part.journeys, length))
    return edges // count, edges % count, sums


def _pair_codes(part: PathTable, base: int, order: int, lookup: _Lookup) -> IntArray:
    after = lookup(history_codes(part, base, order))
    before = np.zeros_like(after)
    before[1:] = after[:-1]
    before[part.offsets[:-1]] = 0  # the start is the smallest history
    return before * len(lookup.values) + after


def _distinct(codes: IntArray, count: int) -> IntArray:
    if count * count <= 1 << 22:
        return np.flatnonzero(np.bincount(codes)).astype(np.int64)
    return np.unique(codes)


class _Lookup:
    """Place of each value in a sorted array; by a table where the values are small."""

    def __init__(self, values: IntArray) -> None:
        self.values = values
        self.table: NDArray[np.int64] | None = None
        if values[-1] < 1 << 22:
            self.table = np.zeros(int(values[-1]) + 1, dtype=np.int64)
            self.table[values] = np.arange(len(values))

    def __call__(self, codes: IntArray) -> IntArray:
        return np.searchsorted(self.values, codes) if self.table is None else self.table[codes]


def _add(sums: FloatArray, row: IntArray, bucket: NDArray[np.int16], weight: FloatArray) -> None:
    """Add weights to ``sums`` in place, by row and, where it has them, bucket."""
    width = sums.shape[1]
    cell = row * width + bucket if width > 1 else row
    sums += np.bincount(cell, weights=weight, minlength=sums.size).reshape(sums.shape)
