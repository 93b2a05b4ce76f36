"""A contextual policy as it is served: the shares of each kind of person, worked out when the first one comes."""

from __future__ import annotations

import json
from bisect import bisect_right
from typing import NamedTuple

from bandits.service.context_model import ContextModel, ContextShares
from bandits.service.experiment import Experiment
from bandits.service.features import Features, Kind, vector_of
from bandits.service.policy import Policy, drawn_upto, unit_key, unit_number
from bandits.service.requests import DecideRequest

#: Kinds of person whose shares are kept; with more the oldest are worked out anew.
_KEPT = 8_192


class _Race(NamedTuple):
    """Shares of the arms in the race, and their sums up to each."""

    share: list[float]
    upto: list[float]


class ContextualPolicy:
    """One version of a contextual policy.

    A person's share of each arm is its probability to be best *for that kind of person*, exactly, with the floor; the
    unit's hash then picks by these shares. So a unit with the same context gets the same arm within a version, and the
    share that is logged is the one that was drawn with.

    Parameters
    ----------
    policy
        The version to serve.
    experiment
        Its definition, with features.
    seed
        Part of the hash that assigns units.
    """

    __slots__ = ("_active", "_experiment", "_features", "_heads", "_key", "_races", "_shares", "policy", "version")

    def __init__(self, policy: Policy, experiment: Experiment, *, seed: int) -> None:
        if experiment.features is None:
            raise ValueError("a contextual policy needs features")
        self.policy, self.version = policy, policy.version
        self._experiment = experiment
        self._features: Features = experiment.features
        self._active = [arm for arm in policy.arms if arm.active]
        self._key = unit_key(seed, policy)
        self._heads = [f'","arm_id":{json.dumps(arm.arm_id)},"propensity":' for arm in self._active]
        self._shares = None if policy.model is None else shares_of(policy, policy.model, experiment)
        self._races: dict[Kind, _Race] = {}

    def decide(self, request: DecideRequest) -> tuple[str, float, bytes]:
        """Arm, propensity and the end of the answer.

        Raises
        ------
        InputError
            If the context lacks a feature.
        """
        kind = self._experiment.kind_of(request.fields)
        race = self._races.get(kind)
        if race is None:
            race = self._race(kind)
        place = bisect_right(race.upto, unit_number(self._key, request.unit_id))
        share = race.share[place]
        tail = f'{self._heads[place]}{share!r},"policy_version":{self.version}}}'
        return self._active[place].arm_id, share, tail.encode()

    def _race(self, kind: Kind) -> _Race:
        if self._shares is None:  # nothing learnt yet
            share = [arm.propensity for arm in self._active]
        else:
            share = self._shares.shares(vector_of(self._features, kind)).tolist()
        if len(self._races) >= _KEPT:
            del self._races[next(iter(self._races))]
        race = self._races[kind] = _Race(share, drawn_upto(share))
        return race


def shares_of(policy: Policy, model: ContextModel, experiment: Experiment) -> ContextShares:
    """The race of the arms of ``policy`` that run, by what ``model`` believes."""
    names = [arm.arm_id for arm in policy.arms if arm.active]
    return ContextShares(
        model, names, sampling=experiment.sampling, better=experiment.better, floor=experiment.floor_of(len(names))
    )
