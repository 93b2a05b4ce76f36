"""A geo test as it was run: which geos, when, what was changed."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from measurement.errors import InputError, Problem, shorten
from measurement.panel import Panel

Kind = Literal["go_dark", "scale_up", "new"]
KINDS: tuple[Kind, ...] = ("go_dark", "scale_up", "new")
ESTIMATORS = ("synthetic_control", "augmented", "synthetic_did", "did", "tbr")
INFERENCES = ("block_conformal", "placebo_sets", "iid_conformal", "student_t")
_FIELDS = {
    "channel": str,
    "treated": list,
    "start": date,
    "end": date,
    "kind": str,
    "incremental_spend": (int, float),
    "cooldown_weeks": int,
    "estimator": str,
    "inference": str,
    "level": float,
    "exclude": list,
}
_REQUIRED = ("channel", "treated", "start", "end")


@dataclass(frozen=True, slots=True, kw_only=True)
class GeoTest:
    """A finished (or running) geo test.

    Attributes
    ----------
    channel
        Channel whose spend was changed.
    treated
        Geos where it was changed.
    start, end
        First and last day of changed spend, inclusive.
    kind
        ``"go_dark"`` (switched off), ``"scale_up"`` (more than usual) or ``"new"`` (never run there before).
    incremental_spend
        Money spent in all treated geos, actual minus business as usual (negative for go-dark); ``None`` reads it
        from the panel.
    cooldown_weeks
        Weeks after ``end`` whose outcome still counts, because the effect lasts.
    estimator
        One of `ESTIMATORS`, ``None`` for the default.
    inference
        One of `INFERENCES`, ``None`` for the default.
    level
        Of the interval.
    exclude
        Geos that may not serve as donors (neighbours with spill-over, geos with tests of their own).
    file
        Where it was read from, ``""`` if nowhere.
    """

    channel: str
    treated: tuple[str, ...]
    start: date
    end: date
    kind: Kind = "scale_up"
    incremental_spend: float | None = None
    cooldown_weeks: int = 0
    estimator: str | None = None
    inference: str | None = None
    level: float = 0.9
    exclude: tuple[str, ...] = ()
    file: str = ""

    def __post_init__(self) -> None:
        problems = [self._problem(*fault) for fault in self._faults()]
        if problems:
            raise InputError(problems)

    @property
    def measured_until(self) -> date:
        """Last day whose outcome counts."""
        return self.end + timedelta(weeks=self.cooldown_weeks)

    @classmethod
    def read(cls, path: str | Path, panel: Panel | None = None) -> GeoTest:
        """A test from its TOML file (the contract's geo test file).

        Parameters
        ----------
        path
            The file.
        panel
            Where given, geos, channel and dates are checked against it.

        Raises
        ------
        InputError
            Every problem found, each with line, value and remedy.
        """
        file = Path(path)
        tree, text = _parse(file)
        problems = _type_problems(tree, file.name, text)
        if problems:
            raise InputError(problems)
        values = {name: tuple(value) if isinstance(value, list) else value for name, value in tree.items()}
        try:
            test = cls(**cast("dict[str, Any]", {**values, "file": file.name}))
            if panel is not None:
                test.check_against(panel)
        except InputError as error:
            raise InputError([_placed(problem, file.name, text) for problem in error.problems]) from error
        return test

    def check_against(self, panel: Panel) -> None:
        """Raise for geos, channel or dates the panel does not have."""
        problems = []
        for field, names in (("treated", self.treated), ("exclude", self.exclude)):
            problems += [
                self._problem(field, name, f"'{name}' is not a geo of the panel", _closest(name, panel.geos))
                for name in names
                if name not in panel.geos
            ]
        if panel.channels and self.channel not in panel.channels:
            text = f"'{self.channel}' is not a channel of the panel"
            problems.append(self._problem("channel", self.channel, text, _closest(self.channel, panel.channels)))
        donors = set(panel.geos) - set(self.treated) - set(self.exclude)
        if not problems and not donors:
            text = "no untreated geo is left to compare with"
            problems.append(self._problem("treated", len(self.treated), text, "Leave donors out of 'exclude'"))
        first, last = panel.dates[0].date(), self._last_day(panel)
        if not first < self.start <= last:
            text, mend = "the test starts outside the panel", f"The panel runs from {first} to {last}"
            problems.append(self._problem("start", self.start, text, mend))
        if problems:
            raise InputError(problems)

    def window(self, panel: Panel) -> tuple[int, int]:
        """First and one-past-last period that counts: every period that overlaps ``start`` … ``measured_until``."""
        days = timedelta(days=panel.days_per_period - 1)
        inside: NDArray[np.bool_] = np.array(
            [day.date() + days >= self.start and day.date() <= self.measured_until for day in panel.dates]
        )
        where = np.flatnonzero(inside)
        return int(where[0]), int(where[-1]) + 1

    def _last_day(self, panel: Panel) -> date:
        last: date = panel.dates[-1].date() + timedelta(days=panel.days_per_period - 1)
        return last

    def _faults(self) -> list[tuple[str, object, str, str]]:
        faults: list[tuple[str, object, str, str]] = []
        if not self.treated or len(set(self.treated)) < len(self.treated):
            faults.append(("treated", self.treated, "treated must name at least one geo, each once", "List the geos"))
        if self.end < self.start:
            faults.append(("end", self.end, "the test ends before it starts", "Swap start and end"))
        for field, value, known in (
            ("kind", self.kind, KINDS),
            ("estimator", self.estimator, (None, *ESTIMATORS)),
            ("inference", self.inference, (None, *INFERENCES)),
        ):
            if value not in known:
                names = ", ".join(str(name) for name in known if name is not None)
                faults.append((field, value, f"'{value}' is not a known {field}", f"Use one of: {names}"))
        if self.cooldown_weeks < 0:
            faults.append(("cooldown_weeks", self.cooldown_weeks, "cooldown_weeks is negative", "Use 0 or more"))
        if not 0.5 <= self.level < 1:
            faults.append(("level", self.level, "level must lie between 0.5 and 1", "Use 0.9 for 90%"))
        both = sorted(set(self.treated) & set(self.exclude))
        if both:
            faults.append(("exclude", both[0], f"'{both[0]}' is both treated and excluded", "Remove it from one list"))
        spend = self.incremental_spend
        if spend is not None and (spend == 0 or not np.isfinite(spend) or (spend > 0) == (self.kind == "go_dark")):
            sign = "negative" if self.kind == "go_dark" else "positive"
            text = f"incremental_spend of a {self.kind} test must be {sign}"
            faults.append(("incremental_spend", spend, text, "Enter actual spend minus business as usual"))
        return faults

    def _problem(self, field: str, value: object, message: str, remedy: str) -> Problem:
        return Problem(message=message, remedy=remedy, file=self.file, column=field, value=shorten(value))


def _closest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1) or [
        other for other in known if other.casefold() == name.casefold()
    ]
    return f"Did you mean '{near[0]}'?" if near else f"Known: {shorten(', '.join(known))}"


def _parse(file: Path) -> tuple[dict[str, Any], str]:
    if not file.is_file():
        raise InputError.of("there is no such geo test file", "Pass the path of a .toml file", file=str(file))
    try:
        text = file.read_bytes().decode("utf-8-sig")
        return tomllib.loads(text), text
    except UnicodeDecodeError as error:
        raise InputError.of("the test is not UTF-8 text", "Save the file as UTF-8", file=file.name) from error
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise InputError.of(
            f"the test is not valid TOML: {str(error).split(' (at')[0]}",
            "Mend that line; text needs quotes, lists need [brackets]",
            file=file.name,
            line=int(line[1]) if line else None,
        ) from error


def _type_problems(tree: dict[str, Any], file: str, text: str) -> list[Problem]:
    problems = [
        Problem(message=f"'{name}' is missing", remedy=f"Add {name} = …", file=file, column=name)
        for name in _REQUIRED
        if name not in tree
    ]
    for name, value in tree.items():
        line = _line_of(name, text)
        if name not in _FIELDS:
            near = difflib.get_close_matches(name, _FIELDS, 1)
            remedy = f"Did you mean '{near[0]}'?" if near else f"Remove it; known: {', '.join(_FIELDS)}"
            message = f"'{name}' is not a setting of a geo test"
        elif not _fits(name, value):
            message, remedy = f"'{name}' has the wrong type", _EXAMPLES[name]
        else:
            continue
        problems.append(
            Problem(message=message, remedy=remedy, file=file, line=line, column=name, value=shorten(value))
        )
    return problems


_EXAMPLES = {
    "channel": 'Write channel = "search"',
    "treated": 'Write treated = ["Hamburg", "Bremen"]',
    "start": "Write start = 2026-03-02, without quotes",
    "end": "Write end = 2026-04-12, without quotes",
    "kind": 'Write kind = "scale_up"',
    "incremental_spend": "Write incremental_spend = 60000.0",
    "cooldown_weeks": "Write cooldown_weeks = 2",
    "estimator": 'Write estimator = "synthetic_control"',
    "inference": 'Write inference = "block_conformal"',
    "level": "Write level = 0.9",
    "exclude": 'Write exclude = ["Kiel"]',
}


def _fits(name: str, value: object) -> bool:
    if isinstance(value, bool | datetime):
        return False
    if isinstance(value, list):
        return name in {"treated", "exclude"} and all(isinstance(item, str) for item in value)
    return isinstance(value, cast("type", _FIELDS[name]))


def _line_of(name: str, text: str) -> int | None:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"\s*[\"']?{re.escape(name)}[\"']?\s*=", line):
            return number
    return None


def _placed(problem: Problem, file: str, text: str) -> Problem:
    return Problem(
        message=problem.message,
        remedy=problem.remedy,
        file=file,
        line=_line_of(problem.column, text),
        column=problem.column,
        value=problem.value,
        severity=problem.severity,
    )
