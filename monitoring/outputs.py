"""Costs of outputs from their calls: what an output cost in all, on the day its first call began."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from monitoring.callbatches import Batch
from monitoring.encoding import Floats, Ints, hashes_of, mixed
from monitoring.leafcodes import LeafCodes, Numbers
from monitoring.leaves import Leaf

#: Codes of day, team and model beyond which those that occur are numbered.
_MANY = 1 << 22
#: Up to this many runs a row, runs are worked on instead of single rows.
_RUNS = 0.5
#: Rows worked on at a time: their table stays in the processor's cache.
_BUCKET = 1 << 16
#: Bits of hash by which parts are laid out, at most.
_BITS = 8
Hashes = NDArray[np.uint64]
Codes = NDArray[np.integer[Any]]


class OutputParts:
    """Outputs by batch, put together at the end: an output's calls may lie in several.

    64 bits of hash stand for an id: two of 10 million ids collide once in 400,000 logs. Outputs are kept in buckets by
    the first bits of their hash: one bucket at a time fits the processor's cache.

    Parameters
    ----------
    rows
        At most so many calls will come.
    numbers
        Of leaves; more are added.
    """

    def __init__(self, rows: int, numbers: Numbers) -> None:
        self._bits = min(max(rows // _BUCKET, 1).bit_length(), _BITS)
        self._numbers = numbers
        self._parts: list[_Part] = []
        self._again: list[_Rows] = []

    def add(self, batch: Batch, leaf: NDArray[np.int32]) -> None:
        """Calls of one batch.

        Parameters
        ----------
        batch
            N calls.
        leaf
            The number of each one's leaf, shape (N,).
        """
        ids, cost, known = batch.outputs, batch.columns["cost"], None
        if ids is None or ids.null_count == len(ids):
            return
        if ids.null_count:
            known = ids.is_valid().to_numpy(zero_copy_only=False)
            ids, cost, leaf = ids.drop_null(), cost[known], leaf[known]
        hashes, top = hashes_of(ids), None
        other = hashes[1:] != hashes[:-1]
        # in a log in order of time the calls of an output mostly follow each other
        if np.count_nonzero(other) < _RUNS * len(hashes):
            begins = np.append(0, np.flatnonzero(other) + 1)
            run = np.repeat(np.arange(len(begins)), np.diff(begins, append=len(hashes)))
            hashes = hashes.take(begins)
            day = batch.day if known is None or isinstance(batch.day, int) else batch.day[known]
            team, model = (codes if known is None else codes[known] for codes in (batch.team[0], batch.model[0]))
            found = _Merged.of(run, len(hashes), (day, team, model), (cost, cost))
            cost, top = found.cost, found.top
            codes = LeafCodes(batch)
            leaves, place, _ = codes.numbered(codes.of(found.day, found.team, found.model))
            leaf = self._numbers.of(leaves).astype(np.int32).take(place, mode="clip")
        self._parts.append(_Part.of(_Rows(hashes=hashes, leaf=leaf, cost=cost, top=top), self._bits))

    def totals(self) -> tuple[pd.DataFrame, pd.Series[float]]:
        """Sums by day, team and model, and how many outputs there are by day (days since 1970); uses the parts up.

        Columns ``n0``: outputs of known cost, ``y0``: Σ cost, ``yy0``: Σ cost².
        """
        names = _Names.of(self._numbers.leaves())
        found = [(np.empty(0, dtype=np.int64), np.empty((0, 3)))]
        per_day = np.zeros(int(names.day.max(initial=-1)) + 1, dtype=np.int64)
        for rows, skip in self._buckets():
            one, rest = _outputs(rows, names, skip)
            per_day += np.bincount(one.day, minlength=len(per_day))
            found.append(_sums(names.coded(one.day, one.team, one.model), one.cost))
            if len(rest.hashes):
                self._again.append(rest)
        codes, place = np.unique(np.concatenate([one for one, _ in found]), return_inverse=True)
        sums = np.concatenate([three for _, three in found])
        values = {name: np.bincount(place, sums[:, at], len(codes)) for at, name in enumerate(("n0", "y0", "yy0"))}
        counts = {names.first + day: float(per_day[day]) for day in np.flatnonzero(per_day).tolist()}
        return names.table(codes).assign(**values), pd.Series(counts, dtype=float)

    def _buckets(self) -> Iterator[tuple[_Rows, int]]:
        """The rows of one bucket after the other, and how many leading bits of their hashes are alike.

        Rows that are to go round again come in together: most of a round of few rows is the way there.
        """
        rows = sum(len(part.rows.hashes) for part in self._parts)
        # where calls of outputs follow each other, fewer rows came than calls: several buckets at a time then
        bits = min(max(rows // _BUCKET, 1).bit_length(), self._bits)
        step = 1 << (self._bits - bits)
        for first in range(0, 1 << self._bits, step) if rows else ():
            yield _Rows.joined([part.between(first, first + step) for part in self._parts]), bits
            if sum(len(one.hashes) for one in self._again) > _BUCKET:
                again, self._again = self._again, []
                yield _Rows.joined(again), 0
        self._parts.clear()
        while self._again:
            again, self._again = self._again, []
            yield _Rows.joined(again), 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Calls, or calls of one output put together, arrays of one length.

    ``cost`` is NaN where it is unknown; ``top``: cost of the costliest call, whose model counts; none where every row
    is a single call.
    """

    hashes: Hashes
    leaf: NDArray[np.int32]
    cost: Floats
    top: Floats | None

    @classmethod
    def joined(cls, parts: Sequence[_Rows]) -> _Rows:
        """All rows."""
        top = None
        if any(part.top is not None for part in parts):
            top = np.concatenate([part.cost if part.top is None else part.top for part in parts])
        return cls(
            hashes=np.concatenate([part.hashes for part in parts]),
            leaf=np.concatenate([part.leaf for part in parts]),
            cost=np.concatenate([part.cost for part in parts]),
            top=top,
        )

    def take(self, rows: Ints) -> _Rows:
        """Some of them."""
        return _Rows(
            hashes=self.hashes.take(rows, mode="clip"), leaf=self.leaf.take(rows, mode="clip"),
            cost=self.cost.take(rows, mode="clip"), top=None if self.top is None else self.top.take(rows, mode="clip"),
        )  # fmt: skip

    def between(self, begin: int, end: int) -> _Rows:
        """Those from one place to another."""
        top = None if self.top is None else self.top[begin:end]
        return _Rows(hashes=self.hashes[begin:end], leaf=self.leaf[begin:end], cost=self.cost[begin:end], top=top)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Rows of a batch in order of their bucket; ``cuts``: where each bucket begins."""

    rows: _Rows
    cuts: list[int]

    @classmethod
    def of(cls, rows: _Rows, bits: int) -> _Part:
        if not bits:
            return cls(rows=rows, cuts=[0, len(rows.hashes)])
        bucket = (rows.hashes >> np.uint64(64 - bits)).astype(np.uint8)
        counts = np.bincount(bucket, minlength=1 << bits)
        # a stable sort of 8 bits counts instead of comparing
        return cls(rows=rows.take(np.argsort(bucket, kind="stable")), cuts=[0, *np.cumsum(counts).tolist()])

    def between(self, first: int, end: int) -> _Rows:
        """The rows of some buckets."""
        return self.rows.between(self.cuts[first], self.cuts[end])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """Day (from ``first`` on), team and model of each leaf, the latter two by their alphabetical place."""

    first: int
    day: NDArray[np.int32]
    team: NDArray[np.int32]
    model: NDArray[np.int32]
    teams: list[str]
    models: list[str]

    @classmethod
    def of(cls, leaves: Sequence[Leaf]) -> _Names:
        teams, models = sorted({team for _, team, _ in leaves}), sorted({model for _, _, model in leaves})
        team_at, model_at = ({name: place for place, name in enumerate(names)} for names in (teams, models))
        first = min((day for day, _, _ in leaves), default=0)
        day, team, model = np.array(
            [(day - first, team_at[team], model_at[model]) for day, team, model in leaves], dtype=np.int32
        ).reshape(len(leaves), 3).T.copy()  # fmt: skip
        return cls(first=first, day=day, team=team, model=model, teams=teams, models=models)

    def coded(self, day: Codes | int, team: Codes, model: Codes) -> Ints:
        """One number for day, team and model."""
        days: Ints = np.multiply(day, len(self.teams), dtype=np.int64)
        return (days + team) * len(self.models) + model

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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Merged:
    """Outputs, each from several rows: arrays of one length.

    ``cost`` is NaN where none of the rows' is known, ``top`` the largest of them; ``model``: of the row that has it.
    """

    day: Codes | int
    team: Codes
    model: Codes
    cost: Floats
    top: Floats

    @classmethod
    def of(
        cls, place: Ints, size: int, leaf: tuple[Codes | int, Codes, Codes], money: tuple[Floats, Floats]
    ) -> _Merged:
        """Rows by ``place``, of which there are ``size``: the first day, the last team, the costliest call's model.

        Parameters
        ----------
        place
            Shape (N,).
        size
            Places that no row has get a negative team.
        leaf
            Day, team and model of each row, as numbers in the names' order.
        money
            Cost and that of the costliest call, of each row.
        """
        (day, team, model), (cost, top) = leaf, money
        unknown = np.isnan(cost) if np.isnan(cost.sum()) else None
        if unknown is None:
            total = np.bincount(place, cost, size)
        else:
            total = np.bincount(place, np.where(unknown, 0.0, cost), size)
            total[np.bincount(place[~unknown], minlength=size) == 0] = np.nan
            top = np.where(np.isnan(top), 0.0, top)
        most = np.full(size, -np.inf)
        np.maximum.at(most, place, top)
        return cls(
            day=day if isinstance(day, int) else _extreme(np.minimum, np.iinfo(np.int32).max, place, size, day),
            team=_extreme(np.maximum, -1, place, size, team),
            model=_extreme(np.maximum, -1, place, size, np.where(top == most.take(place), model.astype(np.int32), -1)),
            cost=total,
            top=most,
        )

    def filled(self, size: int) -> _Merged:
        """Those of the first ``size`` places that have a row."""
        there = np.flatnonzero(self.team[:size] >= 0)
        return _Merged(
            day=self.day if isinstance(self.day, int) else self.day.take(there), team=self.team.take(there),
            model=self.model.take(there), cost=self.cost.take(there), top=self.top.take(there),
        )  # fmt: skip


def _extreme(which: np.ufunc, start: int, place: Ints, size: int, values: Codes) -> NDArray[np.int32]:
    """The smallest or largest value of each place."""
    found = np.full(size, start, dtype=np.int32)
    which.at(found, place, values.astype(np.int32, copy=False))
    return found


def _outputs(rows: _Rows, names: _Names, skip: int) -> tuple[_Merged, _Rows]:
    """Outputs of a bucket, each once, and the rows that have to go round again.

    A table without chains: the last hash that is written to a place has it, and all rows of that output find it there.
    Rows that find another one there go round again, by other bits.

    Parameters
    ----------
    rows
        All rows of each of their outputs.
    names
        Of the leaves.
    skip
        Leading bits of the hashes that all have alike.
    """
    hashes = rows.hashes
    bits = max((len(hashes) - 1).bit_length(), 1)
    size = 1 << bits
    place = ((hashes << np.uint64(skip)) >> np.uint64(64 - bits)).view(np.int64)
    table = np.empty(size, dtype=np.uint64)
    table[place] = hashes
    other = np.flatnonzero(table.take(place, mode="clip") != hashes)
    place[other] = size
    leaf = [column.take(rows.leaf, mode="clip") for column in (names.day, names.team, names.model)]
    top = rows.cost if rows.top is None else rows.top
    found = _Merged.of(place, size + 1, (leaf[0], leaf[1], leaf[2]), (rows.cost, top))
    again = rows.take(other)
    return found.filled(size), replace(again, hashes=mixed(again.hashes))


def _sums(codes: Ints, cost: Floats) -> tuple[Ints, Floats]:
    """Codes, and for each how many outputs have a known cost, Σ cost and Σ cost²; shape (C,) and (C, 3)."""
    known = ~np.isnan(cost)
    code, cost = (codes, cost) if known.all() else (codes[known], cost[known])
    number, code = np.unique(code, return_inverse=True) if code.size and code.max() > _MANY else (None, code)
    stacked = np.stack([np.bincount(code), np.bincount(code, cost), np.bincount(code, cost**2)], axis=1)
    there = np.flatnonzero(stacked[:, 0])
    return there if number is None else number[there], stacked[there].astype(np.float64, copy=False)
