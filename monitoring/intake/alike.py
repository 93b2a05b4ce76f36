"""Lines of one exporter that differ in their spans alone: what stands around the spans is read once."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from monitoring.intake.otlp import Span, Traces

#: What follows the spans of a line's only scope, at its end.
_URL = rb'(?:,\s*"schemaUrl":\s*"[^"\\]*")?'
_END = re.compile(rb"\]" + _URL + rb"\}\]" + _URL + rb"\}\]\}\s*\Z")
_SPANS = re.compile(rb'"spans":\s*\[')
#: Where lines have nothing in common, no more is learnt after so many.
_TRIES = 200
#: Longer ends are none.
_FAR = 600
_DECODE = msgspec.json.Decoder(list[Span]).decode


class Around:
    """What stood around the spans of the latest line with one resource and one scope.

    A line that begins and ends in the same bytes holds spans of that resource: between them there must be the entries
    of one JSON list, or the line is read like any other.
    """

    def __init__(self) -> None:
        self._begin, self._end = b"", b""
        self._base: list[Any] = []
        self._tries = _TRIES

    def spans(self, text: bytes) -> tuple[list[Span], list[Any]] | None:
        """The spans of a line and the row of its resource; ``None`` where other text stands around them."""
        if not self._begin or not text.startswith(self._begin) or not text.endswith(self._end):
            return None
        if len(text) < len(self._begin) + len(self._end):
            return None
        try:
            # the brackets of the list are the last byte before and the first behind
            return _DECODE(text[len(self._begin) - 1 : len(text) - len(self._end) + 1]), self._base
        except msgspec.DecodeError:
            return None

    def learn(self, text: bytes, traces: Traces, base: list[Any]) -> None:
        """Remember what stands around the spans of a line that was read as a whole.

        Parameters
        ----------
        text
            The line.
        traces
            What was read from it.
        base
            The row of its resource.
        """
        self._tries -= 1
        if self._tries < 0 or len(traces.resourceSpans) != 1 or len(traces.resourceSpans[0].scopeSpans or ()) != 1:
            return
        start = _SPANS.search(text)
        found = None if start is None else _END.search(text, max(start.end(), len(text) - _FAR))
        if start is not None and found is not None:
            self._begin, self._end, self._base = text[: start.end()], text[found.start() :], base
            again = self.spans(text)
            if again is None or again[0] != (traces.resourceSpans[0].scopeSpans or [])[0].spans:
                self._begin = b""
