"""OTLP as JSON: the lines that OpenTelemetry's file exporter, its SDKs and its collector write.

Protobuf's JSON mapping with hexadecimal ids: 64-bit integers as text, enums as numbers, names in camel case. What other
writers do is understood as well: base64 ids, enum names, snake case, ``instrumentationLibrarySpans``.
Source: OpenTelemetry protocol 1.5, "JSON Protobuf Encoding", and the file exporter's specification.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from monitoring.intake.fields import AT, DOLLARS, FIRST_TOKEN, LARGEST, ROW, Slot, unreadable
from monitoring.intake.gathered import LATEST_US, Gathered
from monitoring.intake.plans import Plan
from monitoring.intake.scores import numeric_score
from monitoring.intake.together import TOGETHER, expand

Struct = msgspec.Struct

_NO_VALUES = [None] * len(ROW)
_TRACE, _SPAN, _PARENT, _ERROR = AT["trace_id"], AT["span_id"], AT["parent_span_id"], AT["error_type"]
_TTFT, _CURRENCY, _SCOPE = AT["ttft_ms"], AT["currency"], AT["scope"]
_FAILED = (2, "2", "STATUS_CODE_ERROR", "ERROR")


class Value(Struct, gc=False):
    """``AnyValue``; lists and maps are never needed and stay unread."""

    stringValue: str | None = None  # noqa: N815 - names of the protocol
    intValue: int | str | None = None  # noqa: N815
    doubleValue: float | str | None = None  # noqa: N815
    boolValue: bool | None = None  # noqa: N815

    def plain(self) -> object:
        """The one value that is set."""
        if self.stringValue is not None:
            return self.stringValue
        if self.intValue is not None:
            return self.intValue
        return self.doubleValue if self.doubleValue is not None else self.boolValue


class Attribute(Struct, gc=False):
    """``KeyValue``."""

    key: str = ""
    value: Value | None = None


class Event(Struct, gc=False):
    """``Span.Event``."""

    name: str = ""
    timeUnixNano: int | str = 0  # noqa: N815
    attributes: list[Attribute] | None = None


class Status(Struct, gc=False):
    """``Status``."""

    code: int | str | None = None


class Span(Struct, gc=False):
    """``Span``, the parts that matter here."""

    traceId: str = ""  # noqa: N815
    spanId: str = ""  # noqa: N815
    parentSpanId: str | None = None  # noqa: N815
    startTimeUnixNano: int | str = 0  # noqa: N815
    endTimeUnixNano: int | str = 0  # noqa: N815
    attributes: list[Attribute] | None = None
    events: list[Event] | None = None
    status: Status | None = None


class ScopeName(Struct, gc=False):
    """``InstrumentationScope``."""

    name: str | None = None


class Scope(Struct, gc=False):
    """``ScopeSpans``."""

    spans: list[Span] | None = None
    scope: ScopeName | None = None

    def told(self, base: list[Any]) -> list[Any]:
        """The row of the resource with this scope in it."""
        if self.scope is None or not self.scope.name:
            return base
        row = base.copy()
        row[_SCOPE] = self.scope.name
        return row


class Resource(Struct, gc=False):
    """``Resource``."""

    attributes: list[Attribute] | None = None


class ResourceSpans(Struct, gc=False):
    """``ResourceSpans``."""

    resource: Resource | None = None
    scopeSpans: list[Scope] | None = None  # noqa: N815
    instrumentationLibrarySpans: list[Scope] | None = None  # noqa: N815 - before version 0.15


class Traces(Struct, gc=False):
    """``TracesData``, or a request to export them."""

    resourceSpans: list[ResourceSpans]  # noqa: N815


DECODER = msgspec.json.Decoder(Traces)


def take(traces: Traces, line: int, into: Gathered) -> list[Any]:
    """Every span of a line; one that cannot be is set aside, its neighbours stay.

    So is a resource with all its spans where an attribute of it cannot be: it concerns every one of them.

    Returns
    -------
    list
        The row of the last resource that could be read, with its last scope; empty where none could.
    """
    row: list[Any] = []
    for group in traces.resourceSpans:
        try:
            row = base = _NO_VALUES if group.resource is None else _filled(group.resource.attributes, _NO_VALUES, into)
        except ValueError as wrong:
            into.reject(line, f"of the resource: {wrong}")
            continue
        for scope in (*(group.scopeSpans or ()), *(group.instrumentationLibrarySpans or ())):
            row = scope.told(base)
            take_spans(scope.spans or (), row, line, into)
    return row


def take_spans(spans: Iterable[Span], base: list[Any], line: int, into: Gathered) -> None:
    """Spans of one resource, whose row is ``base``."""
    for span in spans:
        try:
            _take_span(span, base, into)
        except ValueError as wrong:
            into.reject(line, str(wrong))


def salvage(tree: Mapping[str, Any], line: int, into: Gathered) -> None:
    """A line of which a part has a wrong type or other names: span by span, in camel case."""
    groups = tree.get("resourceSpans", tree.get("resource_spans"))
    if not isinstance(groups, list):
        into.reject(line, "resourceSpans is not a list")
        return
    for group in groups:
        plain = _camel(group)
        scopes = (
            plain.get("scopeSpans") or plain.get("instrumentationLibrarySpans") if isinstance(plain, dict) else None
        )
        if not isinstance(scopes, list):
            into.reject(line, "scopeSpans is missing or not a list")
            continue
        for scope in scopes:
            spans = scope.get("spans", []) if isinstance(scope, dict) else None
            if not isinstance(spans, list):
                into.reject(line, "spans is not a list")
                continue
            for span in spans:
                own = {"spans": [span], "scope": scope.get("scope") if isinstance(scope.get("scope"), dict) else None}
                one = {"resourceSpans": [{"resource": plain.get("resource"), "scopeSpans": [own]}]}
                try:
                    take(msgspec.convert(one, Traces), line, into)
                except msgspec.ValidationError as wrong:
                    into.reject(line, f"a span does not have the form of OTLP: {_short(wrong)}")


def _attributes(attributes: list[Attribute], row: list[Any], base: list[Any], slots: Mapping[str, Slot]) -> None:
    """Every attribute into its place, as it comes; what `_quickly` cannot do."""
    several: list[tuple[str, object]] = []
    for attribute in attributes:
        slot = slots.get(attribute.key)
        found = attribute.value
        if slot is None or found is None:
            if attribute.key in TOGETHER and found is not None:
                several.append((attribute.key, found.plain()))
            continue
        place, strong, convert = slot
        # what the resource says stands in only: a span's own attribute is nearer
        if not (strong or row[place] is None or row[place] is base[place]):
            continue
        value = found.plain()
        if value is None:
            continue
        try:
            row[place] = convert(value)
        except (ValueError, TypeError) as wrong:
            raise unreadable(attribute.key, value, place) from wrong
        if attribute.key in DOLLARS and row[_CURRENCY] is None:
            row[_CURRENCY] = "USD"
    for key, value in several:  # last: what has an attribute of its own comes first
        expand(row, key, value, slots)


def _quickly(attributes: list[Attribute], row: list[Any], plan: Plan) -> bool:
    """The innermost loop of the intake: by a plan that spans with the same keys share.

    Returns
    -------
    bool
        Whether it could be done; else the row is half filled, and `_attributes` is to tell what is wrong or unusual.
    """
    texts, numbers, others, dollars = plan
    try:
        for at, place in texts:
            value = attributes[at].value.stringValue  # type: ignore[union-attr]  # told below
            if value is None:
                return False
            row[place] = value
        for at, place in numbers:
            holder = attributes[at].value
            told = holder.intValue  # type: ignore[union-attr]  # told below
            found = float(holder.doubleValue if told is None else told)  # type: ignore[union-attr, arg-type]
            if not 0.0 <= found < LARGEST:
                return False
            row[place] = found
        for at, place, convert in others:
            value = attributes[at].value.stringValue  # type: ignore[union-attr]
            if value is None:
                return False
            row[place] = convert(value)
    except (AttributeError, TypeError, ValueError):  # an attribute without a value, or not of the kind expected
        return False
    if dollars and row[_CURRENCY] is None:
        row[_CURRENCY] = "USD"
    return True


def _filled(attributes: list[Attribute] | None, base: list[Any], into: Gathered) -> list[Any]:
    """A copy of the row ``base`` with the attributes in their places."""
    row = base.copy()
    if attributes:
        plan = into.plans.of([attribute.key for attribute in attributes])
        if plan is None or not _quickly(attributes, row, plan):
            row = base.copy()
            _attributes(attributes, row, base, into.slots)
    return row


def _take_span(span: Span, base: list[Any], into: Gathered) -> None:
    row = _filled(span.attributes, base, into)
    trace, own, parent = span.traceId, span.spanId, span.parentSpanId
    row[_TRACE] = trace.lower() if len(trace) == 32 else hex_id(trace, 32)
    row[_SPAN] = own.lower() if len(own) == 16 else hex_id(own, 16)
    if parent:
        row[_PARENT] = parent.lower() if len(parent) == 16 else hex_id(parent, 16)
    try:
        start, end = int(span.startTimeUnixNano), int(span.endTimeUnixNano)
    except ValueError as wrong:
        raise ValueError("a time is not a number of nanoseconds since 1970") from wrong
    if span.events:
        _events(span.events, row, start, into)
    if row[_ERROR] is None and span.status is not None and span.status.code in _FAILED:
        row[_ERROR] = "error"
    into.add(row, start, end)


def _events(events: list[Event], row: list[Any], start: int, into: Gathered) -> None:
    """The exception's type, the first token, and verdicts that were recorded as events."""
    for event in events:
        name = event.name.lower()
        if name == "exception" and row[_ERROR] is None:
            told = {a.key: a.value.stringValue for a in event.attributes or () if a.value}
            row[_ERROR] = exception_name(told.get("exception.type"), told.get("exception.message"))
        elif name in FIRST_TOKEN and row[_TTFT] is None:
            waited = max(_moment(event) - start, 0)
            if waited >= LATEST_US * 1_000:
                raise ValueError("the time of the first token is impossible")
            row[_TTFT] = waited / 1e6
        elif name == "gen_ai.evaluation.result":
            facts = {a.key: a.value.plain() for a in event.attributes or () if a.value is not None}
            value = numeric_score(
                facts.get("gen_ai.evaluation.score.value", facts.get("gen_ai.evaluation.score.label"))
            )
            if value is not None and "gen_ai.evaluation.name" in facts:
                judge = facts.get("gen_ai.response.model")
                into.add_score(
                    trace_id=row[_TRACE],
                    span_id=row[_SPAN],
                    scored_ns=_moment(event),
                    name=facts["gen_ai.evaluation.name"],
                    value=value,
                    source=str(facts.get("liftwerk.source", "llm_judge")),
                    judge_version=None if judge is None else str(judge),
                )


