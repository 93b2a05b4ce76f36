"""Contextual experiments in the service: what is declared, decided, logged, learnt, and refused."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest
from scipy import special

from bandits.context_fit import fit_linear, fit_logistic
from bandits.evaluation import LoggedDecisions, evaluate_policy
from bandits.normal_best import normal_best
from bandits.report import creative_report
from bandits.service.contextual import ContextualPolicy
from bandits.service.desk import id_at
from bandits.service.experiment import Experiment
from bandits.service.features import column_names, vector_of
from bandits.service.learner import Learner
from bandits.service.policy import Policy
from bandits.service.requests import DecideRequest
from bandits.service.sqlite_store import SqliteStore
from bandits.service.store import DecisionRow, RewardRow, decision_name
from measurement.errors import InputError
from tests.bandits.asgi_client import call, serving

NOW = 1_795_000_000.0
FEATURES = {
    "device": {"type": "category", "levels": ["mobile", "desktop"]},
    "age": {"type": "number", "low": 20, "high": 60, "steps": 4, "default": 40},
}
SPEC = {"experiment_id": "e", "arms": ["a", "b", "c"], "features": FEATURES, "half_life_days": None}


def fill(store, arms, chance, *, n=4000, days=4.0, seed=0, delay_h=0.0, value=1.0):
    """Decisions at equal shares; ``chance(arm, device)`` of a reward."""
    rng = np.random.default_rng(seed)
    rows, rewards = [], []
    for number, at in enumerate(np.sort(NOW - rng.uniform(0.01, days, n) * 86_400)):
        arm, device = int(rng.integers(len(arms))), ("mobile", "desktop")[int(rng.random() < 0.3)]
        context = json.dumps({"device": device, "age": int(rng.integers(18, 64)), "campaign": "x"})
        key = id_at(int(at * 1e3)) + number % 4096
        rows.append(DecisionRow(key, int(at * 1e6), "e", f"u{number}", arms[arm], 1 / len(arms), 1, context))
        came = at + (rng.exponential(delay_h * 3600) if delay_h else 1.0)
        if rng.random() < chance(arm, device) and came < NOW - 30:
            rewards.append(RewardRow(decision_name(key), int(came * 1e6), value, int(came * 1e6)))
    store.write(rows, rewards)


def cross(arm, device):
    """a pleases on mobile, b on desktop, c nobody."""
    return {("a", "mobile"): 0.12, ("b", "desktop"): 0.2}.get(("abc"[arm], device), 0.05)


def learnt(folder, spec=SPEC, **more):
    store = SqliteStore(folder / "log.sqlite")
    experiment = store.create(Experiment.parse(spec))
    fill(store, experiment.arms, more.pop("chance", cross), **more)
    (policy,) = Learner(store).step(NOW)
    return store, experiment, policy


def shares(policy, experiment, context, units=3000):
    """Logged propensities and shares really drawn, by arm."""
    served = ContextualPolicy(policy, experiment, seed=1)
    drawn, told = Counter(), {}
    for number in range(units):
        arm, propensity, _ = served.decide(DecideRequest("e", f"u{number}", None, context))
        drawn[arm] += 1
        told[arm] = propensity
    return told, {arm: count / units for arm, count in drawn.items()}


def test_each_kind_of_person_gets_what_pleases_it_and_what_is_logged_is_what_is_drawn(tmp_path):
    store, experiment, policy = learnt(tmp_path)
    for device, best in (("mobile", "a"), ("desktop", "b")):
        told, drawn = shares(policy, experiment, {"device": device})
        assert told[best] > 0.9
        for arm, share in drawn.items():
            assert abs(share - told[arm]) < 5 * np.sqrt(told[arm] / 3000)
    # averages over the same people for every arm, and all of the traffic
    assert sum(arm.propensity for arm in policy.arms) == pytest.approx(1.0)
    assert policy.arms[0].mean == pytest.approx(0.7 * 0.12 + 0.3 * 0.05, abs=0.02)
    assert Learner(store).step(NOW) == []  # a learner that starts anew finds nothing new
    assert Policy.loads(policy.dumps()) == policy
    store.close()


def test_paused_and_joined_arms_in_the_race(tmp_path):
    store, experiment, policy = learnt(tmp_path)
    told, _ = shares(policy.switched("a", active=False, floor=0.01), experiment, {"device": "mobile"})
    assert set(told) == {"b", "c"}
    told, _ = shares(policy.joined("d"), experiment, {"device": "mobile"})
    assert 0.2 < told["d"] < 0.9  # where its like are, with all their spread
    store.publish(policy.switched("a", active=False, floor=0.01))
    store.publish(store.policy("e").joined("d"))
    Learner(store).step(NOW)
    told, _ = shares(store.policy("e"), experiment, {"device": "desktop"})
    assert set(told) <= {"b", "c", "d"}
    store.close()


def test_rewards_under_way_are_no_failures_of_whom_is_shown_late(tmp_path):
    store, _, policy = learnt(tmp_path, chance=lambda arm, device: 0.2, delay_h=24.0, days=3.0, n=6000)
    assert np.mean([arm.mean for arm in policy.arms]) == pytest.approx(0.2, abs=0.02)
    store.close()


def test_amounts_and_lower_is_better(tmp_path):
    spec = {**SPEC, "reward": "amount", "better": "lower", "sampling": "top_two"}
    store, experiment, policy = learnt(tmp_path, spec, value=30.0)
    told, _ = shares(policy, experiment, {"device": "mobile"})
    assert told["a"] < 0.02  # earns most, and less is better
    assert policy.arms[0].mean == pytest.approx(30 * (0.7 * 0.12 + 0.3 * 0.05), rel=0.3)
    store.close()


def test_over_http_a_person_keeps_its_arm_and_the_log_reads_back(tmp_path):
    store, experiment, _ = learnt(tmp_path)

    async def run():
        async with serving(tmp_path, store=store, experiment=experiment) as app:
            assert (
                await call(app, "/v1/experiments", {**SPEC, "features": dict(reversed(FEATURES.items()))})
            ).status == 200
            found = defaultdict(set)
            for number in range(200):
                for device in ("mobile", "desktop", "mobile"):
                    body = {"experiment_id": "e", "unit_id": f"w{number}", "context": {"device": device}}
                    answer = (await call(app, "/v1/decide", body)).json
                    found[number, device].add((answer["arm_id"], answer["propensity"], answer["policy_version"]))
            described = (await call(app, "/v1/experiments/e", method="GET")).json
            return found, described

    found, described = asyncio.run(run())
    assert all(len(answers) == 1 for answers in found.values())
    assert described["policy"]["model"]["columns"] == ["constant", "age", "device=mobile", "device=desktop"]
    connection = sqlite3.connect(tmp_path / "log.sqlite")
    rows = connection.execute(
        "SELECT unit_id, context, arm_id, propensity FROM creative_decisions WHERE unit_id LIKE 'w%'"
    )
    for unit, context, arm, propensity in rows.fetchall():
        assert (arm, propensity, 2) in found[int(unit[1:]), json.loads(context)["device"]]
    connection.close()


@pytest.mark.parametrize(
    ("context", "field", "remedy"),
    [
        (None, "context.device", "one of: mobile, desktop"),
        ({"age": 30}, "context.device", "one of: mobile, desktop"),
        ({"device": "watch"}, "context.device", "one of: mobile, desktop"),
        ({"device": None}, "context.device", "one of: mobile, desktop"),
        ({"device": 7.5}, "context.device", "one of"),
    ],
)
def test_a_context_that_does_not_fit_is_refused(tmp_path, context, field, remedy):
    async def run():
        async with serving(tmp_path, experiment=Experiment.parse(SPEC)) as app:
            body = {"experiment_id": "e", "unit_id": "u"} | ({} if context is None else {"context": context})
            return await call(app, "/v1/decide", body)

    answer = asyncio.run(run())
    problem = answer.json["errors"][0]
    assert (answer.status, problem["field"]) == (422, field)
    assert remedy in problem["remedy"]


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"model": "linear", "features": None}, "model"),
        ({"model": "logistic", "reward": "amount"}, "model"),
        ({"sampling": "foresight"}, "features"),
        ({"costs": {"a": 1, "b": 1, "c": 1}, "reward_value": 1}, "features"),
        ({"features": {}}, "features"),
        ({"features": {"x": {"levels": ["a", "b"]}}}, "features.x"),
        ({"features": {"x": {"type": "colour"}}}, "features.x"),
        ({"features": {"x": {"type": "category", "levels": ["a", "a"]}}}, "features.x"),
        ({"features": {"x": {"type": "category", "levels": ["a", "b"], "default": "c"}}}, "features.x"),
        ({"features": {"x": {"type": "category", "levels": ["a"]}}}, "features.x.levels"),
        ({"features": {"x": {"type": "number", "low": 1}}}, "features.x.high"),
        ({"features": {"x": {"type": "number", "low": 2, "high": 1}}}, "features.x"),
        ({"features": {"x": {"type": "flag", "low": 2}}}, "features.x.low"),
        ({"features": {f"x{n}": {"type": "category", "levels": [str(k) for k in range(40)]} for n in range(2)}}, "features"),
    ],
)  # fmt: skip
def test_features_that_make_no_sense_are_refused(extra, field):
    with pytest.raises(InputError) as caught:
        Experiment.parse(SPEC | extra)
    assert [one.column for one in caught.value.problems] == [field]


def test_contexts_become_columns():
    experiment = Experiment.parse(SPEC)
    assert column_names(experiment.features) == ("constant", "age", "device=mobile", "device=desktop")
    kind = experiment.kind_of({"device": "desktop", "age": 53, "more": "things"})
    assert vector_of(experiment.features, kind).tolist() == [1.0, 0.5, 0.0, 1.0]
    # beyond the ends, missing with a default
    assert experiment.kind_of({"device": "mobile", "age": -4}) == (0, 0)
    assert experiment.kind_of({"device": "mobile", "age": "old"}) == (2, 0)


def test_the_fits_are_the_modes_and_the_exact_posterior():
    rng = np.random.default_rng(0)
    x = np.column_stack([np.ones(40), rng.normal(size=(40, 2))])
    shown, width = rng.integers(1, 60, 40).astype(float), np.array([3.0, 1.0, 0.5])
    won = rng.binomial(shown.astype(int), special.expit(x @ [-3.0, 1.0, -0.5])).astype(float)
    fit = fit_logistic(x, shown, won, np.zeros(3), width)
    slope = x.T @ (won - shown * special.expit(x @ fit.mean)) - fit.mean / width**2
    np.testing.assert_allclose(slope, 0.0, atol=1e-6)
    # a start at which Newton's full step overshoots
    far = fit_logistic(x, shown, won, np.array([30.0, 0.0, 0.0]), np.full(3, 100.0))
    assert np.isfinite(far.mean).all()
    assert far.mean == pytest.approx(fit_logistic(x, shown, won, np.zeros(3), np.full(3, 100.0)).mean, abs=0.05)
    linear = fit_linear(x, shown, won, 2.0, np.ones(3), width)
    whole = np.repeat(x, shown.astype(int), axis=0)
    precision = whole.T @ whole / 4 + np.diag(1 / width**2)
    np.testing.assert_allclose(linear.root @ linear.root.T, np.linalg.inv(precision), rtol=1e-9)
    np.testing.assert_allclose(precision @ linear.mean, x.T @ won / 4 + 1 / width**2, rtol=1e-9)


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize(("arms", "unlike"), [(2, 1.0), (10, 3.0), (40, 20.0), (100, 1.0), (5, 1e4)])
def test_the_race_of_scores_equals_brute_force(arms, unlike, better):
    rng = np.random.default_rng(arms)
    mean, width = rng.normal(size=arms), np.exp(rng.uniform(0, np.log(unlike), arms))
    signed = mean if better == "higher" else -mean
    x = np.linspace((signed - 8.5 * width).max(), (signed + 8.5 * width).max(), 20_000 if arms > 5 else 400_000)
    score = (x - signed[:, None]) / width[:, None]
    logs = special.log_ndtr(score)
    dense = (np.exp(logs.sum(axis=0) - logs - 0.5 * score**2) / width[:, None]).sum(axis=1)
    dense *= (x[1] - x[0]) / np.sqrt(2 * np.pi)
    np.testing.assert_allclose(normal_best(mean, width, better=better), dense, atol=1e-8)


def test_the_report_judges_every_arm_on_the_same_people(tmp_path):
    """Arm a is shown to those who buy anyway; both arms earn the same from everyone."""
    rng = np.random.default_rng(5)
    buyer = rng.random(6000) < 0.3
    chance_of_a = np.where(buyer, 0.9, 0.1)
    a = rng.random(6000) < chance_of_a
    decisions = pd.DataFrame(
        {
            "decision_id": [f"d{n}" for n in range(6000)], "ts": pd.Timestamp("2026-11-01", tz="UTC")
            + pd.to_timedelta(rng.uniform(0, 5, 6000), unit="D"), "experiment_id": "e", "unit_id": "u",
            "arm_id": np.where(a, "a", "b"), "propensity": np.where(a, chance_of_a, 1 - chance_of_a),
            "policy_version": "1", "buyer": buyer,
        }
    )  # fmt: skip
    bought = decisions[rng.random(6000) < np.where(buyer, 0.4, 0.05)]
    rewards = bought[["decision_id", "ts"]].assign(value=1.0)
    report = creative_report(decisions, rewards, seed=0)
    plain = creative_report(decisions.assign(propensity=0.5), rewards, seed=0)
    assert plain.table["mean"][0] > plain.table["mean"][1] + 0.1  # what a naive reading says
    assert report.table["mean"].tolist() == pytest.approx([0.155, 0.155], abs=0.04)
    assert ((report.table["lower"] < 0.155) & (report.table["upper"] > 0.155)).all()
    assert report.stop()["experiments"]["e"]["contextual"] is True
    assert plain.stop()["experiments"]["e"]["contextual"] is False
    assert report.daily["decisions"].sum() < 0.7 * 6000  # and says that it knows less than 6,000 decisions would tell


def test_what_another_policy_would_have_earned_is_read_off_the_log(tmp_path):
    store, experiment, policy = learnt(tmp_path, n=600)
    store.close()
    rng, served = np.random.default_rng(2), ContextualPolicy(policy, experiment, seed=4)
    device = (rng.random(6000) < 0.3).astype(int)
    rows = [
        served.decide(DecideRequest("e", f"u{n}", None, {"device": ("mobile", "desktop")[d]}))[:2]
        for n, d in enumerate(device)
    ]
    action = np.array(["abc".index(arm) for arm, _ in rows])
    chance = np.array([[cross(arm, name) for arm in range(3)] for name in ("mobile", "desktop")])
    log = LoggedDecisions(
        action=action, reward=(rng.random(6000) < chance[device, action]).astype(float),
        propensity=np.array([propensity for _, propensity in rows]), policy=np.eye(3)[device],
    )  # fmt: skip
    value = evaluate_policy(log, estimator="ipw", seed=0).estimate
    assert value.interval.lower < 0.7 * 0.12 + 0.3 * 0.2 < value.interval.upper
    assert value.interval.upper - value.interval.lower < 0.03
