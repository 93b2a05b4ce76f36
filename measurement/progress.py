"""How long work reports where it stands, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with the share done (0 to 1) and one short English phrase on what is being done."""

    def __call__(self, done: float, doing: str) -> None:
        """Report progress."""


def silent(done: float, doing: str) -> None:
    """Listen to nothing."""
