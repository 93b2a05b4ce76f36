"""A geo test as it was run: which geos, when, what was changed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geolift.test_file import placed, test_values
from measurement.errors import InputError, Problem, shorten
from measurement.panel import Panel

Kind = Literal["go_dark", "scale_up", "new"]
KINDS: tuple[Kind, ...] = ("go_dark", "scale_up", "new")
ESTIMATORS = ("synthetic_control", "augmented", "synthetic_did", "did", "tbr", "bayesian")
INFERENCES = ("block_conformal", "placebo_sets", "jackknife_plus", "iid_conformal", "student_t", "posterior")
#: Estimators and inferences that can read cells and staggered starts.
POOLED = ("synthetic_control", "augmented", "did")


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
    starts
        Later first days of single geos, where the test was rolled out in steps; the others start at ``start``.
    cells
        Treated geos in groups with a counterfactual of their own each, name → geos; empty reads them as one mean.
        ``{"each": ()}``, in a file ``cells = "each"``, makes every geo a cell.
    schedule
        File of a switchback schedule, relative to the test file; ``""`` for an ordinary geo test.
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
    starts: Mapping[str, date] = field(default_factory=dict)
    cells: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schedule: str = ""
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
        values, text = test_values(file)
        try:
            test = cls(**{**values, "file": file.name})
            if panel is not None:
                test.check_against(panel)
        except InputError as error:
            raise InputError([placed(problem, file.name, text) for problem in error.problems]) from error
        return test

    def check_against(self, panel: Panel) -> None:
        """Raise for geos, channel or dates the panel does not have."""
        problems = []
        for setting, names in (("treated", self.treated), ("exclude", self.exclude)):
            problems += [
                self._problem(setting, name, f"'{name}' is not a geo of the panel", _closest(name, panel.geos))
                for name in names
                if name not in panel.geos
            ]
        if panel.channels and self.channel not in panel.channels:
            text = f"'{self.channel}' is not a channel of the panel"
            problems.append(self._problem("channel", self.channel, text, _closest(self.channel, panel.channels)))
        donors = set(panel.geos) - set(self.treated) - set(self.exclude)
        if not problems and not donors and not self.schedule:
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
        for setting, value, known in (
            ("kind", self.kind, KINDS),
            ("estimator", self.estimator, (None, *ESTIMATORS)),
            ("inference", self.inference, (None, *INFERENCES)),
        ):
            if value not in known:
                names = ", ".join(str(name) for name in known if name is not None)
                faults.append((setting, value, f"'{value}' is not a known {setting}", f"Use one of: {names}"))
        if self.cooldown_weeks < 0:
            faults.append(("cooldown_weeks", self.cooldown_weeks, "cooldown_weeks is negative", "Use 0 or more"))
        if not 0.5 <= self.level < 1:
            faults.append(("level", self.level, "level must lie between 0.5 and 1", "Use 0.9 for 90%"))
        faults += self._cell_faults()
        both = sorted(set(self.treated) & set(self.exclude))
        if both:
            faults.append(("exclude", both[0], f"'{both[0]}' is both treated and excluded", "Remove it from one list"))
        spend = self.incremental_spend
        if spend is not None and (spend == 0 or not np.isfinite(spend) or (spend > 0) == (self.kind == "go_dark")):
            sign = "negative" if self.kind == "go_dark" else "positive"
            text = f"incremental_spend of a {self.kind} test must be {sign}"
            faults.append(("incremental_spend", spend, text, "Enter actual spend minus business as usual"))
        return faults

    def _cell_faults(self) -> list[tuple[str, object, str, str]]:
        """What is wrong with steps and cells."""
        faults: list[tuple[str, object, str, str]] = []
        for geo, first in self.starts.items():
            if geo not in self.treated:
                faults.append(("starts", geo, f"'{geo}' has a start but is not treated", _closest(geo, self.treated)))
            elif not self.start <= first <= self.end:
                text = f"'{geo}' starts outside the test"
                faults.append(("starts", first, text, f"Use a day from {self.start} to {self.end}"))
        if self.starts and set(self.treated) <= set(self.starts) and min(self.starts.values()) > self.start:
            first = min(self.starts.values())
            faults.append(("start", self.start, "no geo starts at the start of the test", f"Write start = {first}"))
        listed = [geo for geos in self.cells.values() for geo in geos]
        if self.cells and list(self.cells) != ["each"] and sorted(listed) != sorted(self.treated):
            text, mend = "every treated geo must be in exactly one cell", "List the treated geos over the cells"
            astray = sorted({*listed, *self.treated} - (set(listed) & set(self.treated)))
            faults.append(("cells", ", ".join(astray) or "twice", text, mend))
        if self.cells or self.starts:
            for name, value in (("estimator", self.estimator), ("inference", self.inference)):
                if value not in (None, *POOLED, "block_conformal"):
                    text = f"{name} '{value}' cannot read cells or staggered starts"
                    mend = f"Use {', '.join(POOLED)} with block_conformal, or a test file for each cell"
                    faults.append((name, value, text, mend))
        return faults

    def _problem(self, field: str, value: object, message: str, remedy: str) -> Problem:
        return Problem(message=message, remedy=remedy, file=self.file, column=field, value=shorten(value))


def _closest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, 1) or [
        other for other in known if other.casefold() == name.casefold()
    ]
    return f"Did you mean '{near[0]}'?" if near else f"Known: {shorten(', '.join(known))}"
