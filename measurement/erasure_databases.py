"""Taking a person out of databases: SQLite and DuckDB files, whose freed pages would still hold what was deleted."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measurement.errors import InputError, LiftwerkError
from measurement.person import Person

if TYPE_CHECKING:
    import duckdb

SQLITE = b"SQLite format 3\0"
DUCKDB = b"DUCK"
_LOG_ENDINGS = ("-wal", "-shm", "-journal", ".wal")


def database_kind(path: Path) -> str:
    """``"sqlite"``, ``"duckdb"``, ``"log"`` for the logs beside them, ``""`` for any other file."""
    if path.name.endswith(_LOG_ENDINGS):
        beside = path.with_name(path.name[: -len(next(end for end in _LOG_ENDINGS if path.name.endswith(end)))])
        if beside.is_file() and database_kind(beside):
            return "log"
    with path.open("rb") as stream:
        begin = stream.read(16)
    return "sqlite" if begin == SQLITE else "duckdb" if begin[8:12] == DUCKDB else ""


def erase_sqlite(path: Path, person: Person, *, write: bool = True, scrub: bool = False) -> int:
    """Delete the person's rows from every table, overwriting what stood there.

    Parameters
    ----------
    path, person
        The file, and whom.
    write
        Whether to change it.
    scrub
        Overwrite what was freed also where no row is left to delete: a job may have been killed in between.

    Raises
    ------
    InputError
        Where the file is broken or held by another program.
    """
    try:
        # a look changes nothing: only where the person is found, the log beside is moved into the database; without
        # a log nobody writes, and SQLite need not make one
        how = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "mode=ro&immutable=1"
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True, timeout=10.0)) as looking:
            looking.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
            theirs = {table: rows for table in _tables(looking) if (rows := _sqlite_rows(looking, table, person))}
        if (theirs or scrub) and write:
            with closing(sqlite3.connect(path, timeout=10.0, isolation_level=None)) as connection:
                _delete(connection, theirs)
    except sqlite3.Error as error:
        raise _held(path, error) from error
    return sum(map(len, theirs.values()))


def _delete(connection: sqlite3.Connection, theirs: dict[str, list[int]]) -> None:
    connection.execute("PRAGMA secure_delete = ON")
    connection.execute("BEGIN IMMEDIATE")
    for table, rows in theirs.items():
        connection.executemany(
            f"DELETE FROM {_quoted(table)} WHERE rowid = ?",  # noqa: S608 - a name of the file's own
            [(row,) for row in rows],
        )
    connection.execute("COMMIT")
    # pages freed earlier hold what was deleted without being overwritten
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _tables(connection: sqlite3.Connection) -> list[str]:
    """Tables whose rows can be told apart by their number; those without are the service's, which has no people."""
    found = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for name, sql in found if "WITHOUT ROWID" not in str(sql).upper()]


def _sqlite_rows(connection: sqlite3.Connection, table: str, person: Person) -> list[int]:
    cursor = connection.execute(f"SELECT rowid, * FROM {_quoted(table)}")  # noqa: S608 - a name of the file's own
    return _theirs([column[0] for column in cursor.description[1:]], cursor, person)


def erase_duckdb(path: Path, person: Person, *, write: bool = True) -> int:
    """Delete the person's rows from every table; the file is made anew, for its free blocks keep what was deleted.

    Raises
    ------
    InputError
        Where the file is broken or held by another program.
    """
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as looking:
            theirs = {table: rows for table in _duck_tables(looking) if (rows := _duck_rows(looking, table, person))}
        if theirs and write:
            beside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(3)}")
            try:
                _copied(path, beside, theirs)
                beside.replace(path)
            finally:
                for file in (beside, beside.with_name(f"{beside.name}.wal")):
                    file.unlink(missing_ok=True)
    except duckdb.Error as error:
        raise _held(path, error) from error
    return sum(map(len, theirs.values()))


def _copied(path: Path, beside: Path, theirs: dict[str, list[int]]) -> None:
    """A copy without the rows, and of it another one, without what the deleted rows leave; the file itself stays."""
    import duckdb

    first = beside.with_name(f"{beside.name}a")
    with duckdb.connect(str(path)) as connection:
        connection.execute("CHECKPOINT")  # the log is part of the file from here on
        _copy(connection, first)
    try:
        with duckdb.connect(str(first)) as connection:
            for table, rows in theirs.items():
                connection.execute(f"DELETE FROM {table} WHERE rowid IN (SELECT unnest(?))", [rows])  # noqa: S608
            _copy(connection, beside)
    finally:
        for file in (first, first.with_name(f"{first.name}.wal")):
            file.unlink(missing_ok=True)


def _copy(connection: duckdb.DuckDBPyConnection, target: Path) -> None:
    ((name,),) = connection.execute("SELECT current_database()").fetchall()
    connection.execute(f"ATTACH '{str(target).replace(chr(39), chr(39) * 2)}' AS the_copy")
    connection.execute(f"COPY FROM DATABASE {_quoted(name)} TO the_copy")
    connection.execute("DETACH the_copy")


def _duck_tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    found = connection.execute("SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
    return [f"{_quoted(schema)}.{_quoted(table)}" for schema, table in found]


def _duck_rows(connection: duckdb.DuckDBPyConnection, table: str, person: Person) -> list[int]:
    cursor = connection.execute(f"SELECT rowid, * FROM {table}")  # noqa: S608 - a name of the file's own
    rows = chain.from_iterable(iter(lambda: cursor.fetchmany(10_000), []))
    return _theirs([column[0] for column in cursor.description[1:]], rows, person)


def _theirs(names: list[str], rows: Iterable[tuple[Any, ...]], person: Person) -> list[int]:
    """Numbers of the person's rows; each row has its number first, then what stands under the names."""
    found = []
    for number, *values in rows:
        row = dict(zip(names, values, strict=True))
        if any(person.named_in_tree(_plain(value), name) for name, value in row.items()) or person.owns(row):
            found.append(int(number))
            person.link([row])
    return found


def _plain(value: object) -> object:
    return value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _held(path: Path, error: Exception) -> LiftwerkError:
    return InputError.of(
        "this database cannot be written, so the person may still be in it", "Stop what holds it, then forget again",
        file=path.name, value=error,
    )  # fmt: skip
