"""One call that two instrumentations wrote side by side, or one writer in two parts, becomes one row.

Provider SDKs write spans of their own by now, and an instrumentation around them writes another one with the same
parent: neither is above the other. Two rows are one call where they come from different scopes, one lies within the
other, and they count the same tokens (or fail alike). Logfire writes a streamed call as a span without tokens and,
when the stream has ended, an entry without a length that has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

from monitoring.intake.fields import AT

Row = list[Any]
_TRACE, _PARENT, _SCOPE = AT["trace_id"], AT["parent_span_id"], AT["scope"]
_START, _LENGTH, _ERROR, _MODEL = AT["start_us"], AT["duration_ms"], AT["error_type"], AT["model"]
_IN, _OUT, _TTFT = AT["input_tokens"], AT["output_tokens"], AT["ttft_ms"]
#: Clocks of two spans of one process, milliseconds.
_NEAR = 2.0
#: A streamed answer is read to its end within this, milliseconds.
_READ = 600_000.0


def without_doubles(rows: list[Row]) -> list[Row]:
    """The rows with every call once; the two halves of a call fill each other's gaps."""
    if len({row[_SCOPE] for row in rows}) < 2 and all(row[_LENGTH] for row in rows):
        return rows
    beside: dict[tuple[str, str | None], list[Row]] = {}
    for row in rows:
        if row[_TRACE]:
            beside.setdefault((row[_TRACE], row[_PARENT]), []).append(row)
    gone: set[int] = set()
    for together in beside.values():
        if len(together) > 1:
            gone.update(map(id, _doubles(sorted(together, key=lambda row: (row[_START], -row[_LENGTH])))))
    return [row for row in rows if id(row) not in gone] if gone else rows


def _doubles(rows: list[Row]) -> Iterable[Row]:
    """The rows, in the order of their start, that another one takes in."""
    gone: set[int] = set()
    for place, row in enumerate(rows):
        inner = next((one for one in _within(row, rows[place + 1 :]) if id(one) not in gone), None)
        if inner is not None:
            _fill(inner, row)
            gone.add(id(row))
            yield row
    for first, log in pairwise([row for row in rows if id(row) not in gone]):
        if _is_end(log, first):
            first[_LENGTH] = (log[_START] - first[_START]) / 1e3
            _fill(first, log)
            yield log


def _within(outer: Row, later: Iterable[Row]) -> Iterator[Row]:
    """The same call as others wrote it."""
    for row in later:
        if row[_START] > outer[_START] + (outer[_LENGTH] + _NEAR) * 1e3:
            return
        if _same_call(outer, row):
            yield row


def _same_call(outer: Row, inner: Row) -> bool:
    if outer[_SCOPE] == inner[_SCOPE] or bool(outer[_ERROR]) != bool(inner[_ERROR]):
        return False
    if inner[_START] / 1e3 + inner[_LENGTH] > outer[_START] / 1e3 + outer[_LENGTH] + _NEAR:
        return False
    counted = [(outer[place], inner[place]) for place in (_IN, _OUT)]
    if any(a is not None and a == b for a, b in counted):
        return True
    return all(a is None or b is None for a, b in counted) and outer[_MODEL] == inner[_MODEL]


def _is_end(log: Row, first: Row) -> bool:
    """Whether an entry without a length tells the tokens of the streamed call before it."""
    told = log[_IN] is not None and first[_IN] is None and first[_OUT] is None
    begun = first[_START] + first[_LENGTH] * 1e3 <= log[_START] <= first[_START] + _READ * 1e3
    return log[_LENGTH] == 0 and told and begun and first[_SCOPE] == log[_SCOPE] and not first[_ERROR]


def _fill(kept: Row, other: Row) -> None:
    for place, value in enumerate(other):
        if kept[place] is None and value is not None:
            kept[place] = value
    if other[_MODEL] and kept[_MODEL] and (other[_MODEL].startswith(kept[_MODEL]) or kept[_MODEL].endswith("-latest")):
        kept[_MODEL] = other[_MODEL]  # the model that answered is named more closely than the one asked for
    if kept[_TTFT] is not None and kept[_TTFT] > kept[_LENGTH]:
        kept[_TTFT] = None
