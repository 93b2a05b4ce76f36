"""A policy as it is served: one version of an experiment's propensities, ready to be drawn from in microseconds."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import accumulate
from typing import Any, Self

from bandits.service.context_model import ContextModel
from bandits.service.requests import DecideRequest
from measurement.errors import InputError

_TWO_53 = 2.0**-53


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmState:
    """An arm in one version of a policy.

    Attributes
    ----------
    propensity
        Probability of being shown; 0 while paused. With features: on average over the people seen.
    active
        Whether it may be shown.
    decisions, rewards, mean, p_best
        What the learner knew; ``None`` before it has looked.
    """

    arm_id: str
    propensity: float
    active: bool = True
    decisions: int = 0
    rewards: int = 0
    mean: float | None = None
    p_best: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One version of an experiment's policy, as stored and as shown to clients.

    Attributes
    ----------
    version
        Grows by one with every change.
    reason
        What made it: ``"start"``, ``"learned"``, ``"paused"``, ``"resumed"``, ``"joined"``; ``"over_budget"``: learnt,
        but not even the cheapest arms that run keep to the budget.
    model
        Of an experiment with features, once something is learnt: shares are then worked out for each person.
    """

    experiment_id: str
    version: int
    arms: tuple[ArmState, ...]
    reason: str
    model: ContextModel | None = None

    @classmethod
    def start(cls, experiment_id: str, arms: tuple[str, ...], shares: tuple[float, ...] | None = None) -> Self:
        """Nothing known: all arms alike, or ``shares``."""
        even = (1.0 / len(arms),) * len(arms)
        states = tuple(ArmState(arm_id=arm, propensity=share) for arm, share in zip(arms, shares or even, strict=True))
        return cls(experiment_id=experiment_id, version=1, arms=states, reason="start")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all arms."""
        return tuple(arm.arm_id for arm in self.arms)

    def switched(self, arm_id: str, *, active: bool, floor: float) -> Policy:
        """The next version, with an arm paused or resumed.

        A resumed arm gets the floor until the learner has looked. Nothing changes if it is so already.

        Raises
        ------
        InputError
            If there is no such arm, or it is the last one that runs.
        """
        known = {arm.arm_id: arm for arm in self.arms}
        if arm_id not in known:
            raise InputError.of(
                "there is no such arm", f"Use one of: {', '.join(known)}"[:300], column="arm_id", value=arm_id
            )
        if known[arm_id].active == active:
            return self
        running = sum(arm.active for arm in self.arms)
        if not active and running == 1:
            raise InputError.of(
                "the last running arm cannot be paused", "Resume or add another arm first", column="arm_id",
                value=arm_id,
            )  # fmt: skip
        arms = [replace(arm, active=active) if arm.arm_id == arm_id else arm for arm in self.arms]
        share = floor if active else 0.0
        return self._with_share(arms, arm_id, share, "resumed" if active else "paused")

    def joined(self, arm_id: str) -> Policy:
        """The next version, with a new arm that gets an equal share until the learner has looked."""
        if arm_id in self.names:
            return self
        running = sum(arm.active for arm in self.arms)
        arms = [*self.arms, ArmState(arm_id=arm_id, propensity=0.0)]
        return self._with_share(arms, arm_id, 1.0 / (running + 1), "joined")

    def _with_share(self, arms: list[ArmState], arm_id: str, share: float, reason: str) -> Policy:
        """Give one arm its share and scale the other running ones to the rest."""
        others = [arm.propensity if arm.active and arm.arm_id != arm_id else 0.0 for arm in arms]
        total = sum(others)
        if total <= 0.0:  # the traffic lay on the arm that is now paused
            others = [float(arm.active and arm.arm_id != arm_id) for arm in arms]
            total = sum(others)
        scaled = tuple(
            replace(arm, propensity=share if arm.arm_id == arm_id else (1.0 - share) * other / total)
            for arm, other in zip(arms, others, strict=True)
        )
        return replace(self, version=self.version + 1, arms=scaled, reason=reason)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def dumps(self) -> str:
        """JSON text for the store."""
        return json.dumps(self.to_dict())

    @classmethod
    def loads(cls, text: str) -> Self:
        """Inverse of `dumps`."""
        raw = json.loads(text)
        model = raw.get("model")
        return cls(
            experiment_id=raw["experiment_id"], version=raw["version"], reason=raw["reason"],
            arms=tuple(ArmState(**arm) for arm in raw["arms"]),
            model=None if model is None else ContextModel.from_dict(model),
        )  # fmt: skip


def unit_key(seed: int, policy: Policy) -> bytes:
    """Key of the hash that assigns units in one version."""
    return hashlib.sha256(f"{seed}|{policy.experiment_id}|{policy.version}".encode()).digest()


def unit_number(key: bytes, unit: str) -> float:
    """A number in [0, 1) that belongs to the unit under this key."""
    digest = hashlib.blake2b(unit.encode(), digest_size=8, key=key).digest()
    # 53 bits make a float below 1 exactly
    return (int.from_bytes(digest, "big") >> 11) * _TWO_53


def drawn_upto(shares: Sequence[float]) -> list[float]:
    """Sums of the shares up to each arm, as a number in [0, 1) draws by them.

    The sum may end a rounding below 1: what is left belongs to the last arm that can be shown, never to a paused one.

    Examples
    --------
    >>> drawn_upto([0.25, 0.75, 0.0])
    [0.25, 1.0, 1.0]
    """
    upto = list(accumulate(shares))
    last = max(place for place, share in enumerate(shares) if share > 0.0)
    upto[last:] = [1.0] * (len(upto) - last)
    return upto


class ServedPolicy:
    """A `Policy` laid out for drawing: cumulative propensities and the ready-made end of each answer.

    Parameters
    ----------
    policy
        The version to serve.
    seed
        Part of the hash that assigns units.

    Examples
    --------
    >>> served = ServedPolicy(Policy.start("banner", ("a", "b")), seed=1)
    >>> served.choose("u1") == served.choose("u1")
    True
    """

    __slots__ = ("arms", "key", "policy", "propensity", "tails", "upto", "version")

    def __init__(self, policy: Policy, *, seed: int) -> None:
        self.policy, self.version = policy, policy.version
        self.arms, self.propensity = policy.names, [arm.propensity for arm in policy.arms]
        self.key = unit_key(seed, policy)
        self.upto = drawn_upto(self.propensity)
        self.tails = [
            f'","arm_id":{json.dumps(arm)},"propensity":{share!r},"policy_version":{policy.version}}}'.encode()
            for arm, share in zip(self.arms, self.propensity, strict=True)
        ]

    def choose(self, unit: str) -> int:
        """Index of the arm for a unit: always the same in this version."""
        return bisect_right(self.upto, unit_number(self.key, unit))

    def decide(self, request: DecideRequest) -> tuple[str, float, bytes]:
        """Arm, propensity and the end of the answer; the context plays no part."""
        arm = self.choose(request.unit_id)
        return self.arms[arm], self.propensity[arm], self.tails[arm]
