"""The service desk: policies in memory, decisions and rewards into the log. Knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from bandits.service.commit import GroupCommit
from bandits.service.contextual import ContextualPolicy
from bandits.service.experiment import Experiment
from bandits.service.policy import Policy, ServedPolicy
from bandits.service.requests import DecideRequest, RewardRequest
from bandits.service.store import DecisionRow, RewardOutcome, RewardRow, Store
from measurement.errors import InputError

#: Bits of a decision id below the milliseconds: ten of the worker's slot, twelve of a counter.
_TIME_SHIFT, _SLOT_SHIFT = 22, 12
_ATTEMPTS = 20

type PolicyChange = Callable[[Policy], Policy]


class UnknownExperimentError(InputError):
    """There is no such experiment."""


class ConflictError(InputError):
    """The request is sound but does not fit what is there."""


class DecisionIds:
    """Ids that grow with time and that no other worker gives out.

    Parameters
    ----------
    slot
        The worker's number, 0 … 1023.
    last
        Highest id in the log: a clock that was set back does not make old ids again.

    Examples
    --------
    >>> ids = DecisionIds(slot=3, last=0)
    >>> ids.after(1000) < ids.after(1000) < ids.after(999)
    True
    """

    __slots__ = ("_next", "_slot")

    def __init__(self, *, slot: int, last: int) -> None:
        self._slot = slot << _SLOT_SHIFT
        self._next = (((last >> _TIME_SHIFT) + 1) << _SLOT_SHIFT) if last else 0

    def after(self, milliseconds: int) -> int:
        """The next id, at ``milliseconds`` since 1970 or a little later."""
        # time and counter are one number here: a full counter moves on to the next millisecond by itself
        number = max(self._next, milliseconds << _SLOT_SHIFT)
        self._next = number + 1
        return (number >> _SLOT_SHIFT) << _TIME_SHIFT | self._slot | (number & 0xFFF)


def id_at(milliseconds: int) -> int:
    """Lowest id that could be given out at that time."""
    return milliseconds << _TIME_SHIFT


class Desk:
    """What the endpoint does. All methods run on the event loop; the store is only touched in threads.

    Parameters
    ----------
    store
        The log.
    seed
        Part of the hash that assigns units.
    """

    def __init__(self, store: Store, *, seed: int) -> None:
        self._store, self._seed = store, seed
        self._served: dict[str, ServedPolicy | ContextualPolicy] = {}
        self._experiments: dict[str, Experiment] = {}
        self._polling: asyncio.Task[None] | None = None
        self._ids = DecisionIds(slot=store.claim_slot(), last=store.last_id())
        self.log = GroupCommit(store, asyncio.get_running_loop())

    @property
    def versions(self) -> dict[str, int]:
        """Version served now, by experiment."""
        return {name: served.version for name, served in self._served.items()}

    @property
    def ready(self) -> bool:
        """Whether decisions can be made and logged."""
        return self.log.sound

    async def close(self) -> None:
        """Write what waits."""
        await self.log.close()

    async def decide(self, request: DecideRequest) -> bytes:
        """Choose, log, and give the answer as JSON; returns when the decision is in the log."""
        served = self._served.get(request.experiment_id)
        if served is None:
            served = await self._find(request.experiment_id)
        row, answer = self._chosen(served, request)
        await self.log.add(row)
        return answer

    def at_once(self, request: DecideRequest) -> tuple[DecisionRow, bytes] | None:
        """What belongs into the log, and the answer for when it is there; ``None``: the policy is not in memory."""
        served = self._served.get(request.experiment_id)
        return None if served is None else self._chosen(served, request)

    def _chosen(self, served: ServedPolicy | ContextualPolicy, request: DecideRequest) -> tuple[DecisionRow, bytes]:
        now = time.time()
        arm, propensity, tail = served.decide(request)
        number = self._ids.after(int(now * 1e3))
        row = DecisionRow(
            number, int(now * 1e6), request.experiment_id, request.unit_id, arm, propensity, served.version,
            request.context,
        )  # fmt: skip
        return row, b'{"decision_id":"%016x' % number + tail

    async def reward(self, request: RewardRequest) -> RewardOutcome:
        """Log a reward and say what became of it."""
        received = int(time.time() * 1e6)
        return await self.log.add(RewardRow(request.decision_id, request.ts, request.value, received))

    async def create(self, experiment: Experiment) -> tuple[Policy, bool]:
        """Register an experiment; again with the same definition changes nothing. Gives whether it is new.

        Raises
        ------
        ConflictError
            If there is one of that name with another definition.
        """
        known = experiment.experiment_id in await asyncio.to_thread(self._store.versions)
        stored = await asyncio.to_thread(self._store.create, experiment)
        if stored != experiment:
            raise ConflictError.of(
                "there is another experiment of that name", "Choose another experiment_id; running ones do not change",
                column="experiment_id", value=experiment.experiment_id,
            )  # fmt: skip
        await self.poll()
        return self._served[experiment.experiment_id].policy, not known

    async def switch(self, experiment_id: str, arm_id: str, *, active: bool) -> Policy:
        """Pause or resume an arm; at once here, within a second in the other workers."""
        experiment = await self._definition(experiment_id)

        def change(policy: Policy) -> Policy:
            running = sum(arm.active for arm in policy.arms) + 1
            return policy.switched(arm_id, active=active, floor=experiment.floor_of(running))

        return await self._change(experiment_id, change)

    async def join(self, experiment_id: str, arm_id: str) -> Policy:
        """Add an arm to a running experiment."""
        await self._definition(experiment_id)
        return await self._change(experiment_id, lambda policy: policy.joined(arm_id))

    async def describe(self, experiment_id: str) -> dict[str, object]:
        """Definition and current policy."""
        experiment = await self._definition(experiment_id)
        return {"definition": experiment.model_dump(), "policy": self._served[experiment_id].policy.to_dict()}

    async def poll(self) -> None:
        """Fetch the policies that changed; several callers at once share one look."""
        if self._polling is None or self._polling.done():
            self._polling = asyncio.ensure_future(self._poll())
        await asyncio.shield(self._polling)

    async def _poll(self) -> None:
        for name, version in (await asyncio.to_thread(self._store.versions)).items():
            served = self._served.get(name)
            if served is None or served.version != version:
                policy = await asyncio.to_thread(self._store.policy, name)
                experiment = await self._registered(name)
                self._served[name] = (
                    ServedPolicy(policy, seed=self._seed) if experiment.features is None
                    else ContextualPolicy(policy, experiment, seed=self._seed)
                )  # fmt: skip

    async def _find(self, experiment_id: str) -> ServedPolicy | ContextualPolicy:
        """Another worker may have registered it a moment ago: look before saying no."""
        if experiment_id not in self._served:
            # a look that began before now may have missed it
            if self._polling is not None and not self._polling.done():
                await asyncio.shield(self._polling)
            await self.poll()
        if experiment_id not in self._served:
            raise UnknownExperimentError.of(
                "there is no such experiment", "Register it with POST /v1/experiments", column="experiment_id",
                value=experiment_id,
            )  # fmt: skip
        return self._served[experiment_id]

    async def _definition(self, experiment_id: str) -> Experiment:
        await self._find(experiment_id)
        return await self._registered(experiment_id)

    async def _registered(self, experiment_id: str) -> Experiment:
        if experiment_id not in self._experiments:
            for experiment in await asyncio.to_thread(self._store.experiments):
                self._experiments[experiment.experiment_id] = experiment
        return self._experiments[experiment_id]

    async def _change(self, experiment_id: str, change: PolicyChange) -> Policy:
        for _ in range(_ATTEMPTS):
            current = await asyncio.to_thread(self._store.policy, experiment_id)
            changed = change(current)
            if changed is current or await asyncio.to_thread(self._store.publish, changed):
                await self.poll()
                return changed
        raise ConflictError.of("the policy keeps changing", "Try again", column="experiment_id", value=experiment_id)
