"""Costs: spikes against the weekly pattern, and budgets per team and month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from monitoring.objectives import ALERT_COLUMNS
from monitoring.rollup import CallFacts
from monitoring.tables import ALL

if TYPE_CHECKING:
    import duckdb

#: Days looked back for the usual cost, and how many robust standard deviations are unusual.
_WINDOW = 28
_MINIMUM = 14
_UNUSUAL = 4.0
#: A spike is at least this many times the usual cost, however regular the costs are.
_MATERIAL = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamBudget:
    """What a team may spend on generation in a month (``month``: ``2026-11`` or a day of it)."""

    team: str
    month: str
    amount: float


def daily_costs(connection: duckdb.DuckDBPyConnection, facts: CallFacts | None) -> pd.DataFrame:
    """Columns day, team, cost."""
    if facts is not None:
        spent: pd.DataFrame = facts.table.groupby(["day", "team"])["spent"].sum().rename("cost").reset_index()
        return spent
    costs: pd.DataFrame = connection.sql(
        "SELECT day, team, sum(cost) AS cost FROM calls WHERE cost IS NOT NULL GROUP BY ALL ORDER BY day, team"
    ).df()
    return costs


def cost_alerts(connection: duckdb.DuckDBPyConnection, facts: CallFacts | None = None) -> pd.DataFrame:
    """Cost spikes and budgets at risk, in the columns of ``alerts.csv``."""
    daily = daily_costs(connection, facts)
    if daily.empty:
        return pd.DataFrame(columns=list(ALERT_COLUMNS))
    wide = daily.pivot_table(index="day", columns="team", values="cost", aggfunc="sum")
    wide = wide.reindex(pd.date_range(wide.index.min(), wide.index.max())).fillna(0.0)
    wide[ALL] = wide.sum(axis=1)
    rows = [row for team in wide.columns for row in _spikes(wide[team])]
    budgets = connection.sql(
        "SELECT team, month, amount FROM team_budget_raw, workspace WHERE coalesce(currency, home) = home"
    ).df()
    for team, month, amount in zip(budgets["team"], budgets["month"], budgets["amount"], strict=True):
        rows += _budget(wide, TeamBudget(team=str(team), month=str(month), amount=float(amount)))
    return pd.DataFrame(rows, columns=list(ALERT_COLUMNS))


def unusual_cost(cost: pd.Series[float]) -> pd.DataFrame:
    """Usual cost and limit of each day, from the 28 days before it (columns ``usual``, ``limit``).

    The weekly pattern is taken out by the ratio of each weekday's median to the median; what remains is judged by
    median and median absolute deviation on the logarithmic scale, so that an earlier spike does not hide the next one.
    """
    usual, limit = np.full(len(cost), np.nan), np.full(len(cost), np.nan)
    values, weekday = cost.to_numpy(dtype=float), pd.DatetimeIndex(cost.index).day_of_week.to_numpy()
    for day in range(_MINIMUM, len(cost)):
        before = slice(max(0, day - _WINDOW), day)
        past, days = values[before], weekday[before]
        known = past > 0
        if known.sum() < _MINIMUM // 2:
            continue
        past, days = np.log(past[known]), days[known]
        middle = np.median(past)
        factor = {d: np.median(past[days == d]) - middle for d in np.unique(days)}
        residual = past - np.array([factor[d] for d in days])
        centre = np.median(residual)
        # the residuals are those of fitted weekday levels: widen them to errors of a forecast
        widen = np.sqrt(len(past) / max(len(past) - len(factor), 1.0) * (1.0 + len(factor) / len(past)))
        spread = 1.4826 * float(np.median(np.abs(residual - centre))) * widen
        expected = centre + factor.get(weekday[day], 0.0)
        usual[day], limit[day] = np.exp(expected), np.exp(expected + max(_UNUSUAL * spread, np.log(_MATERIAL)))
    return pd.DataFrame({"usual": usual, "limit": limit}, index=cost.index)


def _spikes(cost: pd.Series[float]) -> list[dict[str, object]]:
    usual = unusual_cost(cost)
    high = cost.to_numpy() > usual["limit"].to_numpy()
    return [
        {
            "day": pd.Timestamp(day).date(),
            "kind": "cost_spike",
            "severity": "high",
            "team": cost.name,
            "model": ALL,
            "kpi": "cost",
            "value": float(cost.loc[day]),
            "limit": float(usual.loc[day, "limit"]),
            "detail": f"usual for this weekday: {float(usual.loc[day, 'usual']):.2f}",
        }
        for day in cost.index[high]
    ]


def _budget(wide: pd.DataFrame, budget: TeamBudget) -> list[dict[str, object]]:
    """Spent so far against the month's amount, with a straight-line forecast of the month's end."""
    team, amount = budget.team, budget.amount
    month = pd.Period(budget.month[:7], "M")
    if team not in wide.columns:
        return []
    days = wide.index[(wide.index >= month.start_time) & (wide.index <= month.end_time)]
    if not len(days):
        return []
    spent = float(wide.loc[days, team].sum())
    forecast = spent * month.days_in_month / len(days) if len(days) >= 7 else spent
    over = spent > amount
    if not over and forecast <= amount:
        return []
    return [
        {
            "day": days[-1].date(),
            "kind": "budget",
            "severity": "high" if over else "low",
            "team": team,
            "model": ALL,
            "kpi": "cost",
            "value": spent if over else forecast,
            "limit": amount,
            "detail": f"{month}: budget spent"
            if over
            else f"{month}: on course to exceed the budget, spent {spent:.2f}",
        }
    ]
