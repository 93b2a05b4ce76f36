"""The creative report on logs with known truth."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from bandits.report import ARM_COLUMNS, ReportOptions, creative_report
from measurement.errors import InputError

START = pd.Timestamp("2026-09-01", tz="UTC")
STILL = ReportOptions(half_life_days=None)


def _log(seed, *, rates=(0.05, 0.10), days=20, per_day=400, delay_hours=0.0, value=None):
    """Equal traffic, exponential delays, cut at the end of the last day."""
    rng = np.random.default_rng(seed)
    count = days * per_day
    ts = START + pd.to_timedelta(np.sort(rng.uniform(0, days * 24, count)), unit="h")
    arm = rng.integers(0, len(rates), count)
    decisions = pd.DataFrame(
        {
            "decision_id": [f"d{number}" for number in range(count)],
            "ts": ts,
            "experiment_id": "x",
            "arm_id": np.array([f"arm-{number}" for number in range(len(rates))])[arm],
            "propensity": 1 / len(rates),
            "policy_version": "1",
        }
    )
    came = rng.random(count) < np.array(rates)[arm]
    reward_ts = ts + pd.to_timedelta(rng.exponential(max(delay_hours, 1e-3), count), unit="h")
    came &= reward_ts < START + pd.Timedelta(days=days)
    values = np.ones(count) if value is None else value(rng, count)
    rewards = pd.DataFrame({"decision_id": decisions["decision_id"], "ts": reward_ts, "value": values})[came]
    return decisions, rewards.reset_index(drop=True)


def test_columns_totals_and_plain_json():
    decisions, rewards = _log(1)
    report = creative_report(decisions, rewards, seed=1, level=0.9)
    arms = report.arms()
    assert list(arms.columns) == list(ARM_COLUMNS)
    assert arms["decisions"].sum() == len(decisions)
    assert arms["rewards"].sum() == len(rewards)
    assert arms["p_best"].sum() == pytest.approx(1.0)
    assert arms["next_propensity"].sum() == pytest.approx(1.0)
    assert arms["next_propensity"].min() >= 0.01
    assert ((arms["lower"] < arms["mean"]) & (arms["mean"] < arms["upper"])).all()
    assert arms["fatigue"].isna().all()  # not looked at is not "none"
    stop = json.loads(json.dumps(report.stop(), allow_nan=False))
    assert stop["experiments"]["x"]["leader"] == "arm-1"
    assert stop["experiments"]["x"]["stop"] is True
    assert all(check.passed for check in report.checks)


def test_fatigue_is_joined_by_creative():
    report = creative_report(*_log(1), seed=1)
    fatigue = pd.DataFrame(
        {
            "experiment_id": "x",
            "arm_id": ["arm-1", "arm-0"],
            "fatigue": ["confirmed", "none"],
            "fatigue_since": ["2026-09-09", None],
        }
    )
    arms = report.arms(fatigue).set_index("arm_id")
    assert arms.loc["arm-1", "fatigue"] == "confirmed"
    assert arms.loc["arm-0", "fatigue"] == "none"


def test_the_order_of_rows_does_not_matter():
    decisions, rewards = _log(2, delay_hours=30)
    one = creative_report(decisions, rewards, seed=1).arms()
    other = creative_report(
        decisions.sample(frac=1, random_state=1), rewards.sample(frac=1, random_state=2), seed=1
    ).arms()
    pd.testing.assert_frame_equal(one, other)


def test_rewards_still_under_way_are_not_failures():
    """With conversions four days late, counting every decision in full is biased low; the learnt delay mends it."""
    errors, naive = [], []
    for seed in range(12):
        decisions, rewards = _log(seed, delay_hours=96, days=16, per_day=600)
        arms = creative_report(decisions, rewards, seed=1, options=STILL).arms()
        errors.append((arms["mean"] - [0.05, 0.10]) / [0.05, 0.10])
        naive.append((arms["rewards"] / arms["decisions"] - [0.05, 0.10]) / [0.05, 0.10])
    assert abs(np.mean(errors)) < 0.05
    assert np.mean(naive) < -0.15


@pytest.mark.parametrize("delay", [0.0, 30.0])
def test_intervals_cover_the_true_rates(delay):
    hits = []
    for seed in range(40):
        arms = creative_report(*_log(seed, delay_hours=delay, per_day=150), seed=1, options=STILL).arms()
        hits += [
            low <= rate <= high for low, high, rate in zip(arms["lower"], arms["upper"], (0.05, 0.10), strict=True)
        ]
    assert 0.80 <= np.mean(hits) <= 0.98  # 80 intervals at 90%


def test_a_recent_fall_moves_the_traffic():
    old, old_rewards = _log(1, rates=(0.05, 0.10), days=20)
    new, new_rewards = _log(2, rates=(0.05, 0.02), days=20)
    shift = pd.Timedelta(days=20)
    for table in (new, new_rewards):
        table["decision_id"] = "n" + table["decision_id"]
        table["ts"] += shift
    decisions, rewards = pd.concat([old, new]), pd.concat([old_rewards, new_rewards])
    forgetful = creative_report(decisions, rewards, seed=1, options=ReportOptions(half_life_days=5)).arms()
    everything = creative_report(decisions, rewards, seed=1, options=STILL).arms()
    assert forgetful.set_index("arm_id").loc["arm-0", "p_best"] > 0.9
    assert everything.set_index("arm_id").loc["arm-1", "p_best"] > 0.9


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "rate"),
        (lambda rng, n: rng.integers(1, 4, n), "count"),
        (lambda rng, n: rng.lognormal(3, 0.5, n), "revenue"),
        (lambda rng, n: rng.normal(1, 2, n), "amount"),
    ],
)
def test_the_reward_model_follows_the_values(value, kind):
    report = creative_report(*_log(3, value=value), seed=1)
    assert report.stop()["experiments"]["x"]["reward"] == kind
    assert report.arms().set_index("arm_id").loc["arm-1", "p_best"] > 0.99


def test_rewards_delivered_twice_count_once_and_strays_are_reported():
    decisions, rewards = _log(4)
    stray = rewards.head(60).assign(decision_id=[f"stray{number}" for number in range(60)])
    report = creative_report(decisions, pd.concat([rewards, rewards, stray]), seed=1)
    pd.testing.assert_frame_equal(report.arms(), creative_report(decisions, rewards, seed=1).arms())
    failed = {check.name for check in report.checks if not check.passed}
    assert failed == {"rewards_of_unknown_decisions", "rewards_delivered_twice"}


def test_traffic_that_does_not_match_the_logged_propensities_is_reported():
    decisions, rewards = _log(5)
    decisions["propensity"] = decisions["arm_id"].map({"arm-0": 0.4, "arm-1": 0.6})
    failed = {check.name for check in creative_report(decisions, rewards, seed=1).checks if not check.passed}
    assert failed == {"traffic_matches_propensity"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d, r: (d.drop(columns="arm_id"), r), "no column 'arm_id'"),
        (lambda d, r: (d, r.drop(columns="value")), "no column 'value'"),
        (lambda d, r: (d.head(0), r), "no creative decisions"),
        (lambda d, r: (d.assign(propensity=0.0), r), "propensity lies outside"),
        (lambda d, r: (pd.concat([d, d.head(1)]), r), "stands twice"),
        (lambda d, r: (d, r.assign(value=np.nan)), "not a number"),
    ],
)
def test_spoilt_logs_are_refused(spoil, message):
    with pytest.raises(InputError, match=message):
        creative_report(*spoil(*_log(6, days=2)), seed=1)


def test_clocks_that_run_apart_are_reported_and_the_reward_still_counts():
    decisions, rewards = _log(8)
    few, many = rewards.copy(), rewards.copy()
    few.loc[:4, "ts"] -= pd.Timedelta(days=2)
    many["ts"] -= pd.Timedelta(days=2)
    tolerated = creative_report(decisions, few, seed=1)
    assert all(check.passed for check in tolerated.checks)
    assert tolerated.arms()["rewards"].sum() == len(rewards)
    refused = [check for check in creative_report(decisions, many, seed=1).checks if not check.passed]
    assert [(check.name, check.blocking) for check in refused] == [("rewards_after_decisions", True)]


def test_a_log_without_rewards_is_a_report_of_ignorance():
    decisions, rewards = _log(7)
    arms = creative_report(decisions, rewards.head(0), seed=1).arms()
    assert (arms["rewards"] == 0).all()
    assert arms["p_best"].between(0.2, 0.8).all()
