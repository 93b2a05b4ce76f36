"""The forecast of a month's costs: exact where it must be, covering where it can be wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from monitoring.content import content_report
from monitoring.cost_forecast import month_end

MAY = pd.Period("2026-05", "M")


def costs(rng, memory, noise, days=151):
    """Daily costs with a weekly pattern, a level that wanders, and noise."""
    drift = np.zeros(days)
    for day in range(1, days):
        drift[day] = memory * drift[day - 1] + rng.normal(0, noise * np.sqrt(1 - memory**2))
    week = 0.3 * np.sin(2 * np.pi * np.arange(days) / 7)
    index = pd.date_range("2026-01-01", periods=days)
    return pd.Series(100 * np.exp(week + drift + rng.normal(0, 0.1, days)), index=index)


@pytest.mark.parametrize(("memory", "noise"), [(0.0, 0.05), (0.5, 0.2), (0.9, 0.2)])
def test_intervals_cover_the_month(memory, noise):
    rng, hits = np.random.default_rng(5), []
    for _ in range(100):
        known = costs(rng, memory, noise)
        for cut in (127, 134, 141):  # 7, 14 and 21 May
            found = month_end(known.iloc[:cut], MAY)
            hits.append(found.lower <= known["2026-05"].sum() <= found.upper)
    assert 0.85 <= np.mean(hits) <= 0.98  # nominal 90%; three looks at a month hang together


def test_weekdays_are_told_apart():
    days = pd.date_range("2026-04-01", "2026-05-15")
    known = pd.Series(np.where(days.day_of_week < 5, 100.0, 10.0), index=days)
    found = month_end(known, MAY)
    whole = pd.date_range("2026-05-01", "2026-05-31")
    assert found.forecast == pytest.approx(np.where(whole.day_of_week < 5, 100.0, 10.0).sum())
    assert found.upper - found.lower < 1.0


def test_a_month_that_is_over_and_one_that_just_began():
    days = pd.date_range("2026-04-01", "2026-05-31")
    over = month_end(pd.Series(10.0, index=days), MAY)
    assert over.spent == over.forecast == over.lower == over.upper == 310.0
    few = month_end(pd.Series(10.0, index=days[-3:]), pd.Period("2026-06", "M"))
    assert (few.spent, few.forecast) == (0.0, 0.0)
    assert np.isnan(few.lower)


def test_the_report_forecasts_each_team_beside_its_budget():
    day = pd.date_range("2026-05-01", periods=20, tz="UTC")
    calls = pd.concat(
        [
            pd.DataFrame({"start_ts": day, "duration_ms": 1.0, "team": team, "model": "m", "cost": cost})
            for team, cost in (("web", 10.0), ("print", 1.0))
        ]
    )
    budgets = pd.DataFrame({"team": ["web"], "month": ["2026-05-01"], "amount": [250.0]})
    report = content_report({"gen_call": calls, "team_budget": budgets}, currency="EUR")
    table = report.forecast().set_index("team")
    assert table["forecast"].to_dict() == {"print": 31.0, "web": 310.0, "(all)": 341.0}
    assert table["budget"].dropna().to_dict() == {"web": 250.0}
    assert report.alerts()["severity"].tolist() == ["high"]  # even the lower end is above
