"""What is wrong with inputs, in the reader's language: the checks speak English, this says it in German.

The English sentences are the checks' own; ``wording/problems_de.toml`` holds each with its parts and its German. A
sentence that is not there is shown as it is: a message in another language is better than none.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from functools import cache
from importlib import resources

from measurement.errors import Problem
from measurement.wording import Wording

_PART = re.compile(r"\\\{(\w+)\\\}")


def in_words(problem: Problem, words: Wording) -> Problem:
    """The problem in the language of ``words``; place and value stay as they stand in the file.

    Examples
    --------
    >>> german = Wording(locale="de_DE", currency="EUR", messages={})
    >>> problem = Problem(message="the spend is negative", remedy="Check the export", file="panel.csv")
    >>> in_words(problem, german).message
    'Ausgaben: der Wert ist negativ'
    """
    if words.language != "de":
        return problem
    return replace(problem, message=_german("message", problem.message), remedy=_german("remedy", problem.remedy))


def _german(kind: str, text: str) -> str:
    """The first sentence of the list that fits, its parts put in."""
    for pattern, german in _sentences()[kind]:
        found = pattern.fullmatch(text)
        if found is not None:
            known = _words()
            parts = {
                name: _german(kind, part) if name == "same" else known.get(part, part)
                for name, part in found.groupdict().items()
            }
            return german.format(**parts)
    return text


@cache
def _catalogue() -> dict[str, dict[str, str]]:
    return tomllib.loads((resources.files("decisions") / "wording" / "problems_de.toml").read_text(encoding="utf-8"))


def _words() -> dict[str, str]:
    return _catalogue()["word"]


@cache
def _sentences() -> dict[str, list[tuple[re.Pattern[str], str]]]:
    """Sentences as patterns, those without parts first: they say more than a part that fits anything."""
    made = {}
    for kind in ("message", "remedy"):
        listed = sorted(_catalogue()[kind].items(), key=lambda pair: "{" in pair[0])
        made[kind] = [
            (re.compile(_PART.sub(r"(?P<\1>.+?)", re.escape(english)), re.DOTALL), german) for english, german in listed
        ]
    return made
