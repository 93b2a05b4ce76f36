"""Errors that a marketer can act on: each names the field, what was found and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with an input, with its place and its remedy.

    Attributes
    ----------
    file
        The file as the user wrote it (relative to the workspace), or ``""`` where no file is concerned.
    line
        Line in the file as an editor shows it (the header is line 1), or ``None`` for the whole file.
    column
        Column or setting concerned, e.g. ``"search_spend"`` or ``"budget.total"``.
    value
        What was found there, as text, shortened to 80 characters.
    message
        What is wrong, one sentence without a full stop.
    remedy
        How to mend it, one imperative sentence without a full stop.
    severity
        ``"error"`` blocks the job, ``"warning"`` is reported and the job goes on.
    """

    message: str
    remedy: str
    file: str = ""
    line: int | None = None
    column: str = ""
    value: str = ""
    severity: Severity = "error"

    @property
    def place(self) -> str:
        """``file:line, column 'name'``, as much of it as is known."""
        where = self.file + (f":{self.line}" if self.line is not None else "")
        field = f"'{self.column}'" if self.column else ""
        return ", ".join(part for part in (where, field) if part)

    def __str__(self) -> str:
        head = f"{self.place}: " if self.place else ""
        found = f" (found: {self.value})" if self.value else ""
        end = "" if self.remedy.endswith(("?", "!", ".")) else "."
        return f"{head}{self.message}{found}. {self.remedy}{end}"

    def to_dict(self) -> dict[str, str | int | None]:
        """The fields as plain JSON values."""
        return asdict(self)


class LiftwerkError(Exception):
    """Base of every error liftwerk raises on purpose.

    Parameters
    ----------
    problems
        At least one problem. The first is the headline.

    Examples
    --------
    >>> error = InputError.of("spend is negative", "Enter refunds in a column of their own", column="tv", value="-3")
    >>> print(error)
    'tv': spend is negative (found: -3). Enter refunds in a column of their own.
    """

    #: Exit status of the command line for this kind of error (see the public contract).
    exit_status = 1

    def __init__(self, problems: Sequence[Problem]) -> None:
        if not problems:
            raise ValueError("an error needs at least one problem")
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def of(
        cls,
        message: str,
        remedy: str,
        *,
        file: str = "",
        line: int | None = None,
        column: str = "",
        value: object = "",
    ) -> LiftwerkError:
        """An error with a single problem; ``value`` is shortened for display."""
        return cls([Problem(message=message, remedy=remedy, file=file, line=line, column=column, value=shorten(value))])


class InputError(LiftwerkError):
    """The input is wrong: the user can mend it (exit status 2)."""

    exit_status = 2


class GateError(LiftwerkError):
    """The work is done, but a gate says: do not act on it (exit status 3)."""

    exit_status = 3


def shorten(value: object, limit: int = 80) -> str:
    """``value`` as one line of text, at most ``limit`` characters."""
    text = " ".join(str(value).split())
    return text if len(text) <= limit else text[: limit - 1] + "…"
