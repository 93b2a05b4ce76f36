"""Paths to a conversion (or to none), in the one form every method reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from measurement.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
#: People (or rows, where a table names no people) are hashed into this many groups; the bootstrap resamples groups.
BUCKETS = 256
#: Paths worked on at a time: bounds the memory of every pass.
CHUNK = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PathTable:
    """Paths with how often they ended in a conversion and how often in none.

    Attributes
    ----------
    channels
        Names, C of them.
    offsets
        Where each path begins in ``touches``, shape (P + 1,).
    touches
        Channel numbers of all paths behind each other, shape (T,); every path has at least one touch.
    conversions, nulls
        How often each path ended in a conversion, and without one, shape (P,).
    value
        Sum of conversion values, in the currency of the table, shape (P,).
    bucket
        Group of people in 0 … `BUCKETS` − 1, shape (P,).
    ages
        Days from touch to the end of its journey, shape (T,); ``None`` where the table has no times.
    people
        Number of the person, shape (P,); ``None`` where the table names no people.
    cost
        Cost of the touches by channel, shape (C,); zeros where unknown.
    untouched_conversions, untouched_value
        Conversions without any touch before them: no channel earns credit for these.
    """

    channels: tuple[str, ...]
    offsets: IntArray
    touches: NDArray[np.int16]
    conversions: FloatArray
    nulls: FloatArray
    value: FloatArray
    bucket: NDArray[np.int16]
    ages: NDArray[np.float32] | None = None
    people: IntArray | None = None
    cost: FloatArray = field(default_factory=lambda: np.zeros(0))
    untouched_conversions: float = 0.0
    untouched_value: float = 0.0

    def __post_init__(self) -> None:
        if len(self.offsets) < 2:
            raise InputError.of("there is no path with a touch", "Check the time range and the channels of the table")
        if (np.diff(self.offsets) < 1).any():
            raise InputError.of("a path has no touch", "Count conversions without touches apart", column="path")
        counted = all(np.isfinite(each).all() and (each >= 0).all() for each in (self.conversions, self.nulls))
        if not (counted and np.isfinite(self.value).all()):
            raise InputError.of(
                "conversions and nulls must be 0 or more, values finite", "Correct the table", column="conversions"
            )

    @property
    def count(self) -> int:
        """Number of paths P."""
        return len(self.offsets) - 1

    @property
    def journeys(self) -> FloatArray:
        """Conversions plus nulls of each path, shape (P,)."""
        return self.conversions + self.nulls

    def chunks(self) -> Iterator[PathTable]:
        """The paths in parts of `CHUNK`, without copies of the arrays."""
        for first in range(0, self.count, CHUNK):
            yield self.part(slice(first, min(first + CHUNK, self.count)))

    def part(self, rows: slice) -> PathTable:
        """Consecutive paths."""
        offsets = self.offsets[rows.start : rows.stop + 1]
        steps = slice(int(offsets[0]), int(offsets[-1]))
        return PathTable(
            channels=self.channels,
            offsets=offsets - offsets[0],
            touches=self.touches[steps],
            conversions=self.conversions[rows],
            nulls=self.nulls[rows],
            value=self.value[rows],
            bucket=self.bucket[rows],
            ages=None if self.ages is None else self.ages[steps],
            people=None if self.people is None else self.people[rows],
            cost=self.cost,
        )

    def where(self, keep: NDArray[np.bool_]) -> PathTable:
        """The paths of a segment; ``keep`` has shape (P,). Cost and untouched conversions stay with the whole.

        Examples
        --------
        >>> table = paths_from_strings(["a > b", "b"], conversions=[1, 1], nulls=[0, 2])
        >>> table.where(table.nulls > 0).count
        1
        """
        length = np.diff(self.offsets)
        steps = np.repeat(keep, length)
        return PathTable(
            channels=self.channels,
            offsets=np.concatenate([[0], length[keep].cumsum()]).astype(np.int64),
            touches=self.touches[steps],
            conversions=self.conversions[keep],
            nulls=self.nulls[keep],
            value=self.value[keep],
            bucket=self.bucket[keep],
            ages=None if self.ages is None else self.ages[steps],
            people=None if self.people is None else self.people[keep],
            cost=np.zeros(len(self.channels)),
        )

    def owner(self) -> IntArray:
        """Number of the path each touch belongs to, shape (T,)."""
        return np.repeat(np.arange(self.count), np.diff(self.offsets))


def paths_from_strings(
    paths: object,
    *,
    conversions: object,
    nulls: object = None,
    value: object = None,
    separator: str = " > ",
) -> PathTable:
    """A table of path strings; a row is a group of people of its own for the bootstrap, spread over the buckets.

    Parameters
    ----------
    paths
        ``"search > email > direct"``, any array Arrow understands, shape (P,).
    conversions, nulls, value
        As in `PathTable`; left out, nulls and value are 0.
    separator
        What stands between two touches.

    Raises
    ------
    InputError
        Where a path is empty or a count is negative.

    Examples
    --------
    >>> table = paths_from_strings(["a > b", "b"], conversions=[1, 0], nulls=[0, 2], value=[5.0, 0.0])
    >>> table.channels, table.touches.tolist(), table.offsets.tolist()
    (('a', 'b'), [0, 1, 1], [0, 2, 3])
    """
    import pyarrow as pa

    text = pa.array(paths, type=pa.string())
    rows = len(text)
    columns = [np.zeros(rows) if each is None else np.asarray(each, float) for each in (conversions, nulls, value)]
    reading = _Reading(separator)
    reading.add(text, *columns, first=0)
    return reading.table()


def read_path_table(file: str | Path, *, separator: str = " > ") -> PathTable:
    """Read a Parquet table ``path``, ``conversions``, ``nulls`` (optional), ``value`` (optional), batch by batch.

    Memory stays at a few bytes a touch: strings live for one batch only. Rows may be single journeys or counts.

    Raises
    ------
    InputError
        Where a column is missing or a cell cannot be used.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    schema = pq.read_schema(file)
    names = set(schema.names)
    missing = {"path", "conversions"} - names
    if missing:
        raise InputError.of(
            f"the path table has no column {min(missing)}",
            "Name the columns path, conversions, nulls, value",
            file=str(file),
            value=", ".join(sorted(names)),
        )
    kind = schema.field("path").type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind)):
        raise InputError.of(
            "paths must be text", 'Write them like "search > email"', file=str(file), column="path", value=kind
        )
    with pq.ParquetFile(file, read_dictionary=["path"]) as source:
        wanted = [name for name in ("path", "conversions", "nulls", "value") if name in names]
        reading, first = _Reading(separator), 0
        for batch in source.iter_batches(CHUNK // 4, columns=wanted):
            counts = [
                _numbers(pc.cast(batch[name], pa.float64()), np.nan) if name in wanted else np.zeros(batch.num_rows)
                for name in ("conversions", "nulls", "value")
            ]
            reading.add(batch["path"], *counts, first=first)
            first += batch.num_rows
    return reading.table()


def _numbers(array: pa.Array, missing: float = 0) -> NDArray[Any]:
    """Values of a numeric Arrow array, from its buffer: `to_numpy` would load pandas first."""
    import pyarrow.compute as pc

    array = pc.fill_null(array, missing) if array.null_count else array
    kind = np.dtype(array.type.to_pandas_dtype())
    return np.frombuffer(array.buffers()[1], dtype=kind)[array.offset : array.offset + len(array)]


class _Reading:
    """Path strings on their way into a `PathTable`."""

    def __init__(self, separator: str) -> None:
        self.separator = separator
        self.numbers: dict[str, int] = {}
        self.parts: list[tuple[NDArray[np.generic], ...]] = []

    def add(self, text: pa.Array, conversions: FloatArray, nulls: FloatArray, value: FloatArray, *, first: int) -> None:
        """One batch; ``first`` is the number of its first row."""
        import pyarrow as pa
        import pyarrow.compute as pc

        # Journeys repeat: each distinct path is split once.
        whole = text if isinstance(text, pa.DictionaryArray) else text.dictionary_encode()
        if whole.null_count or (_numbers(pc.binary_length(whole.dictionary)) == 0).any():
            raise InputError.of("a path is empty", "Remove conversions without a touch", column="path")
        split = pc.split_pattern(whole.dictionary, self.separator)
        flat = split.flatten().dictionary_encode()
        local = [self.numbers.setdefault(name, len(self.numbers)) for name in flat.dictionary.to_pylist()]
        found = np.array(local, dtype=np.int16)[_numbers(flat.indices)]
        # From its buffer: pa.array() would load pandas to see whether this is a series.
        numbers = pa.Array.from_buffers(pa.int16(), len(found), [None, pa.py_buffer(found)])
        paths = pa.ListArray.from_arrays(split.offsets, numbers).take(whole.indices)
        touches = _numbers(paths.flatten())
        length = _numbers(pc.list_value_length(paths))
        bucket = ((np.arange(first, first + len(length)) * 2_654_435_761) % 2**32 // 2**24).astype(np.int16)
        self.parts.append((touches, length, conversions, nulls, value, bucket))

    def table(self) -> PathTable:
        """Everything read so far, channels in alphabetical order."""
        if not self.parts:
            raise InputError.of("the path table has no rows", "Export at least one path", column="path")
        columns = [list(column) for column in zip(*self.parts, strict=True)]
        self.parts.clear()
        joined = []
        for column in columns:  # one at a time: the parts of a column go before the next is joined
            joined.append(np.concatenate(column))
            column.clear()
        touches, length, conversions, nulls, value, bucket = joined
        names = sorted(self.numbers)
        rank = np.empty(len(names), dtype=np.int16)
        for place, name in enumerate(names):
            rank[self.numbers[name]] = place
        return PathTable(
            channels=tuple(names),
            offsets=np.concatenate([[0], np.cumsum(length)]).astype(np.int64),
            touches=rank[touches],
            conversions=conversions.astype(np.float64, copy=False),
            nulls=nulls.astype(np.float64, copy=False),
            value=value.astype(np.float64, copy=False),
            bucket=bucket.astype(np.int16, copy=False),
            cost=np.zeros(len(names)),
        )


def spread_counts(table: PathTable, *, seed: int) -> PathTable:
    """Rows that stand for many people, split at random over the buckets, so that the bootstrap resamples people.

    Conversions and nulls of a row are dealt to the `BUCKETS` groups uniformly, the value in proportion to conversions
    (the spread of values within a row is unknown and therefore not part of the interval).

    Examples
    --------
    >>> table = paths_from_strings(["a"], conversions=[1000], nulls=[9000], value=[500.0])
    >>> wide = spread_counts(table, seed=1)
    >>> wide.count, float(wide.conversions.sum()), round(float(wide.value.sum()), 9)
    (256, 1000.0, 500.0)
    """
    rng = np.random.default_rng([seed, 90])
    many = np.flatnonzero(table.journeys > 1)
    if not len(many):
        return table
    rows, buckets, conversions, nulls = [], [], [], []
    single = np.flatnonzero(table.journeys <= 1)
    even = np.full(BUCKETS, 1.0 / BUCKETS)
    for row in many:
        bought = rng.multinomial(round(table.conversions[row]), even)
        missed = rng.multinomial(round(table.nulls[row]), even)
        used = np.flatnonzero(bought + missed)
        rows.append(np.full(len(used), row))
        buckets.append(used)
        conversions.append(bought[used])
        nulls.append(missed[used])
    origin = np.concatenate([single, *rows])
    length = np.diff(table.offsets)[origin]
    begin = np.repeat(table.offsets[origin] - np.concatenate([[0], length.cumsum()[:-1]]), length)
    converted = np.concatenate([table.conversions[single], *conversions]).astype(np.float64)
    each = np.divide(table.value, table.conversions, out=np.zeros(table.count), where=table.conversions > 0)
    steps = begin + np.arange(length.sum())
    return PathTable(
        channels=table.channels,
        offsets=np.concatenate([[0], length.cumsum()]).astype(np.int64),
        touches=table.touches[steps],
        conversions=converted,
        nulls=np.concatenate([table.nulls[single], *nulls]).astype(np.float64),
        value=each[origin] * converted,
        bucket=np.concatenate([table.bucket[single], *buckets]).astype(np.int16),
        ages=None if table.ages is None else table.ages[steps],
        cost=table.cost,
        untouched_conversions=table.untouched_conversions,
        untouched_value=table.untouched_value,
    )
