"""Where the service keeps its log and policies: SQLite on one machine, PostgreSQL where that is outgrown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from bandits.service.experiment import Experiment
from bandits.service.policy import Policy
from measurement.errors import LiftwerkError


class DecisionRow(NamedTuple):
    """A decision as it is logged; ``id`` is the number behind ``decision_id``, ``ts`` microseconds since 1970."""

    id: int
    ts: int
    experiment_id: str
    unit_id: str
    arm_id: str
    propensity: float
    policy_version: int
    context: str | None


class RewardRow(NamedTuple):
    """A reward as it came; ``ts`` is the client's time in microseconds, ``None`` where it gave none."""

    decision_id: str
    ts: int | None
    value: float
    received: int


#: ``late`` and ``unknown`` rewards are kept and counted; ``conflict`` and ``invalid`` ones are refused.
RewardOutcome = Literal["accepted", "late", "unknown", "duplicate", "conflict", "invalid"]


class Tally(NamedTuple):
    """Decisions of an arm within one bucket of time."""

    experiment_id: str
    arm_id: str
    bucket: int
    decisions: int


class ShownRow(NamedTuple):
    """A decision with its context; ``ts`` in microseconds."""

    id: int
    experiment_id: str
    arm_id: str
    ts: int
    context: str | None


class SeenReward(NamedTuple):
    """A reward with its decision; times in microseconds."""

    seq: int
    decision: int
    experiment_id: str
    arm_id: str
    decided: int
    ts: int
    value: float
    received: int
    context: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much is in the store."""

    decisions: int
    rewards: int
    unknown_rewards: int


class StoreError(LiftwerkError):
    """The store cannot be read or written."""


class Store(Protocol):
    """What the service needs of a database. Methods may be called from any thread, `write` by one at a time."""

    @property
    def quick(self) -> bool:
        """Whether `write` takes microseconds, so that an event loop may wait for it."""
        ...

    def write(
        self, decisions: Sequence[DecisionRow], rewards: Sequence[RewardRow], patience: float = 4.0
    ) -> list[RewardOutcome]:
        """Log a batch in one transaction; when it returns, a killed process loses none of it.

        Waits at most ``patience`` seconds for another process that is writing.

        Raises
        ------
        StoreError
            If nothing of the batch was written.
        """
        ...

    def claim_slot(self) -> int:
        """A number for this worker that no other worker alive has, 0 … 1023."""
        ...

    def last_id(self) -> int:
        """Highest decision id, 0 if there is none."""
        ...

    def create(self, experiment: Experiment) -> Experiment:
        """Register an experiment with its first policy; gives the one that is there if the name is taken."""
        ...

    def experiments(self) -> list[Experiment]:
        """All experiments."""
        ...

    def versions(self) -> dict[str, int]:
        """Current policy version of every experiment."""
        ...

    def policy(self, experiment_id: str) -> Policy:
        """Current policy."""
        ...

    def publish(self, policy: Policy) -> bool:
        """Make ``policy`` the current one; ``False`` if its version does not follow the current one any more."""
        ...

    def tallies(self, after: int, upto: int, bucket_us: int) -> list[Tally]:
        """Decisions with ``after`` < id ≤ ``upto``, counted by experiment, arm and bucket of time."""
        ...

    def shown(self, experiments: Sequence[str], after: int, upto: int, limit: int) -> list[ShownRow]:
        """Decisions of some experiments with ``after`` < id ≤ ``upto``, in order, at most ``limit``."""
        ...

    def seen_rewards(self, after: int, received_before: int, limit: int) -> list[SeenReward]:
        """Rewards of known decisions with seq > ``after``, in order, up to the first that came too recently."""
        ...

    def counts(self) -> Counts:
        """Sizes, for tests and for people; slow on large logs."""
        ...

    def tend(self) -> None:
        """Housekeeping, once a second; cheap where there is nothing to do."""
        ...

    def close(self) -> None:
        """Release the connections."""
        ...


def decision_name(number: int) -> str:
    """``decision_id`` as clients see it."""
    return f"{number:016x}"


def decision_number(name: str) -> int | None:
    """The number behind a ``decision_id``, ``None`` if this service never gave out such an id."""
    if len(name) != 16 or not name.isascii():
        return None
    try:
        number = int(name, 16)
    except ValueError:
        return None
    return number if 0 < number < 2**63 and decision_name(number) == name else None
