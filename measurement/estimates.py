"""Numbers that carry their uncertainty, their unit and their method."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from measurement.errors import InputError

IntervalKind = Literal["credible", "confidence", "conformal", "always_valid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A range with its level and its meaning.

    Attributes
    ----------
    lower, upper
        Ends, in the unit of the estimate; infinite ends are allowed, NaN is not.
    level
        Nominal level in (0, 1), e.g. ``0.9``.
    kind
        ``credible`` (posterior), ``confidence`` (repeated sampling), ``conformal`` or ``always_valid``
        (may be looked at every day).

    Examples
    --------
    >>> Interval(lower=1.0, upper=3.0, level=0.9, kind="credible").width
    2.0
    """

    lower: float
    upper: float
    level: float
    kind: IntervalKind

    def __post_init__(self) -> None:
        if not self.lower <= self.upper:
            raise InputError.of(
                "the lower end of an interval lies above the upper end or is not a number",
                "Pass lower ≤ upper",
                column="interval",
                value=f"{self.lower} … {self.upper}",
            )
        if not 0.0 < self.level < 1.0:
            raise InputError.of(
                "the level of an interval must lie between 0 and 1",
                "Pass 0.9 for 90%",
                column="level",
                value=self.level,
            )

    @property
    def width(self) -> float:
        """Upper minus lower end."""
        return self.upper - self.lower

    def contains(self, value: float) -> bool:
        """Whether ``value`` lies inside, ends included."""
        return self.lower <= value <= self.upper

    def to_dict(self) -> dict[str, float | str]:
        """``{lower, upper, level, kind}``."""
        return {"lower": self.lower, "upper": self.upper, "level": self.level, "kind": self.kind}


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its interval, unit, method and the run it came from.

    Attributes
    ----------
    value
        Point estimate in ``unit``.
    interval
        Its uncertainty.
    unit
        E.g. ``"EUR"``, ``"ratio"``, ``"ms"``.
    method
        What produced it, e.g. ``"hierarchical MMM, posterior mean"``.
    run
        Run id, ``""`` before it is stored.
    """

    value: float
    interval: Interval
    unit: str
    method: str
    run: str = ""

    def to_dict(self) -> dict[str, object]:
        """``{value, lower, upper, level, kind, unit, method}``."""
        return {"value": self.value, **self.interval.to_dict(), "unit": self.unit, "method": self.method}


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendWindow:
    """First and last day, both inclusive, on which a test changed the spend of a geo."""

    geo: str
    start: date
    end: date

    def to_dict(self) -> dict[str, str]:
        """As plain JSON values."""
        return {"geo": self.geo, "start": self.start.isoformat(), "end": self.end.isoformat()}

    @classmethod
    def from_dict(cls, tree: Mapping[str, str]) -> SpendWindow:
        """The reverse of `to_dict`."""
        return cls(geo=tree["geo"], start=date.fromisoformat(tree["start"]), end=date.fromisoformat(tree["end"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftEstimate:
    """What an experiment measured, ready to be a likelihood in the media mix model.

    Attributes
    ----------
    channel
        Channel whose spend was changed.
    geos
        Treated geos; empty means all.
    start, end
        First and last day of changed spend, both inclusive.
    incremental_outcome
        Outcome in the panel's outcome value (money), actual minus business as usual; negative for go-dark tests.
    incremental_spend
        Spend, actual minus business as usual; negative for go-dark tests.
    iroas
        Incremental outcome per incremental euro, ``None`` where no spend was changed.
    p_value
        Of the null of no effect, ``None`` for tests made elsewhere.
    design
        ``"go_dark"``, ``"scale_up"`` or ``"new"``.
    measured_until
        Last day on which outcome was counted (cool-down included); ``None`` means ``end``.
    standard_error
        Of the incremental outcome.
    run
        Run id of the readout, ``""`` for tests made elsewhere.
    windows
        When spend was changed in which geo, where that was not from ``start`` to ``end`` in all of them: blocks of a
        switchback, staggered starts. Empty: throughout.
    """

    channel: str
    geos: tuple[str, ...]
    start: date
    end: date
    incremental_outcome: Estimate
    incremental_spend: float
    standard_error: float
    iroas: Estimate | None = None
    p_value: float | None = None
    design: str = "scale_up"
    measured_until: date | None = None
    run: str = ""
    windows: tuple[SpendWindow, ...] = ()

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise InputError.of("a lift test ends before it starts", "Swap start and end", column="end", value=self.end)
        if not self.standard_error > 0:
            raise InputError.of(
                "the standard error of a lift test must be positive",
                "Enter the standard error of incremental_outcome, e.g. the width of its 90% interval divided by 3.29",
                column="standard_error",
                value=self.standard_error,
            )
