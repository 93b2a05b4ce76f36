"""KPI tables against plain pandas and numpy, and the rules of the contract."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from monitoring.catalogue import CATALOGUE, MEASURES
from monitoring.content import KPI_COLUMNS, content_report
from monitoring.costs import unusual_cost
from simulation.content import simulate_content

CONTRACT_KPIS = [
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "ttft_p95",
    "error_rate",
    "throughput_per_hour",
    "tokens",
    "context_utilisation",
    "cache_hit_share",
    "cost_per_output",
    "cost_per_1k_tokens",
    "hallucination_rate",
    "moderation_hits",
    "fact_score",
    "coverage",
    "readability",
    "entity_consistency",
    "brand_fit",
    "policy_violations",
    "audit_findings",
    "data_leaks",
    "time_to_publish",
    "time_to_recovery",
    "conversion_lift",
    "roas_delta",
    "lead_quality",
    "ticket_reduction",
    "time_to_resolution",
    "clv_shift",
    "aov",
    "hallucination_rate_corrected",
]


@pytest.fixture(scope="module")
def sample():
    return simulate_content(5).tables


@pytest.fixture(scope="module")
def report(sample):
    return content_report(sample, currency="EUR", objectives={"latency_p95": 4000.0, "fact_score": 0.99})


@pytest.fixture(scope="module")
def kpis(report):
    return report.kpis().set_index(["day", "team", "model", "kpi"]).sort_index()


def _with_day(calls):
    return calls.assign(day=calls["start_ts"].dt.date)


def test_the_catalogue_is_the_contract():
    assert list(CATALOGUE) == CONTRACT_KPIS
    for measure in MEASURES:
        assert measure.kpi.formula
        assert measure.kpi.unit in {"ms", "fraction", "count", "currency", "per_hour", "hours", "ratio"}


def test_columns_and_order(report):
    table = report.kpis()
    assert list(table.columns) == list(KPI_COLUMNS)
    assert not table.duplicated(["day", "team", "model", "kpi"]).any()
    assert set(table["kpi"]) == set(CONTRACT_KPIS)
    assert (table["n"] > 0).all()
    assert table["value"].notna().all()


@pytest.mark.parametrize("group", [("day", "team", "model"), ("day", "team"), ("day", "model"), ("day",)])
def test_quantiles_are_exact_at_every_level_of_totals(sample, kpis, group):
    expected = _with_day(sample["gen_call"]).groupby(list(group))["duration_ms"]
    for kpi, q in (("latency_p50", 0.5), ("latency_p95", 0.95), ("latency_p99", 0.99)):
        for key, value in expected.quantile(q).items():
            named = dict(zip(group, key if isinstance(key, tuple) else (key,), strict=True))
            row = kpis.loc[(named["day"], named.get("team", "(all)"), named.get("model", "(all)"), kpi)]
            assert row["value"] == pytest.approx(value, rel=1e-12)


def test_sums_rates_and_ratios_equal_pandas(sample, kpis):
    calls = _with_day(sample["gen_call"])
    error = calls["error_type"].notna() & (calls["error_type"] != "")
    tokens = calls["input_tokens"] + calls["output_tokens"]
    for key, rows in calls.groupby(["day", "team"]):
        at = (*key, "(all)")
        assert kpis.loc[(*at, "error_rate"), "value"] == pytest.approx(error[rows.index].mean())
        assert kpis.loc[(*at, "tokens"), "value"] == tokens[rows.index].sum()
        assert kpis.loc[(*at, "cache_hit_share"), "value"] == pytest.approx(
            rows["cache_read_tokens"].sum() / rows["input_tokens"].sum()
        )
        assert kpis.loc[(*at, "cost_per_1k_tokens"), "value"] == pytest.approx(
            1000 * rows["cost"].sum() / tokens[rows.index].sum()
        )
        assert kpis.loc[(*at, "context_utilisation"), "value"] == pytest.approx(
            (rows["input_tokens"] / rows["context_window"]).mean()
        )
    cost = calls.groupby("output_id").agg(day=("day", "min"), cost=("cost", "sum")).groupby("day")["cost"].mean()
    for day, value in cost.items():
        assert kpis.loc[(day, "(all)", "(all)", "cost_per_output"), "value"] == pytest.approx(value)


def test_hallucination_rate_counts_judged_outputs_only(sample, kpis):
    calls, scores = _with_day(sample["gen_call"]), sample["gen_score"]
    judged = scores[scores["name"] == "hallucination"].copy()
    judged["rank"] = judged["source"].map({"human": 0, "llm_judge": 1}).fillna(2)
    judged = judged.sort_values(["rank", "scored_ts"], ascending=[True, False]).drop_duplicates("output_id")
    day = judged["output_id"].map(calls.groupby("output_id")["day"].min())
    expected = (judged["value"] >= 0.5).groupby(day).agg(["mean", "size"])
    for one, row in expected.iterrows():
        found = kpis.loc[(one, "(all)", "(all)", "hallucination_rate")]
        assert (found["value"], found["n"]) == (pytest.approx(row["mean"]), row["size"])
        assert found["lower"] <= found["value"] <= found["upper"]


def test_intervals_hold_their_value(report):
    table = report.kpis().dropna(subset=["lower", "upper"])
    inside = (table["lower"] <= table["value"] + 1e-9) & (table["value"] <= table["upper"] + 1e-9)
    assert inside.all()
    assert len(table) > 1000


def _calls(**columns):
    base = {
        "start_ts": pd.to_datetime(["2026-03-02 10:00", "2026-03-02 11:00", "2026-03-03 09:00"], utc=True),
        "duration_ms": [800.0, 1200.0, 900.0],
        "team": "web",
        "model": "m",
        "span_id": ["s1", "s2", "s3"],
        "output_id": ["o1", "o2", "o3"],
        "cost": [0.01, 0.03, 0.02],
        "currency": "EUR",
    }
    return pd.DataFrame(base | columns)


def _score(**columns):
    base = {
        "span_id": ["s1"],
        "output_id": [None],
        "scored_ts": pd.to_datetime(["2026-03-09"], utc=True),
        "name": "hallucination",
        "value": [0.0],
        "source": "llm_judge",
        "judge_version": "1",
    }
    return pd.DataFrame(base | columns)


def test_not_judged_is_not_zero():
    report = content_report({"gen_call": _calls(), "gen_score": _score()}, currency="EUR")
    assert report.series("hallucination_rate").value == (0.0, None)
    assert report.series("hallucination_rate").n == (1, 0)
    assert report.series("moderation_hits").value == (None, None)
    assert report.series("data_leaks").upper == (None, None)


def test_a_late_score_lands_on_the_day_of_the_call_and_a_person_overrules_the_judge():
    scores = pd.concat(
        [_score(), _score(value=[1.0], source="human", scored_ts=pd.to_datetime(["2026-03-04"], utc=True))]
    )
    report = content_report({"gen_call": _calls(), "gen_score": scores}, currency="EUR")
    assert report.series("hallucination_rate").value == (1.0, None)
    by_output = _score(span_id=[None], output_id=["o3"], value=[1.0])
    assert content_report({"gen_call": _calls(), "gen_score": by_output}, currency="EUR").series(
        "hallucination_rate"
    ).value == (None, 1.0)


def test_costs_in_another_currency_are_never_added():
    report = content_report({"gen_call": _calls(currency=["EUR", "USD", "EUR"])}, currency="EUR")
    assert report.series("cost_per_output").value == (pytest.approx(0.01), pytest.approx(0.02))
    assert [check.name for check in report.checks if not check.passed and check.blocking] == ["one_currency"]


def test_optional_columns_and_tables_may_be_missing():
    calls = _calls()[["start_ts", "duration_ms", "team", "model"]]
    report = content_report({"gen_call": calls}, currency="EUR")
    assert set(report.kpis()["kpi"]) == {
        "latency_p50",
        "latency_p95",
        "latency_p99",
        "error_rate",
        "throughput_per_hour",
    }
    assert content_report({"gen_call": calls.head(0)}, currency="EUR").kpis().empty


def test_open_incidents_and_unpublished_outputs_are_left_out():
    at = pd.to_datetime(["2026-03-02 10:00", "2026-03-02 12:00"], utc=True)
    incidents = pd.DataFrame(
        {
            "incident_id": ["i", "j"],
            "team": "web",
            "opened_ts": at,
            "resolved_ts": [at[0] + pd.Timedelta(hours=3), pd.NaT],
        }
    )
    outputs = pd.DataFrame(
        {
            "output_id": ["o1", "o2"],
            "team": "web",
            "requested_ts": at,
            "published_ts": [at[0] + pd.Timedelta(hours=8), pd.NaT],
        }
    )
    report = content_report({"gen_call": _calls(), "gen_incident": incidents, "gen_output": outputs}, currency="EUR")
    assert report.series("time_to_recovery").value[0] == 3.0
    assert report.series("time_to_publish").value[0] == 8.0
    assert report.series("time_to_publish").n == (1, 0)


def test_objectives_and_breaches(report):
    table = report.kpis()
    latency = table[table["kpi"] == "latency_p95"]
    assert (latency["objective"] == 4000).all()
    assert (latency["breached"].astype(bool) == (latency["value"] > 4000)).all()
    facts = table[table["kpi"] == "fact_score"]
    assert (facts["breached"].astype(bool) == (facts["value"] < 0.99)).all()
    assert table.loc[table["kpi"] == "tokens", ["objective", "breached"]].isna().all(axis=None)
    alerts = report.alerts()
    sure = alerts[(alerts["kpi"] == "latency_p95") & (alerts["kind"] == "objective")]
    keyed = table.set_index(["day", "team", "model", "kpi"])
    assert len(sure) > 0
    for row in sure.itertuples():
        assert keyed.loc[(row.day, row.team, row.model, row.kpi), "lower"] > 4000


def test_an_unknown_objective_is_refused_with_the_nearest():
    with pytest.raises(InputError, match=re.escape("Did you mean 'latency_p95'")) as refused:
        content_report({"gen_call": _calls()}, currency="EUR", objectives={"latency_95": 1.0, "nonsense": 2.0})
    assert len(refused.value.problems) == 2


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({}, "no model calls"),
        ({"gen_call": _calls().drop(columns="model")}, "no column 'model'"),
        ({"gen_call": _calls(), "gen_score": _score().drop(columns="value")}, "no column 'value'"),
    ],
)
def test_missing_tables_and_columns_are_refused(tables, message):
    with pytest.raises(InputError, match=message):
        content_report(tables, currency="EUR")


def test_a_level_that_is_no_level_is_refused():
    with pytest.raises(InputError, match="level"):
        content_report({"gen_call": _calls()}, currency="EUR", level=95)


def test_a_quote_in_a_name_or_currency_is_data():
    report = content_report({"gen_call": _calls(team="o'brien; DROP", currency="E'R")}, currency="E'R")
    assert "o'brien; DROP" in set(report.kpis()["team"])


def test_the_incident_week_and_the_canary_show(sample, report):
    truth = simulate_content(5).truth
    canary = json.loads(json.dumps(report.canary(), allow_nan=False))
    assert canary["verdict"] == "stop"
    week = [pd.Timestamp(truth["incident"][name]).date() for name in ("first_day", "last_day")]
    table = report.kpis()
    p95 = table[
        (table["kpi"] == "latency_p95") & (table["model"] == truth["incident"]["model"]) & (table["team"] == "(all)")
    ]
    during = p95["day"].between(*week)
    assert p95.loc[during, "value"].median() > 2 * p95.loc[~during, "value"].median()


def _daily_costs(seed, days=120):
    rng = np.random.default_rng(seed)
    day = pd.date_range("2026-01-05", periods=days)
    return pd.Series(
        100 * np.where(day.day_of_week >= 5, 0.3, 1.0) * rng.lognormal(0, 0.1, days), index=day, name="web"
    )


def test_cost_spikes_are_found_and_the_weekly_pattern_is_not_one():
    alarms, found = [], []
    for seed in range(20):
        cost = _daily_costs(seed)
        alarms += list((cost > unusual_cost(cost)["limit"])[14:])
        cost.iloc[60] *= 3
        cost.iloc[64] *= 3  # the earlier spike must not hide the next
        found += list((cost > unusual_cost(cost)["limit"]).iloc[[60, 64]])
    assert np.mean(alarms) < 0.01
    assert np.mean(found) > 0.9


def test_budgets_at_risk_are_alerts():
    day = pd.date_range("2026-05-01", periods=20, tz="UTC") + pd.Timedelta(hours=8)
    calls = pd.DataFrame(
        {"start_ts": day, "duration_ms": 1.0, "team": "web", "model": "m", "cost": 10.0, "currency": "EUR"}
    )
    budgets = pd.DataFrame(
        {
            "team": ["web", "web", "print"],
            "month": ["2026-05", "2026-04", "2026-05"],
            "amount": [250.0, 1.0, 1.0],
            "currency": "EUR",
        }
    )
    alerts = content_report({"gen_call": calls, "team_budget": budgets}, currency="EUR").alerts()
    assert alerts["kind"].tolist() == ["budget"]
    assert alerts["value"][0] == pytest.approx(310.0)  # 20 days at 10, 31 days in May
    assert alerts["severity"][0] == "high"  # the lower end of the forecast lies above as well
    spent = content_report({"gen_call": calls, "team_budget": budgets.assign(amount=150.0)}, currency="EUR").alerts()
    assert (spent["severity"][0], spent["value"][0]) == ("high", 200.0)


def test_every_kpi_query_is_text_a_person_can_run(sample):
    from monitoring.leaves import leaves_sql
    from monitoring.rollup import kpi_sql
    from monitoring.tables import open_tables

    connection = open_tables(sample, "EUR")
    for measure in MEASURES:
        if measure.source == "business":
            continue
        quantile = measure.kind == "quantile"
        sql = leaves_sql(measure.source, measure.value) if quantile else kpi_sql([measure])
        assert connection.sql(sql).fetchall()


def test_the_same_log_gives_the_same_bytes():
    rng = np.random.default_rng(3)
    size = 400_000  # several blocks, which several threads would share
    calls = pd.DataFrame(
        {
            "start_ts": pd.Timestamp("2026-05-01", tz="UTC") + pd.to_timedelta(rng.uniform(0, 2, size), unit="D"),
            "duration_ms": rng.lognormal(7, 1, size), "team": "web", "model": rng.choice(["a", "b"], size),
            "cost": rng.lognormal(-5, 2, size), "input_tokens": rng.uniform(0, 1e4, size), "output_tokens": 3.3,
        }
    )  # fmt: skip
    tables = {"gen_call": calls}
    first, again = (content_report(tables, currency="EUR").kpis().to_csv() for _ in range(2))
    assert first == again
