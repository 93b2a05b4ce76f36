"""Values of many calls by leaf, put together from batches: room for all is taken once, each leaf is sorted once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from measurement.memory import room_for
from monitoring.encoding import Floats, Ints
from monitoring.leaves import Leaf

#: Rows a piece, on average, below which pieces are put into their places row by row instead of one by one.
_SMALL = 16


class LeafValues:
    """Columns of numbers whose order statistics are exact.

    Parameters
    ----------
    names
        Of the columns.
    rows
        At most so many will come.
    """

    def __init__(self, names: Sequence[str], rows: int) -> None:
        self._room = {name: room_for(rows, np.float64) for name in names}
        self._filled = 0
        self._holes = dict.fromkeys(names, False)
        self._pieces: list[tuple[Ints, Ints]] = []

    def add(self, leaf: Ints, rows: Ints, order: Ints, columns: Mapping[str, Floats]) -> dict[str, Floats]:
        """The rows of a batch; returns their columns in order.

        Parameters
        ----------
        leaf, rows
            Number of each leaf in the batch, and how many rows it has there, shape (L,).
        order
            Puts the rows of each leaf together, in that order of leaves; shape (N,).
        columns
            As they stand, shape (N,).
        """
        self._pieces.append((leaf, rows))
        end, found = self._filled + len(order), {}
        for name, room in self._room.items():
            place = room[self._filled : end]
            found[name] = columns[name].take(order, out=place, mode="clip")
            if not self._holes[name]:
                self._holes[name] = bool(np.isnan(place.sum())) and bool(np.isnan(place).any())
        self._filled = end
        return found

    def by_leaf(self, keys: Sequence[Leaf]) -> dict[str, dict[Leaf, Floats]]:
        """Column → leaf → its values, sorted, without those that are missing; the store is empty afterwards.

        Parameters
        ----------
        keys
            The leaf of each number.
        """
        if not self._pieces:
            return {name: {} for name in self._room}
        leaf = np.concatenate([one for one, _ in self._pieces])
        rows = np.concatenate([one for _, one in self._pieces])
        order = np.argsort(leaf, kind="stable")
        ends = np.cumsum(np.bincount(leaf, minlength=len(keys)))
        begin = (np.cumsum(rows) - rows)[order]
        found: dict[str, dict[Leaf, Floats]] = {}
        for name in list(self._room):
            found[name] = {}
            for key, one in zip(keys, _joined(self._room.pop(name), begin, rows[order], ends), strict=True):
                one.sort()
                # values that are missing are sorted to the end
                there = len(one) - (int(np.isnan(one).sum()) if self._holes[name] else 0)
                if there:
                    found[name][key] = one[:there]
        return found


def _joined(values: Floats, begin: Ints, rows: Ints, ends: Ints) -> Iterator[Floats]:
    """The values of each leaf in one array.

    Parameters
    ----------
    values
        Of all batches.
    begin, rows
        Where each piece begins and how long it is, in order of their leaf.
    ends
        Where the pieces of each leaf end.
    """
    pieces = [values[at : at + count] for at, count in zip(begin.tolist(), rows.tolist(), strict=True)]
    first = 0
    for end in ends.tolist():
        yield np.concatenate(pieces[first:end]) if end > first else values[:0]
        first = end
