"""Error budgets: how much of what an objective allows is spent, and how fast.

An objective on a rate allows that share of bad events; one on a quantile, say "p95 below 9 s", allows the other 5% to
be slower. The burn rate is the share that was bad over the share allowed: at 1 the budget lasts its window. An
alert needs a high burn rate over a long window, so that it matters, and over a short one, so that it is still so
(Beyer et al., "The Site Reliability Workbook", 2018, chapter 5).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from monitoring.catalogue import CATALOGUE, Measure
from monitoring.dayqueries import Ask, asking
from monitoring.intervals import Floats, wilson
from monitoring.objectives import ALERT_COLUMNS
from monitoring.tables import ALL

if TYPE_CHECKING:
    import duckdb

#: The time of an event by source; what was published counts for its day.
_TIMES = {"calls": "start_ts", "scores": "coalesce(start_ts, scored_ts)", "published": "CAST(day AS TIMESTAMP)"}
BUDGET_COLUMNS = (
    "team", "kpi", "from", "until", "objective", "allowed_share", "events", "bad", "allowed_bad", "spent",
    "spent_lower", "spent_upper", "burn_rate", "level",
)  # fmt: skip
_HOUR = 3600
#: Level at which the long window's bad share must lie above the allowed one.
_SURE = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnAlert:
    """When a burn rate wakes somebody: at ``burn_rate`` or above over both windows."""

    long_hours: float
    short_hours: float
    burn_rate: float
    severity: Literal["high", "low"] = "high"


#: A fiftieth of 28 days' budget in an hour, a twentieth in six, a tenth in three days.
BURN_ALERTS = (
    BurnAlert(long_hours=1.0, short_hours=1.0 / 12.0, burn_rate=14.4),
    BurnAlert(long_hours=6.0, short_hours=0.5, burn_rate=6.0),
    BurnAlert(long_hours=72.0, short_hours=6.0, burn_rate=1.0, severity="low"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """The rules of error budgets.

    Attributes
    ----------
    window_days
        Days that a budget is for, back from the newest event.
    minimum_bad
        Bad events in the long window before an alert: one failure in a quiet hour is no burn.
    alerts
        Most urgent first.
    """

    window_days: int = 28
    minimum_bad: int = 5
    alerts: Sequence[BurnAlert] = BURN_ALERTS


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudgets:
    """What is left: ``table`` with `BUDGET_COLUMNS`, ``alerts`` with the columns of ``alerts.csv``."""

    table: pd.DataFrame
    alerts: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class _Events:
    """Events of one KPI and team in even steps from ``begin``: sums up to each step, shape (steps + 1,)."""

    begin: int
    step: int
    n: Floats
    bad: Floats

    def window(self, hours: float) -> tuple[Floats, Floats]:
        """Events and bad ones in the hours up to the end of each step, shape (steps,)."""
        back = max(round(hours * _HOUR / self.step), 1)
        first = np.maximum(np.arange(1, len(self.n)) - back, 0)
        return self.n[1:] - self.n[first], self.bad[1:] - self.bad[first]


def allowed_share(measure: Measure, objective: float) -> float | None:
    """Share of bad events an objective allows; ``None`` where the KPI does not count events."""
    if measure.source not in _TIMES or measure.kpi.direction != "lower":
        return None
    if measure.kind == "rate":
        return objective if 0 < objective < 1 else None
    return 1.0 - measure.quantile if measure.kind == "quantile" else None


def error_budgets(
    connection: duckdb.DuckDBPyConnection,
    objectives: Mapping[str, float],
    rule: ErrorBudget,
    *,
    level: float,
    by_day: Ask | None = None,
) -> ErrorBudgets:
    """Budgets of every objective that counts events, by team and over all.

    Parameters
    ----------
    connection
        From `monitoring.tables.open_tables`.
    objectives
        Limit by KPI id.
    rule
        Window and alerts.
    level
        Of the interval of what is spent (Wilson).
    by_day
        Answers queries over calls from what is kept by day, `monitoring.dayqueries.DayQueries.ask`.
    """
    rows: list[dict[str, object]] = []
    alerts: list[dict[str, object]] = []
    for kpi, objective in objectives.items():
        share = allowed_share(CATALOGUE[kpi], objective)
        if share is None:
            continue
        measure = CATALOGUE[kpi]
        ask = asking(connection, measure.source, by_day)
        for team, events in _events(ask, measure, objective, rule).items():
            rows.append({"team": team, "kpi": kpi, "objective": objective} | _spent(events, share, rule, level))
            alerts += [{"team": team, "model": ALL, "kpi": kpi} | line for line in _burns(events, share, rule)]
    return ErrorBudgets(
        table=pd.DataFrame(rows, columns=list(BUDGET_COLUMNS)), alerts=pd.DataFrame(alerts, columns=list(ALERT_COLUMNS))
    )


def _events(ask: Ask, measure: Measure, objective: float, rule: ErrorBudget) -> dict[str, _Events]:
    """By team, teams in order and the total last."""
    step = int(max(60.0, min([one.short_hours for one in rule.alerts], default=1.0) * _HOUR))
    bad = f"CAST(({measure.value}) > {float(objective)!r} AS INTEGER)" if measure.kind == "quantile" else measure.value
    # assembled from the catalogue and a number
    found = ask(
        f"""SELECT day, team, CAST(floor(epoch({_TIMES[measure.source]}) / {step}) AS BIGINT) AS step,
                   count(*) AS n, sum({bad}) AS bad
            FROM {measure.source} WHERE ({measure.where}) AND ({measure.value}) IS NOT NULL
              AND {_TIMES[measure.source]} IS NOT NULL GROUP BY ALL ORDER BY ALL"""  # noqa: S608
    )
    if found.empty:
        return {}
    first, last = int(found["step"].min()), int(found["step"].max())
    groups = {str(team): part for team, part in found.groupby("team", sort=True)} | {ALL: found}

    def running(part: pd.DataFrame, name: str) -> Floats:
        counts = np.bincount(part["step"] - first, weights=part[name], minlength=last - first + 1)
        return np.concatenate([[0.0], np.cumsum(counts)])

    return {
        team: _Events(begin=first * step, step=step, n=running(part, "n"), bad=running(part, "bad"))
        for team, part in groups.items()
    }


def _spent(events: _Events, share: float, rule: ErrorBudget, level: float) -> dict[str, object]:
    until = events.begin + events.step * (len(events.n) - 1)
    n, bad = (float(sums[-1]) for sums in events.window(24.0 * rule.window_days))
    slow = max((one.long_hours for one in rule.alerts), default=24.0)
    recent_n, recent_bad = (float(sums[-1]) for sums in events.window(slow))
    lower, upper = wilson(np.array([bad]), np.array([n]), level) if n else (np.array([np.nan]),) * 2
    begin = max(events.begin, until - 86_400 * rule.window_days)
    return {
        "from": pd.Timestamp(begin, unit="s").date(),
        "until": pd.Timestamp(until - 1, unit="s").date(),
        "allowed_share": share,
        "events": int(n),
        "bad": int(bad),
        "allowed_bad": share * n,
        "spent": bad / (share * n) if n else np.nan,
        "spent_lower": float(lower[0]) / share,
        "spent_upper": float(upper[0]) / share,
        "burn_rate": recent_bad / (share * recent_n) if recent_n else np.nan,
        "level": level,
    }


def _burns(events: _Events, share: float, rule: ErrorBudget) -> list[dict[str, object]]:
    """One line a day on which an alert fired: the most urgent one, with its highest burn rate and its hours."""
    ends = events.begin + events.step * np.arange(1, len(events.n))
    days = (ends - 1) // 86_400
    lines: dict[int, dict[str, object]] = {}
    for alert in rule.alerts:
        (n, bad), (short_n, short_bad) = events.window(alert.long_hours), events.window(alert.short_hours)
        burn = bad / np.maximum(share * n, 1e-12)
        short = short_bad / np.maximum(share * short_n, 1e-12)
        firing = (burn >= alert.burn_rate) & (short >= alert.burn_rate) & (bad >= rule.minimum_bad)
        # thousands of windows are looked at: none of them may be chance
        firing &= wilson(bad, np.maximum(n, 1.0), _SURE)[0] > share
        for day in np.unique(days[firing]):
            if int(day) in lines:
                continue
            at = np.flatnonzero(firing & (days == day))
            top = at[burn[at].argmax()]
            lines[int(day)] = {
                "day": pd.Timestamp(int(day) * 86_400, unit="s").date(),
                "kind": "burn_rate",
                "severity": alert.severity,
                "value": float(burn[top]),
                "limit": alert.burn_rate,
                "detail": f"{int(bad[top])} of {int(n[top])} bad within {alert.long_hours:g} h, "
                f"{_clock(ends[at[0]])} to {_clock(ends[at[-1]])} UTC; "
                f"{bad[top] / max(share * _whole(events, rule), 1e-12):.0%} of the budget of {rule.window_days} days",
            }
    return list(lines.values())


def _whole(events: _Events, rule: ErrorBudget) -> float:
    """Events of the newest window: what a budget in bad events is made from."""
    return float(events.window(24.0 * rule.window_days)[0][-1])


def _clock(second: int) -> str:
    return f"{pd.Timestamp(int(second), unit='s'):%H:%M}"
