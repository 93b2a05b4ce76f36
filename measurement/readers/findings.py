"""A list of problems that grows while a table is read: every kind is listed, none floods the screen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from measurement.errors import Problem, Severity, shorten

#: Problems of one kind in one column that are listed one by one; the rest is counted.
CAP = 20
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


class Findings:
    """Problems of one file, in the order in which they were found.

    Parameters
    ----------
    file
        The file as the user wrote it.
    lines
        Line of every row of the table, shape (N,); empty where rows have no lines.
    cap
        Problems of one kind in one column that are listed one by one; ``None`` lists all.

    Examples
    --------
    >>> found = Findings("data/panel.csv", np.array([2, 3, 4]))
    >>> found.rows(np.array([False, True, False]), "tv", "spend is negative", "Mend it", value=lambda row: "-3")
    >>> print(found.problems[0])
    data/panel.csv:3, 'tv': spend is negative (found: -3). Mend it.
    """

    def __init__(self, file: str, lines: IntArray | None = None, cap: int | None = CAP) -> None:
        self.file = file
        self.cap = cap
        self.lines = np.empty(0, dtype=np.int64) if lines is None else lines
        self.problems: list[Problem] = []

    @property
    def has_errors(self) -> bool:
        """Whether anything found so far blocks the job."""
        return any(problem.severity == "error" for problem in self.problems)

    def add(
        self,
        message: str,
        remedy: str,
        *,
        column: str = "",
        line: int | None = None,
        value: object = "",
        severity: Severity = "error",
    ) -> None:
        """One problem of the file."""
        self.problems.append(
            Problem(
                message=message,
                remedy=remedy,
                file=self.file,
                line=line,
                column=column,
                value=shorten(value),
                severity=severity,
            )
        )

    def rows(
        self,
        where: BoolArray | IntArray,
        column: str,
        message: str,
        remedy: str,
        *,
        value: Callable[[int], object] | None = None,
        severity: Severity = "error",
    ) -> None:
        """The same problem in many rows: the first ``cap`` with their lines, then how many more there are.

        Parameters
        ----------
        where
            Mask of shape (N,), or row positions.
        value
            Row position → what was found there.
        """
        positions = np.flatnonzero(where) if where.dtype == np.bool_ else where
        for position in positions[: self.cap].tolist():
            found = "" if value is None else value(position)
            line = int(self.lines[position]) if position < len(self.lines) else None
            self.add(message, remedy, column=column, line=line, value=found, severity=severity)
        if self.cap is not None and len(positions) > self.cap:
            first, last = int(self.lines[positions[self.cap]]), int(self.lines[positions[-1]])
            more = f"… and {len(positions) - self.cap} more like this, on lines {first} to {last}: {message}"
            self.add(more, remedy, column=column, severity=severity)
