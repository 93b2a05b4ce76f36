"""Exact order statistics of groups and their totals: each finest group is sorted once, totals look into its bands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from monitoring.tables import Database

Floats = NDArray[np.float64]
#: Day (days since 1970), team, model.
Leaf = tuple[int, str, str]
#: Around a rank, the share of each leaf that is looked into first: where the leaves are alike, little is enough.
_BAND = 0.001


def leaves_sql(source: str, value: str) -> str:
    """The query for the values of every day, team and model of a view, sorted."""
    return f"""SELECT CAST(day AS DATE) AS day, team, model, list_sort(list(({value})::DOUBLE)) AS v FROM {source}
              WHERE ({value}) IS NOT NULL GROUP BY ALL"""  # noqa: S608 - from the catalogue alone


def leaves_of_query(connection: Database, source: str, value: str) -> dict[Leaf, Floats]:
    """Values of every day, team and model of a view, sorted."""
    found: dict[Leaf, Floats] = {}
    for batch in connection.sql(leaves_sql(source, value)).to_arrow_reader(512):
        days = batch.column("day").cast(pa.int32()).to_numpy()
        names = zip(days.tolist(), batch.column("team").to_pylist(), batch.column("model").to_pylist(), strict=True)
        lists = batch.column("v")
        values, ends = lists.values.to_numpy(zero_copy_only=False), lists.offsets.to_numpy()
        for place, key in enumerate(names):
            found[key] = np.array(values[ends[place] : ends[place + 1]])
    return found


def at_ranks(leaves: Sequence[Floats], ranks: Floats) -> Floats:
    """Values at fractional 1-based ranks of each leaf by itself; NaN where a rank is NaN.

    Parameters
    ----------
    leaves
        G sorted arrays, none of them empty.
    ranks
        Shape (G, K).
    """
    known = np.isfinite(ranks)
    last = np.array([len(leaf) for leaf in leaves])[:, None] - 1
    low = np.clip(np.floor(np.where(known, ranks, 1.0)).astype(np.int64) - 1, 0, last)
    high = np.minimum(low + 1, last)
    first = np.array([leaf[at] for leaf, at in zip(leaves, low, strict=True)])
    second = np.array([leaf[at] for leaf, at in zip(leaves, high, strict=True)])
    return np.where(known, first + (ranks - 1 - low) * (second - first), np.nan)


def order_statistics(leaves: Sequence[Floats], ranks: Floats) -> Floats:
    """Values at fractional 1-based ranks of the leaves taken together; NaN where a rank is NaN.

    Every leaf is sorted. What lies in a band around the ranks is sorted once more, the rest is only counted: below the
    lowest of the leaves' lower band ends lie fewer than the rank, above the highest of the upper ones enough.

    Examples
    --------
    >>> order_statistics([np.array([1.0, 4.0]), np.array([2.0, 8.0])], np.array([1.0, 2.5, 4.0])).tolist()
    [1.0, 3.0, 8.0]
    """
    known = [rank for rank in ranks.tolist() if rank == rank]  # noqa: PLR0124 - NaN is not itself
    if not known:
        return np.full(len(ranks), np.nan)
    total = sum(map(len, leaves))
    low, high = int(min(known)), min(int(max(known)) + 1, total)
    below, middle = _band(leaves, low / total - _BAND, high / total + _BAND)
    if not below < low <= high <= below + len(middle):
        below, middle = 0, np.sort(np.concatenate(list(leaves)))
    return np.array([_between(middle, rank - 1 - below, total - 1 - below) for rank in ranks.tolist()])


def _between(values: Floats, place: float, last: int) -> float:
    if place != place:  # noqa: PLR0124 - NaN is not itself
        return np.nan
    low = min(int(place), last)
    first = float(values[low])
    return first + (place - low) * (float(values[min(low + 1, last)]) - first)


def _band(leaves: Sequence[Floats], begin: float, end: float) -> tuple[int, Floats]:
    """How many values lie below the band from share ``begin`` to ``end``, and the sorted values within it."""
    lowest = -np.inf if begin <= 0 else min([leaf[int(begin * (len(leaf) - 1))] for leaf in leaves])
    highest = np.inf if end >= 1 else max([leaf[-int(-end * (len(leaf) - 1) // 1)] for leaf in leaves])
    cuts = [(leaf.searchsorted(lowest), leaf.searchsorted(highest, "right")) for leaf in leaves]
    middle = np.concatenate([leaf[a:b] for leaf, (a, b) in zip(leaves, cuts, strict=True)])
    middle.sort()
    return sum([int(cut) for cut, _ in cuts]), middle


def members(leaves: Mapping[Leaf, Floats], group: Sequence[int]) -> dict[tuple[object, ...], list[Floats]]:
    """Leaves by the places of their key that are kept: ``(0, 1)`` groups by day and team."""
    found: dict[tuple[object, ...], list[Floats]] = {}
    for key, values in leaves.items():
        found.setdefault(tuple(key[place] for place in group), []).append(values)
    return found
