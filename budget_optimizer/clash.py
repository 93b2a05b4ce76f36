"""Rules that exclude each other, as data: which they are, and the cheapest mend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from budget_optimizer.constraints import money
from measurement.errors import InputError

Verb = Literal["raise", "lower", "loosen", "lower_target"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How one rule gives way.

    Attributes
    ----------
    verb
        What to do to its limit; ``lower_target`` for a rule on outcome.
    rule
        Its name.
    amount
        By how much money; for ``lower_target`` by how much outcome it falls short.
    """

    verb: Verb
    rule: str
    amount: float

    def __str__(self) -> str:
        if self.verb == "lower_target":
            return f"lower the target '{self.rule}' (it falls short by an outcome of {money(self.amount)})"
        return f"{self.verb} '{self.rule}' by {money(self.amount)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """Rules that cannot hold together.

    Attributes
    ----------
    rules
        Names of the smallest set: without any one of them the others can be met.
    mend
        Rule name → by how much money its limit must give way; the cheapest way to make the plan possible.
    steps
        The mend as steps, one a rule of ``mend``.
    short
        Name of a rule, or of a family of three and more of ``rules``, with the number of rules it stands for.
    """

    rules: tuple[str, ...]
    mend: dict[str, float]
    steps: tuple[Step, ...] = ()
    short: tuple[tuple[str, int], ...] = ()

    @property
    def sentence(self) -> str:
        """What to change, in one sentence without a full stop."""
        return f"The cheapest mend: {' and '.join(map(str, self.steps))}" if self.steps else "Loosen one of these rules"


class ClashError(InputError):
    """The rules of a plan exclude each other.

    Attributes
    ----------
    clash
        Which, and how to mend it: for callers that say so in another language.
    """

    clash: Clash


class NoPlanInTimeError(InputError):
    """The search ended before it found a plan that meets the rules; whether there is one is not known."""
