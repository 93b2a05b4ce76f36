"""What one pass over spans gathers: call rows, scores, and what was set aside with its place and reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from monitoring.intake.doubles import without_doubles
from monitoring.intake.fields import AT, ROW, SLOTS, Slot, text_of
from monitoring.intake.plans import Plans

EARLIEST_US = 946_684_800_000_000  # 2000-01-01
LATEST_US = 4_102_444_800_000_000  # 2100-01-01

_START, _DURATION, _KIND = AT["start_us"], AT["duration_ms"], AT["kind"]
_SPAN, _TRACE, _PARENT = AT["span_id"], AT["trace_id"], AT["parent_span_id"]
_FIRST, _TTFT = AT["first_ns"], AT["ttft_ms"]
_MODEL, _IN, _OUT = AT["model"], AT["input_tokens"], AT["output_tokens"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """A line, or a part of it, that could not be read.

    Attributes
    ----------
    file
        As the user wrote it.
    line
        1 for the first; for a document that is one JSON value, the number of the entry.
    reason
        What is wrong. Never a copy of the line: it may hold what nobody should read.
    """

    file: str
    line: int
    reason: str


@dataclass(slots=True, kw_only=True)
class Gathered:
    """Rows as they come in.

    Attributes
    ----------
    file
        The file being read.
    slots
        Attribute → place, `monitoring.intake.fields.slots_of`.
    rows
        Rows of `monitoring.intake.fields.ROW`: model calls only, parents of calls still among them.
    links
        (trace, span) → parent span, of every span that is no model call: the way up from a call to the calls around it.
    scores
        Rows of ``gen_score`` as dictionaries, with ``trace_id`` beside.
    aside
        What could not be read.
    spans
        Spans seen, calls or not.
    lines, read_to
        Lines of the file read so far, and the byte after the last complete one.
    plans
        Which attributes matter, by the keys of a span.
    """

    file: str = ""
    slots: Mapping[str, Slot] = field(default_factory=lambda: SLOTS)
    rows: list[list[Any]] = field(default_factory=list)
    links: dict[tuple[str, str], str] = field(default_factory=dict)
    scores: list[dict[str, Any]] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    spans: int = 0
    lines: int = 0
    read_to: int = 0
    plans: Plans = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Plans hang on the slots."""
        self.plans = Plans(self.slots)

    def following(self, kept_back: int) -> Gathered:
        """What goes on after this chunk: the newest calls go over into it, and what is known of their traces."""
        late = self.rows[-kept_back:]
        del self.rows[-kept_back:]
        traces = {row[_TRACE] for row in late}
        links = {ids: parent for ids, parent in self.links.items() if ids[0] in traces}
        return Gathered(
            file=self.file, slots=self.slots, rows=late, links=links, lines=self.lines, read_to=self.read_to
        )  # fmt: skip

    def reject(self, line: int, reason: str) -> None:
        """Set a line aside."""
        self.aside.append(SetAside(file=self.file, line=line, reason=reason))

    def add(self, row: list[Any], start_ns: int, end_ns: int) -> None:
        """Add a span whose attributes are in their places; what is no model call leaves its link only.

        Raises
        ------
        ValueError
            Where the times or ids cannot be.
        """
        start = start_ns // 1_000
        if not EARLIEST_US < start < LATEST_US:
            raise ValueError("the start time is missing or impossible (nanoseconds since 1970 are expected)")
        if end_ns <= 0:
            raise ValueError("the span has no end")
        if end_ns >= LATEST_US * 1_000:
            raise ValueError("the end time is impossible (nanoseconds since 1970 are expected)")
        if not row[_SPAN]:
            raise ValueError("the span has no id")
        row[_START], row[_DURATION] = start, (end_ns - start_ns) / 1e6
        if row[_FIRST] is not None and row[_TTFT] is None and row[_FIRST] >= start_ns:
            row[_TTFT] = (row[_FIRST] - start_ns) / 1e6
        self.spans += 1
        kind = row[_KIND]
        if kind == 1 or (kind is None and row[_MODEL] is not None and (row[_IN] is not None or row[_OUT] is not None)):
            self.rows.append(row)
        elif row[_PARENT]:
            self.links[row[_TRACE], row[_SPAN]] = row[_PARENT]

    def add_score(self, *, scored_ns: int, name: object, value: float, source: str, **ids: str | None) -> None:
        """Add a verdict; ``ids``: ``trace_id``, ``span_id``, ``output_id``, ``judge_version``.

        Raises
        ------
        ValueError
            Where its time or its name cannot be. No time at all (0) is none.
        """
        scored = scored_ns // 1_000
        if scored and not EARLIEST_US < scored < LATEST_US:
            raise ValueError("the time of the score is impossible")
        self.scores.append(
            {**ids, "scored_us": scored or None, "name": text_of(name), "value": value, "source": source}
        )

    def leaves(self) -> list[list[Any]]:
        """The calls that hold no other call: a wrapper around a call reports the same tokens once more.

        The parent of a leaf is replaced by the furthest span above it that is not a call, so that a wrapper that
        comes with a later file is recognised as well.
        """
        below = [row for row in self.rows if row[_PARENT]]
        calls = {(row[_TRACE], row[_SPAN]) for row in self.rows} if below else set()
        wrappers: set[tuple[str, str]] = set()
        for row in below:
            trace, parent = row[_TRACE], row[_PARENT]
            seen = 0
            while parent and (trace, parent) not in calls and seen < 1_000:
                above = self.links.get((trace, parent))
                if not above:
                    break
                parent, seen = above, seen + 1
            row[_PARENT] = parent
            if parent and (trace, parent) in calls:
                wrappers.add((trace, parent))
        kept = [row for row in self.rows if (row[_TRACE], row[_SPAN]) not in wrappers] if wrappers else self.rows
        return without_doubles(kept)


def empty_row() -> list[Any]:
    """A row without a value."""
    return [None] * len(ROW)
