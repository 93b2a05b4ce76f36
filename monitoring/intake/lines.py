"""Files of spans → what they hold, line by line, whatever tool wrote them."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec

from measurement.packing import message_lines, packed_as
from monitoring.intake import flat, langfuse, langsmith, otlp
from monitoring.intake.alike import Around
from monitoring.intake.fields import SLOTS, TOO_DEEP, Slot
from monitoring.intake.gathered import Gathered

#: Spans gathered before they are handed on: bounds the memory of a long file.
CHUNK = 50_000
#: Calls kept back for the next chunk: the spans above them mostly end, and are written, soon after.
_KEPT_BACK = 5_000
#: A file that is one JSON value is read as a whole up to this size.
_DOCUMENT_BYTES = 1 << 30
#: Lines of a hundred spans are longer than the usual block.
_BLOCK = 1 << 20
_LOOK = 4096
_JSON_LINE = re.compile(rb'(?:^|\n)\s*[\[{]\s*["{\[]')
_BINARY = (
    "this is binary (protobuf?), not JSON: set 'format: json' in the collector's file exporter, or convert the file"
)
_OTHER_SIGNALS = {"resourceLogs": "logs", "resourceMetrics": "metrics", "resourceProfiles": "profiles"}
_DECODE = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a file was left off.

    Attributes
    ----------
    offset
        Bytes read before.
    lines
        Lines read before.
    """

    offset: int = 0
    lines: int = 0


START = Place()


def gather(path: Path, name: str, slots: Mapping[str, Slot] = SLOTS, place: Place = START) -> Iterator[Gathered]:
    """What a file holds, in chunks of about `CHUNK` spans.

    Parameters
    ----------
    path, name
        The file (JSON lines or one JSON document, also ``.gz`` or ``.zst``), and how the user wrote it.
    slots
        `monitoring.intake.fields.slots_of`.
    place
        Where to go on; a last line without an end is read again when the file has grown.

    Yields
    ------
    Gathered
        Never a line too few: what cannot be read is in ``aside``.
    """
    into = Gathered(file=name, slots=slots, lines=place.lines, read_to=place.offset)
    with _open(path) as stream:
        if place.offset:
            stream.seek(place.offset)
        try:
            for chunk in _chunks(stream, path, into):
                yield chunk
                into = chunk
        except (EOFError, OSError, zlib.error) as broken:  # a compressed file that was cut off or is none
            into.reject(into.lines + 1, f"the file cannot be read any further: {str(broken)[:60]}")
            yield into


def _chunks(stream: IO[bytes], path: Path, into: Gathered) -> Iterator[Gathered]:
    document, around = None, Around()
    begin = stream.peek(_LOOK)[:_LOOK]  # type: ignore[attr-defined]  # buffered, all of them
    if b"\0" in begin and not _JSON_LINE.search(begin):
        into.reject(1, _BINARY)
        yield into
        return
    for raw in stream:
        text = raw
        if into.lines == 0:
            text = raw.removeprefix(b"\xef\xbb\xbf")
            document = _document(text, path)
            if document is not None:
                break
        take_line(text, into.lines + 1, into, around)
        if text.endswith(b"\n"):
            into.lines += 1
            into.read_to += len(raw)
        if into.spans >= CHUNK:
            following = into.following(_KEPT_BACK)
            yield into
            into = following
    for number, entry in enumerate(document or (), start=1):
        try:
            take_object(entry, number, into)
        except RecursionError:
            into.reject(number, TOO_DEEP)
    yield into


def take_line(text: bytes, line: int, into: Gathered, around: Around | None = None) -> None:
    """One line of a file; ``around``: what stood around the spans of lines before."""
    try:
        alike = None if around is None else around.spans(text)
        if alike is not None:
            otlp.take_spans(*alike, line, into)
            return
        traces = _typed(text)
        if traces is not None:
            base = otlp.take(traces, line, into)
            if around is not None and base:
                around.learn(text, traces, base)
        elif text.strip():
            take_object(_DECODE(text), line, into)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        into.reject(line, f"not JSON: {str(wrong)[:80]}")
    except RecursionError:
        into.reject(line, TOO_DEEP)


