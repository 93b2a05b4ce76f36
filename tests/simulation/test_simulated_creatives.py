"""Creative log: logged propensities are the true ones, creatives tire when the truth says so, conversions come late."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta

from measurement.errors import InputError
from simulation.creative_spec import ARMS, ArmSpec, CreativeSpec
from simulation.creatives import Creatives, probability_best, simulate_creatives


@pytest.fixture(scope="module")
def log() -> Creatives:
    return simulate_creatives(12)


def test_columns_and_size(log):
    contract = ["decision_id", "ts", "experiment_id", "unit_id", "arm_id", "propensity", "policy_version"]
    assert [name for name in log.decisions.columns if name in contract] == contract
    assert list(log.rewards.columns) == ["decision_id", "ts", "value"]
    assert 60_000 <= len(log.decisions) <= 90_000
    assert log.decisions["decision_id"].is_unique
    assert log.decisions["arm_id"].nunique() == 12
    assert log.decisions["experiment_id"].nunique() == 3
    assert str(log.decisions["ts"].dt.tz) == "UTC"


def test_propensity_is_one_per_arm_and_policy_and_sums_to_one(log):
    table = log.decisions.groupby(["experiment_id", "policy_version", "arm_id"])["propensity"]
    assert (table.nunique() == 1).all()
    last = log.decisions[log.decisions["policy_version"] == log.decisions["policy_version"].max()]
    shown = last.groupby(["experiment_id", "arm_id"])["propensity"].first()
    complete = shown.groupby("experiment_id").size() == 4
    assert np.allclose(shown.groupby("experiment_id").sum()[complete], 1.0)
    assert log.decisions["propensity"].min() >= 0.05 - 1e-6


def test_logged_propensity_is_the_true_one(log):
    # Given the past, each impression is a draw: (drawn − propensity) is a martingale difference, so z is standard.
    for experiment, part in log.decisions.groupby("experiment_id"):
        arms = part["arm_id"].unique()
        table = part.groupby(["policy_version", "arm_id"])["propensity"].first().unstack()[arms]
        for arm in arms:
            expected = part["policy_version"].map(table[arm]).dropna()
            drawn = (part.loc[expected.index, "arm_id"] == arm).astype(float)
            z = (drawn - expected).sum() / np.sqrt((expected * (1 - expected)).sum())
            assert abs(z) < 4, (experiment, arm, z)


def test_a_unit_meets_an_experiment_once_a_policy(log):
    keys = log.decisions[["unit_id", "experiment_id", "policy_version"]]
    assert not keys.duplicated().any()


def test_rewards_follow_their_decision_and_come_late(log):
    joined = log.rewards.merge(log.decisions, on="decision_id", suffixes=("", "_shown"))
    assert len(joined) == len(log.rewards)
    assert log.rewards["decision_id"].is_unique
    delay = (joined["ts"] - joined["ts_shown"]).dt.total_seconds() / 86_400
    assert delay.min() > 0
    early = delay[joined["ts_shown"] < joined["ts_shown"].max() - pd.Timedelta(days=28)]
    assert np.median(early) == pytest.approx(log.spec.delay_days, rel=0.12)
    assert log.rewards["ts"].max() < pd.Timestamp("2026-11-23", tz="UTC")
    assert log.truth["conversions_under_way"] > 10


def test_rates_match_the_truth():
    # Many impressions of two plain creatives under no day noise: the shares must lie where the truth says.
    arms = tuple(replace(arm, tires_from=None, decay=0.0, starts=0) for arm in ARMS[:2])
    spec = CreativeSpec(arms=arms, days=30, decisions_per_day=4_000, day_shock=0.0, own_noise=0.0, delay_days=0.01)
    log = simulate_creatives(4, spec)
    won = log.decisions["decision_id"].isin(log.rewards["decision_id"])
    for arm in arms:
        shown = log.decisions["arm_id"] == arm.arm_id
        n, share = int(shown.sum()), float(won[shown].mean())
        assert abs(share - arm.rate) < 4 * np.sqrt(arm.rate * (1 - arm.rate) / n)


def test_creatives_tire_from_the_day_the_truth_names():
    tiring = ArmSpec(arm_id="a-1", experiment_id="a", rate=0.2, tires_from=20, decay=0.1)
    fresh = ArmSpec(arm_id="a-2", experiment_id="a", rate=0.2)
    spec = CreativeSpec(arms=(tiring, fresh), days=40, decisions_per_day=1_500, day_shock=0.0, delay_days=0.01)
    log = simulate_creatives(1, spec)
    assert log.truth["arms"]["a-1"]["tires_from"] == "2026-11-03"
    assert log.truth["arms"]["a-1"]["rate_today"] == pytest.approx(0.2 * 0.9**19)
    assert log.truth["best_today"] == {"a": "a-2"}
    won = log.decisions["decision_id"].isin(log.rewards["decision_id"])
    late = log.decisions["ts"] >= pd.Timestamp("2026-11-12", tz="UTC")
    first = log.decisions["arm_id"] == "a-1"
    assert won[first & ~late & (log.decisions["ts"] < pd.Timestamp("2026-11-03", tz="UTC"))].mean() > 0.17
    assert won[first & late].mean() < 0.08


def test_a_creative_is_not_shown_before_it_starts(log):
    first = log.decisions.groupby("arm_id")["ts"].min()
    assert first["gift-guide-4"] >= pd.Timestamp("2026-10-26", tz="UTC")
    assert first["gift-guide-1"] < pd.Timestamp("2026-09-29", tz="UTC")


def test_probability_best_against_monte_carlo_and_closed_form():
    assert probability_best(np.zeros(3), np.zeros(3)) == pytest.approx([1 / 3] * 3, abs=1e-6)
    won, lost = np.array([10.0, 20.0, 15.0]), np.array([190.0, 180.0, 185.0])
    draws = beta.rvs(won + 1, lost + 1, size=(200_000, 3), random_state=np.random.default_rng(1))
    share = np.bincount(draws.argmax(axis=1), minlength=3) / 200_000
    assert probability_best(won, lost) == pytest.approx(share, abs=0.005)


def test_same_seed_same_log(log):
    again = simulate_creatives(12)
    pd.testing.assert_frame_equal(again.decisions, log.decisions)
    pd.testing.assert_frame_equal(again.rewards, log.rewards)
    assert len(simulate_creatives(13).decisions) != len(log.decisions)


@pytest.mark.parametrize(("rate", "decay"), [(0.0, 0.0), (0.6, 0.0), (0.1, 1.0)])
def test_impossible_creatives_are_refused(rate, decay):
    with pytest.raises(InputError):
        ArmSpec(arm_id="a", experiment_id="a", rate=rate, decay=decay)
