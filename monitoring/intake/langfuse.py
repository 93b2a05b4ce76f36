"""Langfuse exports: observations and scores, from its API, its blob storage or its CSV download.

Both spellings of a name are read (``startTime``, ``start_time``). Token counts of Langfuse do not overlap: what was
read from a cache is not in ``input``; costs are in US dollars.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from monitoring.intake.fields import AT, decoded, fill, nanoseconds, number, text_of
from monitoring.intake.gathered import Gathered, empty_row
from monitoring.intake.scores import numeric_score, score_source

_CALLS = ("GENERATION", "EMBEDDING")


def is_observation(tree: Mapping[str, Any]) -> bool:
    """Whether an object is an observation: it has a type and a start."""
    return "type" in tree and ("startTime" in tree or "start_time" in tree)


def is_score(tree: Mapping[str, Any]) -> bool:
    """Whether an object is a score: a name and a value given to an observation or a trace."""
    named = "name" in tree and ("value" in tree or "stringValue" in tree or "string_value" in tree)
    return named and any(key in tree for key in ("observationId", "observation_id", "traceId", "trace_id"))


def take_observation(
    tree: Mapping[str, Any], line: int, into: Gathered, trace: Mapping[str, Any] | None = None
) -> None:
    """One observation; set aside where its ids, times or numbers cannot be."""
    one = _Names(tree)
    try:
        row = empty_row()
        for source in (trace or {}, tree):
            _metadata(row, _tree(_Names(source).get("metadata")), into)
        fill(row, "user.id", one.get("user_id") or _Names(trace or {}).get("user_id"), into.slots)
        row[AT["kind"]] = int(str(one.get("type")).upper() in _CALLS)
        row[AT["trace_id"]], row[AT["span_id"]] = _text(one.get("trace_id")), _text(one.get("id"))
        row[AT["parent_span_id"]] = _text(one.get("parent_observation_id"))
        model = one.get("model") or one.get("provided_model_name") or row[AT["model"]]
        row[AT["model"]] = _text(model)
        if row[AT["pipeline"]] is None:
            row[AT["pipeline"]] = _text(one.get("trace_name") or _Names(trace or {}).get("name"))
        row[AT["prompt_version"]] = _text(one.get("prompt_version")) or row[AT["prompt_version"]]
        if str(one.get("level")).upper() == "ERROR":
            row[AT["error_type"]] = _error(one.get("status_message"))
        _usage(row, one)
        start, end = nanoseconds(one.get("start_time")), nanoseconds(one.get("end_time"))
        first = nanoseconds(one.get("completion_start_time"))
        if first >= start > 0:
            row[AT["ttft_ms"]] = (first - start) / 1e6
        into.add(row, start, end)
    except ValueError as wrong:
        into.reject(line, str(wrong))


def take_score(tree: Mapping[str, Any], line: int, into: Gathered) -> None:
    """One score; words that are neither more nor less are set aside."""
    one = _Names(tree)
    value = numeric_score(one.get("value"))
    value = value if value is not None else numeric_score(one.get("string_value"))
    if value is None:
        into.reject(line, "the score is a category, not a number")
        return
    try:
        into.add_score(
            trace_id=_text(one.get("trace_id")),
            span_id=_text(one.get("observation_id")),
            scored_ns=nanoseconds(one.get("timestamp") or one.get("created_at")),
            name=one.get("name"),
            value=value,
            source=score_source(one.get("source")),
            judge_version=_text(one.get("config_id")),
        )
    except ValueError as wrong:
        into.reject(line, str(wrong))


class _Names:
    """Fields by their name in snake case, whichever spelling the export uses."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self._tree = tree

    def get(self, name: str) -> Any:  # noqa: ANN401 - any JSON value
        if name in self._tree:
            return self._tree[name]
        return self._tree.get(re.sub(r"_([a-z])", lambda found: found[1].upper(), name))


def _usage(row: list[Any], one: _Names) -> None:
    usage = _tree(one.get("usage_details"))
    counts = {str(key).lower(): number(value) for key, value in usage.items() if value is not None}
    if any("input" in key or "output" in key for key in counts):
        reads = {
            key: count for key, count in counts.items() if "cache" in key and "creat" not in key and "write" not in key
        }
        writes = {key: count for key, count in counts.items() if "cache" in key and key not in reads}
        row[AT["input_tokens"]] = sum(count for key, count in counts.items() if "input" in key or "cache" in key)
        row[AT["output_tokens"]] = sum(count for key, count in counts.items() if "output" in key and "cache" not in key)
        row[AT["cache_read_tokens"]], row[AT["cache_write_tokens"]] = sum(reads.values()), sum(writes.values())
    else:
        old = _tree(one.get("usage"))
        for place, names in (
            ("input_tokens", ("input", "promptTokens", "prompt_tokens")),
            ("output_tokens", ("output", "completionTokens", "completion_tokens")),
        ):
            found = next((old[name] for name in names if old.get(name) is not None), one.get(names[-1]))
            row[AT[place]] = number(found) if _told(found) else None
    cost = _tree(one.get("cost_details")).get("total")
    cost = next((c for c in (cost, one.get("total_cost"), one.get("calculated_total_cost")) if _told(c)), None)
    if cost is not None:
        row[AT["cost"]], row[AT["currency"]] = number(cost), "USD"


def _metadata(row: list[Any], metadata: Mapping[str, Any], into: Gathered) -> None:
    """Attributes of spans that came to Langfuse through OpenTelemetry stand in its metadata."""
    for part in (metadata.get("resourceAttributes"), metadata, metadata.get("attributes")):
        for key, value in _tree(part).items():
            if key in into.slots and not isinstance(value, dict | list):
                fill(row, str(key), value, into.slots)


def _tree(value: object) -> Mapping[str, Any]:
    """An object, also where it is written as JSON text (CSV)."""
    tree = decoded(value) if isinstance(value, str) and value[:1] == "{" else value
    return tree if isinstance(tree, Mapping) else {}


def _error(message: object) -> str:
    """The name of the exception in a status message; never the message, which may quote a prompt."""
    named = re.match(r"\W*([A-Za-z_.]*(?:Error|Exception|Timeout))\b", str(message or ""))
    return named[1] if named else "error"


def _told(value: object) -> bool:
    return value is not None and value != ""


def _text(value: object) -> str | None:
    return text_of(value) if _told(value) else None
