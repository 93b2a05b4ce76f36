"""An action that is not allowed: which rule forbids it, in words of any language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from measurement.errors import InputError
from measurement.wording import Wording, load_wording


class Refusal(InputError):  # noqa: N818 - an answer, not a fault
    """An action was refused; nothing was changed.

    Attributes
    ----------
    rule
        Id of the rule: its sentence is ``refusal.<rule>`` of the catalogue, its remedy ``refusal_remedy.<rule>``.
    facts
        What the sentences quote.
    """

    rule: str = ""
    facts: Mapping[str, str]

    @classmethod
    def by(cls, rule: str, **facts: str) -> Self:
        """The refusal of a rule, its English words in the error itself."""
        words = load_wording("decisions", "en_GB", "EUR")
        error = cls(
            cls.of(
                words.text(f"refusal.{rule}", **facts).rstrip("."),
                words.text(f"refusal_remedy.{rule}", **facts).rstrip("."),
            ).problems
        )
        error.rule, error.facts = rule, dict(facts)
        return error

    def sentence(self, words: Wording) -> str:
        """What was refused and what to do, in the language of the decisions' catalogue ``words``."""
        parts = (f"refusal.{self.rule}", f"refusal_remedy.{self.rule}")
        facts = {name: _in_words(name, value, words) for name, value in self.facts.items()}
        return " ".join(words.text(part, **facts) for part in parts)


def _in_words(name: str, value: str, words: Wording) -> str:
    """Roles, deeds and money as people of the language write them; everything else as it is."""
    if name == "missing":
        return words.money(float(value), digits=2, signed=True)
    if name == "role":
        return words.messages.get(f"role_name.{value}", value)
    return words.messages.get(f"deed_name.{value}", value) if name == "deed" else value
