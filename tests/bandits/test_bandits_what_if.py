"""What another policy would have earned, from a log with known truth; and what is wrong with a policy file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bandits.context import context_columns, segments
from bandits.policy_file import PolicyFile
from bandits.report import ReportOptions, creative_report
from bandits.segment_report import segment_report
from bandits.what_if import POLICY_COLUMNS, what_if
from measurement.errors import InputError

START = pd.Timestamp("2026-09-01", tz="UTC")
RATES = {"mobile": (0.10, 0.30, 0.10), "desktop": (0.30, 0.10, 0.10)}
ARMS = ("a", "b", "c")


def _log(seed, n=6000, late=0.0, delay_hours=0.01):
    """Three creatives at 60/20/20; the third joins after the share ``late`` of the log."""
    rng = np.random.default_rng(seed)
    ts = START + pd.to_timedelta(np.sort(rng.uniform(0, 20 * 24, n)), unit="h")
    device = np.where(rng.random(n) < 0.5, "mobile", "desktop")
    young = np.arange(n) < late * n
    shares = np.where(young[:, None], [0.75, 0.25, 0.0], [0.6, 0.2, 0.2])
    arm = (rng.random(n)[:, None] > shares.cumsum(axis=1)).sum(axis=1)
    rate = np.where(device == "mobile", np.array(RATES["mobile"])[arm], np.array(RATES["desktop"])[arm])
    decisions = pd.DataFrame(
        {
            "decision_id": [f"d{number}" for number in range(n)], "ts": ts, "experiment_id": "x", "unit_id": "u",
            "arm_id": np.array(ARMS)[arm], "propensity": shares[np.arange(n), arm], "device": device,
        }
    )  # fmt: skip
    came = ts + pd.to_timedelta(rng.exponential(delay_hours, n), unit="h")
    hit = (rng.random(n) < rate) & (came < START + pd.Timedelta(days=20))
    rewards = pd.DataFrame({"decision_id": decisions["decision_id"], "ts": came, "value": 1.0})[hit]
    return decisions, rewards.reset_index(drop=True)


def _table(decisions, rewards, **options):
    report = creative_report(decisions, rewards, seed=1, options=ReportOptions(half_life_days=None))
    return what_if(decisions, rewards, report, seed=1, **options)


def test_policies_earn_what_the_truth_says_they_would():
    yours = PolicyFile.of(
        pd.DataFrame({"device": ["mobile", "desktop", "desktop"], "arm_id": ["b", "a", "c"], "share": [1, "3,0", 1]}),
        "mine.csv",
    )
    table = _table(*_log(1), by=["device"], policy=yours)
    assert list(table.columns) == list(POLICY_COLUMNS)
    truth = {"logged": 0.18, "equal": 1 / 6, "leader_by_device": 0.30, "yours": (0.30 + 0.25) / 2}
    for policy, value in truth.items():
        rows = table[table["policy"] == policy]
        assert len(rows) == (1 if policy == "logged" else 8)
        exact = rows[~rows["estimator"].isin(["replay"])]
        assert exact["value"].to_numpy() == pytest.approx(value, abs=0.025), policy
        assert ((exact["lower"] < value + 0.01) & (value - 0.01 < exact["upper"])).all()
    assert (table["effective_n"] <= table["decisions"]).all()
    assert table["mean_weight"].to_numpy() == pytest.approx(1.0, abs=0.1)


def test_what_was_chosen_for_its_luck_is_not_praised_for_it():
    """All creatives alike: the leader of a log earns no more than the others, though its own numbers say so."""
    gains = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        decisions, _ = _log(seed, n=1500)
        hit = rng.random(1500) < 0.1
        rewards = pd.DataFrame({"decision_id": decisions["decision_id"], "ts": decisions["ts"], "value": 1.0})[hit]
        table = _table(decisions, rewards).set_index(["policy", "estimator"])["value"]
        gains.append(table["leader", "dr"] - hit.mean())
    assert abs(np.mean(gains)) < 0.01


def test_rewards_under_way_and_a_creative_that_joined_late_bias_nothing():
    decisions, rewards = _log(3, n=12_000, late=0.5, delay_hours=60.0)
    table = _table(decisions, rewards).set_index(["policy", "estimator"])
    # before the third creative came the other two share its traffic
    truth = 0.5 * 0.2 + 0.5 * (0.2 + 0.2 + 0.1) / 3
    for estimator in ("ipw", "snipw", "dr", "dros"):
        assert table["value"]["equal", estimator] == pytest.approx(truth, abs=0.02)
        assert "weights_average_to_one" not in table["warnings"]["equal", estimator]


def test_segments_tell_who_wants_what():
    decisions, rewards = _log(4)
    report = creative_report(decisions, rewards, seed=1)
    table = segment_report(decisions, rewards, report, ["device"], seed=1)
    best = table.sort_values("p_best").groupby("segment")["arm_id"].last().to_dict()
    assert best == {"mobile": "b", "desktop": "a"}
    served = decisions.drop(columns="device").assign(
        context=[f'{{"device": "{name}", "age": 30.0}}' for name in decisions["device"]]
    )
    assert context_columns(served)["device"].tolist() == decisions["device"].tolist()
    assert set(context_columns(served)["age"]) == {"30"}
    number, values = segments(served, ["device", "age"])
    assert len(values) == 2
    assert set(number) == {0, 1}
    with pytest.raises(InputError, match="no context 'weather'"):
        segments(served, ["weather"])
    with pytest.raises(InputError, match="segments"):
        segments(decisions.assign(user=range(len(decisions))), ["user"])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"arm": ["a"], "share": [1]}, "needs the column 'arm_id'"),
        ({"arm_id": ["a"], "share": ["much"]}, "no number"),
        ({"arm_id": ["a"], "share": [-1]}, "negative"),
        ({"arm_id": ["a", "z"], "share": [1, 1]}, "does not have"),
        ({"arm_id": ["a"], "share": [0]}, "all 0"),
        ({"arm_id": ["a"], "share": [1], "device": ["mobile"]}, "does not say what to show"),
        ({"arm_id": ["a"], "share": [1], "weather": ["sunny"]}, "no context 'weather'"),
    ],
)
def test_a_slip_in_a_policy_file_is_told(rows, message):
    decisions = pd.DataFrame({"device": ["mobile", "desktop"]})
    with pytest.raises(InputError, match=message):
        PolicyFile.of(pd.DataFrame(rows), "mine.csv").shares("x", ARMS, decisions)
