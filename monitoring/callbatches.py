"""Calls in Parquet, whatever wrote them, as batches of codes and numbers.

Row groups are read piece by piece: memory does not hang on how large a writer made them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from measurement.readers.event_parquet import is_number, is_text
from monitoring.encoding import Floats, Ints, Names, codes_of, floats_of

#: Rows worked on at a time: their columns stay in the processor's cache.
BATCH = 131_072
#: Compressed bytes read at a time of each column.
_BUFFER = 1 << 16
NEEDED = ("start_ts", "team", "model")
#: Columns whose values are kept, sorted, by leaf.
SORTED = ("duration_ms", "ttft_ms")
NUMBERS = (*SORTED, "input_tokens", "output_tokens", "cache_read_tokens", "context_window", "cost")
_TEXTS = ("error_type", "currency", "output_id")
_FEW = ("team", "model", "error_type", "currency")
_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
_MICROS = {"s": (1_000_000, 1), "ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Calls that have a start, arrays of one length.

    Attributes
    ----------
    day
        Days since 1970; one number where all calls began on one day.
    first, last
        Of all starts, microseconds since 1970.
    team, model
        Codes and their names.
    columns
        `NUMBERS`, NaN where there is none, and ``error``, ``reported``: the cost in whatever money.
    foreign
        Whose cost is in other money than the workspace's; ``None`` where none is.
    outputs
        Ids; ``None`` where the file has none.
    """

    rows: int
    day: Ints | int
    first: int
    last: int
    team: Names
    model: Names
    columns: dict[str, Floats]
    foreign: NDArray[np.bool_] | None
    outputs: pa.Array | None


def footers_of(paths: Sequence[Path]) -> list[pq.FileMetaData] | None:
    """What the files say of themselves; ``None`` where one has columns that only SQL can convert (times as text)."""
    found = []
    for path in paths:
        footer = pq.read_metadata(path)
        if not _is_plain(footer.schema.to_arrow_schema()):
            return None
        found.append(footer)
    return found


def batches(
    files: Iterable[tuple[Path, pq.FileMetaData]], currency: str, undated: Callable[[int], None]
) -> Iterator[Batch]:
    """All calls of the files, in their order.

    Parameters
    ----------
    files
        With their `footers_of`.
    currency
        The workspace's; a cost in another one is none.
    undated
        Told how many calls have no start: they are left out.
    """
    for path, footer in files:
        schema = footer.schema.to_arrow_schema()
        columns = [name for name in (*NEEDED, *NUMBERS, *_TEXTS) if name in schema.names]
        # ids of outputs are hashed as they stand: far too many different ones for a dictionary
        few = [name for name in _FEW if name in schema.names and is_text(schema.field(name).type)]
        with pq.ParquetFile(path, metadata=footer, read_dictionary=few, buffer_size=_BUFFER, pre_buffer=False) as file:
            for group in range(file.num_row_groups):
                for some in file.iter_batches(BATCH, row_groups=[group], columns=columns, use_threads=False):
                    missing = some.column("start_ts").null_count
                    if missing:
                        undated(missing)
                    dated = some.filter(some.column("start_ts").is_valid()) if missing else some
                    if len(dated):
                        yield _batch(dated, currency)


def _batch(some: pa.RecordBatch, currency: str) -> Batch:
    start = some.column("start_ts")
    unit = start.type.unit
    ticks = start.view(pa.int64()).to_numpy()
    low, high = int(ticks.min()), int(ticks.max())
    one_day = _DAY[unit]
    times, over = _MICROS[unit]
    columns = {name: floats_of(some, name) for name in NUMBERS}
    columns["error"] = _errors(some)
    columns["reported"] = columns["cost"]
    foreign = _foreign(some, currency)
    if foreign is not None:
        columns["cost"] = np.where(foreign, np.nan, columns["cost"])
    return Batch(
        rows=len(some),
        day=low // one_day if low // one_day == high // one_day else ticks // one_day,
        first=low * times // over,
        last=high * times // over,
        team=codes_of(some.column("team")),
        model=codes_of(some.column("model")),
        columns=columns,
        foreign=foreign,
        outputs=some.column("output_id") if "output_id" in some.schema.names else None,
    )


def _errors(some: pa.RecordBatch) -> Floats:
    if "error_type" in some.schema.names:
        column = some.column("error_type")
        if column.null_count < len(column):
            code, names = codes_of(column, missing="")
            if names != [""]:
                return np.array([float(name != "") for name in names]).take(code, mode="clip")
    return np.zeros(len(some))


def _foreign(some: pa.RecordBatch, currency: str) -> NDArray[np.bool_] | None:
    if "currency" not in some.schema.names or some.column("currency").null_count == len(some):
        return None
    code, names = codes_of(some.column("currency"), missing=currency)
    if names == [currency]:
        return None
    found = np.array([name != currency for name in names], dtype=bool).take(code, mode="clip")
    return found if found.any() else None


def _is_plain(schema: pa.Schema) -> bool:
    """Whether ``start_ts`` is a time, names are text and numbers are numbers, as far as the columns are there."""
    there = [name for name in (*NEEDED, *NUMBERS, *_TEXTS) if name in schema.names]
    return all(name in schema.names for name in NEEDED) and all(_fits(name, schema.field(name).type) for name in there)


def _fits(name: str, kind: pa.DataType) -> bool:
    if name == "start_ts":
        return bool(pa.types.is_timestamp(kind))
    if pa.types.is_null(kind):  # a column without a value
        return True
    if name in NUMBERS:
        return is_number(kind)
    return is_text(kind) or bool(name == "output_id" and pa.types.is_integer(kind))
