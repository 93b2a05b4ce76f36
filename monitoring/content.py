"""The content report: KPIs by day, team and model, held against objectives; canary; alerts; checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from measurement.checks import Check
from measurement.errors import InputError
from measurement.kpis import KpiSeries
from monitoring.callpass import COUNTS
from monitoring.canary import CanaryReport, CanaryRule, read_canary
from monitoring.catalogue import CATALOGUE, check_objectives
from monitoring.costs import cost_report
from monitoring.daily import BY_DAY, DayRollups, by_day
from monitoring.error_budgets import ErrorBudget, error_budgets
from monitoring.judges import calibration, corrected_rates, judge_checks, judged_counts
from monitoring.objectives import hold_against, objective_alerts
from monitoring.rollup import SOURCES, CallFacts, facts_of, in_order, read_files, rolled_up
from monitoring.tables import ALL, Table, one_thread, open_tables, parquet_files

if TYPE_CHECKING:
    import duckdb

KPI_COLUMNS = ("day", "team", "model", "kpi", "value", "lower", "upper", "n", "objective", "breached")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentReport:
    """KPIs of the generative pipeline.

    Attributes
    ----------
    table
        Columns `KPI_COLUMNS`; ``team`` and ``model`` read ``(all)`` for totals. A KPI that was not judged has no row.
    canary_report
        Control against canary.
    alert_table
        What someone should look at.
    checks
        Gates on the data.
    budget_table
        What is spent of each error budget; see `monitoring.error_budgets`.
    judge_table
        How well each judge version agrees with people; see `monitoring.judges`.
    forecast_table
        The newest month's cost at its end, by team; see `monitoring.cost_forecast`.
    currency, level
        Of amounts and of intervals.
    """

    table: pd.DataFrame
    canary_report: CanaryReport
    alert_table: pd.DataFrame
    checks: tuple[Check, ...]
    budget_table: pd.DataFrame
    judge_table: pd.DataFrame
    forecast_table: pd.DataFrame
    currency: str
    level: float
    method: str = "exact quantiles; Wilson, order-statistic, Student and delta-method intervals"

    def kpis(self) -> pd.DataFrame:
        """The content of ``kpis.csv``."""
        return self.table.copy()

    def canary(self) -> dict[str, object]:
        """The content of ``canary.json``."""
        return self.canary_report.to_dict()

    def alerts(self) -> pd.DataFrame:
        """The content of ``alerts.csv``: day, kind, severity, team, model, kpi, value, limit, detail."""
        return self.alert_table.copy()

    def budgets(self) -> pd.DataFrame:
        """The content of ``error_budgets.csv``."""
        return self.budget_table.copy()

    def judges(self) -> pd.DataFrame:
        """The content of ``judges.csv``."""
        return self.judge_table.copy()

    def forecast(self) -> pd.DataFrame:
        """The content of ``cost_forecast.csv``."""
        return self.forecast_table.copy()

    def series(self, kpi: str, *, team: str = ALL, model: str = ALL) -> KpiSeries:
        """One KPI by day; a day on which nothing was judged reads ``None``.

        Raises
        ------
        InputError
            If the KPI does not exist.
        """
        check_objectives({kpi: 0.0})
        table = self.table
        chosen = table[(table["kpi"] == kpi) & (table["team"] == team) & (table["model"] == model)].set_index("day")
        days = sorted(table["day"].unique())

        def column(name: str) -> tuple[float | None, ...]:
            values = chosen[name].reindex(days)
            return tuple(None if np.isnan(value) else float(value) for value in values)

        return KpiSeries(
            kpi=CATALOGUE[kpi].kpi, team=team, model=model, day=tuple(days), value=column("value"),
            lower=column("lower"), upper=column("upper"),
            n=tuple(int(n) for n in chosen["n"].reindex(days).fillna(0)),
        )  # fmt: skip


def content_report(
    tables: Mapping[str, Table],
    *,
    currency: str,
    objectives: Mapping[str, float] | None = None,
    level: float = 0.95,
    canary_rule: CanaryRule | None = None,
    budget: ErrorBudget | None = None,
    rollups: DayRollups | None = None,
) -> ContentReport:
    """KPIs, objectives, canary verdicts, alerts and checks from the contract's event tables.

    Parameters
    ----------
    tables
        By name: ``gen_call`` (needed), ``gen_score``, ``gen_output``, ``gen_incident``, ``business_outcome``,
        ``creative_variant``, ``team_budget``; columns as in the contract, times in UTC. Each a
        DataFrame or the path of Parquet files.
    currency
        The workspace's currency; costs in others count as unknown and fail a check.
    objectives
        Limit by KPI id, in the KPI's unit.
    level
        Of the intervals.
    canary_rule, budget
        By default `CanaryRule` and `ErrorBudget`.
    rollups
        Where days that have not changed are kept; used where calls and scores come by day and nothing stands beside.

    Raises
    ------
    InputError
        For an unknown objective, a missing table or column, or an impossible level.

    Examples
    --------
    >>> calls = pd.DataFrame({"start_ts": pd.to_datetime(["2026-03-02 10:00", "2026-03-02 11:00"], utc=True),
    ...                       "duration_ms": [800.0, 1200.0], "team": "web", "model": "m",
    ...                       "error_type": ["", "timeout"]})
    >>> report = content_report({"gen_call": calls}, currency="EUR", objectives={"error_rate": 0.1})
    >>> report.series("error_rate").value
    (0.5,)
    >>> report.series("hallucination_rate").value
    (None,)
    """
    if not 0.5 <= level < 1.0:
        raise InputError.of("an interval's level must lie in [0.5, 1)", "Pass 0.95", column="level", value=level)
    objectives = dict(objectives or {})
    check_objectives(objectives)
    rollups = _usable(rollups, tables)
    days = None if rollups is None else rollups.queries(parquet_files(tables["gen_call"]), currency)
    ask = None if days is None else days.ask
    connection = open_tables(tables, currency)
    try:
        with one_thread(connection):
            values, facts = _values(connection, tables, rollups, (currency, level))
            costs = cost_report(connection, facts)
        counts = judged_counts(connection)
        judges = calibration(counts, level=level)
        values = _with_corrected(values, corrected_rates(counts, level=level))
        values["day"] = pd.to_datetime(values["day"]).dt.date
        table = hold_against(values, objectives)[list(KPI_COLUMNS)]
        budgets = error_budgets(connection, objectives, budget or ErrorBudget(), level=level, by_day=ask)
        canary = read_canary(connection, canary_rule or CanaryRule(), by_day=ask)
        alerts = [objective_alerts(table), budgets.alerts, costs.alerts]
        return ContentReport(
            table=table,
            canary_report=canary,
            alert_table=pd.concat([part for part in alerts if len(part)] or alerts[:1], ignore_index=True),
            checks=(*_checks(connection, currency, facts), *judge_checks(judges)),
            budget_table=budgets.table,
            judge_table=judges,
            forecast_table=costs.forecast,
            currency=currency,
            level=level,
        )
    finally:
        connection.close()
        if days is not None:
            days.close()


def _with_corrected(values: pd.DataFrame, corrected: pd.DataFrame) -> pd.DataFrame:
    """The corrected rate behind the other KPIs of its day, team and model."""
    if corrected.empty:
        return values
    both = pd.concat([part.assign(day=pd.to_datetime(part["day"])) for part in (values, corrected)], ignore_index=True)
    return both.sort_values(["day", "team", "model"], kind="stable", ignore_index=True)


def _usable(rollups: DayRollups | None, tables: Mapping[str, Table]) -> DayRollups | None:
    """The days that are kept, where calls and scores come by day."""
    scores = tables.get("gen_score")
    there = by_day(parquet_files(tables.get("gen_call", []))) and (scores is None or isinstance(scores, Path))
    return rollups if there else None


def _values(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Table],
    rollups: DayRollups | None,
    money_and_level: tuple[str, float],
) -> tuple[pd.DataFrame, CallFacts | None]:
    """Every KPI, and what is known of all calls beside them where they were read past SQL."""
    currency, level = money_and_level
    files = parquet_files(tables["gen_call"])
    if rollups is None:
        found = read_files(connection, files)
        values = rolled_up(connection, level=level, quick=found)
        return values, None if found is None else facts_of(found)
    kept, facts, _ = rollups.update(files, parquet_files(tables.get("gen_score", [])), currency=currency, level=level)
    sources = [one for one in SOURCES if one not in BY_DAY]
    rest = rolled_up(connection, level=level, sources=sources, span=(facts.first, facts.last))
    return in_order([kept, rest]), facts


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[float, ...]:
    row = connection.sql(sql).fetchall()[0]
    return tuple(0.0 if value is None else float(value) for value in row)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counts:
    """Calls: all, without cost, in other money, ending before they start, without a start; outputs; days without."""

    calls: float
    no_cost: float
    foreign: float
    backwards: float
    undated: float
    outputs: float
    silent: float

    @classmethod
    def of(cls, connection: duckdb.DuckDBPyConnection, facts: CallFacts | None) -> _Counts:
        if facts is None:
            calls, no_cost, foreign, backwards, silent = _one(
                connection,
                """SELECT count(*), count(*) FILTER (WHERE reported_cost IS NULL AND error = 0),
                   count(*) FILTER (WHERE currency <> home),
                   count(*) FILTER (WHERE duration_ms < 0 OR ttft_ms > duration_ms),
                   coalesce(date_diff('day', min(day), max(day)) + 1 - count(DISTINCT day), 0)
                   FROM calls, workspace""",
            )
            undated, outputs = _one(
                connection,
                """SELECT (SELECT count(*) FROM gen_call_raw WHERE start_ts IS NULL),
                          (SELECT count(DISTINCT hash(output_id)) FROM calls)""",
            )
        else:
            table, undated, outputs = facts.table, float(facts.undated), float(facts.outputs)
            calls, no_cost, foreign, backwards = (float(table[name].sum()) for name in COUNTS)
            days = table["day"]
            silent = float((days.max() - days.min()).days + 1 - days.nunique()) if len(days) else 0.0
        return cls(
            calls=calls, no_cost=no_cost, foreign=foreign, backwards=backwards, undated=undated, outputs=outputs,
            silent=silent,
        )  # fmt: skip


def _checks(connection: duckdb.DuckDBPyConnection, currency: str, facts: CallFacts | None) -> tuple[Check, ...]:
    """Whether the tables are complete enough to be read as they stand."""
    counts = _Counts.of(connection, facts)
    calls, no_cost, foreign, outputs = counts.calls, counts.no_cost, counts.foreign, counts.outputs
    silent, undated = counts.silent, counts.undated
    (judged,) = _one(
        connection,
        """SELECT (SELECT count(DISTINCT coalesce(output_id, span_id)) FROM scores WHERE name = 'hallucination')""",
    )
    scored, lost = _one(connection, "SELECT count(*), count(*) FILTER (WHERE NOT matched) FROM scores")
    (backwards,) = _one(
        connection,
        """SELECT (SELECT count(*) FROM gen_output_raw WHERE published_ts < requested_ts)
                + (SELECT count(*) FROM gen_incident_raw WHERE resolved_ts < opened_ts)""",
    )
    backwards += counts.backwards
    (versions,) = _one(
        connection,
        """SELECT coalesce(max(versions), 0) FROM (SELECT count(DISTINCT judge_version) AS versions
           FROM scores WHERE source = 'llm_judge' AND judge_version IS NOT NULL GROUP BY name)""",
    )
    return (
        _share("calls_without_cost", no_cost, calls, 0.05, "Report the cost of each call, or a price table"),
        Check(
            name="one_currency", passed=foreign == 0, value=foreign, limit=0.0,
            remedy=f"Only costs in {currency} count: convert tables, and give a rate for spans in [content] exchange",
        ),
        Check(
            name="outputs_judged", passed=outputs == 0 or judged >= 0.02 * outputs,
            value=judged / outputs if outputs else None, limit=0.02,
            remedy="Have more outputs judged for hallucination: the rate rests on few", blocking=False,
        ),
        _share("scores_without_output", lost, scored, 0.05, "Give scores the span_id or output_id of what they judge"),
        _share("clock_order", backwards, calls, 0.001, "Ends before starts: put the clocks of the senders right"),
        Check(
            name="days_without_calls", passed=silent <= 2, value=silent, limit=2.0,
            remedy="Days are missing from the log: see whether the export broke", blocking=False,
        ),
        _share("calls_without_time", undated, calls + undated, 0.0, "Give each call a start_ts in UTC"),
        Check(
            name="one_judge_version", passed=versions <= 1, value=versions, limit=1.0,
            remedy="The judge changed within the log: compare scores before and after only with care", blocking=False,
        ),
    )  # fmt: skip


def _share(name: str, count: float, total: float, limit: float, remedy: str) -> Check:
    share = count / total if total else 0.0
    return Check(name=name, passed=share <= limit, value=share, limit=limit, remedy=remedy, blocking=False)
