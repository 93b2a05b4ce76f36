"""Calls and scores of the workspace by day, filled from files that may come late, twice or out of order.

``content/calls/<day>.parquet`` holds every model call that began on that day (UTC), ``content/scores/<day>.parquet``
every verdict on such a call; ``ledger.json`` says which file was read how far. A day is rewritten as a whole and
renamed into place; the ledger is written last. A job that is killed in between reads the same lines again, and they
change nothing.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from measurement.memory import keep_freed_memory
from measurement.progress import Progress, silent
from measurement.store import file_hash, write_atomically, write_parquet
from monitoring.intake.calls import CallRules, call_table
from monitoring.intake.days import by_day, merged_calls
from monitoring.intake.fields import Slot, slots_of
from monitoring.intake.files import FileState, left_off, state_of
from monitoring.intake.gathered import Gathered, SetAside
from monitoring.intake.lines import Place, gather
from monitoring.intake.plain import is_call_table, read_call_table, take_csv, take_parquet
from monitoring.intake.verdicts import SCORE_SCHEMA, UNPLACED, place_scores, score_table

#: Rows held in memory before they are sorted into their days.
_FLUSH_ROWS = 1_000_000
LEDGER = "ledger.json"
_UNLIKE = ("start_ts", "duration_ms", "ttft_ms", "cost", "trace_id", "span_id", "parent_span_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeReport:
    """What an intake did.

    Attributes
    ----------
    files, spans, calls, scores
        Files read, spans seen in them, model calls and scores among them (repeated ones included).
    days
        Days whose calls or scores changed.
    aside
        Every line that could not be read, of all files read so far.
    """

    files: int = 0
    spans: int = 0
    calls: int = 0
    scores: int = 0
    days: tuple[str, ...] = ()
    aside: tuple[SetAside, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Pending:
    calls: list[pa.Table] = field(default_factory=list)
    scores: list[pa.Table] = field(default_factory=list)
    spans: int = 0
    call_rows: int = 0
    score_rows: int = 0

    @property
    def waiting(self) -> int:
        return sum(len(table) for table in self.calls)


class DayStore:
    """The folder ``content/`` of a workspace.

    Parameters
    ----------
    folder
        Made on first use.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def calls(self) -> list[Path]:
        """The days of calls, oldest first."""
        return sorted((self.folder / "calls").glob("*.parquet"))

    @property
    def scores(self) -> list[Path]:
        """The days of scores, oldest first."""
        return sorted((self.folder / "scores").glob("*.parquet"))

    def digest(self) -> dict[str, str]:
        """File → hash of its bytes, for every day: what the KPIs rest on."""
        return {name: str(digest) for name, (digest, _, _) in self._ledger().get("days", {}).items()}

    def aside(self) -> list[SetAside]:
        """Every line that was set aside so far."""
        return [SetAside(**entry) for entry in self._ledger().get("aside", [])]

    def lines(self) -> int:
        """Complete lines read so far."""
        return sum(int(state["lines"]) for state in self._ledger().get("files", {}).values())

    def take(
        self,
        files: Sequence[tuple[Path, str]],
        rules: CallRules,
        custom: Mapping[str, str] | None = None,
        progress: Progress = silent,
    ) -> IntakeReport:
        """Read what is new in the files.

        Parameters
        ----------
        files
            Path, and how the user wrote it.
        rules
            `monitoring.intake.calls.CallRules`.
        custom
            Column → attribute that holds it.
        progress
            Told how many files are done.
        """
        keep_freed_memory()
        ledger = self._ledger()
        known = {name: FileState(**state) for name, state in ledger.get("files", {}).items()}
        aside = [SetAside(**entry) for entry in ledger.get("aside", [])]
        slots = slots_of(custom or {}, keep_text=rules.keep_text)
        pending, read, days = _Pending(), 0, set[str]()
        for number, (path, name) in enumerate(files):
            progress(number / max(len(files), 1), f"reading {name}")
            place = left_off(path, known.get(name))
            if place is None:
                continue
            read += 1
            aside = [one for one in aside if one.file != name or one.line <= place.lines]
            with _collector_paused():
                last = Gathered(file=name)
                for chunk in _read(path, name, slots, place, rules):
                    if isinstance(chunk, Gathered):
                        last = chunk
                        _hold(chunk, rules, pending)
                        aside += chunk.aside
                    else:
                        table, left = chunk
                        aside += left
                        pending.calls.append(table)
                        pending.spans, pending.call_rows = pending.spans + len(table), pending.call_rows + len(table)
                    if pending.waiting >= _FLUSH_ROWS:
                        days |= self._flush(pending)
            known[name] = state_of(path, last.read_to, last.lines)
        days |= self._flush(pending)
        if read:
            self._write_ledger(ledger, known, aside, days)
        return IntakeReport(
            files=read, spans=pending.spans, calls=pending.call_rows, scores=pending.score_rows,
            days=tuple(sorted(days)), aside=tuple(aside),
        )  # fmt: skip

    def keep(self, days: int) -> list[str]:
        """Remove the days that lie further back than ``days`` before the newest; returns them."""
        names = [file.stem for file in self.calls]
        if not names:
            return []
        first = str(date.fromisoformat(names[-1]) - timedelta(days=days))
        gone = sorted({file.stem for file in (*self.calls, *self.scores) if file.stem < first})
        for day in gone:
            for part in ("calls", "scores"):
                (self.folder / part / f"{day}.parquet").unlink(missing_ok=True)
        if gone:
            ledger = self._ledger()
            ledger["days"] = {name: digest for name, digest in ledger["days"].items() if Path(name).stem not in gone}
            write_atomically(self.folder / LEDGER, json.dumps(ledger, indent=1))
        return gone

    def _flush(self, pending: _Pending) -> set[str]:
        """Sort what is held into its days; returns the days that changed."""
        changed: set[str] = set()
        if pending.calls:
            fresh = pa.concat_tables(pending.calls, promote_options="default")
            changed |= {day for day, part in by_day(fresh) if self._merge_day(day, part)}
        if pending.scores or (pending.calls and (self.folder / "scores" / f"{UNPLACED}.parquet").exists()):
            scores = pa.concat_tables([*pending.scores, SCORE_SCHEMA.empty_table()])
            changed |= place_scores(self.folder, scores)
        pending.calls.clear()
        pending.scores.clear()
        return changed

    def _merge_day(self, day: str, fresh: pa.Table) -> bool:
        """Put new calls into their day; whether that changed it."""
        file = self.folder / "calls" / f"{day}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        old = pq.read_table(file) if file.exists() else None
        merged = merged_calls(fresh if old is None else pa.concat_tables([old, fresh], promote_options="default"))
        if old is not None and old.equals(merged):
            return False
        write_parquet(file, merged, unlike=_UNLIKE)
        return True

    def _ledger(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.folder / LEDGER).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}

    def _write_ledger(
        self, ledger: dict[str, Any], known: Mapping[str, FileState], aside: Sequence[SetAside], days: set[str]
    ) -> None:
        before, digests = ledger.get("days", {}), {}
        for file in (*self.calls, *self.scores):
            name, now = f"{file.parent.name}/{file.name}", file.stat()
            known_digest, *stamp = before.get(name, [""])
            # a job that was killed may have changed a day without a word in the ledger: its stamp tells
            same = file.stem not in days and stamp == [now.st_size, now.st_mtime_ns]
            digests[name] = [known_digest if same else file_hash(file), now.st_size, now.st_mtime_ns]
        tree = {
            "files": {name: asdict(state) for name, state in known.items()},
            "days": digests,
            "aside": [asdict(one) for one in aside],
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self.folder / LEDGER, json.dumps(tree, indent=1))


