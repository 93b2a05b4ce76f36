"""The features by which a contextual experiment tells people apart: declared once, checked with every request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bandits.rewards import Floats
from bandits.service.names import Name
from measurement.errors import InputError, LiftwerkError

MOST_FEATURES = 20
MOST_LEVELS = 50
#: Columns of the regression, the constant included.
MOST_COLUMNS = 64

#: A person as the regression sees them: the number of the level, step or flag of each feature.
type Kind = tuple[int, ...]


class Category(BaseModel):
    """One of several levels, e.g. the device."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: Literal["category"]
    levels: Annotated[tuple[Name, ...], Field(min_length=2, max_length=MOST_LEVELS, strict=False)]
    default: Name | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Category:
        if len(set(self.levels)) != len(self.levels):
            raise ValueError("levels: two levels are the same")
        if self.default is not None and self.default not in self.levels:
            raise ValueError(f"default: '{self.default}' is none of the levels")
        return self

    @property
    def columns(self) -> int:
        """Columns of the regression."""
        return len(self.levels)

    def place(self, value: object) -> int | None:
        """Number of the level; ``None`` if it is none of them and there is no default."""
        text = str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, int | str) else None
        if text in self.levels:
            return self.levels.index(text)
        return None if self.default is None else self.levels.index(self.default)

    def fill(self, place: int, into: Floats) -> None:
        """Set this feature's columns, which are 0, for level ``place``."""
        into[place] = 1.0

    def accepts(self) -> str:
        """What may be sent."""
        return f"one of: {', '.join(self.levels)}"


class Number(BaseModel):
    """A number that is read in steps; what lies beyond an end counts as the end."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: Literal["number"]
    low: Annotated[float, Field(ge=-1e12, le=1e12)]
    high: Annotated[float, Field(ge=-1e12, le=1e12)]
    steps: Annotated[int, Field(ge=1, le=1_000)] = 20
    default: Annotated[float, Field(ge=-1e12, le=1e12)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Number:
        if not self.low < self.high:
            raise ValueError(f"high: {self.high:g} is not above low, which is {self.low:g}")
        return self

    @property
    def columns(self) -> int:
        """Columns of the regression."""
        return 1

    def place(self, value: object) -> int | None:
        """The nearest of the steps, 0 … ``steps``; ``None`` if it is no number and there is no default."""
        known = self.default if isinstance(value, bool) or not isinstance(value, int | float) else value
        if known is None:
            return None
        return round((min(max(known, self.low), self.high) - self.low) / (self.high - self.low) * self.steps)

    def fill(self, place: int, into: Floats) -> None:
        """-1 at the low end, 1 at the high one."""
        into[0] = 2.0 * place / self.steps - 1.0

    def accepts(self) -> str:
        """What may be sent."""
        return f"a number, usually {self.low:g} to {self.high:g}"


class Flag(BaseModel):
    """True or false, e.g. whether someone is a customer."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    type: Literal["flag"]
    default: bool | None = None

    @property
    def columns(self) -> int:
        """Columns of the regression."""
        return 1

    def place(self, value: object) -> int | None:
        """1 for true, 0 for false; ``None`` if it is neither and there is no default."""
        known = value if isinstance(value, bool) else self.default
        return None if known is None else int(known)

    def fill(self, place: int, into: Floats) -> None:
        """-1 for false, 1 for true."""
        into[0] = 2.0 * place - 1.0

    def accepts(self) -> str:
        """What may be sent."""
        return "true or false"


Feature = Annotated[Category | Number | Flag, Field(discriminator="type")]
FEATURE_FIELDS = tuple(dict.fromkeys([*Category.model_fields, *Number.model_fields]))
Features = Mapping[str, Category | Number | Flag]


def kind_of(features: Features, context: Mapping[str, object] | None) -> Kind:
    """The kind of person a context describes; fields beyond the features are left alone.

    Raises
    ------
    InputError
        If a feature without a default is missing, null, or none of what was declared.

    Examples
    --------
    >>> features = {"device": Category(type="category", levels=("mobile", "desktop")),
    ...             "age": Number(type="number", low=20, high=60, steps=4, default=40)}
    >>> kind_of(features, {"device": "desktop", "campaign": "spring"})
    (1, 2)
    >>> kind_of(features, {"device": "mobile", "age": 99})
    (0, 4)
    """
    known = context or {}
    found = []
    for name, feature in features.items():
        place = feature.place(known.get(name))
        if place is None:
            raise _missing(name, feature, known)
        found.append(place)
    return tuple(found)


def columns_of(features: Features) -> int:
    """Columns of the regression, the constant included."""
    return 1 + sum(feature.columns for feature in features.values())


def column_names(features: Features) -> tuple[str, ...]:
    """What the columns stand for."""
    names = ["constant"]
    for name, feature in features.items():
        names += [f"{name}={level}" for level in feature.levels] if isinstance(feature, Category) else [name]
    return tuple(names)


def vector_of(features: Features, kind: Kind) -> Floats:
    """A kind of person as the regression takes it, shape (columns,): 1 first, then each feature's columns.

    Examples
    --------
    >>> features = {"device": Category(type="category", levels=("mobile", "desktop")), "customer": Flag(type="flag")}
    >>> vector_of(features, (1, 0)).tolist()
    [1.0, 0.0, 1.0, -1.0]
    """
    x = np.zeros(columns_of(features))
    x[0] = 1.0
    start = 1
    for place, feature in zip(kind, features.values(), strict=True):
        feature.fill(place, x[start : start + feature.columns])
        start += feature.columns
    return x


def _missing(name: str, feature: Category | Number | Flag, context: Mapping[str, object]) -> LiftwerkError:
    absent = context.get(name) is None
    return InputError.of(
        "the experiment needs this feature" if absent else "this is not what the experiment declared",
        f"Send {feature.accepts()}"[:300], column=f"context.{name}", value="" if absent else ascii(context[name]),
    )  # fmt: skip
