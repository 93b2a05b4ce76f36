"""A small sound workspace on disk: what the reader's tests read, and what the spoilers spoil."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

GEOS = ("Bayern", "Bremen", "Hamburg", "Thüringen")
WEEKS = 60
SETTINGS = """\
# A small sound workspace
[workspace]
name = "Klein"
currency = "EUR"
locale = "de_DE"

[panel]
file = "data/panel.csv"
date = "week"
geo = "geo"
outcome = "revenue"
population = "population"
controls = ["price_index"]
organic = ["newsletter"]
holidays = "DE"

[panel.channels.search]
spend = "search_spend"
exposure = "search_clicks"

[panel.channels.tv]
spend = "tv_spend"

[[lift_tests]]
channel = "search"
geos = ["Hamburg"]
start = 2026-03-02
end = 2026-03-29
incremental_outcome = 8000.0
standard_error = 2000.0
incremental_spend = 3000.0

[budget]
total = 60000.0
weeks = 4
max_change = 0.25

[[budget.rules]]
kind = "bounds"
channel = "tv"
max = 50000.0

[creatives]
decisions = "data/decisions.parquet"
rewards = "data/rewards.csv"

[journeys]
touchpoints = "data/touchpoints.csv"

[content]
tables = "data/content/"
"""
GEO_TEST = """\
channel = "tv"
treated = ["Bremen"]
start = 2026-06-01
end = 2026-06-28
kind = "go_dark"
"""


def panel_frame(seed: int = 3, weeks: int = WEEKS) -> pd.DataFrame:
    """Columns as in the sample data; the last week starts on 2026-11-16."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range(end="2026-11-16", periods=weeks, freq="7D")
    season = 1 + 0.1 * np.sin(np.arange(weeks) / 8)
    frames = []
    for index, geo in enumerate(GEOS):
        size = 1.0 + index
        search = np.round(size * 1500 * season * rng.uniform(0.8, 1.2, weeks), 2)
        tv = np.round(size * 4000 * season * rng.uniform(0.7, 1.3, weeks), 2)
        frames.append(
            pd.DataFrame(
                {
                    "week": dates.strftime("%Y-%m-%d"),
                    "geo": geo,
                    "revenue": np.round(size * 90_000 * season * rng.uniform(0.9, 1.1, weeks), 2),
                    "population": int(size * 1_200_000),
                    "price_index": np.round(rng.uniform(95, 105, weeks), 2),
                    "newsletter": rng.integers(4_000, 9_000, weeks),
                    "search_spend": search,
                    "search_clicks": np.round(search * 1.7).astype(int),
                    "tv_spend": tv,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def build_workspace(root: Path, seed: int = 3) -> Path:
    """Write the workspace into ``root`` and return it."""
    (root / "data" / "content").mkdir(parents=True)
    (root / "geo_tests").mkdir()
    (root / "liftwerk.toml").write_text(SETTINGS, encoding="utf-8")
    (root / "geo_tests" / "tv_bremen.toml").write_text(GEO_TEST, encoding="utf-8")
    panel_frame(seed).to_csv(root / "data" / "panel.csv", index=False)
    rng = np.random.default_rng(seed)
    count = 200
    ts = pd.Timestamp("2026-11-01", tz="UTC") + pd.to_timedelta(np.sort(rng.integers(0, 1_000_000, count)), unit="s")
    decisions = pd.DataFrame(
        {
            "decision_id": [f"d{index}" for index in range(count)],
            "ts": ts,
            "experiment_id": "banner",
            "unit_id": [f"u{index % 50}" for index in range(count)],
            "arm_id": rng.choice(["a", "b"], count),
            "propensity": 0.5,
            "policy_version": "v1",
            "device": "phone",
        }
    )
    decisions.to_parquet(root / "data" / "decisions.parquet")
    rewarded = decisions.iloc[::4]
    rewards = pd.DataFrame(
        {
            "decision_id": rewarded["decision_id"],
            "ts": (rewarded["ts"] + pd.Timedelta("1h")).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "value": 1.0,
        }
    )
    rewards.to_csv(root / "data" / "rewards.csv", index=False)
    touchpoints = pd.DataFrame(
        {
            "unit_id": ["u1", "u1", "u2"],
            "ts": ["2026-11-02T10:00:00Z", "2026-11-03T11:30:00+01:00", "2026-11-04 08:00:00"],
            "channel": ["search", "", "tv"],
            "kind": ["click", "conversion", "impression"],
            "value": ["", "49.9", ""],
            "cost": ["0.35", "", ""],
        }
    )
    touchpoints.to_csv(root / "data" / "touchpoints.csv", index=False)
    calls = pd.DataFrame(
        {
            "start_ts": ts,
            "duration_ms": rng.lognormal(6, 1, count),
            "span_id": [f"s{index}" for index in range(count)],
            "team": "brand",
            "model": "m1",
            "input_tokens": 100,
            "cost": 0.002,
            "currency": "EUR",
        }
    )
    calls.to_parquet(root / "data" / "content" / "gen_call.parquet")
    return root
