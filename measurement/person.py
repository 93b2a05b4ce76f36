"""Whom to forget: where a name stands in a text, a cell or a JSON value, and where it is only part of another one.

A name is found where it stands by itself: ``u1`` is not in ``u10``, nor ``anna`` in ``anna@example.org``. Columns that
hold people's ids are compared as a whole: ``anna`` is not ``anna maria``. A name that is a number is found there, and
in running text, but not in measured numbers and times.
"""

from __future__ import annotations

import datetime as dt
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import quote

#: Columns by which rows of other tables belong to a person's rows.
LINKS = ("decision_id", "trace_id", "span_id")
#: The same as others write them.
_ALSO = {"decision_id": ("decisionId",), "trace_id": ("traceId", "request_id"), "span_id": ("spanId",)}
#: From so many digits on, a number that equals the id is hardly anything else.
_SURELY_AN_ID = 6
_PERSON_COLUMN = re.compile(
    r"(^|[._\s\-])(unit|user|enduser|customer|client|person|visitor|member|contact|lead|subscriber|account|profile|"
    r"kunde|kunden|nutzer|besucher|u)([._\s\-]?(id|ids|nr|no|number|nummer|key))?$",
    re.IGNORECASE,
)
_MEASURED = re.compile(r"[-+]?\d[\d.,]*(e[-+]?\d+)?%?|\d{4}-\d\d-\d\d([T ].*)?|\d\d?[:.]\d\d.*", re.IGNORECASE)
_BEFORE = r"(?:(?<!\w)|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4}))(?<!\w[@.\-])"
_BEHIND = r"(?!\w)(?![@.\-]\w)"


@dataclass(slots=True)
class Person:
    """Whom to forget.

    Attributes
    ----------
    names
        The id, and the pseudonyms that stand for it.
    linked
        Column of `LINKS` → values found in the person's own rows so far.
    forms
        The names as files may write them: escaped in JSON, doubled quotes of CSV, entities of HTML, percent of URLs.
    pattern
        Finds them where they stand alone.
    words
        The same for pages and logs, where a short number is hardly anybody: ``None`` where nothing else is looked for.
    """

    names: frozenset[str]
    linked: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in LINKS})
    forms: tuple[str, ...] = field(init=False)
    pattern: re.Pattern[str] = field(init=False)
    words: re.Pattern[str] | None = field(init=False)
    _exact: frozenset[str] = field(init=False)
    _digits: bool = field(init=False)

    def __post_init__(self) -> None:
        normal = {unicodedata.normalize(form, name) for name in self.names for form in ("NFC", "NFD")} | self.names
        self._exact = frozenset(name.strip() for name in normal)
        self._digits = any(name.isdecimal() for name in self._exact)
        # longer names first
        self.forms = tuple(sorted({form for name in normal for form in _written(name)}, key=len, reverse=True))
        words = [re.escape(form) for form in self.forms if not form.isdecimal()]
        numbers = [form for form in self.forms if form.isdecimal()]
        either = [_BEFORE + f"(?:{'|'.join(words)})" + _BEHIND] if words else []
        if numbers:  # a part of a time or of a number with a point is none
            either.append(_BEFORE + rf"(?<!\d:)(?:{'|'.join(numbers)})" + _BEHIND + r"(?!:\d)")
        self.pattern = re.compile("|".join(either))
        surely = [form for form in self.forms if not form.isdecimal() or len(form) >= _SURELY_AN_ID]
        told = _BEFORE + f"(?:{'|'.join(map(re.escape, surely))})" + _BEHIND
        self.words = re.compile(told) if surely else None

    def maybe_in(self, text: str) -> bool:
        """Whether a text is worth a closer look."""
        return any(form in text for form in self.forms)

    def named_in(self, text: str) -> bool:
        """Whether the person is named in a running text.

        Examples
        --------
        >>> anna = Person(frozenset({"anna"}))
        >>> anna.named_in("ask anna."), anna.named_in("joanna"), anna.named_in("anna@example.org")
        (True, False, False)
        """
        return self.maybe_in(text) and self.pattern.search(text) is not None

    def named_by(self, column: str, value: object) -> bool:
        """Whether a cell, or a value of a JSON object, names the person.

        Parameters
        ----------
        column
            Its header or key; ``""`` where there is none.
        value
            Text, number, time or nothing.

        Examples
        --------
        >>> Person(frozenset({"12"})).named_by("unit_id", 12), Person(frozenset({"12"})).named_by("tokens", 12)
        (True, False)
        """
        if value is None or isinstance(value, bool | dt.datetime | dt.date | dt.time):
            return False
        text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
        if not self.maybe_in(text):
            return False
        bare = text.strip()
        if bare[:1] not in {"[", "{"} and _holds_people(column):
            parts = (bare, *re.split(r"\s*[,;|]\s*", bare))
            return any(part in self._exact or part.removesuffix(".0") in self._exact for part in parts)
        if self._digits and _MEASURED.fullmatch(bare):
            return bare in self._exact and len(bare) >= _SURELY_AN_ID
        return self.named_in(text)

    def named_in_tree(self, tree: Any, key: str = "") -> bool:  # noqa: ANN401 - any JSON value
        """Whether a JSON value names the person; attributes of OTLP count by their own key."""
        if isinstance(tree, Mapping):
            told = tree.get("value")
            if isinstance(tree.get("key"), str) and isinstance(told, Mapping) and len(tree) == 2:
                return any(self.named_in_tree(one, tree["key"]) for one in told.values())
            return any(self.named_by("", name) or self.named_in_tree(one, str(name)) for name, one in tree.items())
        if isinstance(tree, list):
            return any(self.named_in_tree(one, key) for one in tree)
        return self.named_by(key, tree)

    def owns(self, row: Mapping[str, Any]) -> bool:
        """Whether a row belongs to one of the person's own rows."""
        return any(value in known for name, known in self.linked.items() if known for value in _links(row, name))

    def link(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Remember what ties other rows to these."""
        for row in rows:
            for name in LINKS:
                self.linked[name].update(_links(row, name))

    def links(self) -> int:
        """How many ties are known."""
        return sum(map(len, self.linked.values()))


def link_of(column: str) -> str | None:
    """The name in `LINKS` for a column, ``None`` where it ties nothing.

    Examples
    --------
    >>> link_of("traceId"), link_of("unit_id")
    ('trace_id', None)
    """
    return next((name for name in LINKS if column == name or column in _ALSO[name]), None)


def _links(row: Mapping[str, Any], name: str) -> list[str]:
    told = [row.get(one) for one in (name, *_ALSO[name])]
    return [str(one) for one in told if one is not None and one == one and one != ""]  # noqa: PLR0124 - NaN is no id


@lru_cache(maxsize=4096)
def _holds_people(column: str) -> bool:
    snake = re.sub(r"([a-z])([A-Z])", r"\1_\2", column)
    return _PERSON_COLUMN.search(snake) is not None


def _written(name: str) -> set[str]:
    """A name in every way a file may write it."""
    once = {json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}
    twice = {json.dumps(form)[1:-1] for form in once}
    broken = name.encode("utf-8", errors="surrogateescape").decode("latin-1")  # where a file is neither whole
    forms = {name, *once, *twice, name.replace('"', '""'), html.escape(name), html.escape(name, quote=False), broken}
    forms |= {form.replace('"', '""') for form in once} | {quote(name, safe=""), quote(name)}
    return forms | {re.sub(r"\\u[0-9a-f]{4}", lambda found: "\\u" + found[0][2:].upper(), form) for form in forms}
