"""Which attributes of a span matter, worked out once for all spans whose attributes have the same keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from monitoring.intake.fields import DOLLARS, Slot, number, text_of
from monitoring.intake.together import TOGETHER

#: Where the texts are and where they go; the same of numbers; of others also how they are converted; and whether the
#: cost is in US dollars by its name.
Plan = tuple[
    tuple[tuple[int, int], ...],
    tuple[tuple[int, int], ...],
    tuple[tuple[int, int, Callable[[object], Any]], ...],
    bool,
]
#: Spans of some writers number their attributes through: beyond this, no more plans are kept.
_MOST = 4_096


class Plans:
    """The plans of one table of names.

    Parameters
    ----------
    slots
        `monitoring.intake.fields.slots_of`.
    """

    def __init__(self, slots: Mapping[str, Slot]) -> None:
        self._slots = slots
        self._known: dict[tuple[str, ...], Plan | None] = {}
        self._latest: tuple[list[str], Plan | None] = ([], None)

    def of(self, keys: list[str]) -> Plan | None:
        """The plan of spans with these keys, all with a value; ``None`` where each attribute is to be looked at.

        Examples
        --------
        >>> from monitoring.intake.fields import AT, SLOTS
        >>> texts, numbers, _, _ = Plans(SLOTS).of(["x", "llm.model_name", "gen_ai.response.model", "llm.ttft_ms"])
        >>> texts == ((2, AT["model"]),), numbers == ((3, AT["ttft_ms"]),)
        (True, True)
        """
        known, plan = self._latest
        if keys == known:  # mostly one instrumentation writes: comparing is quicker than hashing
            return plan
        together = tuple(keys)
        try:
            plan = self._known[together]
        except KeyError:
            plan = None if _unusual(keys) else _planned(keys, self._slots)
            if len(self._known) < _MOST:
                self._known[together] = plan
        self._latest = keys, plan
        return plan


def _unusual(keys: list[str]) -> bool:
    """Attributes that fill several places."""
    return any(key in TOGETHER for key in keys)


def _planned(keys: list[str], slots: Mapping[str, Slot]) -> Plan:
    """The attribute that fills each place: the last with a strong name, else the first."""
    chosen: dict[int, tuple[int, Slot]] = {}
    for at, key in enumerate(keys):
        slot = slots.get(key)
        if slot is not None and (slot[1] or slot[0] not in chosen):
            chosen[slot[0]] = (at, slot)
    texts, numbers, others = [], [], []
    for place, (at, (_, _, convert)) in chosen.items():
        if convert is text_of:
            texts.append((at, place))
        elif convert is number:
            numbers.append((at, place))
        else:
            others.append((at, place, convert))
    return tuple(texts), tuple(numbers), tuple(others), any(key in DOLLARS and key in slots for key in keys)
