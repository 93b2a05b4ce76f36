"""Spans written one by one with plain attributes: MLflow's traces and OpenTelemetry's console exporter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monitoring.intake.fields import AT, decoded, fill, nanoseconds, text_of
from monitoring.intake.gathered import Gathered, empty_row
from monitoring.intake.otlp import exception_name, hex_id
from monitoring.intake.scores import numeric_score, score_source
from monitoring.intake.together import TOGETHER, expand


def take_trace(tree: Mapping[str, Any], line: int, into: Gathered) -> None:
    """An MLflow trace: ``{"info": …, "data": {"spans": […]}}``, or a row of ``search_traces`` with ``spans``."""
    try:
        _take_trace(tree, line, into)
    except ValueError as wrong:  # text in a table that is nested too deeply
        into.reject(line, str(wrong))


def _take_trace(tree: Mapping[str, Any], line: int, into: Gathered) -> None:
    raw_info, raw_data = tree.get("info"), tree.get("data")
    info: Mapping[str, Any] = raw_info if isinstance(raw_info, Mapping) else tree
    data: Mapping[str, Any] = raw_data if isinstance(raw_data, Mapping) else tree
    spans = decoded(data.get("spans"))  # text in a table
    if not isinstance(spans, Sequence) or isinstance(spans, str):
        as_text = ": MLflow's table as CSV holds them as text; write it with to_json(orient='records', lines=True)"
        into.reject(line, f"the trace holds no list of spans{as_text if isinstance(spans, str) else ''}")
        return
    shared = {**_mapping(info.get("tags")), **_mapping(info.get("trace_metadata"))}
    shared = {key.replace("mlflow.trace.user", "user.id"): value for key, value in shared.items()}
    for span in spans:
        take_span(span, line, into, shared)
    for verdict in _entries(info.get("assessments") or tree.get("assessments")):
        try:
            _assessment(verdict, info.get("trace_id") or info.get("request_id"), spans, into)
        except ValueError as wrong:
            into.reject(line, str(wrong))


def take_span(span: object, line: int, into: Gathered, shared: Mapping[str, Any] | None = None) -> None:
    """One span; set aside where its ids or times cannot be."""
    if not isinstance(span, Mapping):
        into.reject(line, "a span is not an object")
        return
    try:
        row = empty_row()
        resource = _mapping(_mapping(span.get("resource")).get("attributes"))
        # the nearer the later: a span's own attribute overrules
        told = {**(shared or {}), **resource, **_mapping(span.get("attributes"))}
        for key, value in sorted(told.items(), key=lambda one: str(one[0]) in TOGETHER):
            _fill(row, str(key), value, into)
        context = _mapping(span.get("context"))
        scope = _mapping(span.get("instrumentation_scope") or span.get("scope")).get("name")
        row[AT["scope"]] = scope if isinstance(scope, str) else None
        row[AT["trace_id"]] = _id(span.get("trace_id") or context.get("trace_id"), 32)
        row[AT["span_id"]] = _id(span.get("span_id") or context.get("span_id"), 16)
        row[AT["parent_span_id"]] = _id(span.get("parent_span_id") or span.get("parent_id"), 16)
        row[AT["error_type"]] = row[AT["error_type"]] or _error(span)
        start = nanoseconds(span.get("start_time_unix_nano") or span.get("start_time"))
        end = nanoseconds(span.get("end_time_unix_nano") or span.get("end_time"))
        into.add(row, start, end)
    except ValueError as wrong:
        into.reject(line, str(wrong))


def take_row(tree: Mapping[str, Any], line: int, into: Gathered) -> None:
    """A row of Phoenix's table of spans: ``context.span_id``, ``parent_id``, and attributes in columns of their own."""
    attributes: dict[str, Any] = {}
    for key, value in tree.items():
        if str(key).startswith("attributes.") and value is not None and value == value:  # noqa: PLR0124 - NaN
            _flatten(str(key).removeprefix("attributes."), value, attributes)
    if tree.get("span_kind") and "openinference.span.kind" not in attributes:
        attributes["openinference.span.kind"] = tree["span_kind"]
    span = {key: tree.get(key) for key in ("start_time", "end_time", "parent_id", "status_code", "events")}
    span["parent_id"] = span["parent_id"] or None
    if isinstance(span["events"], str):
        span["events"] = decoded(span["events"])
    ids = {"trace_id": tree.get("context.trace_id"), "span_id": tree.get("context.span_id")}
    take_span({**span, **ids, "attributes": attributes}, line, into)


def _flatten(key: str, value: object, into: dict[str, Any]) -> None:
    tree = decoded(value)
    if isinstance(tree, Mapping) and key not in TOGETHER:
        for name, one in tree.items():
            _flatten(f"{key}.{name}", one, into)
    elif value != "":
        into[key] = value


def _fill(row: list[Any], key: str, value: object, into: Gathered) -> None:
    if key in TOGETHER:
        expand(row, key, value, into.slots)
    elif key in into.slots:
        fill(row, key, decoded(value), into.slots)


def _error(span: Mapping[str, Any]) -> str | None:
    status = span.get("status")
    code = status.get("code") or status.get("status_code") if isinstance(status, Mapping) else span.get("status_code")
    if str(code).removeprefix("STATUS_CODE_").removeprefix("StatusCode.") not in {"ERROR", "2"}:
        return None
    for event in _entries(span.get("events")):
        told = _mapping(_mapping(event).get("attributes"))
        if told.get("exception.type"):
            return exception_name(str(told["exception.type"]), str(told.get("exception.message") or ""))
    return "error"


def _assessment(verdict: object, trace: object, spans: Sequence[Any], into: Gathered) -> None:
    facts = _mapping(verdict)
    if "expectation" in facts:
        return  # what the answer should have been: no verdict on the one that was given
    feedback = _mapping(facts.get("feedback"))
    value = numeric_score(feedback.get("value", facts.get("value")))
    name = facts.get("assessment_name") or facts.get("name")
    if value is None or not name:
        raise ValueError("the score is a category, not a number, or has no name")
    source = _mapping(facts.get("source"))
    when = facts.get("create_time") or facts.get("create_time_ms")
    first = _mapping(spans[0]) if spans else {}
    written = first.get("trace_id") or _mapping(first.get("context")).get("trace_id") or trace
    judge = source.get("source_id") if score_source(source.get("source_type")) != "human" else None
    into.add_score(
        trace_id=_id(written, 32),
        span_id=_id(facts.get("span_id"), 16),
        scored_ns=int(when) * 1_000_000 if isinstance(when, int) else nanoseconds(when),
        name=name,
        value=value,
        source=score_source(source.get("source_type")),
        judge_version=None if judge is None else text_of(judge),
    )


def _id(value: object, size: int) -> str | None:
    return hex_id(text_of(value).removeprefix("0x"), size) if value else None


def _entries(value: object) -> list[Any]:
    value = decoded(value)
    return value if isinstance(value, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    value = decoded(value)
    return value if isinstance(value, Mapping) else {}
