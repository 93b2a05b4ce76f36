"""Generated pieces followed to money: known truth, adaptive propensities, windows, prices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from monitoring.generators import JoinRule, rank_generators
from monitoring.tables import open_tables

MODELS = {"a1": ("big", "v1"), "a2": ("big", "v2"), "b1": ("small", "v1"), "b2": ("small", "v2")}
RATES = {"a1": 0.05, "a2": 0.07, "b1": 0.03, "b2": 0.05}
RULE = JoinRule(value_per_reward=40.0, media_cost_per_decision=0.5)


def world(seed=1, days=30, per_day=300):
    """Demand swings by day while the policy moves traffic: a plain mean would be fooled."""
    rng = np.random.default_rng(seed)
    arms, rows = list(RATES), []
    for day in range(days):
        share = np.array([0.1, 0.1, 0.4, 0.4]) if day % 2 else np.array([0.4, 0.4, 0.1, 0.1])
        level = 2.0 if day % 2 else 0.6
        drawn = rng.choice(4, per_day, p=share)
        rate = level * np.array(list(RATES.values()))[drawn]
        ts = pd.Timestamp("2026-03-01", tz="UTC") + pd.Timedelta(days=day)
        rows.append(pd.DataFrame({
            "ts": ts + pd.to_timedelta(rng.uniform(0, 86_000, per_day), unit="s"), "experiment_id": "x",
            "arm_id": [arms[i] for i in drawn], "propensity": share[drawn], "y": rng.random(per_day) < rate,
        }))  # fmt: skip
    log = pd.concat(rows, ignore_index=True)
    log["decision_id"] = [f"d{i}" for i in range(len(log))]
    rewards = log.loc[log["y"], ["decision_id", "ts"]].assign(value=1.0)
    return log.drop(columns="y"), rewards


def tables(models=MODELS, cost=2.0):
    calls = pd.DataFrame([
        {"start_ts": pd.Timestamp("2026-02-20", tz="UTC"), "duration_ms": 1.0, "team": "web", "model": model,
         "output_id": f"o-{arm}", "prompt_version": prompt, "cost": cost, "currency": "EUR"}
        for arm, (model, prompt) in models.items() for _ in range(3)
    ])  # fmt: skip
    variants = pd.DataFrame([
        {"variant_id": f"v-{arm}", "output_id": f"o-{arm}", "experiment_id": "x", "arm_id": arm} for arm in models
    ])  # fmt: skip
    return {"gen_call": calls, "creative_variant": variants}


def ranked(log, rewards, rule=RULE, **more):
    connection = open_tables(tables() | more, "EUR")
    try:
        return rank_generators(connection, log, rewards, rule)
    finally:
        connection.close()


def test_the_better_model_and_prompt_stand_first_with_the_true_lift_inside():
    table = ranked(*world()).table
    models = table[table["by"] == "model"].set_index("model")
    assert models["rank"].to_dict() == {"big": 1, "small": 2}
    assert models.loc["big", "lift_lower"] < 0.06 / 0.04 - 1 < models.loc["big", "lift_upper"]
    assert models.loc["big", "lift_lower"] > 0
    assert models.loc["small", "incremental_revenue_upper"] < 0
    big = models.loc["big"]
    assert big["generation_cost"] == 12.0  # two pieces of three calls
    assert big["media_cost"] == pytest.approx(0.5 * big["decisions"])
    assert big["per_euro"] == pytest.approx(big["incremental_revenue"] / (12.0 + big["media_cost"]))
    prompts = table[table["by"] == "prompt_version"].set_index("prompt_version")
    assert prompts["rank"].to_dict() == {"v2": 1, "v1": 2}
    both = table[table["by"] == "model_and_prompt"]
    assert (both.iloc[0]["model"], both.iloc[0]["prompt_version"]) == ("big", "v2")
    assert list(both["rank"]) == [1, 2, 3, 4]


def test_intervals_cover_under_a_moving_policy():
    inside, means = [], []
    for seed in range(40):
        row = ranked(*world(seed, days=20, per_day=600)).table.set_index(["by", "model"]).loc[("model", "big")]
        inside.append(row["lift_lower"] <= 0.5 <= row["lift_upper"])
        means.append(row["lift"])
    assert np.mean(inside) >= 0.88
    assert np.mean(means) == pytest.approx(0.5, abs=0.1)


def test_pieces_made_by_hand_are_what_the_generated_are_held_against():
    log, rewards = world()
    by_hand = {"b1": MODELS["b1"], "b2": MODELS["b2"]}
    connection = open_tables(tables(by_hand), "EUR")
    table = rank_generators(connection, log, rewards, RULE).table
    connection.close()
    models = table[table["by"] == "model"]
    assert list(models["model"]) == ["small"]
    assert models.iloc[0]["lift_upper"] < 0


def test_the_next_piece_takes_the_place_of_the_one_before():
    log, rewards = world()
    swapped = tables()["creative_variant"].assign(valid_from=pd.NaT)
    extra = swapped[swapped["arm_id"] == "a1"].assign(
        variant_id="v-new", output_id="o-b1", valid_from=pd.Timestamp("2026-03-11", tz="UTC")
    )
    variants = pd.concat([swapped, extra]).assign(
        valid_from=lambda rows: pd.to_datetime(rows["valid_from"], utc=True), valid_to=pd.NaT
    )
    table = ranked(log, rewards, creative_variant=variants).table
    models = table[table["by"] == "model"].set_index("model")
    late = log["ts"] >= pd.Timestamp("2026-03-11", tz="UTC")
    assert (
        models.loc["big", "decisions"] == (log["arm_id"].isin(["a1", "a2"]) & ~((log["arm_id"] == "a1") & late)).sum()
    )
    assert models["decisions"].sum() == len(log)


def test_money_comes_from_measured_orders_where_it_is_not_set():
    log, rewards = world()
    orders = pd.DataFrame({
        "day": pd.to_datetime(["2026-03-08", "2026-03-15"], utc=True), "experiment_id": "x", "arm_id": "a2", "metric": "aov",
        "value": [50.0, 70.0], "n": [300, 100], "lower": [46.0, 62.0], "upper": [54.0, 78.0],
    })  # fmt: skip
    rule = JoinRule(media_cost_per_decision=0.5)
    priced = ranked(log, rewards, rule, business_outcome=orders).table.iloc[0]
    plain = ranked(log, rewards, rule).table.iloc[0]
    assert priced["incremental_revenue"] == pytest.approx(55.0 * plain["incremental_revenue"], rel=1e-6)
    width = priced["incremental_revenue_upper"] - priced["incremental_revenue"]
    assert width > 55.0 * (plain["incremental_revenue_upper"] - plain["incremental_revenue"])


def test_media_cost_that_nobody_knows_is_not_zero():
    log, rewards = world()
    report = ranked(log, rewards, JoinRule(value_per_reward=40.0))
    assert report.table[["media_cost", "per_euro"]].isna().all(axis=None)
    assert report.table["incremental_revenue"].notna().all()
    assert [check.name for check in report.checks if not check.passed] == ["media_cost_known"]
    own = ranked(log.assign(cost=0.25), rewards, JoinRule(value_per_reward=40.0)).table.iloc[0]
    assert own["media_cost"] == pytest.approx(0.25 * own["decisions"])


def test_a_log_without_generated_pieces_ranks_nothing_and_says_so():
    log, rewards = world()
    report = ranked(log.assign(arm_id="other"), rewards)
    assert report.table.empty
    assert "creatives_joined" in {check.name for check in report.checks if not check.passed}
