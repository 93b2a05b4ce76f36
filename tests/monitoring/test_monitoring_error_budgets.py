"""Error budgets against plain counting, and burn-rate alerts over two windows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from monitoring.catalogue import CATALOGUE
from monitoring.content import content_report
from monitoring.error_budgets import BurnAlert, ErrorBudget, allowed_share

OBJECTIVES = {"error_rate": 0.01, "latency_p95": 2000.0, "fact_score": 0.9}


def _calls(days=40, per_hour=60, bad=0.005):
    rng = np.random.default_rng(1)
    count = days * 24 * per_hour
    begin = pd.Timestamp("2026-03-01", tz="UTC") + pd.to_timedelta(np.arange(count) * 60.0 * 60 / per_hour, unit="s")
    return pd.DataFrame({
        "start_ts": begin, "duration_ms": 900 * np.exp(0.4 * rng.standard_normal(count)), "model": "m",
        "team": rng.choice(["web", "print"], count), "error_type": np.where(rng.random(count) < bad, "timeout", ""),
    })  # fmt: skip


def _outage(calls, start, hours, share, seed=2):
    at = (calls["start_ts"] >= start) & (calls["start_ts"] < start + pd.Timedelta(hours=hours))
    bad = at & (np.random.default_rng(seed).random(len(calls)) < share)
    return calls.assign(error_type=calls["error_type"].where(~bad, "timeout"))


def _report(calls, **rule):
    report = content_report({"gen_call": calls}, currency="EUR", objectives=OBJECTIVES, budget=ErrorBudget(**rule))
    alerts = report.alerts()
    return report.budgets().set_index(["team", "kpi"]), alerts[alerts["kind"] == "burn_rate"]


def test_spent_is_what_was_bad_over_what_is_allowed():
    calls = _calls()
    budgets, _ = _report(calls)
    last = calls[calls["start_ts"] >= calls["start_ts"].max().normalize() - pd.Timedelta(days=27)]
    for team, part in [("(all)", last), *last.groupby("team")]:
        failed = (part["error_type"] != "").sum()
        row = budgets.loc[(team, "error_rate")]
        assert (row["events"], row["bad"]) == (len(part), failed)
        assert row["spent"] == pytest.approx(failed / (0.01 * len(part)))
        assert row["spent_lower"] < row["spent"] < row["spent_upper"]
        slow = budgets.loc[(team, "latency_p95")]
        assert slow["bad"] == (part["duration_ms"] > 2000).sum()
        assert slow["allowed_share"] == pytest.approx(0.05)
    assert set(budgets.index.get_level_values("kpi")) == {"error_rate", "latency_p95"}
    assert (budgets["from"].astype(str) == "2026-03-13").all()


def test_an_outage_burns_and_the_quiet_days_do_not():
    start = pd.Timestamp("2026-04-02 13:00", tz="UTC")
    _, alerts = _report(_outage(_calls(), start, 2, 0.5))
    urgent = alerts[alerts["severity"] == "high"]
    assert set(urgent["day"].astype(str)) == {"2026-04-02"}
    assert set(urgent["team"]) == {"(all)", "web", "print"}
    row = urgent[urgent["team"] == "(all)"].iloc[0]
    assert row["limit"] == 14.4
    assert 30 < row["value"] < 70
    assert "of the budget of 28 days" in row["detail"]
    # the low one follows as long as three days hold the outage and six hours still burn: never a week later
    low = alerts[alerts["severity"] == "low"]
    assert low.empty or (pd.to_datetime(low["day"]) <= pd.Timestamp("2026-04-05")).all()


def test_what_is_over_wakes_nobody():
    """The long window still burns an hour later, the short one does not."""
    calls = _outage(_calls(), pd.Timestamp("2026-04-02 13:00", tz="UTC"), 0.5, 0.9)
    _, alerts = _report(calls, alerts=(BurnAlert(long_hours=6.0, short_hours=0.5, burn_rate=6.0),))
    row = alerts[alerts["team"] == "(all)"].iloc[0]
    fired = [int(part.split(":")[0]) for part in row["detail"].split(", ")[1].split(" UTC")[0].split(" to ")]
    assert 13 <= fired[0] <= fired[1] <= 14


def test_one_failure_in_a_quiet_hour_is_no_burn():
    calls = _calls(per_hour=2, bad=0.0)
    calls.loc[500, "error_type"] = "timeout"
    assert _report(calls)[1].empty
    assert not _report(calls, minimum_bad=1)[1].empty


def test_which_objectives_have_a_budget():
    shares = {kpi: allowed_share(CATALOGUE[kpi], limit) for kpi, limit in OBJECTIVES.items()}
    assert shares == {"error_rate": 0.01, "latency_p95": pytest.approx(0.05), "fact_score": None}
    assert allowed_share(CATALOGUE["error_rate"], 0.0) is None
    assert allowed_share(CATALOGUE["time_to_publish"], 36.0) == 0.5
    assert allowed_share(CATALOGUE["cost_per_output"], 0.1) is None


def test_empty_tables_have_no_budgets():
    calls = _calls(days=1).head(0)
    report = content_report({"gen_call": calls}, currency="EUR", objectives=OBJECTIVES)
    assert report.budgets().empty
