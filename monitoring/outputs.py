"""Costs of outputs from their calls: what an output cost in all, on the day its first call began."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.callbatches import Batch
from monitoring.encoding import Floats, Ints, hashes_of
from monitoring.leafcodes import LeafCodes, Numbers
from monitoring.leaves import Leaf

#: Codes of day, team and model beyond which those that occur are numbered.
_MANY = 1 << 22
#: Up to this many runs a row, runs are worked on instead of single rows.
_RUNS = 0.5
#: Runs of up to so many rows are worked on row after row of all runs at once.
_SHORT = 8
#: Outputs of a bucket.
_BUCKET = 1 << 16
Hashes = NDArray[np.uint64]


class OutputParts:
    """Outputs by batch, put together at the end: an output's calls may lie in several.

    64 bits of hash stand for an id: two of 10 million ids collide once in 400,000 logs. Outputs are kept in buckets by
    the first bits of their hash: one bucket at a time fits the processor's cache.

    Parameters
    ----------
    rows
        At most so many calls will come.
    """

    def __init__(self, rows: int) -> None:
        self._bits = min(max(rows // _BUCKET, 1).bit_length() - 1, 8)
        self._numbers = Numbers()
        self._parts: list[_Part] = []

    def add(self, batch: Batch) -> None:
        """Calls of one batch."""
        ids, day, cost = batch.outputs, batch.day, batch.columns["cost"]
        team, model = batch.team[0], batch.model[0]
        if ids is None or ids.null_count == len(ids):
            return
        if ids.null_count:
            known = ids.is_valid().to_numpy(zero_copy_only=False)
            ids, cost, team, model = ids.drop_null(), cost[known], team[known], model[known]
            day = day if isinstance(day, int) else day[known]
        hashes, top = hashes_of(ids), None
        begins = np.append(True, hashes[1:] != hashes[:-1])
        # in a log in order of time the calls of an output mostly follow each other
        if np.count_nonzero(begins) <= _RUNS * len(hashes):
            runs = _Runs(begins)
            hashes, day = hashes[runs.begin], day if isinstance(day, int) else -runs.most(-day)
            team, (top, model) = runs.most(team), runs.dearest(np.nan_to_num(cost), model)
            cost = runs.total(cost)
        codes = LeafCodes(batch)
        leaves, place, _ = codes.numbered(codes.of(day, team, model))
        leaf = self._numbers.of(leaves).astype(np.int32).take(place, mode="clip")
        self._parts.append(_Part.of(hashes, leaf, cost, top, self._bits))

    def totals(self) -> tuple[pd.DataFrame, pd.Series[float]]:
        """Sums by day, team and model, and how many outputs there are by day (days since 1970); uses the parts up.

        Columns ``n0``: outputs of known cost, ``y0``: Σ cost, ``yy0``: Σ cost².
        """
        names = _Names.of(self._numbers.leaves())
        found = [(np.empty(0, dtype=np.int64), np.empty((0, 3)))]
        per_day = np.zeros(int(names.day.max(initial=-1)) + 1, dtype=np.int64)
        for bucket in range(1 << self._bits) if self._parts else ():
            hashes, leaf, cost, top = _bucket(self._parts, bucket)
            if len(hashes):
                days, codes, cost = _joined(_together(hashes, self._bits), names, leaf, (cost, top))
                per_day += np.bincount(days, minlength=len(per_day))
                found.append(_sums(codes, cost))
        self._parts.clear()
        codes, place = np.unique(np.concatenate([one for one, _ in found]), return_inverse=True)
        sums = np.concatenate([three for _, three in found])
        values = {name: np.bincount(place, sums[:, at], len(codes)) for at, name in enumerate(("n0", "y0", "yy0"))}
        counts = {names.first + day: float(per_day[day]) for day in np.flatnonzero(per_day).tolist()}
        return names.table(codes).assign(**values), pd.Series(counts, dtype=float)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Outputs of a batch in order of their bucket, arrays of one length; ``cuts``: where each bucket begins.

    ``cost`` is NaN where it is unknown; ``top``: cost of the costliest call, whose model counts; none where every row
    is a single call.
    """

    hashes: Hashes
    leaf: NDArray[np.int32]
    cost: Floats
    top: Floats | None
    cuts: list[int]

    @classmethod
    def of(cls, hashes: Hashes, leaf: NDArray[np.int32], cost: Floats, top: Floats | None, bits: int) -> _Part:
        if not bits:
            return cls(hashes=hashes, leaf=leaf, cost=cost, top=top, cuts=[0, len(hashes)])
        bucket = (hashes >> np.uint64(64 - bits)).astype(np.uint8)
        order = np.argsort(bucket, kind="stable")
        rows = np.bincount(bucket, minlength=1 << bits)
        return cls(
            hashes=hashes.take(order, mode="clip"), leaf=leaf.take(order, mode="clip"),
            cost=cost.take(order, mode="clip"), top=None if top is None else top.take(order, mode="clip"),
            cuts=[0, *np.cumsum(rows).tolist()],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """Day (from ``first`` on), team and model of each leaf, the latter two by their alphabetical place."""

    first: int
    day: Ints
    team: Ints
    model: Ints
    teams: list[str]
    models: list[str]

    @classmethod
    def of(cls, leaves: Sequence[Leaf]) -> _Names:
        teams, models = sorted({team for _, team, _ in leaves}), sorted({model for _, _, model in leaves})
        team_at, model_at = ({name: place for place, name in enumerate(names)} for names in (teams, models))
        first = min((day for day, _, _ in leaves), default=0)
        day, team, model = np.array(
            [(day - first, team_at[team], model_at[model]) for day, team, model in leaves], dtype=np.int64
        ).reshape(len(leaves), 3).T.copy()  # fmt: skip
        return cls(first=first, day=day, team=team, model=model, teams=teams, models=models)

    @property
    def code(self) -> Ints:
        """Of each leaf."""
        return self.coded(self.day, self.team, self.model)

    def coded(self, day: Ints, team: Ints, model: Ints) -> Ints:
        """One number for day, team and model."""
        return (day * len(self.teams) + team) * len(self.models) + model

    def table(self, code: Ints) -> pd.DataFrame:
        rest, model = np.divmod(code, max(len(self.models), 1))
        day, team = np.divmod(rest, max(len(self.teams), 1))
        return pd.DataFrame(
            {
                "day": pd.to_datetime(day + self.first, unit="D"),
                "team": np.array(self.teams, dtype=object)[team],
                "model": np.array(self.models, dtype=object)[model],
            }
        )


def _bucket(parts: Sequence[_Part], bucket: int) -> tuple[Hashes, NDArray[np.int32], Floats, Floats]:
    """Hashes, leaves, costs and costliest calls of one bucket, in the order in which they came."""
    if not parts:
        nothing = np.empty(0)
        return nothing.astype(np.uint64), nothing.astype(np.int32), nothing, nothing
    found = [(part, slice(part.cuts[bucket], part.cuts[bucket + 1])) for part in parts]
    cost = np.concatenate([part.cost[rows] for part, rows in found])
    top = cost
    if any(part.top is not None for part in parts):
        top = np.concatenate([(part.cost if part.top is None else part.top)[rows] for part, rows in found])
    return (
        np.concatenate([part.hashes[rows] for part, rows in found]),
        np.concatenate([part.leaf[rows] for part, rows in found]),
        cost,
        top,
    )


def _joined(
    together: tuple[Ints, NDArray[np.bool_]], names: _Names, leaf: NDArray[np.int32], money: tuple[Floats, Floats]
) -> tuple[Ints, Ints, Floats]:
    """Every output once: its day, its code and its cost."""
    (order, begins), (cost, top) = together, money
    alone = begins & np.append(begins[1:], True)
    single, order, begins = order[alone], order[~alone], begins[~alone]
    one = leaf.take(single)
    day, code = names.day.take(one), names.code.take(one)
    if not len(order):
        return day, code, cost.take(single)
    leaf, runs = leaf.take(order), _Runs(begins)
    days = -runs.most(-names.day.take(leaf))
    _, model = runs.dearest(np.nan_to_num(top.take(order)), names.model.take(leaf))
    codes = names.coded(days, runs.most(names.team.take(leaf)), model)
    parts = ((day, days), (code, codes), (cost.take(single), runs.total(cost.take(order))))
    joined = [np.concatenate(both) for both in parts]
    return joined[0], joined[1], joined[2]


def _together(hashes: Hashes, skip: int) -> tuple[Ints, NDArray[np.bool_]]:
    """An order that puts equal hashes together, as they came, and where in it another one begins.

    The leading bits of a hash, from ``skip`` on, with its place behind them are sorted as one number, which is six
    times as quick as sorting places; the few groups in which whole hashes differ are set right afterwards.
    """
    bits = np.uint64(max(len(hashes) - 1, 1).bit_length())
    mask = np.uint64((1 << int(bits)) - 1)
    keys = (hashes << np.uint64(skip)) & ~mask
    keys |= np.arange(len(hashes), dtype=np.uint64)
    keys.sort()
    keys &= mask
    order = keys.view(np.int64)
    found = hashes.take(order, mode="clip")
    begins = np.append(True, found[1:] != found[:-1])
    # hashes that agree in their leading bits only may stand in turns
    alike = ((found[1:] ^ found[:-1]) << np.uint64(skip)) <= mask
    mixed_up = np.flatnonzero(alike & begins[1:])
    for row in mixed_up.tolist():
        low, high = row, row + 1
        while low > 0 and alike[low - 1]:
            low -= 1
        while high < len(alike) and alike[high]:
            high += 1
        rows = order[low : high + 1]
        rows = np.sort(rows)[np.argsort(hashes[np.sort(rows)], kind="stable")]
        order[low : high + 1] = rows
        begins[low + 1 : high + 1] = hashes[rows[1:]] != hashes[rows[:-1]]
    return order, begins


def _sums(codes: Ints, cost: Floats) -> tuple[Ints, Floats]:
    """Codes, and for each how many outputs have a known cost, Σ cost and Σ cost²; shape (C,) and (C, 3)."""
    known = ~np.isnan(cost)
    code, cost = (codes, cost) if known.all() else (codes[known], cost[known])
    number, code = np.unique(code, return_inverse=True) if code.size and code.max() > _MANY else (None, code)
    stacked = np.stack([np.bincount(code), np.bincount(code, cost), np.bincount(code, cost**2)], axis=1)
    there = np.flatnonzero(stacked[:, 0])
    return there if number is None else number[there], stacked[there].astype(np.float64, copy=False)


class _Runs:
    """Rows that follow each other by output; ``begins`` says where one does."""

    def __init__(self, begins: NDArray[np.bool_]) -> None:
        self.begin = np.flatnonzero(begins)
        last = np.append(self.begin[1:], len(begins)) - 1
        longest = int((last - self.begin).max()) + 1
        #: The first row of each output, the second, …; where it has no more, its last: none where that would be many.
        self._steps = [self.begin, *(np.minimum(self.begin + step, last) for step in range(1, longest))]
        if longest > _SHORT:
            self._steps = []

    def total(self, values: Floats) -> Floats:
        """Sums by output of what is known; NaN where nothing is."""
        none = np.isnan(values)
        if not none.any():
            return np.add.reduceat(values, self.begin)
        found = np.add.reduceat(np.where(none, 0.0, values), self.begin)
        found[np.logical_and.reduceat(none, self.begin)] = np.nan
        return found

    def most(self, values: NDArray[Any]) -> NDArray[Any]:
        """The largest of each output."""
        if values[0] == values[-1] and (values == values[0]).all():
            return values[self.begin]
        if not self._steps:
            return np.maximum.reduceat(values, self.begin)
        found = values[self.begin]
        for step in self._steps[1:]:
            np.maximum(found, values[step], out=found)
        return found

    def dearest(self, money: Floats, code: NDArray[Any]) -> tuple[Floats, NDArray[Any]]:
        """Of each output the largest amount, and the largest code beside it."""
        if not self._steps:
            top = np.maximum.reduceat(money, self.begin)
            count = np.diff(np.append(self.begin, len(money)))
            return top, self.most(np.where(money == np.repeat(top, count), code.astype(np.int64), -1))
        top, found = money[self.begin], code[self.begin]
        for step in self._steps[1:]:
            amount, other = money[step], code[step]
            better = (amount > top) | ((amount == top) & (other > found))
            np.copyto(top, amount, where=better)
            np.copyto(found, other, where=better)
        return top, found
