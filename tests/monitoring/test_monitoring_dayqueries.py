"""Canary and error budgets kept by day are those of all calls read anew, and only days that changed are read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from monitoring import dayqueries
from monitoring.canary import CanaryRule, read_canary
from monitoring.content import content_report
from monitoring.daily import DayRollups
from monitoring.error_budgets import ErrorBudget, error_budgets
from monitoring.tables import open_tables

OBJECTIVES = {"error_rate": 0.05, "latency_p95": 900.0}
RULE = CanaryRule(guardrails=("error_rate", "cost_per_output"), minimum_sample=50)


class Days:
    """Calls by day with a canary, and what is read of them."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.read = folder, []
        (folder / "calls").mkdir()
        opened = dayqueries.open_tables

        def told(tables, currency):
            self.read += [path.stem for path in tables["gen_call"]]
            return opened(tables, currency)

        monkeypatch.setattr(dayqueries, "open_tables", told)

    def put(self, day, seed=1, rows=200, worse=0.0):
        rng = np.random.default_rng([seed, int(day[-2:])])
        arm = rng.choice(["control", "canary"], rows)
        failed = rng.random(rows) < 0.04 + worse * (arm == "canary")
        frame = pd.DataFrame(
            {
                "start_ts": pd.Timestamp(day) + pd.to_timedelta(rng.integers(0, 86_400_000, rows), unit="ms"),
                "duration_ms": rng.lognormal(6, 0.5, rows), "team": "web", "model": "m1",
                "pipeline": "copy", "arm": arm, "output_id": [f"{day} {n // 2}" for n in range(rows)],
                "error_type": np.where(failed, "timeout", None), "cost": rng.random(rows), "currency": "EUR",
            }
        )  # fmt: skip
        frame.to_parquet(self.folder / "calls" / f"{day}.parquet")

    def check(self, objectives=OBJECTIVES):
        """The days that were read for what is the same from nothing, and whether the canary stops."""
        self.read.clear()
        files = sorted((self.folder / "calls").glob("*.parquet"))
        kept = dayqueries.DayQueries(self.folder / "queries", files, "EUR")
        connection = open_tables({"gen_call": self.folder / "calls" / "*.parquet"}, "EUR")
        budgets = [error_budgets(connection, objectives, ErrorBudget(), level=0.95, by_day=a) for a in (None, kept.ask)]
        canaries = [read_canary(connection, RULE, by_day=ask) for ask in (None, kept.ask)]
        kept.close()
        connection.close()
        pd.testing.assert_frame_equal(budgets[0].table, budgets[1].table)
        pd.testing.assert_frame_equal(budgets[0].alerts, budgets[1].alerts)
        assert len(budgets[0].table)
        assert len(canaries[0].tests) == len(RULE.guardrails)
        tests = [pd.json_normalize(canary.to_dict()["tests"]) for canary in canaries]
        pd.testing.assert_frame_equal(*tests, rtol=1e-12)
        self.verdict = canaries[1].verdict
        return sorted(set(self.read))


@pytest.fixture
def days(tmp_path, monkeypatch):
    found = Days(tmp_path, monkeypatch)
    for day in ("2026-03-01", "2026-03-02", "2026-03-04"):
        found.put(day)
    found.check()
    return found


def test_a_new_day_is_the_only_one_read(days):
    assert days.check() == []
    days.put("2026-03-05", worse=0.6)
    assert days.check() == ["2026-03-05"]
    assert days.verdict == "stop"


def test_days_that_come_late_change_or_go_are_seen(days):
    days.put("2026-03-03")  # between others
    assert days.check() == ["2026-03-03"]
    days.put("2026-03-01", seed=2)
    assert days.check() == ["2026-03-01"]
    (days.folder / "calls" / "2026-03-02.parquet").unlink()
    assert days.check() == []


def test_answers_to_what_is_not_asked_any_more_go(days):
    before = set((days.folder / "queries").glob("*.parquet"))
    days.check({"error_rate": 0.05})
    after = set((days.folder / "queries").glob("*.parquet"))
    assert after < before
    (next(iter(after))).write_bytes(b"half a file")  # made again
    days.check({"error_rate": 0.05})


def test_a_report_by_day_keeps_them(days):
    tables = {"gen_call": days.folder / "calls" / "*.parquet"}
    for _ in range(2):
        days.read.clear()
        content_report(
            tables, currency="EUR", objectives=OBJECTIVES, canary_rule=RULE,
            rollups=DayRollups(days.folder / "rollups"),
        )  # fmt: skip
    assert days.read == []
    assert list((days.folder / "rollups" / "queries").glob("*.parquet"))
