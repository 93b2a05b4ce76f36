"""LangSmith's runs as JSON: read back by its client, from a bulk export, or as LangChain's tracer hands them over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from monitoring.intake.fields import AT, decoded, fill, nanoseconds, number, text_of
from monitoring.intake.gathered import Gathered, empty_row

_CALLS = frozenset(("llm", "embedding"))
#: An error is told as the exception's representation and its stack.
_NAMED = re.compile(r"\W*([A-Za-z_][A-Za-z0-9_.]*)\s*[(:]")


def is_run(tree: Mapping[str, Any]) -> bool:
    """Whether an object is a run."""
    return "run_type" in tree and "start_time" in tree


def take_run(tree: Mapping[str, Any], line: int, into: Gathered) -> None:
    """One run; what is no model call leaves its link only. Set aside where ids, times or numbers cannot be."""
    try:
        row = empty_row()
        metadata = _part(_part(tree.get("extra")).get("metadata"))
        for key, value in metadata.items():
            if not isinstance(value, Mapping | list):
                fill(row, "langfuse.user.id" if key == "userId" else str(key), value, into.slots)
        row[AT["kind"]] = int(str(tree.get("run_type")).lower() in _CALLS)
        for place, name in (("trace_id", "trace_id"), ("span_id", "id"), ("parent_span_id", "parent_run_id")):
            row[AT[place]] = text_of(tree[name]) if tree.get(name) else None
        if row[AT["kind"]]:
            _call(row, tree, metadata)
        start, end = nanoseconds(tree.get("start_time")), nanoseconds(tree.get("end_time"))
        first = nanoseconds(tree.get("first_token_time") or _first_token(tree.get("events")))
        row[AT["first_ns"]] = first or None
        into.add(row, start, end)
    except ValueError as wrong:
        into.reject(line, str(wrong))


def _call(row: list[Any], tree: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
    outputs = _part(tree.get("outputs"))
    message = _message(outputs)
    answer, told = _part(message.get("response_metadata")), _part(outputs.get("llm_output"))
    asked = _part(_part(tree.get("extra")).get("invocation_params"))
    names = (answer.get("model_name"), told.get("model_name"), metadata.get("ls_model_name"), asked.get("model"))
    model = next((name for name in names if name), None)
    row[AT["model"]] = None if model is None else text_of(model)
    provider = metadata.get("ls_provider")
    row[AT["provider"]] = None if provider is None else text_of(provider)
    counts = next((part for part in (_part(message.get("usage_metadata")), _part(outputs.get("usage_metadata")),
                                     _part(metadata.get("usage_metadata"))) if part), {})  # fmt: skip
    usage_metadata(row, counts)
    details = _part(tree.get("prompt_token_details"))
    for place, value in _tokens(tree.get("prompt_tokens"), tree.get("completion_tokens"), details):
        if row[AT[place]] is None and value not in {None, ""}:
            row[AT[place]] = number(value)
    if tree.get("total_cost") not in {None, ""}:
        row[AT["cost"]], row[AT["currency"]] = number(tree["total_cost"]), "USD"
    if tree.get("error"):
        found = _NAMED.match(str(tree["error"]))
        row[AT["error_type"]] = found[1] if found else "error"


def usage_metadata(row: list[Any], counts: Mapping[str, Any]) -> None:
    """LangChain's token counts: input includes what was read from and written to a cache.

    Examples
    --------
    >>> row = empty_row()
    >>> usage_metadata(row, {"input_tokens": 12, "output_tokens": 3, "input_token_details": {"cache_read": 8}})
    >>> row[AT["input_tokens"]], row[AT["cache_read_tokens"]]
    (12.0, 8.0)
    """
    details = _part(counts.get("input_token_details"))
    for place, value in _tokens(counts.get("input_tokens"), counts.get("output_tokens"), details):
        if value is not None:
            row[AT[place]] = number(value)


def _tokens(asked: object, answered: object, details: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Columns of `AT` and what was told of each."""
    yield "input_tokens", asked
    yield "output_tokens", answered
    yield "cache_read_tokens", details.get("cache_read")
    yield "cache_write_tokens", details.get("cache_creation")


def _message(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer within the outputs, whose form hangs on who wrote the run."""
    found: Any = outputs.get("generations", outputs.get("output", outputs))
    while isinstance(found, list) and found:
        found = found[0]
    found = _part(_part(found).get("message", found))
    return _part(found.get("kwargs", found))


def _first_token(events: object) -> object:
    told = (_part(event) for event in (events if isinstance(events, list) else []))
    return next((event.get("time") for event in told if event.get("name") == "new_token"), None)


def _part(value: object) -> Mapping[str, Any]:
    tree = decoded(value) if isinstance(value, str) and value[:1] == "{" else value
    return tree if isinstance(tree, Mapping) else {}
