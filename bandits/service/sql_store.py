"""The store in SQL that SQLite and PostgreSQL share; what they do differently is in the subclasses."""

from __future__ import annotations

import contextlib
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

from bandits.service.experiment import Experiment
from bandits.service.policy import Policy
from bandits.service.store import (
    Counts,
    DecisionRow,
    RewardOutcome,
    RewardRow,
    SeenReward,
    ShownRow,
    StoreError,
    Tally,
    decision_number,
)
from measurement.errors import LiftwerkError

#: Worker slots: ten bits of a decision id.
SLOTS = 1024
_DUPLICATE = "SELECT value FROM rewards WHERE decision_id = ? AND reward_key = ?"
_INSERT_REWARD = """INSERT INTO rewards (decision_id, reward_key, decision, ts, value, received)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
_ADVANCE = "UPDATE current_policies SET version = ?, content = ? WHERE experiment_id = ? AND version = ?"
_TALLIES = """SELECT experiment_id, arm_id, ts / ?, count(*) FROM decisions
    WHERE id > ? AND id <= ? GROUP BY 1, 2, 3"""
_SHOWN = """SELECT id, experiment_id, arm_id, ts, context FROM decisions
    WHERE id > ? AND id <= ? AND experiment_id IN ({}) ORDER BY id LIMIT ?"""
_SEEN = """SELECT r.seq, d.id, d.experiment_id, d.arm_id, d.ts, r.ts, r.value, r.received, d.context
    FROM rewards r JOIN decisions d ON d.id = r.decision WHERE r.seq > ? ORDER BY r.seq LIMIT ?"""


class SqlStore(ABC):
    """`Store` over two connections of a DB-API driver: one for the writer thread, one for everything else."""

    #: What the driver raises when the database fails.
    failures: tuple[type[Exception], ...]
    quick = False

    def __init__(self) -> None:
        self._writer: Any = None
        self._reader: Any = None
        self._lock = threading.Lock()
        self._known: dict[str, Experiment] = {}
        self._patience = -1.0

    @abstractmethod
    def _connect(self) -> Any:  # noqa: ANN401 - the drivers share no types
        """A new connection that begins no transaction by itself."""

    @abstractmethod
    def _log(self, cursor: Any, rows: Sequence[DecisionRow]) -> None:  # noqa: ANN401
        """Insert decisions."""

    @abstractmethod
    def _begin(self) -> str:
        """The statement that opens a writing transaction."""

    @abstractmethod
    def _wait_for_others(self, seconds: float) -> None:
        """Set how long the writer waits for a lock."""

    def _sql(self, text: str) -> str:
        """``text``, written with question marks, in the driver's own style."""
        return text

    def tend(self) -> None:
        """Nothing to do: a database server tends its own log."""
        return

    def write(
        self, decisions: Sequence[DecisionRow], rewards: Sequence[RewardRow], patience: float = 4.0
    ) -> list[RewardOutcome]:
        """See `Store.write`."""
        try:
            if self._writer is None:
                self._writer = self._connect()
                self._patience = -1.0
            if patience != self._patience:
                self._wait_for_others(patience)
                self._patience = patience
            if len(decisions) == 1 and not rewards:
                self._log_one(decisions[0])
                return []
            with self._transaction(self._writer) as cursor:
                if decisions:
                    self._log(cursor, decisions)
                return [self._reward(cursor, row) for row in rewards]
        except self.failures as error:
            self._drop_writer()
            raise _failed("written", error) from error

    def _log_one(self, row: DecisionRow) -> None:
        """Insert one decision in a transaction of its own."""
        with self._transaction(self._writer) as cursor:
            self._log(cursor, [row])

    def _reward(self, cursor: Any, row: RewardRow) -> RewardOutcome:  # noqa: ANN401
        number = decision_number(row.decision_id)
        found = None
        if number is not None:
            cursor.execute(self._sql("SELECT experiment_id, ts FROM decisions WHERE id = ?"), (number,))
            found = cursor.fetchone()
        outcome: RewardOutcome = "accepted"
        key = "" if row.ts is None else str(row.ts)
        if found is None:
            number, outcome = None, "unknown"
        else:
            experiment = self._experiment(cursor, str(found[0]))
            if experiment.reward == "rate":
                key = ""  # a decision converts once, whatever time the repeat carries
            if not _fits(experiment, row.value):
                return "invalid"
            if (row.ts or row.received) - int(found[1]) > experiment.window_hours * 3.6e9:
                outcome = "late"
        values = (row.decision_id, key, number, row.ts or row.received, row.value, row.received)
        cursor.execute(self._sql(_INSERT_REWARD), values)
        if cursor.rowcount == 1:
            return outcome
        cursor.execute(self._sql(_DUPLICATE), (row.decision_id, key))
        return "duplicate" if float(cursor.fetchone()[0]) == row.value else "conflict"

    def _experiment(self, cursor: Any, name: str) -> Experiment:  # noqa: ANN401
        if name not in self._known:
            cursor.execute(self._sql("SELECT definition FROM experiments WHERE experiment_id = ?"), (name,))
            self._known[name] = Experiment.loads(str(cursor.fetchone()[0]))
        return self._known[name]

    def claim_slot(self) -> int:
        """See `Store.claim_slot`; slots come round after 1,024 starts."""
        with self._reading(self._begin()) as cursor:
            cursor.execute("UPDATE workers SET started = started + 1")
            cursor.execute("SELECT started FROM workers")
            return int(cursor.fetchone()[0]) % SLOTS

    def last_id(self) -> int:
        """See `Store.last_id`."""
        return int(self._rows("SELECT coalesce(max(id), 0) FROM decisions")[0][0])

    def create(self, experiment: Experiment) -> Experiment:
        """See `Store.create`."""
        name = experiment.experiment_id
        first = Policy.start(name, experiment.arms, experiment.first_shares())
        with self._reading(self._begin()) as cursor:
            cursor.execute(
                self._sql("INSERT INTO experiments (experiment_id, definition) VALUES (?, ?) ON CONFLICT DO NOTHING"),
                (name, experiment.dumps()),
            )
            if cursor.rowcount == 1:
                for table in ("current_policies", "policies"):
                    self._keep(cursor, table, first)
                return experiment
            cursor.execute(self._sql("SELECT definition FROM experiments WHERE experiment_id = ?"), (name,))
            return Experiment.loads(str(cursor.fetchone()[0]))

    def experiments(self) -> list[Experiment]:
        """See `Store.experiments`."""
        rows = self._rows("SELECT definition FROM experiments ORDER BY experiment_id")
        return [Experiment.loads(str(row[0])) for row in rows]

    def versions(self) -> dict[str, int]:
        """See `Store.versions`."""
        rows = self._rows("SELECT experiment_id, version FROM current_policies")
        return {str(name): int(version) for name, version in rows}

    def policy(self, experiment_id: str) -> Policy:
        """See `Store.policy`."""
        rows = self._rows("SELECT content FROM current_policies WHERE experiment_id = ?", (experiment_id,))
        return Policy.loads(str(rows[0][0]))

    def publish(self, policy: Policy) -> bool:
        """See `Store.publish`."""
        with self._reading(self._begin()) as cursor:
            cursor.execute(
                self._sql(_ADVANCE),
                (policy.version, policy.dumps(), policy.experiment_id, policy.version - 1),
            )
            if cursor.rowcount != 1:
                return False
            self._keep(cursor, "policies", policy)
            return True

    def _keep(self, cursor: Any, table: str, policy: Policy) -> None:  # noqa: ANN401
        cursor.execute(
            self._sql(f"INSERT INTO {table} (experiment_id, version, content) VALUES (?, ?, ?)"),  # noqa: S608
            (policy.experiment_id, policy.version, policy.dumps()),
        )

    def tallies(self, after: int, upto: int, bucket_us: int) -> list[Tally]:
        """See `Store.tallies`."""
        rows = self._rows(_TALLIES, (bucket_us, after, upto))
        return [Tally(str(row[0]), str(row[1]), int(row[2]), int(row[3])) for row in rows]

    def shown(self, experiments: Sequence[str], after: int, upto: int, limit: int) -> list[ShownRow]:
        """See `Store.shown`."""
        text = _SHOWN.format(", ".join("?" * len(experiments)))
        return [ShownRow(*row) for row in self._rows(text, (after, upto, *experiments, limit))]

    def seen_rewards(self, after: int, received_before: int, limit: int) -> list[SeenReward]:
        """See `Store.seen_rewards`."""
        found: list[SeenReward] = []
        for row in self._rows(_SEEN, (after, limit)):
            seen = SeenReward(*row)
            if seen.received >= received_before:
                break
            found.append(seen)
        return found

    def counts(self) -> Counts:
        """See `Store.counts`."""
        decisions, rewards, unknown = self._rows(
            """SELECT (SELECT count(*) FROM decisions), (SELECT count(*) FROM rewards WHERE decision IS NOT NULL),
                      (SELECT count(*) FROM rewards WHERE decision IS NULL)"""
        )[0]
        return Counts(decisions=int(decisions), rewards=int(rewards), unknown_rewards=int(unknown))

    def close(self) -> None:
        """See `Store.close`."""
        with self._lock:
            for connection in (self._writer, self._reader):
                if connection is not None:
                    with contextlib.suppress(*self.failures):
                        connection.close()
            self._writer = self._reader = None

    def _drop_writer(self) -> None:
        """A connection that failed may be dead: the next batch opens a new one."""
        if self._writer is not None:
            with contextlib.suppress(*self.failures):
                self._writer.close()
        self._writer = None

    def _rows(self, text: str, values: Sequence[object] = ()) -> list[Any]:
        with self._reading(None) as cursor:
            cursor.execute(self._sql(text), values)
            return list(cursor.fetchall())

    @contextlib.contextmanager
    def _reading(self, begin: str | None) -> Iterator[Any]:
        """A cursor on the second connection, inside a transaction where ``begin`` opens one."""
        with self._failing("read"), self._lock:
            if self._reader is None:
                self._reader = self._connect()
            try:
                if begin is None:
                    yield self._reader.cursor()
                else:
                    with self._transaction(self._reader) as cursor:
                        yield cursor
            except self.failures:
                with contextlib.suppress(*self.failures):
                    self._reader.close()
                self._reader = None
                raise

    @contextlib.contextmanager
    def _transaction(self, connection: Any) -> Iterator[Any]:  # noqa: ANN401
        cursor = connection.cursor()
        cursor.execute(self._begin())
        try:
            yield cursor
        except BaseException:
            with contextlib.suppress(*self.failures):
                cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")

    @contextlib.contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except self.failures as error:
            raise _failed(what, error) from error


def _failed(what: str, error: Exception) -> LiftwerkError:
    return StoreError.of(
        f"the decision log cannot be {what}", "See whether its disk is full or its database is down", column="store",
        value=error,
    )  # fmt: skip


def _fits(experiment: Experiment, value: float) -> bool:
    if experiment.reward == "rate":
        return value in (0.0, 1.0)
    return experiment.reward == "amount" or (value >= 0.0 and value == int(value))
