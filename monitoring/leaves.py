"""Exact order statistics of groups and their totals: each finest group is sorted once, totals look into its bands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

if TYPE_CHECKING:
    import duckdb

Floats = NDArray[np.float64]
#: Day (days since 1970), team, model.
Leaf = tuple[int, str, str]
UNKNOWN = "(unknown)"
#: Around a rank, the share of each leaf that is looked into first.
_BAND = 0.01
_KEYS = ("start_ts", "team", "model")


def leaves_of_query(connection: duckdb.DuckDBPyConnection, source: str, value: str) -> dict[Leaf, Floats]:
    """Values of every day, team and model of a view, sorted."""
    sql = f"""SELECT CAST(day AS DATE) AS day, team, model, list_sort(list(({value})::DOUBLE)) AS v FROM {source}
              WHERE ({value}) IS NOT NULL GROUP BY ALL"""  # noqa: S608 - from the catalogue alone
    found: dict[Leaf, Floats] = {}
    for batch in connection.sql(sql).to_arrow_reader(512):
        days = batch.column("day").cast(pa.int32()).to_numpy()
        names = zip(days.tolist(), batch.column("team").to_pylist(), batch.column("model").to_pylist(), strict=True)
        lists = batch.column("v")
        values, ends = lists.values.to_numpy(zero_copy_only=False), lists.offsets.to_numpy()
        for place, key in enumerate(names):
            found[key] = np.array(values[ends[place] : ends[place + 1]])
    return found


def leaves_of_parquet(paths: Sequence[Path], columns: Sequence[str]) -> dict[str, dict[Leaf, Floats]] | None:
    """The same for several columns of Parquet files of calls in one pass, three times as fast as through SQL.

    ``None`` where a file is not in plain columns (times as text, say): SQL converts those.
    """
    pieces: dict[str, dict[Leaf, list[Floats]]] = {name: {} for name in columns}
    for path in paths:
        schema = pq.read_schema(path)
        if not _plain(schema, columns):
            return None
        with pq.ParquetFile(path, read_dictionary=["team", "model"]) as file:
            for number in range(file.num_row_groups):
                table = file.read_row_group(number, columns=[*_KEYS, *columns], use_threads=False)
                for leaf, name, values in _split(table, columns):
                    pieces[name].setdefault(leaf, []).append(values)
    return {
        name: {leaf: np.sort(np.concatenate(parts) if len(parts) > 1 else parts[0]) for leaf, parts in found.items()}
        for name, found in pieces.items()
    }


def _plain(schema: pa.Schema, columns: Sequence[str]) -> bool:
    def kind(name: str) -> pa.DataType:
        return schema.field(name).type

    if any(name not in schema.names for name in (*_KEYS, *columns)) or not pa.types.is_timestamp(kind("start_ts")):
        return False
    text = all(pa.types.is_string(kind(name)) or pa.types.is_large_string(kind(name)) for name in _KEYS[1:])
    return text and all(pa.types.is_floating(kind(name)) or pa.types.is_integer(kind(name)) for name in columns)


def _split(table: pa.Table, columns: Sequence[str]) -> Iterator[tuple[Leaf, str, Floats]]:
    """The values of a row group by leaf."""
    start = table.column("start_ts").cast(pa.timestamp("us", tz=table.schema.field("start_ts").type.tz), safe=False)
    micros = start.cast(pa.int64()).combine_chunks()
    known = micros.is_valid().to_numpy(zero_copy_only=False) if micros.null_count else None
    days = np.asarray(micros.fill_null(0).to_numpy() // 86_400_000_000)
    team, teams = _codes(table.column("team"))
    model, models = _codes(table.column("model"))
    first = int(days.min()) if len(days) else 0
    code = ((days - first) * len(teams) + team) * len(models) + model
    if len(code) and code.max() < 65_536:
        code = code.astype(np.uint16)  # a stable sort of 16 bits counts instead of comparing
    order = np.argsort(code, kind="stable")
    if known is not None:
        order = order[known[order]]
    ordered = code[order].astype(np.int64)
    begin = np.flatnonzero(np.diff(ordered, prepend=-1))
    for name in columns:
        values = table.column(name).cast(pa.float64()).combine_chunks().to_numpy(zero_copy_only=False)[order]
        holes = bool(np.isnan(values).any())
        for place, end in zip(begin, [*begin[1:], len(ordered)], strict=True):
            one = values[place:end]
            one = one[~np.isnan(one)] if holes else one
            if len(one):
                rest, model_code = divmod(int(ordered[place]), len(models))
                day, team_code = divmod(rest, len(teams))
                yield (first + day, teams[team_code], models[model_code]), name, one


def _codes(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str]]:
    """Codes and their names; a missing name is `UNKNOWN`."""
    encoded = pc.fill_null(column.cast(pa.string()), UNKNOWN) if column.null_count else column
    encoded = encoded.unify_dictionaries() if pa.types.is_dictionary(encoded.type) else encoded.dictionary_encode()
    one = encoded.combine_chunks()
    one = one.chunk(0) if isinstance(one, pa.ChunkedArray) else one
    return one.indices.to_numpy(zero_copy_only=False).astype(np.int64), [
        str(name) for name in one.dictionary.to_pylist()
    ]


def order_statistics(leaves: Sequence[Floats], ranks: Floats) -> Floats:
    """Values at fractional 1-based ranks of the leaves taken together; NaN where a rank is NaN.

    Every leaf is sorted. What lies in a band around the ranks is sorted once more, the rest is only counted: below the
    lowest of the leaves' lower band ends lie fewer than the rank, above the highest of the upper ones enough.

    Examples
    --------
    >>> order_statistics([np.array([1.0, 4.0]), np.array([2.0, 8.0])], np.array([1.0, 2.5, 4.0])).tolist()
    [1.0, 3.0, 8.0]
    """
    known = ranks[np.isfinite(ranks)]
    result = np.full(len(ranks), np.nan)
    if not len(known):
        return result
    total = sum(len(leaf) for leaf in leaves)
    low, high = int(np.floor(known.min())), min(int(np.floor(known.max())) + 1, total)
    if len(leaves) == 1:
        below, middle = 0, leaves[0]
    else:
        below, middle = _band(leaves, low / total - _BAND, high / total + _BAND)
        if not below < low <= high <= below + len(middle):
            below, middle = 0, np.sort(np.concatenate(list(leaves)))
    lower = np.clip(np.floor(known).astype(np.int64), 1, total)
    upper = np.minimum(lower + 1, total)
    first, second = middle[lower - 1 - below], middle[upper - 1 - below]
    result[np.isfinite(ranks)] = first + (known - lower) * (second - first)
    return result


def _band(leaves: Sequence[Floats], begin: float, end: float) -> tuple[int, Floats]:
    """How many values lie below the band from share ``begin`` to ``end``, and the sorted values within it."""
    lowest = -np.inf if begin <= 0 else min(leaf[int(begin * (len(leaf) - 1))] for leaf in leaves)
    highest = np.inf if end >= 1 else max(leaf[-int(-end * (len(leaf) - 1) // 1)] for leaf in leaves)
    cuts = [(leaf.searchsorted(lowest, "left"), leaf.searchsorted(highest, "right")) for leaf in leaves]
    below = int(sum(cut for cut, _ in cuts))
    return below, np.sort(np.concatenate([leaf[a:b] for leaf, (a, b) in zip(leaves, cuts, strict=True)]))


def members(leaves: Mapping[Leaf, Floats], group: Sequence[int]) -> dict[tuple[object, ...], list[Floats]]:
    """Leaves by the places of their key that are kept: ``(0, 1)`` groups by day and team."""
    found: dict[tuple[object, ...], list[Floats]] = {}
    for key, values in leaves.items():
        found.setdefault(tuple(key[place] for place in group), []).append(values)
    return found
