"""Group commit: what arrives while one batch is being written makes the next one, and nothing is answered unwritten."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue

from bandits.service.store import DecisionRow, RewardOutcome, RewardRow, Store, StoreError

#: Rows that may wait; more means that the database cannot keep up.
LONGEST_QUEUE = 20_000
#: A decision that waited longer is refused: the learner counts on old ids being final.
OLDEST_S = 5.0
#: Seconds to wait for another process that is writing: on the event loop, in the thread.
_IMPATIENT_S, _PATIENT_S = 0.02, 4.0

#: Told what became of a row once it is written, or why it could not be.
type Told = Callable[[RewardOutcome | Exception], None]
type _Future = asyncio.Future[RewardOutcome]
type _Item = tuple[DecisionRow | RewardRow, Told]


log = logging.getLogger("liftwerk.serve")


class BusyError(Exception):
    """Too much is waiting to be written; the client should come back later."""


class GroupCommit:
    """Writes decisions and rewards in batches and then wakes those who wait for them.

    A batch is written at the end of the event loop's turn, so that all requests read in that turn share one
    transaction; no timer delays anything. A store that answers within microseconds is written on the loop itself:
    waking a thread costs ten times as much. Where it does not answer at once, and with slow stores, a thread writes
    while the next batch gathers.

    Parameters
    ----------
    store
        Where to write.
    loop
        The event loop whose requests wait.
    """

    def __init__(self, store: Store, loop: asyncio.AbstractEventLoop) -> None:
        self._store, self._loop = store, loop
        self._gathering: list[_Item] = []
        self._writing: list[_Item] = []
        self._scheduled = self._closing = False
        self._handed: SimpleQueue[list[_Item] | None] = SimpleQueue()
        self.batches = 0
        #: Whether the last batch could be written.
        self.sound = True
        self._thread = threading.Thread(target=self._run, name="decision-log", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Rows not yet written."""
        return len(self._gathering) + len(self._writing)

    def add(self, row: DecisionRow | RewardRow) -> _Future:
        """Queue a row; the future is done once it is in the store.

        Raises
        ------
        BusyError
            If the queue is full or the writer has ended.
        """
        future: _Future = self._loop.create_future()
        self.put(row, partial(_wake, future))
        return future

    def put(self, row: DecisionRow | RewardRow, told: Told) -> None:
        """The same with a function that is called on the event loop once the row is in the store.

        Raises
        ------
        BusyError
            If the queue is full or the writer has ended.
        """
        if len(self._gathering) >= LONGEST_QUEUE or self._closing:
            raise BusyError
        self._gathering.append((row, told))
        if not self._scheduled and not self._writing:
            self._scheduled = True
            self._loop.call_soon(self._hand_over)

    async def close(self) -> None:
        """Write what waits, then end the thread."""
        self._closing = True
        while self.waiting:
            await asyncio.sleep(0.001)
        self._handed.put(None)
        await asyncio.to_thread(self._thread.join)

    def _hand_over(self) -> None:
        self._scheduled = False
        if not self._gathering or self._writing:
            return
        self._writing, self._gathering = self._gathering, []
        if self._store.quick:
            outcomes = self._write(self._writing, _IMPATIENT_S)
            if not isinstance(outcomes[0], StoreError):
                self._settle(outcomes)
                return
        self._handed.put(self._writing)

    def _settle(self, outcomes: list[RewardOutcome | Exception]) -> None:
        """Tell those whose rows were written, and hand over the next batch."""
        written, self._writing = self._writing, []
        for (_, told), outcome in zip(written, outcomes, strict=True):
            try:
                told(outcome)
            except Exception:  # whatever one of them does, the others must hear of it
                log.exception("a bug in liftwerk")
        self._hand_over()

    def _run(self) -> None:
        while (items := self._handed.get()) is not None:
            self._loop.call_soon_threadsafe(self._settle, self._write(items, _PATIENT_S))

    def _write(self, items: list[_Item], patience: float) -> list[RewardOutcome | Exception]:
        oldest = (time.time() - OLDEST_S) * 1e6
        decisions: list[DecisionRow] = []
        rewards: list[RewardRow] = []
        for row, _ in items:
            if isinstance(row, RewardRow):
                rewards.append(row)
            elif row.ts >= oldest:
                decisions.append(row)
        try:
            answered = iter(self._store.write(decisions, rewards, patience))
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it and the thread go on
            self.sound = False
            return [error] * len(items)
        self.sound = True
        self.batches += 1
        return [
            next(answered) if isinstance(row, RewardRow) else "accepted" if row.ts >= oldest else BusyError()
            for row, _ in items
        ]


def _wake(future: _Future, outcome: RewardOutcome | Exception) -> None:
    if future.done():  # the client went away
        return
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