def _typed(text: bytes) -> otlp.Traces | None:
    """An OTLP line as it mostly comes, decoded at once; ``None`` for whatever else it is."""
    if not text.startswith(b'{"resourceSpans"'):
        return None
    try:
        return otlp.DECODER.decode(text)
    except msgspec.ValidationError:
        return None


def take_object(tree: object, line: int, into: Gathered) -> None:
    """One JSON value, whatever tool wrote it."""
    if isinstance(tree, list):
        for entry in tree:
            take_object(entry, line, into)
        return
    if not isinstance(tree, dict):
        into.reject(line, "this is not an object")
        return
    if "resourceSpans" in tree or "resource_spans" in tree:
        _take_otlp(tree, line, into)
    elif ("info" in tree and "data" in tree) or "spans" in tree:
        flat.take_trace(tree, line, into)
    elif "context.span_id" in tree:
        flat.take_row(tree, line, into)
    elif langsmith.is_run(tree):
        langsmith.take_run(tree, line, into)
    elif "start_time_unix_nano" in tree or ("context" in tree and "start_time" in tree):
        flat.take_span(tree, line, into)
    else:
        _take_langfuse(tree, line, into)


def _take_langfuse(tree: dict[str, Any], line: int, into: Gathered) -> None:
    if langfuse.is_observation(tree):
        langfuse.take_observation(tree, line, into)
    elif isinstance(tree.get("observations"), list) or isinstance(tree.get("data"), list):
        _take_page(tree, line, into)
    elif langfuse.is_score(tree):
        langfuse.take_score(tree, line, into)
    elif "timestamp" in tree and "id" in tree and ("userId" in tree or "user_id" in tree):
        return  # a trace of Langfuse without its observations: they stand in a file of their own
    else:
        other = next((what for key, what in _OTHER_SIGNALS.items() if key in tree), None)
        into.reject(line, f"holds {other}, not traces" if other else "no span, observation or score is in this object")


def _take_otlp(tree: dict[str, Any], line: int, into: Gathered) -> None:
    try:
        traces = msgspec.convert(tree, otlp.Traces)
    except msgspec.ValidationError:
        otlp.salvage(tree, line, into)
        return
    otlp.take(traces, line, into)


def _take_page(tree: dict[str, Any], line: int, into: Gathered) -> None:
    """A page of Langfuse's API, or one of its traces with observations and scores."""
    trace = tree if "observations" in tree else None
    for entry in _entries(tree.get("observations")) or _entries(tree.get("data")):
        if trace is not None and isinstance(entry, dict):
            langfuse.take_observation({"traceId": tree.get("id"), **entry}, line, into, trace)
        else:
            take_object(entry, line, into)
    for score in _entries(tree.get("scores")):
        if isinstance(score, dict):
            langfuse.take_score({"traceId": tree.get("id"), **score}, line, into)
        else:
            into.reject(line, "a score is not an object")


def _entries(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _document(first: bytes, path: Path) -> list[object] | None:
    """The entries of a file that is one JSON value over many lines; ``None`` for JSON lines."""
    if first.lstrip()[:1] not in {b"{", b"["}:
        return None
    try:
        tree = _DECODE(first)
    except RecursionError:
        return None  # a line that is nested too deeply; it is told with its place
    except (msgspec.DecodeError, UnicodeDecodeError):
        tree = None
    if isinstance(tree, list):
        return tree
    if tree is not None or path.stat().st_size > _DOCUMENT_BYTES:
        return None
    with _open(path) as again:
        whole = again.read(_DOCUMENT_BYTES).removeprefix(b"\xef\xbb\xbf")
    try:
        tree = _DECODE(whole)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return tree if isinstance(tree, list) else [tree]


def _open(path: Path) -> IO[bytes]:
    packed = packed_as(path)
    if packed == "gzip" or (path.suffix == ".gz" and not packed):
        return io.BufferedReader(gzip.open(path))
    if packed == "messages":  # as the collector writes them
        return io.BufferedReader(io.BytesIO(message_lines(path.read_bytes())))
    if packed == "zstd" or path.suffix == ".zst":
        import pyarrow as pa

        return io.BufferedReader(pa.input_stream(str(path), compression="zstd"))
    return path.open("rb", buffering=_BLOCK)
