"""Days, teams and models of a batch of calls as one code a row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from monitoring.callbatches import Batch
from monitoring.encoding import Ints
from monitoring.leaves import Leaf

Codes = NDArray[np.integer[Any]]
#: Codes up to here fit 16 bits.
_MANY = 65_536


class LeafCodes:
    """The codes of one batch: ``((day - first day) * teams + team) * models + model``.

    Parameters
    ----------
    batch
        Calls.
    """

    def __init__(self, batch: Batch) -> None:
        self._teams, self._models = batch.team[1], batch.model[1]
        self._first = int(np.min(batch.day))
        self._many = (int(np.max(batch.day)) - self._first + 1) * len(self._teams) * len(self._models)

    def of(self, day: Codes | int, team: Codes, model: Codes) -> Codes:
        """A code a row, shape as ``team``."""
        kind = np.uint16 if self._many <= _MANY else np.int64
        code = np.multiply(team, len(self._models), dtype=kind, casting="unsafe")
        code += model.astype(kind, copy=False)
        if isinstance(day, int):
            if day != self._first:
                code += kind((day - self._first) * len(self._teams) * len(self._models))
        else:
            code += ((day - self._first) * (len(self._teams) * len(self._models))).astype(kind)
        return code

    def numbered(self, code: Codes) -> tuple[list[Leaf], Codes, Ints]:
        """Those leaves that occur in ``code``, for each row the place of its leaf among them, and rows a leaf."""
        if self._many > _MANY:  # perhaps far more combinations than rows
            there, found, rows = np.unique(code, return_inverse=True, return_counts=True)
            place: Codes = found.astype(np.uint16 if len(there) <= _MANY else np.int64)
        else:
            every = np.bincount(code, minlength=1)
            there = np.flatnonzero(every)
            rows, place = every[there], code
            if len(there) < len(every):
                lookup = np.zeros(len(every), dtype=np.uint16)
                lookup[there] = np.arange(len(there))
                place = lookup.take(code, mode="clip")
        rest, model = np.divmod(there.astype(np.int64), len(self._models))
        day, team = np.divmod(rest, len(self._teams))
        names = zip((day + self._first).tolist(), team.tolist(), model.tolist(), strict=True)
        return [(d, self._teams[t], self._models[m]) for d, t, m in names], place, rows


class Numbers:
    """A number for each leaf, in the order in which leaves were met."""

    def __init__(self) -> None:
        self._known: dict[Leaf, int] = {}

    def __len__(self) -> int:
        """How many leaves were met."""
        return len(self._known)

    def of(self, leaves: list[Leaf]) -> Ints:
        """The number of each leaf."""
        known = self._known
        return np.array([known.setdefault(leaf, len(known)) for leaf in leaves], dtype=np.int64)

    def leaves(self) -> list[Leaf]:
        """Leaf by number."""
        return list(self._known)
