"""What a look at the data before a fit turned up: one frozen record a finding."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

FindingSeverity = Literal["warning", "hint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a person should know before a model is fitted. It never blocks.

    Unlike a `measurement.checks.Check`, of which a run has one a name, there is one finding for each subject.

    Attributes
    ----------
    name
        Stable snake_case id, e.g. ``"collinear"``.
    subject
        What it is about: a channel's name, two joined by `` + ``, ``"outcome"`` or ``"panel"``.
    value, limit
        What was measured and from where on it is worth a word, in the same unit. Shares and correlations are
        fractions, costs and levels ratios to what is usual: none depends on the currency.
    sentence, remedy
        What it means and what to do, in the language of `mmm.exploration.explore`.
    severity
        ``"warning"`` where a fit will mislead or say nothing, ``"hint"`` where it is good to know.
    """

    name: str
    subject: str
    value: float
    limit: float
    sentence: str
    remedy: str
    severity: FindingSeverity

    def to_dict(self) -> dict[str, object]:
        """The fields as plain JSON values."""
        return asdict(self)
