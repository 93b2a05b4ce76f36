"""What every table of ``liftwerk.toml`` is: frozen, without unknown keys, with errors that say what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

#: Type of a pydantic error that brings its own remedy, and where needed its own place, key and value.
PLACED = "placed"
Money = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A frozen table of ``liftwerk.toml``; unknown keys are errors, so that a typing slip is never silent."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def placed(message: str, remedy: str, *, place: str = "", key: str = "", value: object = "") -> PydanticCustomError:
    """An error of a validator with its remedy.

    Parameters
    ----------
    message, remedy
        In the words of `measurement.errors.Problem`; no braces.
    place
        The dotted setting; left out, the table or key under validation.
    key
        A key below the place.
    value
        What was found.
    """
    return PydanticCustomError(PLACED, message, {"remedy": remedy, "place": place, "key": key, "value": str(value)})


def one_of(name: str, known: Iterable[str]) -> str:
    """A remedy: the nearest of the known names, else all of them.

    Examples
    --------
    >>> one_of("serch", ["search", "tv"])
    "Did you mean 'search'?"
    >>> one_of("radio", ["search", "tv"])
    'Use one of: search, tv'
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"Did you mean '{near[0]}'?" if near else f"Use one of: {', '.join(names) or '(none)'}"
