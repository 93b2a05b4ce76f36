"""What a client says an experiment is, checked before anything is stored."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from bandits.context_fit import Family
from bandits.propensity import Better
from bandits.rewards import Floats
from bandits.sampling import Sampling
from bandits.service.features import FEATURE_FIELDS, MOST_COLUMNS, MOST_FEATURES, Feature, Kind, columns_of, kind_of
from bandits.service.names import Name
from bandits.traffic import Terms, cheapest_only
from measurement.errors import InputError, Problem, shorten

RewardKind = Literal["rate", "count", "amount"]
MOST_ARMS = 200
#: Numbers of a contextual policy: arms times the triangle of columns by columns.
MOST_NUMBERS = 40_000


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
    costs, reward_value, budget
        Money a decision for each arm costs, money a unit of reward is worth, and money a decision may cost on average
        (optional): see `bandits.traffic`. An arm that joins later counts as dear as the dearest of these.
    window_hours
        A reward that comes later than this after its decision is counted as late. It is learnt from all the same.
    features
        What the context of a decision must hold, by name; the policy is then contextual (`bandits.service.features`).
    model
        How rewards depend on the features: ``"logistic"`` (rates), ``"linear"``; left out: what fits the reward.
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
    costs: dict[Name, Annotated[float, Field(ge=0.0, le=1e12)]] | None = None
    reward_value: Annotated[float, Field(gt=0.0, le=1e12)] | None = None
    budget: Annotated[float, Field(ge=0.0, le=1e12)] | None = None
    features: Annotated[dict[Name, Feature], Field(min_length=1, max_length=MOST_FEATURES)] | None = None
    model: Family | None = None

    @field_validator("features")
    @classmethod
    def _sorted(cls, features: dict[str, Feature] | None) -> dict[str, Feature] | None:
        # the order of the columns is that of the names, whatever order they are sent or stored in
        return None if features is None else dict(sorted(features.items()))

    @model_validator(mode="after")
    def _consistent(self) -> Experiment:
        if len(set(self.arms)) != len(self.arms):
            raise ValueError("arms: two arms have the same name")
        if self.floor is not None and self.floor * len(self.arms) > 1.0:
            raise ValueError(f"floor: {self.floor:g} for each of {len(self.arms)} arms is more than all the traffic")
        if self.horizon is not None and self.sampling != "foresight":
            raise ValueError(f"horizon: sampling '{self.sampling}' makes no use of it; say 'foresight' or leave it out")
        self._check_money()
        self._check_features()
        return self

    def _check_features(self) -> None:
        if self.features is None:
            if self.model is not None:
                raise ValueError("model: it says nothing without features")
            return
        if self.sampling == "foresight" or self.costs is not None:
            raise ValueError("features: they go with sampling 'thompson' or 'top_two', and without costs")
        if self.model == "logistic" and self.reward != "rate":
            raise ValueError(f"model: 'logistic' is for rewards of 0 or 1, and these are of the kind '{self.reward}'")
        columns = columns_of(self.features)
        if columns > MOST_COLUMNS:
            raise ValueError(f"features: they make {columns} columns, with at most {MOST_COLUMNS}; use fewer levels")
        if len(self.arms) * columns * (columns + 1) // 2 > MOST_NUMBERS:
            raise ValueError(f"features: {columns} columns for each of {len(self.arms)} arms are too many; use fewer")

    @property
    def family(self) -> Family:
        """The regression of a contextual policy."""
        return self.model or ("logistic" if self.reward == "rate" else "linear")

    def kind_of(self, context: Mapping[str, object] | None) -> Kind:
        """See `bandits.service.features.kind_of`; () without features."""
        return () if self.features is None else kind_of(self.features, context)

    def _check_money(self) -> None:
        if self.costs is None:
            if self.reward_value is not None or self.budget is not None:
                raise ValueError("costs: reward_value and budget say nothing without the cost of every arm")
            return
        if self.reward_value is None:
            raise ValueError("reward_value: costs say nothing without the money that a reward is worth")
        if set(self.costs) != set(self.arms):
            raise ValueError("costs: there must be one for each arm, and for no other")
        if self.sampling != "thompson" or self.better != "higher":
            raise ValueError("costs: they need sampling 'thompson' and better 'higher'")
        if self.budget is not None:
            cost, cheapest = self._cheapest(self.costs)
            if self.budget < cheapest @ cost:
                raise ValueError(f"budget: with the floor a decision costs {cheapest @ cost:g} at least")

    def _cheapest(self, costs: Mapping[str, float]) -> tuple[Floats, Floats]:
        """Cost of each arm, and the shares that cost least."""
        cost = np.array([costs[arm] for arm in self.arms])
        return cost, cheapest_only(cost, self.floor_of(len(self.arms)))

    def terms(self, arms: Sequence[str]) -> Terms | None:
        """What showing these arms costs, the budget left out; ``None`` without costs."""
        if self.costs is None or self.reward_value is None:
            return None
        dearest = max(self.costs.values())
        return Terms(cost=[self.costs.get(arm, dearest) for arm in arms], reward_value=self.reward_value)

    def first_shares(self) -> tuple[float, ...]:
        """Shares before anything is known: equal, or as equal as the budget allows."""
        equal = np.full(len(self.arms), 1.0 / len(self.arms))
        if self.costs is None or self.budget is None:
            return tuple(equal.tolist())
        cost, cheapest = self._cheapest(self.costs)
        spare, needed = self.budget - cheapest @ cost, equal @ cost - cheapest @ cost
        part = 1.0 if needed <= spare else float(spare / needed)
        return tuple((part * equal + (1.0 - part) * cheapest).tolist())

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
    words = [str(part) for part in place] if isinstance(place, tuple) else []
    if words[:1] == ["features"]:
        del words[2:3]  # pydantic names the type of the feature there
    field = ".".join(words)
    message = str(detail["msg"]).removeprefix("Value error, ")
    if not field and ": " in message:
        field, message = message.split(": ", 1)
    known = FEATURE_FIELDS if words[:1] == ["features"] else tuple(Experiment.model_fields)
    remedies = {
        "missing": f"Add '{field}'",
        "extra_forbidden": f"Remove it; known fields are {', '.join(known)}",
        "union_tag_not_found": 'Add "type": "category", "number" or "flag"',
        "union_tag_invalid": 'Use "type": "category", "number" or "flag"',
    }
    found = "" if detail["type"] == "missing" or isinstance(detail["input"], dict) else shorten(detail["input"])
    return Problem(
        message=message[:1].lower() + message[1:],
        remedy=remedies.get(str(detail["type"]), "Correct this field"),
        column=field,
        value=found,
    )
