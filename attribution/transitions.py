"""Transition counts of a chain of order k, by bucket of people, from which Markov credit and its bootstrap follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from attribution.paths import BUCKETS, FloatArray, IntArray, PathTable
from measurement.errors import InputError

#: Histories are numbered in base C + 1; beyond this many numbers the arithmetic would overflow.
_LARGEST = 2**62
#: Up to this many numbers a table with a cell for each is quicker than sorting.
_TABLE = 1 << 22


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
    width, base = len(table.channels), len(table.channels) + 1
    if order not in (1, 2, 3, 4) or base ** (order + 1) > _LARGEST:
        raise InputError.of("the order of a chain must be 1 to 4", "Use 1", column="order", value=order)
    moves, steps = _tally(table, _Moves(base=base, order=order), buckets=buckets)
    final, last = _tally(table, _Ends(base=base, order=order), buckets=buckets)
    before, after = moves // width, (moves // width * base + moves % width + 1) % base**order
    history = _distinct(np.concatenate([np.zeros(1, dtype=np.int64), before, after, final]), base**order)
    at_end = [np.zeros((len(history), *sums.shape[1:])) for sums in last]
    for sums, found in zip(at_end, last, strict=True):
        sums[np.searchsorted(history, final)] = found
    return Transitions(
        channels=table.channels,
        order=order,
        history=history,
        source=np.searchsorted(history, before),
        target=np.searchsorted(history, after),
        steps=steps[0],
        conversions=at_end[0],
        nulls=at_end[1],
        value=at_end[2],
    )


def history_before(table: PathTable, base: int, order: int) -> IntArray:
    """History number before each touch, shape (T,): 0 before the first touch of a path."""
    kind: Any = np.int32 if base ** (order + 1) < 2**31 else np.int64
    digits: IntArray = table.touches.astype(kind) + kind(1)
    codes: IntArray = np.zeros_like(digits)
    older: IntArray = digits
    for back in range(order):
        # One touch further back; the first touch of a path has nothing before it.
        older = np.concatenate([older[:1], older[:-1]])
        older[table.offsets[:-1]] = 0
        codes += older * kind(base**back)
    return codes


def history_codes(table: PathTable, base: int, order: int) -> IntArray:
    """History number after each touch, shape (T,)."""
    before = history_before(table, base, order)
    return before % before.dtype.type(base ** (order - 1)) * before.dtype.type(base) + table.touches + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moves:
    """Steps: numbered by the history before and the channel of the touch."""

    base: int
    order: int

    @property
    def size(self) -> int:
        return int(self.base**self.order * (self.base - 1))

    def codes(self, part: PathTable) -> IntArray:
        before = history_before(part, self.base, self.order)
        return before * before.dtype.type(self.base - 1) + part.touches

    def weights(self, part: PathTable) -> list[FloatArray | None]:
        journeys = part.journeys
        # Raw rows are one journey each: counting is quicker than adding ones.
        return [None if (journeys == 1).all() else np.repeat(journeys, np.diff(part.offsets))]

    def bucket(self, part: PathTable) -> NDArray[np.int16]:
        return np.repeat(part.bucket, np.diff(part.offsets))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    """Ends of paths: numbered by the history they end with."""

    base: int
    order: int

    @property
    def size(self) -> int:
        return int(self.base**self.order)

    def codes(self, part: PathTable) -> IntArray:
        last = part.offsets[1:] - 1
        length = np.diff(part.offsets)
        codes = np.zeros(part.count, dtype=np.int64)
        for back in range(self.order):
            there = length > back
            codes[there] += (part.touches[last[there] - back].astype(np.int64) + 1) * self.base**back
        return codes

    def weights(self, part: PathTable) -> list[FloatArray | None]:
        return [part.conversions, part.nulls, part.value]

    def bucket(self, part: PathTable) -> NDArray[np.int16]:
        return part.bucket


def _tally(table: PathTable, what: _Moves | _Ends, *, buckets: bool) -> tuple[IntArray, list[FloatArray]]:
    """Numbers that occur, ascending, and their weights, each of shape (E,) or (E, BUCKETS)."""
    if what.size <= _TABLE and not buckets:
        whole = [_sums(what.weights(part), what.codes(part), what.size) for part in table.chunks()]
        sums = [np.sum([each[place] for each in whole], axis=0) for place in range(len(whole[0]))]
        used = np.flatnonzero(np.any([each != 0 for each in sums], axis=0))
        return used.astype(np.int64), [each[used] for each in sums]
    used = np.unique(np.concatenate([_distinct(what.codes(part), what.size) for part in table.chunks()]))
    place = _Lookup(used)
    deep = BUCKETS if buckets else 1
    found: list[FloatArray] = []
    for part in table.chunks():
        cell = place(what.codes(part)) * deep
        cell = cell + what.bucket(part) if buckets else cell
        added = _sums(what.weights(part), cell, len(used) * deep)
        found = [one + two for one, two in zip(found, added, strict=True)] if found else added
    return used, [each.reshape(-1, deep) if buckets else each for each in found]


def _sums(weights: list[FloatArray | None], cell: IntArray, size: int) -> list[FloatArray]:
    """Each weight added up by cell, shape (size,); no weight counts."""
    return [np.bincount(cell, weights=each, minlength=size).astype(np.float64) for each in weights]


def _distinct(codes: IntArray, size: int) -> IntArray:
    """Values below ``size`` that occur, ascending; by a table where it is small, as `np.unique` loads `numpy.ma`."""
    if size <= _TABLE:
        return np.flatnonzero(np.bincount(codes)).astype(np.int64)
    return np.unique(codes).astype(np.int64)


class _Lookup:
    """Place of each value in a sorted array; by a table where the values are small."""

    def __init__(self, values: IntArray) -> None:
        self.values = values
        self.table: NDArray[np.int64] | None = None
        if values[-1] < _TABLE:
            self.table = np.zeros(int(values[-1]) + 1, dtype=np.int64)
            self.table[values] = np.arange(len(values))

    def __call__(self, codes: IntArray) -> IntArray:
        return np.searchsorted(self.values, codes) if self.table is None else self.table[codes]
