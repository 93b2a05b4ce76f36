"""A check that says whether a number may be acted on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One gate of a run, as it is written to ``manifest.json``.

    Attributes
    ----------
    name
        Stable snake_case id, e.g. ``"r_hat"``; the app translates it.
    passed
        Whether the value is within its limit.
    value, limit
        What was measured and what was allowed, in the same unit; ``None`` where there is no number.
    remedy
        What to do when it fails, one sentence.
    blocking
        A failed blocking check makes the run unhealthy; others are shown as hints.
    """

    name: str
    passed: bool
    value: float | str | None
    limit: float | str | None
    remedy: str
    blocking: bool = True

    def to_dict(self) -> dict[str, object]:
        """The fields as plain JSON values."""
        return asdict(self)


def healthy(checks: Iterable[Check]) -> bool:
    """Whether no blocking check failed."""
    return all(check.passed for check in checks if check.blocking)
