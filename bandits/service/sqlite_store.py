"""The store in one SQLite file: write-ahead log, one transaction for many decisions, synced beside the hot path."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from bandits.service.sql_store import SqlStore
from bandits.service.store import DecisionRow
from measurement.errors import InputError

#: Size of the write-ahead log at which it is moved into the database, bytes.
_CHECKPOINT = 32 * 2**20
_INSERT = """INSERT INTO decisions
    (id, ts, experiment_id, unit_id, arm_id, propensity, policy_version, context) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_FORGET = (
    "DELETE FROM rewards WHERE decision IN (SELECT id FROM decisions WHERE unit_id = ?)",
    "DELETE FROM decisions WHERE unit_id = ?",
)
_LAYOUT = """
CREATE TABLE IF NOT EXISTS experiments (experiment_id TEXT PRIMARY KEY, definition TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS current_policies
    (experiment_id TEXT PRIMARY KEY, version INTEGER NOT NULL, content TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS policies
    (experiment_id TEXT, version INTEGER, content TEXT NOT NULL, PRIMARY KEY (experiment_id, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS decisions
    (id INTEGER PRIMARY KEY, ts INTEGER NOT NULL, experiment_id TEXT NOT NULL, unit_id TEXT NOT NULL,
     arm_id TEXT NOT NULL, propensity REAL NOT NULL, policy_version INTEGER NOT NULL, context TEXT);
CREATE TABLE IF NOT EXISTS rewards
    (seq INTEGER PRIMARY KEY AUTOINCREMENT, decision_id TEXT NOT NULL, reward_key TEXT NOT NULL, decision INTEGER,
     ts INTEGER NOT NULL, value REAL NOT NULL, received INTEGER NOT NULL, UNIQUE (decision_id, reward_key));
CREATE TABLE IF NOT EXISTS workers (started INTEGER NOT NULL);
INSERT INTO workers SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM workers);
CREATE VIEW IF NOT EXISTS creative_decisions AS
    SELECT printf('%016x', id) AS decision_id, strftime('%Y-%m-%dT%H:%M:%fZ', ts / 1e6, 'unixepoch') AS ts,
           experiment_id, unit_id, arm_id, propensity, CAST(policy_version AS TEXT) AS policy_version, context
    FROM decisions;
CREATE VIEW IF NOT EXISTS creative_rewards AS
    SELECT decision_id, strftime('%Y-%m-%dT%H:%M:%fZ', ts / 1e6, 'unixepoch') AS ts, value
    FROM rewards WHERE decision IS NOT NULL;
"""


class SqliteStore(SqlStore):
    """See `bandits.service.store.Store`. Several processes on one machine may share the file.

    Parameters
    ----------
    file
        The database; made where it is missing.
    fsync
        ``True``: every batch is on the disk before it is answered, also should the machine lose power. ``False``: a
        killed process loses nothing, a machine that loses power at most what `tend` had not synced.

    Raises
    ------
    InputError
        If the file is no SQLite database, or cannot be made.
    """

    failures = (sqlite3.Error,)

    def __init__(self, file: Path, *, fsync: bool = False) -> None:
        super().__init__()
        self.file, self.fsync = file, fsync
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._reader = sqlite3.connect(file, timeout=4.0, isolation_level=None, check_same_thread=False)
            self._set_up(self._reader)
            self._reader.executescript(f"BEGIN IMMEDIATE; {_LAYOUT} COMMIT;")
        except (OSError, sqlite3.Error) as error:
            self.close()
            raise InputError.of(
                "the decision log cannot be opened", "Name a file that can be written, or move this one away",
                file=str(file), value=error,
            ) from error  # fmt: skip

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=4.0, isolation_level=None, check_same_thread=False)
        self._set_up(connection)
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self.fsync else 'NORMAL'}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA cache_size = -16000")

    @property
    def quick(self) -> bool:  # type: ignore[override]
        """Without a sync a batch takes microseconds."""
        return not self.fsync

    def _wait_for_others(self, seconds: float) -> None:
        self._writer.execute(f"PRAGMA busy_timeout = {round(seconds * 1e3)}")

    def _begin(self) -> str:
        return "BEGIN IMMEDIATE"

    def _log(self, cursor: sqlite3.Cursor, rows: Sequence[DecisionRow]) -> None:
        cursor.executemany(_INSERT, rows)

    def _log_one(self, row: DecisionRow) -> None:
        # a statement alone is a transaction: BEGIN and COMMIT would cost as much as the row
        self._writer.execute(_INSERT, row)

    def tend(self) -> None:
        """Sync the write-ahead log to the disk; where it has grown long, move it into the database."""
        log = self.file.with_name(self.file.name + "-wal")
        try:
            size = log.stat().st_size
            if not self.fsync and size:
                handle = os.open(log, os.O_RDWR)
                try:
                    os.fsync(handle)
                finally:
                    os.close(handle)
        except FileNotFoundError:
            return
        if size > _CHECKPOINT:
            # most of it while writers go on, then the short rest, so that the log starts at its beginning again
            with self._failing("tended"):
                connection = self._connect()
                try:
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    connection.close()


def forget_units(file: Path, units: Iterable[str]) -> int:
    """Delete the decisions of people and their rewards, overwriting what stood there; gives the number of rows.

    Safe while the service runs. A file without the service's tables is left as it is.

    Raises
    ------
    InputError
        If the file is held by another program or broken.
    """
    removed = 0
    connection = sqlite3.connect(file, timeout=10.0, isolation_level=None)
    try:
        connection.execute("PRAGMA secure_delete = ON")
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {"decisions", "rewards"} <= names:
            return 0
        connection.execute("BEGIN IMMEDIATE")
        for unit in units:
            for statement in _FORGET:
                removed += connection.execute(statement, (unit,)).rowcount
        connection.execute("COMMIT")
        # the write-ahead log still holds the pages as they were
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise InputError.of(
            "this log cannot be written, so the person may still be in it", "Stop what holds it, then forget again",
            file=file.name, value=error,
        ) from error  # fmt: skip
    finally:
        connection.close()
    return removed
