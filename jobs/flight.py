"""When as well as where: a plan's weeks with carry-over from one to the next, where carry-over is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from jobs.plan_tables import ALL_GEOS
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.plans import Allocation

if TYPE_CHECKING:
    from budget_optimizer.constraints import Rule
    from budget_optimizer.flighting import Flight

#: Artifact of a fit that says how much adstock is left a week later: columns channel, retention.
CARRY_OVER = "carry_over.csv"
FLIGHT = "flight.csv"
#: Wall seconds for the search; afterwards the plan says its gap.
SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flighting:
    """``flight.csv`` (``None`` where no flight is possible) and ``flight`` of ``plan.json``."""

    table: pd.DataFrame | None
    document: Mapping[str, object]


def read_carry_over(file: Path) -> dict[str, float]:
    """Share of adstock left a week later by channel; empty where a fit has no such file.

    Raises
    ------
    InputError
        A share does not lie in [0, 1).
    """
    if not file.is_file():
        return {}
    table = pd.read_csv(file)
    kept = {str(row["channel"]): float(row["retention"]) for row in table.to_dict("records")}
    for channel, share in kept.items():
        if not 0 <= share < 1:
            raise InputError.of(
                "the share of adstock that is left a week later must lie in [0, 1)",
                "Run `liftwerk fit --again`; artifacts are never edited by hand",
                file=file.name,
                column="retention",
                value=f"{channel}: {share}",
            )
    return kept


def flight_of(
    curves: ResponseCurves,
    rules: Sequence[Rule],
    plan: Allocation,
    *,
    carry: Mapping[str, float],
    weeks: tuple[str, ...],
) -> Flighting | None:
    """The plan's money over its weeks at their best, every rule but the total kept in each week.

    Returns
    -------
    Flighting or None
        ``None`` where carry-over is unknown or one week is planned. On/off rules and targets of return cannot hold
        week by week; then, and where the rules clash, the document has the ``reason`` and there is no table.
    """
    from budget_optimizer.calendar import Calendar
    from budget_optimizer.constraints import TotalBudget
    from budget_optimizer.flighting import plan_flight

    known = {channel: share for channel, share in carry.items() if channel in curves.channels}
    if not known or len(weeks) < 2:
        return None
    weekly = [rule for rule in rules if not isinstance(rule, TotalBudget)]
    total = len(weeks) * sum(plan.spend.values())
    calendar = Calendar(weeks=len(weeks), retention=known)
    try:
        flight = plan_flight(curves, calendar, total=total, rules=weekly, time_limit=SECONDS)
    except InputError as error:
        return Flighting(table=None, document={"reason": f"{error.problems[0].message}. {error.problems[0].remedy}"})
    document = {
        "value": flight.value,
        "upper_bound": flight.upper_bound,
        "gap": flight.gap,
        "steady_value": flight.steady_value,
        "retention": known,
        "reason": "",
    }
    return Flighting(table=_table(curves, flight, weeks), document=document)


def _table(curves: ResponseCurves, flight: Flight, weeks: tuple[str, ...]) -> pd.DataFrame:
    """Columns channel, geo, week, spend, expected_outcome; what is carried beyond the last week is not in a row."""
    geos = curves.geos or (ALL_GEOS,) * len(curves.channels)
    rows = [
        {
            "channel": channel,
            "geo": geo,
            "week": week,
            "spend": round(float(flight.spend[w, c]), 2),
            "expected_outcome": round(float(flight.outcome[w, c]), 2),
        }
        for c, (channel, geo) in enumerate(zip(curves.channels, geos, strict=True))
        for w, week in enumerate(weeks)
    ]
    return pd.DataFrame(rows)
