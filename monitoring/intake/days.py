"""Calls by day: each span once, in an order that does not depend on when it came."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from monitoring.encoding import Ints, hashes_of, in_one, mixed

Hashes = NDArray[np.uint64]


def by_day(calls: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """Day (UTC) and its calls, in the order in which they came."""
    day = calls.column("start_ts").to_numpy().astype("datetime64[D]")
    if (day[1:] < day[:-1]).any():
        order = np.argsort(day, kind="stable")
        calls, day = calls.take(pa.array(order)), day[order]
    names, begin = np.unique(day, return_index=True)
    for name, start, end in zip(names, begin, [*begin[1:], len(day)], strict=True):
        yield str(name), calls.slice(start, end - start)


def merged_calls(calls: pa.Table) -> pa.Table:
    """Calls of one day: of a span that came twice the last word counts, wrappers of other calls are left out.

    64 bits of hash stand for trace and span: of a million spans a day, two are taken for one once in 37 million days.

    Examples
    --------
    >>> calls = pa.table({"start_ts": [5, 3, 5], "trace_id": ["t", "t", "t"], "span_id": ["a", "b", "a"],
    ...                   "parent_span_id": ["b", None, "b"], "cost": [1.0, 1.0, 2.0]})
    >>> merged_calls(calls).to_pylist()  # b holds a; a came twice
    [{'start_ts': 5, 'trace_id': 't', 'span_id': 'a', 'parent_span_id': 'b', 'cost': 2.0}]
    """
    trace = mixed(_hashes(calls, "trace_id"))  # mixed once more: a span may have the id of its trace
    span = mixed(trace ^ _hashes(calls, "span_id"))
    kept = _last_of_each(span)
    has_parent = calls.column("parent_span_id").is_valid().to_numpy()[kept]
    if has_parent.any():
        parents = mixed(trace ^ _hashes(calls, "parent_span_id"))[kept[has_parent]]
        kept = kept[~np.isin(span[kept], parents)]
    kept = kept[_in_order(calls, kept)]
    unchanged = len(kept) == len(calls) and bool((np.diff(kept) == 1).all())
    return calls if unchanged else calls.take(pa.array(kept))


def _hashes(calls: pa.Table, name: str) -> Hashes:
    return hashes_of(in_one(calls.column(name).fill_null("")))


def _last_of_each(keys: Hashes) -> Ints:
    """The row of the last of each key, ascending."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    last = np.append(ordered[1:] != ordered[:-1], True) if len(keys) else np.empty(0, dtype=bool)
    return np.arange(len(keys)) if last.all() else np.sort(order[last])


def _in_order(calls: pa.Table, kept: Ints) -> Ints:
    """An order of the rows ``kept`` by start, trace and span."""
    start = calls.column("start_ts").cast(pa.int64()).to_numpy()[kept]
    step = np.diff(start)
    if (step > 0).all():
        return np.arange(len(kept))
    order = np.argsort(start, kind="stable")
    if (np.diff(start[order]) > 0).all():
        return order
    names = calls.select(["start_ts", "trace_id", "span_id"]).take(pa.array(kept))
    found: Ints = pc.sort_indices(names, [(name, "ascending") for name in names.column_names]).to_numpy()
    return found.astype(np.int64)
