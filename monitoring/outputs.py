"""Costs of outputs from their calls: what an output cost in all, on the day its first call began."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from monitoring.encoding import Floats, HashSet, Ints, Names, hashes_of, in_one, renamed

#: Codes of day, team and model beyond which those that occur are numbered.
_MANY = 1 << 22
#: Up to this many runs a row, runs are worked on instead of single rows.
_RUNS = 0.5
#: Runs of up to so many rows are worked on row after row of all runs at once.
_SHORT = 8


@dataclass(slots=True, kw_only=True)
class _Part:
    """Outputs of one row group, arrays of one length; ``top``: cost of the costliest call, whose model counts."""

    hash: NDArray[np.uint64]
    day: NDArray[np.int32]
    team: NDArray[np.int32]
    model: NDArray[np.int32]
    cost: Floats
    known: NDArray[np.bool_]
    top: Floats

    def rows(self, where: NDArray[np.bool_]) -> pd.DataFrame:
        return pd.DataFrame({name: getattr(self, name)[where] for name in self.__slots__})


@dataclass(slots=True, kw_only=True)
class OutputParts:
    """Outputs by row group, put together at the end: an output's calls may lie in several.

    64 bits of hash stand for an id: two of 10 million ids collide once in 400,000 logs.
    """

    parts: list[_Part] = field(default_factory=list)
    teams: dict[str, int] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)

    def add(self, ids: pa.ChunkedArray, days: Ints, team: Names, model: Names, cost: Floats) -> None:
        """Calls of one row group; codes of ``team`` and ``model`` in the order of their names."""
        (team_code, teams), (model_code, models) = team, model
        if ids.null_count:
            known = ids.is_valid().to_numpy()
            ids, days, cost = ids.drop_null(), days[known], cost[known]
            team_code, model_code = team_code[known], model_code[known]
        if not len(ids):
            return
        group, hashes = _grouped(ids)
        none = np.isnan(cost)
        money = np.nan_to_num(cost) if none.any() else cost
        top, dearest = group.dearest(money, model_code)
        self.parts.append(
            _Part(
                hash=hashes,
                day=-group.most(-days).astype(np.int32),
                team=renamed(teams, self.teams).astype(np.int32)[group.most(team_code)],
                model=renamed(models, self.models).astype(np.int32)[dearest],
                cost=group.total(money),
                known=group.total((~none).astype(float)) > 0 if none.any() else np.ones(len(hashes), dtype=bool),
                top=top,
            )
        )

    def totals(self) -> tuple[pd.DataFrame, pd.Series[float]]:
        """Sums by day, team and model, and how many outputs there are by day (days since 1970).

        Columns ``n0``: outputs of known cost, ``y0``: Σ cost, ``yy0``: Σ cost².
        """
        teams, models = _ranks(self.teams), _ranks(self.models)
        sums: dict[tuple[int, int, int], Floats] = {}
        per_day: dict[int, float] = {}
        parts, shared = self._joined(teams, models)
        for sign, days in [*((1.0, part.day) for part in parts), *((-1.0, one) for one in shared)]:
            first = int(days.min())
            for day, count in enumerate(np.bincount(days - first), start=first):
                per_day[day] = per_day.get(day, 0.0) + sign * count
        for part in parts:
            first = int(part.day.min())
            code = ((part.day.astype(np.int64) - first) * len(teams) + part.team) * len(models) + part.model
            code, cost = (code, part.cost) if part.known.all() else (code[part.known], part.cost[part.known])
            leaf, code = np.unique(code, return_inverse=True) if code.size and code.max() > _MANY else (None, code)
            stacked = np.stack([np.bincount(code), np.bincount(code, cost), np.bincount(code, cost**2)]).T
            for place in np.flatnonzero(stacked[:, 0]).tolist():
                rest, model = divmod(place if leaf is None else int(leaf[place]), len(models))
                day, team = divmod(rest, len(teams))
                sums[first + day, team, model] = sums.get((first + day, team, model), 0.0) + stacked[place]
        keys = np.array(list(sums), dtype=np.int64).reshape(len(sums), 3)
        table = pd.DataFrame(
            {
                "day": pd.to_datetime(keys[:, 0], unit="D"),
                "team": np.array(list(self.teams), dtype=object)[keys[:, 1]],
                "model": np.array(list(self.models), dtype=object)[keys[:, 2]],
            }
        )
        values = np.array(list(sums.values()), dtype=float).reshape(len(sums), 3)
        return table.join(pd.DataFrame(values, columns=["n0", "y0", "yy0"])), pd.Series(per_day, dtype=float)

    def _joined(self, teams: Ints, models: Ints) -> tuple[list[_Part], list[NDArray[np.int32]]]:
        """The parts, and in a part of their own the outputs that are in several.

        There they stay, as outputs of unknown cost; behind the parts the days that count them for that.
        """
        ordered = np.sort(np.concatenate([part.hash for part in self.parts])) if self.parts else np.empty(0, np.uint64)
        twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        if not len(twice):
            return self.parts, []
        several_times = HashSet(twice)
        shared = []
        for part in self.parts:
            several = several_times.holds(part.hash)
            if several.any():
                shared.append(part.rows(several))
                part.known &= ~several
        rows = pd.concat(shared, ignore_index=True)
        rows = rows.assign(team_rank=teams[rows["team"]], model_rank=models[rows["model"]])
        by_team = rows.sort_values("team_rank").groupby("hash")["team"].last()
        grouped = rows.sort_values(["top", "model_rank"]).groupby("hash")
        joined = grouped.agg(day=("day", "min"), model=("model", "last"), cost=("cost", "sum"), known=("known", "max"),
                             top=("top", "max")).assign(team=by_team).reset_index()  # fmt: skip
        days = [one["day"].to_numpy() for one in shared]
        return [*self.parts, _Part(**{name: joined[name].to_numpy() for name in _Part.__slots__})], days


def _grouped(ids: pa.ChunkedArray) -> tuple[_Runs | _Places, NDArray[np.uint64]]:
    """Rows by output, and the hashes of the outputs.

    In a log in order of time the calls of an output mostly follow each other: then each run of rows counts as an output
    of its own, and `OutputParts` puts together what lies in several.
    """
    hashes = hashes_of(in_one(ids))
    begins = np.append(True, hashes[1:] != hashes[:-1])
    if np.count_nonzero(begins) <= _RUNS * len(hashes):
        runs = _Runs(begins)
        return runs, hashes[runs.begin]
    found = pa.array(hashes).dictionary_encode()
    return _Places(found.indices.to_numpy().astype(np.int64), len(found.dictionary)), found.dictionary.to_numpy()


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
        """Sums by output."""
        return np.add.reduceat(values, self.begin)

    def most(self, values: Ints) -> Ints:
        """The largest of each output."""
        if values[0] == values[-1] and (values == values[0]).all():
            return values[self.begin]
        if not self._steps:
            return np.maximum.reduceat(values, self.begin)
        found = values[self.begin]
        for step in self._steps[1:]:
            np.maximum(found, values[step], out=found)
        return found

    def dearest(self, money: Floats, code: Ints) -> tuple[Floats, Ints]:
        """Of each output the largest amount, and the largest code beside it."""
        if not self._steps:
            top = np.maximum.reduceat(money, self.begin)
            count = np.diff(np.append(self.begin, len(money)))
            return top, self.most(np.where(money == np.repeat(top, count), code, -1))
        top, found = money[self.begin], code[self.begin]
        for step in self._steps[1:]:
            amount, other = money[step], code[step]
            better = (amount > top) | ((amount == top) & (other > found))
            np.copyto(top, amount, where=better)
            np.copyto(found, other, where=better)
        return top, found


class _Places:
    """Rows in any order, no place without a row."""

    def __init__(self, place: Ints, size: int) -> None:
        self._place, self._first = place, np.empty(size, dtype=np.int64)
        self._first[place] = np.arange(len(place))

    def total(self, values: Floats) -> Floats:
        """Sums by output."""
        return np.bincount(self._place, values, len(self._first))

    def most(self, values: NDArray[Any]) -> NDArray[Any]:
        """The largest of each output."""
        found = values[self._first]
        np.maximum.at(found, self._place, values)
        return found

    def dearest(self, money: Floats, code: Ints) -> tuple[Floats, Ints]:
        """Of each output the largest amount, and the largest code beside it."""
        top = self.most(money)
        return top, self.most(np.where(money == top[self._place], code, -1))


def _ranks(names: dict[str, int]) -> Ints:
    """The alphabetical place of each name."""
    rank = np.empty(len(names), dtype=np.int64)
    rank[[names[name] for name in sorted(names)]] = np.arange(len(names))
    return rank
