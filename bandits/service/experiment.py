"""What a client says an experiment is, checked before anything is stored."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bandits.propensity import Better
from bandits.thompson import Sampling
from measurement.errors import InputError, Problem, shorten

RewardKind = Literal["rate", "count", "amount"]
MOST_ARMS = 200
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


class Experiment(BaseModel):
    """One experiment as it was registered; arms may join later.

    Attributes
    ----------
    experiment_id, arms
        Names.
    reward
        ``"rate"``: one reward of 0 or 1 a decision. ``"count"``: whole numbers. ``"amount"``: any number, e.g. money.
    better, sampling
        See `bandits.thompson.ThompsonPolicy`.
    floor
        Least propensity of an arm that is not paused; left out: 1%, and with many arms a fifth of the traffic together.
    half_life_days
        Older evidence counts less by half each such span; ``"learn"``: what predicts best; ``None``: all counts alike.
    horizon
        Planned number of decisions, for ``sampling: "foresight"``; ``None``: no end is planned.
    window_hours
        A reward that comes later than this after its decision is counted as late. It is learnt from all the same.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    experiment_id: Name
    arms: Annotated[tuple[Name, ...], Field(min_length=2, max_length=MOST_ARMS, strict=False)]
    reward: RewardKind = "rate"
    better: Better = "higher"
    sampling: Sampling = "thompson"
    floor: Annotated[float, Field(ge=0.0, le=0.5)] | None = None
    half_life_days: Annotated[float, Field(gt=0.0, le=3650.0)] | Literal["learn"] | None = "learn"
    window_hours: Annotated[float, Field(gt=0.0, le=24.0 * 366)] = 168.0
    horizon: Annotated[int, Field(ge=1, le=10**12)] | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        if len(set(self.arms)) != len(self.arms):
            raise ValueError("arms: two arms have the same name")
        if self.floor is not None and self.floor * len(self.arms) > 1.0:
            raise ValueError(f"floor: {self.floor:g} for each of {len(self.arms)} arms is more than all the traffic")
        if self.horizon is not None and self.sampling != "foresight":
            raise ValueError(f"horizon: sampling '{self.sampling}' makes no use of it; say 'foresight' or leave it out")
        return self

    def floor_of(self, active: int) -> float:
        """The floor with ``active`` arms in the race; arms that joined later never push the sum above 1."""
        default = min(0.01, 0.2 / active)
        return default if self.floor is None else min(self.floor, 1.0 / active)

    @classmethod
    def parse(cls, raw: object) -> Experiment:
        """From decoded JSON.

        Raises
        ------
        InputError
            Every field that is wrong, with what was found and the remedy.
        """
        try:
            return cls.model_validate(raw)
        except ValidationError as error:
            raise InputError([_problem(dict(detail)) for detail in error.errors(include_url=False)]) from error

    def dumps(self) -> str:
        """JSON text for the store."""
        return json.dumps(self.model_dump(), sort_keys=True)

    @classmethod
    def loads(cls, text: str) -> Experiment:
        """Inverse of `dumps`."""
        return cls.parse(json.loads(text))


def _problem(detail: dict[str, object]) -> Problem:
    place = detail["loc"]
    field = ".".join(str(part) for part in place) if isinstance(place, tuple) else ""
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not field and ": " in message:
        field, message = message.split(": ", 1)
    remedies = {
        "missing": f"Add '{field}'",
        "extra_forbidden": f"Remove it; known fields are {', '.join(Experiment.model_fields)}",
    }
    found = "" if detail["type"] == "missing" or isinstance(detail["input"], dict) else shorten(detail["input"])
    return Problem(
        message=message[:1].lower() + message[1:],
        remedy=remedies.get(str(detail["type"]), "Correct this field"),
        column=field,
        value=found,
    )
