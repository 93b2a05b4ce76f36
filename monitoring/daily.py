"""KPIs of the day store by day: a day that has not changed is not computed again.

``content/rollups/kpis.parquet`` holds the rows of every day and, beside them, which files they rest on;
``content/rollups/outputs/<day>.npy`` the hashes of the day's outputs. A day is computed again when its calls or scores
changed, or those of a day with which it shares an output: what an output cost counts on the day its first call began.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.store import code_version, write_atomically, write_parquet
from monitoring.callpass import COUNTS
from monitoring.catalogue import MEASURES, Source
from monitoring.dayqueries import DayQueries
from monitoring.encoding import HashSet, hashes_of
from monitoring.intake.verdicts import UNPLACED
from monitoring.intervals import count_interval
from monitoring.rollup import KEYS, VALUE_COLUMNS, CallFacts, call_totals, hours_seen, rolled_up
from monitoring.tables import Table, one_thread, open_tables

_STATE = b"liftwerk"
#: Of what is kept: goes up where ids of outputs are hashed in another way, or files hold other things.
_FORMAT = 2
#: Sources whose rows are kept by day; the others are small tables without days of their own.
BY_DAY: tuple[Source, ...] = ("calls", "scores", "outputs")
HOURLY = "throughput_per_hour"
_FACTS = (*KEYS, *COUNTS, "spent")


@dataclass(slots=True, kw_only=True)
class _Day:
    """What the rows of a day rest on.

    Attributes
    ----------
    stamps
        Size and time of its files of calls and of scores.
    shares
        Days with which it shares outputs.
    outputs
        Outputs whose first call began on it.
    span
        First and last start of its calls, microseconds since 1970; empty without calls.
    """

    stamps: list[list[int]]
    shares: list[str] = field(default_factory=list)
    outputs: float = 0.0
    span: list[int] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _State:
    """All that is kept. ``loose``: stamp of the scores that found no call, and the days on which they were given."""

    level: float
    days: dict[str, _Day] = field(default_factory=dict)
    loose: tuple[list[int], list[str]] = ([], [])
    kpis: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(VALUE_COLUMNS)))
    facts: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(_FACTS)))


class DayRollups:
    """The folder ``content/rollups``.

    Parameters
    ----------
    folder
        Made on first use; may be removed at any time, and is made again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def update(
        self, calls: Sequence[Path], scores: Sequence[Path], *, currency: str, level: float
    ) -> tuple[pd.DataFrame, CallFacts, tuple[str, ...]]:
        """Bring the days up to date.

        Parameters
        ----------
        calls, scores
            A Parquet file for each day, named by it; the scores that found no call in ``unplaced.parquet``.
        currency, level
            Of the workspace, and of the intervals.

        Returns
        -------
        DataFrame
            KPIs of calls, scores and outputs, columns `monitoring.rollup.VALUE_COLUMNS`.
        CallFacts
            Of all calls.
        tuple of str
            The days that were computed.
        """
        version = _version(currency, level)
        state = self._read(version, level)
        files = _by_day(calls, scores)
        loose = _loose(scores, state)
        changed = {d for d, paths in files.items() if d not in state.days or state.days[d].stamps != _stamps(paths)}
        gone = set(state.days) - set(files)
        again = set(changed)
        if loose != state.loose:
            again |= {*loose[1], *state.loose[1]}
            state.loose = loose
        if again or gone:
            again |= _shared(state, changed | gone)
            self._note_shares(state, files, changed, gone)
            again = (again | _shared(state, changed)) - gone
            work = _Work(currency=currency, level=level, calls=list(calls), scores=list(scores))
            _compute(state, work, again, gone)
            self._write(state, version)
        return _kpis(state), _facts(state), tuple(sorted(again))

    def queries(self, calls: Sequence[Path], currency: str) -> DayQueries:
        """Queries over the same calls whose answers are kept by day."""
        return DayQueries(self.folder / "queries", calls, currency)

    def _note_shares(self, state: _State, files: Mapping[str, list[Path]], changed: set[str], gone: set[str]) -> None:
        """Hash the outputs of changed days, and see which other days have some of them too."""
        (self.folder / "outputs").mkdir(parents=True, exist_ok=True)
        for day in gone:
            (self.folder / "outputs" / f"{day}.npy").unlink(missing_ok=True)
            del state.days[day]
        for day in changed:
            calls = [path for path in files[day] if path.parent.name == "calls"]
            state.days[day] = _Day(stamps=_stamps(files[day]), span=_span(calls))
            write_atomically(self.folder / "outputs" / f"{day}.npy", _outputs_of(calls).tobytes())
        for kept in state.days.values():
            kept.shares = [other for other in kept.shares if other not in changed | gone]
        for day in changed:
            mine = HashSet(self._hashes(day))
            for other in state.days:
                if other != day and mine.holds(self._hashes(other)).any():
                    for one, two in ((day, other), (other, day)):
                        state.days[one].shares = sorted({*state.days[one].shares, two})

    def _hashes(self, day: str) -> NDArray[np.uint64]:
        file = self.folder / "outputs" / f"{day}.npy"
        return np.fromfile(file, dtype=np.uint64) if file.exists() else np.empty(0, dtype=np.uint64)

    def _read(self, version: str, level: float) -> _State:
        """What is kept; nothing where it was made by another version, for another currency or level."""
        try:
            kpis, facts = (pq.read_table(self.folder / f"{name}.parquet") for name in ("kpis", "facts"))
        except (FileNotFoundError, pa.ArrowInvalid):
            return _State(level=level)
        tree: dict[str, Any] = json.loads(kpis.schema.metadata[_STATE])
        if tree["version"] != version:
            return _State(level=level)
        days = {day: _Day(**values) for day, values in tree["days"].items()}
        return _State(
            level=level,
            days=days,
            loose=(tree["loose"][0], tree["loose"][1]),
            kpis=kpis.to_pandas(),
            facts=facts.to_pandas(),
        )

    def _write(self, state: _State, version: str) -> None:
        """The state last: a job that was killed before does its days once more."""
        days = {day: asdict(values) for day, values in state.days.items()}
        told = json.dumps({"version": version, "days": days, "loose": state.loose})
        write_parquet(self.folder / "facts.parquet", pa.Table.from_pandas(state.facts, preserve_index=False))
        table = pa.Table.from_pandas(state.kpis, preserve_index=False)
        write_parquet(
            self.folder / "kpis.parquet", table.replace_schema_metadata({**table.schema.metadata, _STATE: told})
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    currency: str
    level: float
    calls: list[Path]
    scores: list[Path]

    def of(self, days: set[str]) -> tuple[dict[str, Table], list[Path]]:
        """The files of some days as tables; all of them where nearly all are asked for."""
        calls = [path for path in self.calls if path.stem in days] or self.calls[:1]
        scores = [path for path in self.scores if path.stem in days or path.stem == UNPLACED]
        tables: dict[str, Table] = {"gen_call": calls}
        if len(calls) == len(self.calls):
            tables["gen_call"] = calls[0].with_name("*.parquet")
            scores = self.scores
        if scores:
            tables["gen_score"] = scores[0].with_name("*.parquet") if len(scores) == len(self.scores) else scores
        return tables, calls


def _compute(state: _State, work: _Work, again: set[str], gone: set[str]) -> None:
    """The rows of some days, from their files and those of the days they share outputs with."""
    tables, calls = work.of(again | _shared(state, again))
    found = call_totals(calls, work.currency)
    if found is None:
        raise InputError.of(
            "the day store holds a file that liftwerk did not write", "Remove content/ and run liftwerk content",
            file="content/calls",
        )  # fmt: skip
    # a database for the scores alone: to open one takes as long as to read a day of calls
    connection = open_tables(tables, work.currency) if "gen_score" in tables else None
    try:
        sources = BY_DAY if connection is not None else [one for one in BY_DAY if one != "scores"]
        with one_thread(connection) if connection is not None else nullcontext():
            kpis = rolled_up(connection, level=work.level, quick=found, sources=sources)
    finally:
        if connection is not None:
            connection.close()
    # of what is counted by the hour the count is kept: which hours the log covers, later days decide
    hourly = kpis["kpi"] == HOURLY
    hours = hours_seen(kpis.loc[hourly, "day"], (found.first, found.last))
    kpis.loc[hourly, "value"] = (kpis.loc[hourly, "value"] * hours).round()
    stale = again | gone
    state.kpis = _replaced(state.kpis, kpis, stale, again)
    state.facts = _replaced(state.facts, found.sums[list(_FACTS)], stale, again)
    outputs = {f"{day:%Y-%m-%d}": float(count) for day, count in found.outputs_by_day.items()}
    for day in again & set(state.days):
        state.days[day].outputs = outputs.get(day, 0.0)


def _replaced(old: pd.DataFrame, new: pd.DataFrame, stale: set[str], again: set[str]) -> pd.DataFrame:
    parts = [old[~old["day"].isin(pd.to_datetime(sorted(stale)))], new[new["day"].isin(pd.to_datetime(sorted(again)))]]
    filled = [part.assign(day=part["day"].astype("datetime64[s]")) for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else old.iloc[:0]


def _kpis(state: _State) -> pd.DataFrame:
    table = state.kpis.copy()
    hourly = (table["kpi"] == HOURLY).to_numpy()
    count = table.loc[hourly, "value"].to_numpy(dtype=float)
    hours = hours_seen(table.loc[hourly, "day"], _whole(state))
    low, high = count_interval(count, state.level) if len(count) else (count, count)
    table.loc[hourly, ["value", "lower", "upper"]] = np.stack([count / hours, low / hours, high / hours], axis=1)
    return table


def _facts(state: _State) -> CallFacts:
    first, last = _whole(state)
    outputs = int(sum(day.outputs for day in state.days.values()))
    return CallFacts(table=state.facts, outputs=outputs, undated=0, first=first, last=last)


def _whole(state: _State) -> tuple[int | None, int | None]:
    spans = [day.span for day in state.days.values() if day.span]
    return (min(span[0] for span in spans), max(span[1] for span in spans)) if spans else (None, None)


def _shared(state: _State, days: set[str]) -> set[str]:
    return {other for day in days if day in state.days for other in state.days[day].shares}


def by_day(calls: Sequence[Path]) -> bool:
    """Whether there are files of calls, each named by its day."""
    return bool(calls) and all(re.fullmatch(r"\d{4}-\d\d-\d\d", path.stem) for path in calls)


def _by_day(calls: Sequence[Path], scores: Sequence[Path]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = {}
    for path in (*calls, *scores):
        if path.stem != UNPLACED:
            files.setdefault(path.stem, []).append(path)
    return files


def _stamps(paths: Sequence[Path]) -> list[list[int]]:
    return [[stat.st_size, stat.st_mtime_ns] for stat in (path.stat() for path in paths)]


def _loose(scores: Sequence[Path], state: _State) -> tuple[list[int], list[str]]:
    """Stamp and days of the scores that found no call: they count on the day they were given."""
    file = next((path for path in scores if path.stem == UNPLACED), None)
    if file is None:
        return [], []
    (stamp,) = _stamps([file])
    if stamp == state.loose[0]:
        return state.loose
    given = pq.read_table(file, columns=["scored_ts"])["scored_ts"].drop_null().to_numpy()
    return stamp, sorted({str(day) for day in np.unique(given.astype("datetime64[D]"))})


def _outputs_of(calls: Sequence[Path]) -> NDArray[np.uint64]:
    found = [np.empty(0, dtype=np.uint64)]
    for path in calls:
        for chunk in pq.read_table(path, columns=["output_id"])["output_id"].drop_null().chunks:
            hashes = hashes_of(chunk)
            found.append(hashes[np.append(True, hashes[1:] != hashes[:-1])])  # mostly they follow each other
    return np.unique(np.concatenate(found))


def _span(calls: Sequence[Path]) -> list[int]:
    starts = [pq.read_table(path, columns=["start_ts"])["start_ts"].cast(pa.int64()) for path in calls]
    ends = [pc.min_max(column).as_py() for column in starts if len(column)]
    return [min(end["min"] for end in ends), max(end["max"] for end in ends)] if ends else []


def _version(currency: str, level: float) -> str:
    """Of everything the kept rows hang on beside the files."""
    catalogue = hashlib.sha256(repr(MEASURES).encode()).hexdigest()
    return f"{code_version()} {_FORMAT} {currency} {level} {catalogue}"
