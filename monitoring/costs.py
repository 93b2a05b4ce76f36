"""Costs: spikes against the weekly pattern, and budgets per team and month."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from monitoring.cost_forecast import FORECAST_COLUMNS, forecasts, month_end
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


def daily_costs(connection: duckdb.DuckDBPyConnection, facts: CallFacts | None) -> pd.DataFrame:
    """Columns day, team, cost."""
    if facts is not None:
        spent: pd.DataFrame = facts.table.groupby(["day", "team"])["spent"].sum().rename("cost").reset_index()
        return spent
    costs: pd.DataFrame = connection.sql(
        "SELECT day, team, sum(cost) AS cost FROM calls WHERE cost IS NOT NULL GROUP BY ALL ORDER BY day, team"
    ).df()
    return costs


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """Costs as they should be looked at.

    Attributes
    ----------
    alerts
        Spikes, and budgets at risk or spent, in the columns of ``alerts.csv``.
    forecast
        The newest month's end by team, columns `monitoring.cost_forecast.FORECAST_COLUMNS`.
    """

    alerts: pd.DataFrame
    forecast: pd.DataFrame


def cost_report(connection: duckdb.DuckDBPyConnection, facts: CallFacts | None = None) -> CostReport:
    """Cost spikes, budgets at risk, and the forecast of the month's end."""
    daily = daily_costs(connection, facts)
    if daily.empty:
        return CostReport(
            alerts=pd.DataFrame(columns=list(ALERT_COLUMNS)), forecast=pd.DataFrame(columns=list(FORECAST_COLUMNS))
        )
    wide = daily.pivot_table(index="day", columns="team", values="cost", aggfunc="sum")
    wide = wide.reindex(pd.date_range(wide.index.min(), wide.index.max())).fillna(0.0)
    wide[ALL] = wide.sum(axis=1)
    rows = [row for team in wide.columns for row in _spikes(wide[team])]
    table = connection.sql(
        "SELECT team, month, amount FROM team_budget_raw, workspace WHERE coalesce(currency, home) = home"
    ).df()
    budgets = {
        (str(team), str(month)[:7]): float(amount)
        for team, month, amount in zip(table["team"], table["month"], table["amount"], strict=True)
    }
    rows += [row for (team, month), amount in budgets.items() for row in _budget(wide, team, month, amount)]
    return CostReport(
        alerts=pd.DataFrame(rows, columns=list(ALERT_COLUMNS)), forecast=forecasts(wide, budgets)
    )  # fmt: skip


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
        # NumPy's median takes thirty times as long for so few numbers
        middle = median(past.tolist())
        factor = {d: median(past[days == d].tolist()) - middle for d in np.unique(days).tolist()}
        residual = past - np.array([factor[d] for d in days.tolist()])
        centre = median(residual.tolist())
        # the residuals are those of fitted weekday levels: widen them to errors of a forecast
        widen = np.sqrt(len(past) / max(len(past) - len(factor), 1.0) * (1.0 + len(factor) / len(past)))
        spread = 1.4826 * median(np.abs(residual - centre).tolist()) * widen
        expected = centre + factor.get(int(weekday[day]), 0.0)
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


def _budget(wide: pd.DataFrame, team: str, month: str, amount: float) -> list[dict[str, object]]:
    """Spent so far against the month's amount, with a forecast of the month's end.

    A warning is grave where the money is spent, or where even the forecast's lower end lies above the amount.
    """
    period = pd.Period(month, "M")
    if team not in wide.columns:
        return []
    days = wide.index[(wide.index >= period.start_time) & (wide.index <= period.end_time)]
    if not len(days):
        return []
    known = wide[team][: days[-1]]
    end = month_end(known, period)
    over = end.spent > amount
    if not over and end.forecast <= amount:
        return []
    between = "" if end.lower != end.lower else f", 90% between {end.lower:.2f} and {end.upper:.2f}"
    return [
        {
            "day": days[-1].date(),
            "kind": "budget",
            "severity": "high" if over or end.lower > amount else "low",
            "team": team,
            "model": ALL,
            "kpi": "cost",
            "value": end.spent if over else end.forecast,
            "limit": amount,
            "detail": f"{period}: budget spent"
            if over
            else f"{period}: on course to exceed the budget, spent {end.spent:.2f}{between}",
        }
    ]