def exception_name(kind: str | None, message: str | None) -> str:
    """An exception's type; where a writer has only a general one, the one that its message begins with.

    Examples
    --------
    >>> exception_name("Exception", "RateLimitError('no more')"), exception_name("TimeoutError", "RateLimitError()")
    ('RateLimitError', 'TimeoutError')
    """
    if kind in {None, "", "Exception"}:
        found = re.match(r"([A-Za-z_][A-Za-z0-9_.]*(?:Error|Exception|Timeout))\b", message or "")
        return found[1] if found else kind or "error"
    return str(kind)


def hex_id(text: str | None, size: int) -> str | None:
    """An id in lower-case hexadecimal; base64 (protobuf's own JSON mapping) is converted.

    Examples
    --------
    >>> hex_id("RIgX1A0fZ6Y=", 16), hex_id("44E1", 16)
    ('448817d40d1f67a6', '44e1')
    """
    if not text:
        return None
    if len(text) == size:
        return text.lower()
    if len(text) == -(-(size // 2) // 3) * 4:
        try:
            return base64.b64decode(text, validate=True).hex()
        except (binascii.Error, ValueError):
            return text
    return text.lower()


def _moment(event: Event) -> int:
    try:
        return int(event.timeUnixNano)
    except ValueError as wrong:
        raise ValueError(f"the event time is not a number of nanoseconds: {str(event.timeUnixNano)[:40]}") from wrong


def _camel(tree: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Names in snake case → camel case, through all levels; the keys of attributes are values and stay."""
    if isinstance(tree, dict):
        return {
            re.sub(r"_([a-z])", lambda found: found[1].upper(), str(key)): _camel(value) for key, value in tree.items()
        }
    return [_camel(item) for item in tree] if isinstance(tree, list) else tree


def _short(error: Exception) -> str:
    return str(error).split(" - at ")[-1].strip("`")[:80]
