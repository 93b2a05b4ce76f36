"""Taking a person's spans, observations and scores out of exports: whole traces, and nothing of their neighbours."""

from __future__ import annotations

import json
from typing import Any

from measurement.person import Person
from monitoring.intake.otlp import hex_id

_TRACE_NAMES = ("traceId", "trace_id", "request_id")
#: An event's own id, and the event that a score is about.
_SPAN_NAMES = ("spanId", "span_id", "id")
_JUDGED_NAMES = ("spanId", "span_id", "observationId", "observation_id")
#: Lists whose entries stand for one event each.
_EVENTS = ("spans", "observations", "scores", "data", "assessments")
_AROUND = ("resourceSpans", "resource_spans", "scopeSpans", "scope_spans", "instrumentationLibrarySpans")


class TracePruner:
    """Cuts a person out of JSON values; first `learn` all of them, then `prune`.

    Parameters
    ----------
    person
        Gets the ids of the person's traces.
    """

    def __init__(self, person: Person) -> None:
        self._person = person

    def learn(self, tree: Any) -> tuple[Any, int]:  # noqa: ANN401 - any JSON value
        """Note the traces in which the person is named; changes nothing."""
        if not isinstance(tree, str):
            self._learn(tree)
        return tree, 0

    def worth_learning(self, text: str) -> bool:
        """Whether a line may name the person at all."""
        return self._person.maybe_in(text)

    def prune(self, tree: Any) -> tuple[Any, int]:  # noqa: ANN401 - any JSON value
        """The value without the person's events, and how many there were."""
        if isinstance(tree, list):
            entries = [self.prune(entry) for entry in tree]
            left = [entry for entry, _ in entries if entry is not None]
            return (left or None), sum(count for _, count in entries)
        if not isinstance(tree, dict):
            return (None, 1) if self._person.named_in(str(tree)) else (tree, 0)
        holders = _holders(tree)
        if not holders:
            return (None, 1) if self._take(tree) else (tree, 0)
        if self._heads(tree, holders):
            return None, max(_events(tree), 1)
        kept, count = dict(tree), 0
        for name in holders:
            left, found = self.prune(tree[name])
            kept[name], count = (left if left is not None else []), count + found
        empty = count and all(not kept[name] for name in holders)
        return (None if empty else kept), count

    def _learn(self, tree: Any) -> None:  # noqa: ANN401 - any JSON value
        if isinstance(tree, list):
            for entry in tree:
                self._learn(entry)
            return
        if not isinstance(tree, dict):
            return
        holders = _holders(tree)
        if self._heads(tree, holders):
            self._person.linked["trace_id"] |= _traces(tree)
        for name in holders:
            self._learn(tree[name])

    def _take(self, tree: dict[str, Any]) -> bool:
        """Whether an event is the person's; scores elsewhere may name it alone."""
        theirs = self._theirs(tree)
        if theirs:
            self._person.linked["span_id"] |= _ids(tree, _SPAN_NAMES, 16)
        return theirs

    def _heads(self, tree: dict[str, Any], holders: list[str]) -> bool:
        """Whether the person is named in what stands above the events."""
        head = {name: value for name, value in tree.items() if name not in holders}
        # most events are told apart by their text alone
        return self._person.maybe_in(json.dumps(head, ensure_ascii=False)) and self._person.named_in_tree(head)

    def _theirs(self, tree: dict[str, Any]) -> bool:
        linked = self._person.linked
        return (
            bool(_traces(tree) & linked["trace_id"])
            or bool(_ids(tree, _JUDGED_NAMES, 16) & linked["span_id"])
            or self._heads(tree, [])
        )


def _holders(tree: dict[str, Any]) -> list[str]:
    """The fields of an object that hold events, or hold what holds them."""
    return [name for name in (*_AROUND, *_EVENTS) if isinstance(tree.get(name), list | dict)]


def _traces(tree: Any) -> set[str]:  # noqa: ANN401 - any JSON value
    """Ids of the traces in a value, as they are stored."""
    if isinstance(tree, list):
        return {one for entry in tree for one in _traces(entry)}
    if not isinstance(tree, dict):
        return set()
    found = {one for value in tree.values() if isinstance(value, dict | list) for one in _traces(value)}
    found |= _ids(tree, _TRACE_NAMES, 32)
    if "observations" in tree and isinstance(tree.get("id"), str):
        found.add(tree["id"])
    return found


def _ids(tree: dict[str, Any], names: tuple[str, ...], size: int) -> set[str]:
    """Ids under some names, as they stand and as they are stored."""
    told = [tree[name] for name in names if isinstance(tree.get(name), str) and tree[name]]
    return {form for one in told for form in (one, str(hex_id(one.removeprefix("0x"), size)))}


def _events(tree: Any) -> int:  # noqa: ANN401 - any JSON value
    if isinstance(tree, list):
        return sum(_events(entry) for entry in tree)
    if not isinstance(tree, dict):
        return 0
    holders = _holders(tree)
    return sum(_events(tree[name]) for name in holders) if holders else 1
