"""The store in PostgreSQL, for several machines that answer decisions together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from bandits.service.sql_store import SqlStore
from bandits.service.store import DecisionRow
from measurement.errors import InputError, Problem, shorten

_INSERT = """INSERT INTO decisions
    (id, ts, experiment_id, unit_id, arm_id, propensity, policy_version, context)
    SELECT * FROM unnest(CAST(%s AS bigint[]), CAST(%s AS bigint[]), CAST(%s AS text[]), CAST(%s AS text[]),
                         CAST(%s AS text[]), CAST(%s AS float8[]), CAST(%s AS bigint[]), CAST(%s AS text[]))"""
#: One statement each: the driver prepares them, and a prepared statement is a single one.
_LAYOUT = (
    "SELECT pg_advisory_xact_lock(727469727)",  # two workers that start together would create the tables twice
    "CREATE TABLE IF NOT EXISTS experiments (experiment_id text PRIMARY KEY, definition text NOT NULL)",
    """CREATE TABLE IF NOT EXISTS current_policies
        (experiment_id text PRIMARY KEY, version bigint NOT NULL, content text NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS policies
        (experiment_id text, version bigint, content text NOT NULL, PRIMARY KEY (experiment_id, version))""",
    """CREATE TABLE IF NOT EXISTS decisions
        (id bigint PRIMARY KEY, ts bigint NOT NULL, experiment_id text NOT NULL, unit_id text NOT NULL,
         arm_id text NOT NULL, propensity float8 NOT NULL, policy_version bigint NOT NULL, context text)""",
    """CREATE TABLE IF NOT EXISTS rewards
        (seq bigserial PRIMARY KEY, decision_id text NOT NULL, reward_key text NOT NULL, decision bigint,
         ts bigint NOT NULL, value float8 NOT NULL, received bigint NOT NULL, UNIQUE (decision_id, reward_key))""",
    "CREATE TABLE IF NOT EXISTS workers (started bigint NOT NULL)",
    "INSERT INTO workers SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM workers)",
    """CREATE OR REPLACE VIEW creative_decisions AS
        SELECT lpad(to_hex(id), 16, '0') AS decision_id, to_timestamp(ts / 1e6) AS ts, experiment_id, unit_id, arm_id,
               propensity, CAST(policy_version AS text) AS policy_version, context FROM decisions""",
    """CREATE OR REPLACE VIEW creative_rewards AS
        SELECT decision_id, to_timestamp(ts / 1e6) AS ts, value FROM rewards WHERE decision IS NOT NULL""",
)


class PostgresStore(SqlStore):
    """See `bandits.service.store.Store`.

    Parameters
    ----------
    url
        ``postgresql://user:password@host:port/database``; a batch is as safe as the server's ``synchronous_commit``.

    Raises
    ------
    InputError
        If the driver is not installed, the address is wrong, or the server does not let us in.
    """

    def __init__(self, url: str) -> None:
        try:
            from pg8000 import dbapi
        except ImportError as error:
            raise InputError.of("PostgreSQL needs its driver", "Install liftwerk[postgres]", column="store") from error
        super().__init__()
        self._driver: Any = dbapi
        self.failures = (dbapi.Error, OSError)
        try:
            place = urlsplit(url)
            port = place.port or 5432
        except ValueError as error:
            raise _wrong(error) from error
        self._place = {
            "user": unquote(place.username or "postgres"), "host": place.hostname or "localhost", "port": port,
            "database": unquote(place.path.strip("/")) or None,
            "password": unquote(place.password) if place.password else None,
        }  # fmt: skip
        try:
            self._reader = self._connect()
            with self._transaction(self._reader) as cursor:
                for statement in _LAYOUT:
                    cursor.execute(statement)
        except self.failures as error:
            raise _wrong(error) from error

    def _connect(self) -> Any:  # noqa: ANN401
        connection = self._driver.connect(**self._place, timeout=10, application_name="liftwerk")
        connection.autocommit = True
        return connection

    def _wait_for_others(self, seconds: float) -> None:
        self._writer.cursor().execute(f"SET lock_timeout = {round(seconds * 1e3)}")

    def _begin(self) -> str:
        return "BEGIN"

    def _sql(self, text: str) -> str:
        return text.replace("?", "%s")

    def _log(self, cursor: Any, rows: Sequence[DecisionRow]) -> None:  # noqa: ANN401
        cursor.execute(_INSERT, tuple(list(column) for column in zip(*rows, strict=True)))


def _wrong(error: Exception) -> InputError:
    return InputError(
        [
            Problem(
                message="the decision log cannot be opened",
                remedy="Check the address, the password and that the server runs",
                column="store",
                value=shorten(f"{type(error).__name__}: {error}"),
            )
        ]
    )
