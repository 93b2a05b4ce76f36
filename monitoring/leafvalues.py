"""Values of many calls by leaf, put together from batches: room for all is taken once, each leaf is sorted once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
        total = np.bincount(leaf, rows, len(keys)).astype(np.int64)
        ends = np.cumsum(total)
        source = (np.cumsum(rows) - rows)[order]
        found: dict[str, dict[Leaf, Floats]] = {}
        spare = room_for(self._filled, np.float64)
        for name, room in list(self._room.items()):
            values, spare = _placed(room[: self._filled], source, rows[order], spare), self._room.pop(name)
            found[name] = {}
            for key, begin, end in zip(keys, (ends - total).tolist(), ends.tolist(), strict=True):
                one = values[begin:end]
                one.sort()
                if self._holes[name]:  # they are sorted to the end
                    one = one[: len(one) - int(np.isnan(one).sum())]
                if len(one):
                    found[name][key] = one
        return found


def _placed(values: Floats, source: Ints, rows: Ints, into: Floats) -> Floats:
    """Pieces of ``values`` one behind the other: ``rows`` of them from each ``source`` on; in ``into``."""
    into = into[: len(values)]
    if len(rows) * _SMALL > len(values):
        begin = np.cumsum(rows) - rows
        return values.take(np.repeat(source - begin, rows) + np.arange(len(values)), out=into, mode="clip")
    at = 0
    for begin, count in zip(source.tolist(), rows.tolist(), strict=True):
        into[at : at + count] = values[begin : begin + count]
        at += count
    return into
