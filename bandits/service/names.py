"""Names of experiments, arms and features: what a log and a web page can hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

LONGEST_NAME = 200


def printable(name: str) -> str:
    """``name`` itself, if a log and a web page can hold it.

    Raises
    ------
    ValueError
        If it is empty, longer than 200 characters or holds control characters or half a surrogate pair.
    """
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise ValueError(f"must be 1 to {LONGEST_NAME} printable characters")
    return name


Name = Annotated[str, AfterValidator(printable)]
