"""Large Parquet files of events that are sound as they stand: they need not be read row by row to be checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from measurement.readers.dates import YEARS
from measurement.readers.event_schemas import EventColumn

#: Files with fewer rows are read as a table like any other.
SMALL = 200_000
_BATCH = 131_072
#: Names of these may be empty: no error, no arm.
_MAY_BE_EMPTY = frozenset(("error_type", "arm", "pipeline", "prompt_version", "variant_id"))


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds text, in whichever of Arrow's layouts."""
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def is_number(kind: pa.DataType) -> bool:
    """Whether a column holds numbers."""
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def is_sound(path: Path, schema: Sequence[EventColumn], currency: str, ids: Sequence[str]) -> bool:
    """Whether a Parquet file fits the schema in type and value, so that `read_events` would find nothing in it.

    Numbers and times are judged by the file's own statistics where it has them, names by the different ones there are.

    Parameters
    ----------
    path
        The file.
    schema
        Of the table.
    currency
        The workspace's.
    ids
        Columns with far too many different texts to look at: they are taken as they stand.
    """
    if path.suffix.lower() not in {".parquet", ".pq"}:
        return False
    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows < SMALL:
                return False
            types = {field.name: field.type for field in file.schema_arrow}
            there = [column for column in schema if column.name in types and column.name not in ids]
            missing = [column for column in schema if column.required and column.name not in types]
            if missing or len(types) != len(file.schema_arrow):
                return False
            if any(not _fits(column, types[column.name]) for column in there):
                return False
            numbers = [column for column in there if column.kind != "text"]
            texts = [column for column in there if column.kind == "text" and not pa.types.is_null(types[column.name])]
            return all(_within(file, column) for column in numbers) and _named(path, file.metadata, texts, currency)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False


def _fits(column: EventColumn, kind: pa.DataType) -> bool:
    if pa.types.is_null(kind):
        return not column.required
    if column.kind == "time":
        return bool(pa.types.is_timestamp(kind))
    return is_number(kind) if column.kind == "number" else is_text(kind)


def _within(file: pq.ParquetFile, column: EventColumn) -> bool:
    """Whether all numbers or times are possible; a required one must be there in every row."""
    place = file.schema_arrow.names.index(column.name)
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    told = [group.column(place).statistics for group in groups if group.num_rows]
    # a statistic says nothing of NaN, which is a missing number
    if column.kind == "time" and all(one is not None and one.has_min_max and one.has_null_count for one in told):
        ends = [(one.min, one.max) for one in told]
        possible = all(YEARS[0] <= end.year <= YEARS[1] for pair in ends for end in pair)
        return possible and not (column.required and any(one.null_count for one in told))
    for batch in file.iter_batches(_BATCH, columns=[column.name], use_threads=False):
        values = batch.column(0)
        if column.required and (values.null_count or _has_nan(values)):
            return False
        ends = pc.min_max(values).as_py()
        if ends["min"] is not None and not _possible(column, ends["min"], ends["max"]):
            return False
    return True


def _has_nan(values: pa.Array) -> bool:
    return bool(pa.types.is_floating(values.type) and pc.any(pc.is_nan(values)).as_py())


def _possible(column: EventColumn, low: float, high: float) -> bool:
    if column.kind == "time":
        years = [pc.year(pa.scalar(end)).as_py() for end in (low, high)]
        return bool(YEARS[0] <= years[0] and years[1] <= YEARS[1])
    least = {"positive": low > 0, "not_negative": low >= 0}.get(column.limit, True)
    return bool(float("-inf") < low and high < float("inf") and least)


def _named(path: Path, metadata: pq.FileMetaData, columns: Sequence[EventColumn], currency: str) -> bool:
    """Whether names are there and without blanks around them, and amounts in the workspace's money."""
    if not columns:
        return True
    names = [column.name for column in columns]
    found: dict[str, set[str | None]] = {name: set() for name in names}
    with pq.ParquetFile(path, metadata=metadata, read_dictionary=names) as file:
        for batch in file.iter_batches(_BATCH, columns=names, use_threads=False):
            for name in names:
                values = batch.column(name)
                if not pa.types.is_dictionary(values.type):
                    values = values.cast(pa.large_string()).dictionary_encode()
                found[name] |= set(values.dictionary.to_pylist()) | ({None} if values.null_count else set())
    for column in columns:
        for text in found[column.name]:
            if text is None or text == "":
                if column.required or (text == "" and column.name not in _MAY_BE_EMPTY):
                    return False
            elif text != text.strip() or (column.limit == "currency" and text != currency):
                return False
    return True
