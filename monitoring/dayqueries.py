"""Answers of queries over the calls of the day store, kept by day: a query is run over the days that changed alone.

``content/rollups/queries/<hash of the query>.parquet`` holds the rows of every day and which files they rest on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from measurement.store import code_version, write_parquet
from monitoring.tables import one_thread, open_tables

if TYPE_CHECKING:
    import duckdb

    from monitoring.catalogue import Source

_STATE = b"liftwerk"
#: What answers a query over the views of `monitoring.tables`.
Ask = Callable[[str], pd.DataFrame]


def asking(connection: duckdb.DuckDBPyConnection, source: Source, by_day: Ask | None) -> Ask:
    """What answers queries over a source: ``by_day`` where there is one and it can, else all that is open.

    Parameters
    ----------
    connection
        From `monitoring.tables.open_tables`.
    source
        The view that will be read.
    by_day
        `DayQueries.ask`, which knows calls only.
    """
    if by_day is not None and source == "calls":
        return by_day

    def ask(sql: str) -> pd.DataFrame:
        found: pd.DataFrame = connection.sql(sql).df()
        return found

    return ask


class DayQueries:
    """The folder ``content/rollups/queries``.

    Parameters
    ----------
    folder
        Made on first use; may be removed at any time, and is made again.
    calls
        A Parquet file for each day, named by it.
    currency
        Of the workspace.
    """

    def __init__(self, folder: Path, calls: Sequence[Path], currency: str) -> None:
        self.folder = folder
        self._currency = currency
        self._files = {path.stem: path for path in sorted(calls)}
        stats = {day: path.stat() for day, path in self._files.items()}
        self._stamps = {day: [stat.st_size, stat.st_mtime_ns] for day, stat in stats.items()}
        self._asked: set[Path] = set()
        self._opened: tuple[list[Path], duckdb.DuckDBPyConnection] | None = None

    def ask(self, sql: str) -> pd.DataFrame:
        """The rows of a query, oldest day first.

        Parameters
        ----------
        sql
            Over the view ``calls`` alone; its rows have a column ``day`` and rest on the calls of that day only.
        """
        version = f"{code_version()} {self._currency} {sql}"
        file = self.folder / f"{hashlib.sha256(sql.encode()).hexdigest()[:16]}.parquet"
        self._asked.add(file)
        kept, stamps = _read(file, version)
        same = {day for day, stamp in stamps.items() if self._stamps.get(day) == stamp}
        fresh = self._fresh(sql, [path for day, path in self._files.items() if day not in same])
        if fresh is None and len(same) == len(stamps):
            return kept
        parts = [kept[np.isin(_days(kept), np.array(sorted(same), dtype="datetime64[D]"))]] if len(kept) else []
        parts += [] if fresh is None else [fresh]
        filled = [part for part in parts if len(part)] or parts[:1] or [kept]
        table = pd.concat(filled, ignore_index=True) if len(filled) > 1 else filled[0].reset_index(drop=True)
        if not table["day"].is_monotonic_increasing:
            table = table.sort_values("day", kind="stable", ignore_index=True)
        told = json.dumps({"version": version, "stamps": self._stamps})
        self.folder.mkdir(parents=True, exist_ok=True)
        columns = pa.Table.from_pandas(table, preserve_index=False)
        write_parquet(file, columns.replace_schema_metadata({**(columns.schema.metadata or {}), _STATE: told}))
        return table

    def close(self) -> None:
        """Remove answers to what was not asked: of another objective, say."""
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None
        for file in set(self.folder.glob("*.parquet")) - self._asked:
            file.unlink(missing_ok=True)

    def _fresh(self, sql: str, files: list[Path]) -> pd.DataFrame | None:
        """The query's rows over some files; ``None`` without files."""
        if not files:
            return None
        if self._opened is None or self._opened[0] != files:
            if self._opened is not None:
                self._opened[1].close()
            calls = [files[0].with_name("*.parquet")] if len(files) == len(self._files) else list(files)
            self._opened = files, open_tables({"gen_call": calls}, self._currency)
        with one_thread(self._opened[1]):
            return asking(self._opened[1], "calls", None)(sql)


def _days(table: pd.DataFrame) -> NDArray[np.datetime64]:
    return table["day"].to_numpy().astype("datetime64[D]")


def _read(file: Path, version: str) -> tuple[pd.DataFrame, dict[str, list[int]]]:
    """Rows and the stamps of the days they rest on; none where they were made by another version."""
    try:
        table = pq.read_table(file)
    except (FileNotFoundError, pa.ArrowInvalid):
        return pd.DataFrame(), {}
    tree = json.loads(table.schema.metadata[_STATE])
    return (table.to_pandas(), tree["stamps"]) if tree["version"] == version else (pd.DataFrame(), {})