def write_aside(path: Path, aside: Sequence[SetAside]) -> None:
    """``set_aside.csv``: columns file, line, reason."""
    table = pa.table(
        {
            "file": pa.array([one.file for one in aside], pa.string()),
            "line": pa.array([one.line for one in aside], pa.int64()),
            "reason": pa.array([one.reason for one in aside], pa.string()),
        }
    )
    pacsv.write_csv(table, path)


def _read(
    path: Path, name: str, slots: Mapping[str, Slot], place: Place, rules: CallRules
) -> Iterator[Gathered | tuple[pa.Table, list[SetAside]]]:
    """Whatever a file holds: lines of JSON, a table of calls, or a CSV download."""
    if is_call_table(path):
        yield read_call_table(path, name, rules)
    elif path.suffix in {".csv", ".parquet"}:
        into = Gathered(file=name, slots=slots)
        (take_csv if path.suffix == ".csv" else take_parquet)(path, into)
        yield into
    else:
        yield from gather(path, name, slots, place)


def _hold(chunk: Gathered, rules: CallRules, pending: _Pending) -> None:
    rows = chunk.leaves()
    pending.spans += chunk.spans
    pending.call_rows += len(rows)
    pending.score_rows += len(chunk.scores)
    if rows:
        pending.calls.append(call_table(rows, rules))
    if chunk.scores:
        pending.scores.append(score_table(chunk.scores))


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Spans make no reference cycles, but so many objects that the cyclic collector would walk them again and again."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
