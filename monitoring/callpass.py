"""Calls in Parquet, read once: sums, sorted values and outputs by day, team and model, past SQL.

The numbers are those of the SQL of `monitoring.rollup`; a third of the processor time. Row groups are worked on one by
one, so that memory holds one of them, the values whose quantiles are exact, and a line for each output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from measurement.memory import keep_freed_memory
from monitoring.arithmetic import evaluate
from monitoring.catalogue import Measure
from monitoring.encoding import Floats, Ints, Names, codes_of, dictionary_of, floats_of, is_plain
from monitoring.leaves import Leaf
from monitoring.outputs import OutputParts

_KEYS = ("start_ts", "team", "model")
_DAY_US = 86_400_000_000
#: Columns whose values are kept, sorted, by leaf.
SORTED = ("duration_ms", "ttft_ms")
_NUMBERS = (*SORTED, "input_tokens", "output_tokens", "cache_read_tokens", "context_window", "cost")
_TEXTS = ("error_type", "currency", "output_id")
#: Codes of leaves up to here fit 16 bits.
_MANY = 65_536
#: Counted beside the measures, for the checks on the data.
COUNTS = ("calls", "no_cost", "foreign", "backwards")


@dataclass(slots=True, kw_only=True)
class CallTotals:
    """What the pass finds.

    Attributes
    ----------
    sums
        Columns day, team, model and for measure i ``n{i}``, ``y{i}``, … as `monitoring.rollup.kpi_sql` names them,
        `COUNTS` and ``spent``.
    outputs
        The same for outputs: ``n0``, ``y0``, ``yy0`` of their cost.
    leaves
        Column → leaf → sorted values.
    outputs_by_day
        How many outputs there are.
    first, last
        Of all starts, microseconds since 1970; ``None`` where there is no call.
    undated
        Calls without a start.
    """

    sums: pd.DataFrame
    outputs: pd.DataFrame
    leaves: dict[str, dict[Leaf, Floats]]
    outputs_by_day: pd.Series[float]
    first: int | None
    last: int | None
    undated: int


def sum_names(measure: Measure) -> tuple[str, ...]:
    """The sums that a measure's value and interval need."""
    if measure.kind == "ratio":
        return ("n", "y", "x", "yy", "xx", "xy")
    return ("n", "y", "yy") if measure.kind == "mean" else ("n", "y")


def read_calls(paths: Sequence[Path], measures: Sequence[Measure], currency: str) -> CallTotals | None:
    """One pass over Parquet files of calls.

    Parameters
    ----------
    paths
        The files.
    measures
        Those of calls that rest on sums.
    currency
        The workspace's; a cost in another one is none.

    Returns
    -------
    CallTotals or None
        ``None`` where a file is not in plain columns (times as text, say): SQL converts those.
    """
    keep_freed_memory()
    work = _Pass(measures=measures, currency=currency)
    for path in paths:
        schema = pq.read_schema(path)
        if not is_plain(schema, _KEYS, _NUMBERS, _TEXTS):
            return None
        columns = [name for name in (*_KEYS, *_NUMBERS, *_TEXTS) if name in schema.names]
        # output_id is hashed as it stands: far too many different ones for a dictionary
        texts = [name for name in ("team", "model", "error_type", "currency") if name in schema.names]
        with pq.ParquetFile(path, read_dictionary=texts) as file:
            for number in range(file.num_row_groups):
                work.take(file.read_row_group(number, columns=columns, use_threads=False))
    return work.totals()


