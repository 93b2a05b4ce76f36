"""Calls in Parquet, read once: sums, sorted values and outputs by day, team and model, past SQL.

The numbers are those of the SQL of `monitoring.rollup`; a third of the processor time. Batches are worked on one by
one, so that memory holds one of them, the values whose quantiles are exact, and a line for each output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.memory import keep_freed_memory
from monitoring.arithmetic import evaluate
from monitoring.callbatches import NUMBERS, SORTED, Batch, batches, footers_of
from monitoring.catalogue import Measure
from monitoring.encoding import Floats, Ints
from monitoring.leafcodes import LeafCodes, Numbers
from monitoring.leafvalues import LeafValues
from monitoring.leaves import Leaf
from monitoring.outputs import OutputParts

#: Counted beside the measures, for the checks on the data.
COUNTS = ("calls", "no_cost", "foreign", "backwards")
#: Columns that sums are made of, beside those that are kept.
_SUMMED = (*(name for name in NUMBERS if name not in SORTED), "error")


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
    return ("n", "y", "yy") if measure.kind in {"mean", "total"} else ("n", "y")


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
    footers = footers_of(paths)
    if footers is None:
        return None
    work = _Pass(measures, sum(footer.num_rows for footer in footers))
    for batch in batches(zip(paths, footers, strict=True), currency, work.left_out):
        work.take(batch)
    return work.totals()


class _Pass:
    def __init__(self, measures: Sequence[Measure], rows: int) -> None:
        self._measures = measures
        self._names = [f"{one}{number}" for number, m in enumerate(measures) for one in sum_names(m)]
        self._numbers = Numbers()
        self._sums = np.zeros((len(self._names) + len(COUNTS) + 1, 1_024))
        self._values = LeafValues(SORTED, rows)
        self._outputs = OutputParts(rows, self._numbers)
        self._ends: list[int] = []
        self._undated = 0

    def left_out(self, rows: int) -> None:
        """Calls without a start."""
        self._undated += rows

    def take(self, batch: Batch) -> None:
        """One batch."""
        self._ends = [min([batch.first, *self._ends]), max([batch.last, *self._ends])]
        codes = LeafCodes(batch)
        leaves, place, rows = codes.numbered(codes.of(batch.day, batch.team[0], batch.model[0]))
        # a stable sort of 16 bits counts instead of comparing
        order = np.argsort(place, kind="stable")
        number = self._numbers.of(leaves)
        self._outputs.add(batch, number.astype(np.int32).take(place, mode="clip"))
        columns = {name: _ordered(batch.columns[name], order) for name in _SUMMED}
        columns["reported"] = columns["cost"]
        strange = None
        if batch.foreign is not None:
            columns["reported"] = batch.columns["reported"].take(order)
            strange = batch.foreign.take(order)
        columns |= self._values.add(number, rows, order, batch.columns)
        while len(self._numbers) > self._sums.shape[1]:
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)], axis=1)
        self._sums[:, number] += self._summed(_Cuts(rows), columns, strange)

    def _summed(self, leaf: _Cuts, columns: Mapping[str, Floats], foreign: NDArray[np.bool_] | None) -> Floats:
        """Sums of the batch, shape (sums, leaves)."""
        everyone = leaf.rows.astype(float)
        sums: list[Floats] = []
        known: dict[str, Floats] = {}
        for measure in self._measures:
            texts = (measure.value, measure.per) if measure.kind == "ratio" else (measure.value,)
            for text in texts:
                if text not in known:
                    known[text] = np.asarray(evaluate(text, columns))
            y, x = known[measure.value], known[texts[-1]]
            # the sum tells without looking at each; an infinite one is looked at below
            whole = all(np.isfinite(known[text].sum()) for text in texts)
            kept = None if whole else np.logical_and.reduce([~np.isnan(known[text]) for text in texts])
            if measure.where != "TRUE":
                asked = evaluate(measure.where, columns)
                kept = asked if kept is None else kept & asked
            if kept is None or kept.all():
                count = everyone
            else:
                count, y, x = leaf.total(kept.astype(float)), np.where(kept, y, 0.0), np.where(kept, x, 0.0)
            products = {"y": (y, None), "x": (x, None), "yy": (y, y), "xx": (x, x), "xy": (x, y)}
            for name in sum_names(measure):
                one, other = products.get(name, (y, None))
                sums.append(count if name == "n" else leaf.total(one if other is None else one * other))
        cost = columns["cost"]
        if np.isnan(cost.sum()):
            cost = np.where(np.isnan(cost), 0.0, cost)
        no_cost = np.isnan(columns["reported"])
        if no_cost.any():
            no_cost &= columns["error"] == 0
        backwards = (columns["duration_ms"] < 0) | (columns["ttft_ms"] > columns["duration_ms"])
        sums.append(everyone)
        sums += [
            0.0 * everyone if fact is None or not fact.any() else leaf.total(fact.astype(float))
            for fact in (no_cost, foreign, backwards)
        ]
        sums.append(leaf.total(cost))
        return np.stack(sums)

    def totals(self) -> CallTotals:
        """What was found in all batches."""
        # outputs first: what they need is gone before the values by leaf take their room
        outputs, per_day = self._outputs.totals()
        keys = self._numbers.leaves()
        table = pd.DataFrame(keys, columns=["day", "team", "model"])
        sums = pd.DataFrame(self._sums[:, : len(keys)].T, columns=[*self._names, *COUNTS, "spent"])
        first, last = self._ends or (None, None)
        return CallTotals(
            sums=table.assign(day=pd.to_datetime(table["day"], unit="D")).join(sums),
            outputs=outputs,
            leaves=self._values.by_leaf(keys),
            outputs_by_day=per_day.set_axis(pd.to_datetime(per_day.index, unit="D")),
            first=first,
            last=last,
            undated=self._undated,
        )


def _ordered(values: Floats, order: Ints) -> Floats:
    """The values in another order; those that are all alike as they are."""
    first = values[0]
    alike = first == values[-1] and bool((values == first).all())
    return values if alike else values.take(order, mode="clip")


class _Cuts:
    """Rows in order of their leaf.

    Parameters
    ----------
    rows
        How many each leaf has, none of them 0.
    """

    def __init__(self, rows: Ints) -> None:
        self.rows = rows
        self._begin = np.cumsum(rows) - rows

    def total(self, weights: Floats) -> Floats:
        """Sum by leaf."""
        return np.add.reduceat(weights, self._begin)