@dataclass(slots=True, kw_only=True)
class _Pass:
    measures: Sequence[Measure]
    currency: str
    sums: dict[Leaf, Floats] = field(default_factory=dict)
    pieces: dict[str, dict[Leaf, list[Floats]]] = field(default_factory=lambda: {name: {} for name in SORTED})
    outputs: OutputParts = field(default_factory=OutputParts)
    first: int | None = None
    last: int | None = None
    undated: int = 0

    def take(self, table: pa.Table) -> None:
        """One row group."""
        start = table.column("start_ts")
        if start.null_count:
            self.undated += start.null_count
            table = table.filter(start.is_valid())
            start = table.column("start_ts")
        if not len(table):
            return
        micros = start.cast(pa.timestamp("us", tz=start.type.tz), safe=False).cast(pa.int64()).to_numpy()
        low, high = int(micros.min()), int(micros.max())
        self.first = low if self.first is None else min(self.first, low)
        self.last = high if self.last is None else max(self.last, high)
        days = micros // _DAY_US if low // _DAY_US != high // _DAY_US else np.full(len(micros), low // _DAY_US)
        team, teams = codes_of(table.column("team"))
        model, models = codes_of(table.column("model"))
        columns = {name: floats_of(table, name) for name in _NUMBERS}
        foreign = self._money(table, columns)
        if "output_id" in table.column_names:
            self.outputs.add(table.column("output_id"), days, (team, teams), (model, models), columns["cost"])
        leaf = _Leaves(days, (team, teams), (model, models))
        # a column that two names stand for is put in order once
        ordered = {id(values): values[leaf.order] for values in columns.values()}
        columns = {name: ordered[id(values)] for name, values in columns.items()}
        self._sum(leaf, columns, foreign[leaf.order] if foreign.any() else foreign)
        self._collect(leaf, columns)

    def _money(self, table: pa.Table, columns: dict[str, Floats]) -> NDArray[np.bool_]:
        """Add ``error``, make a cost in other money none; returns where that is so."""
        columns["error"] = np.zeros(len(table))
        if "error_type" in table.column_names:
            code, names = codes_of(table.column("error_type"), missing="")
            if names != [""]:
                columns["error"] = np.array([float(name != "") for name in names])[code]
        foreign = np.zeros(len(table), dtype=bool)
        columns["reported"] = columns["cost"]
        if "currency" in table.column_names:
            money = dictionary_of(table.column("currency"))
            if any(name != self.currency for name in money.dictionary.to_pylist()):
                code, names = codes_of(table.column("currency"), missing=self.currency)
                foreign = np.array([name != self.currency for name in names], dtype=bool)[code]
                columns["cost"] = np.where(foreign, np.nan, columns["cost"])
        return foreign

    def _sum(self, leaf: _Leaves, columns: Mapping[str, Floats], foreign: NDArray[np.bool_]) -> None:
        everyone = leaf.rows.astype(float)
        sums: list[Floats] = []
        for measure in self.measures:
            y = np.asarray(evaluate(measure.value, columns))
            kept = ~np.isnan(y)
            if measure.where != "TRUE":
                kept &= evaluate(measure.where, columns)
            x = y
            if measure.kind == "ratio":
                x = np.asarray(evaluate(measure.per, columns))
                kept &= ~np.isnan(x)
            if kept.all():
                count = everyone
            else:
                count, y, x = leaf.total(kept.astype(float)), np.where(kept, y, 0.0), np.where(kept, x, 0.0)
            products = {"y": (y, None), "x": (x, None), "yy": (y, y), "xx": (x, x), "xy": (x, y)}
            for name in sum_names(measure):
                one, other = products.get(name, (y, None))
                sums.append(count if name == "n" else leaf.total(one if other is None else one * other))
        no_cost = np.isnan(columns["reported"]) & (columns["error"] == 0)
        backwards = (columns["duration_ms"] < 0) | (columns["ttft_ms"] > columns["duration_ms"])
        facts = (no_cost, foreign, backwards)
        sums += [everyone, *(leaf.total(fact.astype(float)) if fact.any() else 0.0 * everyone for fact in facts)]
        sums.append(leaf.total(np.nan_to_num(columns["cost"])))
        stacked = np.stack(sums)
        for place, key in enumerate(leaf.keys):
            before = self.sums.get(key)
            self.sums[key] = stacked[:, place].copy() if before is None else before + stacked[:, place]

    def _collect(self, leaf: _Leaves, columns: Mapping[str, Floats]) -> None:
        """Values by leaf."""
        for name in SORTED:
            values = columns[name]
            holes = bool(np.isnan(values).any())
            for key, begin, end in zip(leaf.keys, leaf.begin, leaf.end, strict=True):
                one = values[begin:end]
                one = one[~np.isnan(one)] if holes else one
                if len(one):
                    self.pieces[name].setdefault(key, []).append(one)

    def totals(self) -> CallTotals:
        """What was found in all row groups."""
        leaves: dict[str, dict[Leaf, Floats]] = {}
        for name, found in self.pieces.items():
            leaves[name] = {}
            for key in list(found):
                parts = found.pop(key)  # the pieces go as their leaf comes: both at once would take the memory twice
                leaves[name][key] = np.concatenate(parts)
                leaves[name][key].sort()
        names = [f"{one}{number}" for number, m in enumerate(self.measures) for one in sum_names(m)]
        outputs, per_day = self.outputs.totals()
        return CallTotals(
            sums=_frame(self.sums, [*names, *COUNTS, "spent"]),
            outputs=outputs,
            leaves=leaves,
            outputs_by_day=per_day.set_axis(pd.to_datetime(per_day.index, unit="D")),
            first=self.first,
            last=self.last,
            undated=self.undated,
        )


class _Leaves:
    """The rows by leaf.

    Attributes
    ----------
    order
        An order that puts the rows of each leaf together, shape (N,).
    keys, begin, end, rows
        Of each leaf that has rows: its name, its place in that order and how many rows it has.

    Parameters
    ----------
    days
        Days since 1970, shape (N,).
    team, model
        Codes, shape (N,), and their names.
    """

    def __init__(self, days: Ints, team: Names, model: Names) -> None:
        first = int(days.min())
        code = ((days - first) * len(team[1]) + team[0]) * len(model[1]) + model[0]
        numbers = np.arange(int(code.max()) + 1)
        if len(numbers) > _MANY:  # far more combinations than rows: number those that occur
            numbers, code = np.unique(code, return_inverse=True)
        rows = np.bincount(code, minlength=len(numbers))
        there = np.flatnonzero(rows)
        # a stable sort of 16 bits counts instead of comparing
        self.order = np.argsort(code.astype(np.uint16) if len(numbers) <= _MANY else code, kind="stable")
        self.rows = rows[there]
        self.end = np.cumsum(self.rows)
        self.begin = self.end - self.rows
        rest, model_code = np.divmod(numbers[there], len(model[1]))
        day, team_code = np.divmod(rest, len(team[1]))
        places = zip(day.tolist(), team_code.tolist(), model_code.tolist(), strict=True)
        self.keys: list[Leaf] = [(first + d, team[1][t], model[1][m]) for d, t, m in places]

    def total(self, weights: Floats) -> Floats:
        """Sum by leaf of rows in `order`."""
        return np.add.reduceat(weights, self.begin)


def _frame(sums: Mapping[Leaf, Floats], names: Sequence[str]) -> pd.DataFrame:
    keys = pd.DataFrame(list(sums), columns=["day", "team", "model"])
    values = pd.DataFrame(np.array(list(sums.values())).reshape(len(sums), len(names)), columns=list(names))
    return keys.assign(day=pd.to_datetime(keys["day"], unit="D")).join(values)
