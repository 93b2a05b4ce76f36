"""The learner on a log with known truth, the store's other half in a real PostgreSQL, and old faults of peers."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from bandits.propensity import best_arm, top_two, with_floor
from bandits.rewards import BetaBernoulli
from bandits.service.desk import id_at
from bandits.service.experiment import Experiment
from bandits.service.learner import Learner
from bandits.service.sqlite_store import SqliteStore
from bandits.service.store import DecisionRow, RewardRow, decision_name
from bandits.stepwise import StepwiseThompson
from measurement.errors import InputError

NOW = 1_795_000_000.0


def fill(store, rates, *, n=3000, days=10.0, delay_h=0.0, seed=0, first=0):
    """Decisions spread over the days before NOW, rewards after an exponential delay where they have come by NOW."""
    rng = np.random.default_rng(seed)
    names = [f"arm{k}" for k in range(len(rates))]
    at = np.sort(NOW - rng.uniform(0.01, days, n) * 86_400)
    arm = rng.integers(len(rates), size=n)
    rows, rewards = [], []
    for number, (moment, k) in enumerate(zip(at, arm, strict=True)):
        key, ts = id_at(int(moment * 1e3)) + first + number % 4096, int(moment * 1e6)
        rows.append(DecisionRow(key, ts, "e", f"u{number}", names[k], 1 / len(rates), 1, None))
        came = moment + rng.exponential(delay_h * 3600) if delay_h else moment + 1
        if rng.random() < rates[k] and came < NOW - 30:
            rewards.append(RewardRow(decision_name(key), int(came * 1e6), 1.0, int(came * 1e6)))
    store.write(rows, rewards)
    return len(rewards)


def check_learning(store):
    store.create(Experiment(experiment_id="e", arms=("arm0", "arm1", "arm2")))
    rewards = fill(store, (0.05, 0.15, 0.05))
    learner = Learner(store)
    (policy,) = learner.step(NOW)
    assert policy.version == 2
    assert sum(arm.decisions for arm in policy.arms) == 3000
    assert sum(arm.rewards for arm in policy.arms) == rewards
    assert policy.arms[1].propensity > 0.9
    assert sum(arm.propensity for arm in policy.arms) == pytest.approx(1.0)
    assert min(arm.propensity for arm in policy.arms) >= 0.01
    assert learner.step(NOW) == []  # nothing new: units keep their arm
    # a learner that starts anew counts the same
    again = Learner(store)
    assert again.step(NOW) == []
    store.publish(store.policy("e").switched("arm1", active=False, floor=0.01))
    (policy,) = again.step(NOW)
    assert policy.arms[1].propensity == 0.0
    assert policy.arms[0].propensity + policy.arms[2].propensity == pytest.approx(1.0)


def test_it_learns_from_the_log_and_leaves_paused_arms_out(tmp_path):
    store = SqliteStore(tmp_path / "log.sqlite")
    check_learning(store)
    store.close()


def test_rewards_under_way_are_not_failures(tmp_path):
    """Half of the rewards of a day take longer than a day: without the delay the mean would be far too low."""
    store = SqliteStore(tmp_path / "log.sqlite")
    store.create(Experiment(experiment_id="e", arms=("arm0", "arm1"), half_life_days=None))
    fill(store, (0.2, 0.2), n=8000, days=6.0, delay_h=36.0)
    (policy,) = Learner(store).step(NOW) or [store.policy("e")]
    naive = sum(arm.rewards for arm in policy.arms) / 8000
    learnt = np.mean([arm.mean for arm in policy.arms if arm.mean is not None])
    assert naive < 0.155
    assert 0.18 < learnt < 0.22
    store.close()


def test_counts_and_amounts_learn_too(tmp_path):
    for kind in ("count", "amount"):
        store = SqliteStore(tmp_path / f"{kind}.sqlite")
        store.create(Experiment(experiment_id="e", arms=("arm0", "arm1"), reward=kind, better="lower"))
        fill(store, (0.3, 0.1), n=2000)
        (policy,) = Learner(store).step(NOW)
        assert policy.arms[1].propensity > 0.95
        store.close()


def run_as_postgres(words, **options):
    """PostgreSQL refuses to run as root."""
    if os.geteuid() == 0:
        words = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *words]
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


@pytest.fixture
def postgres(tmp_path_factory):
    tools = {}
    for name in ("initdb", "pg_ctl"):
        places = [shutil.which(name), *sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))]
        tools[name] = next((str(place) for place in places if place), None)
    if None in tools.values():
        pytest.skip("no PostgreSQL server on this machine (initdb, pg_ctl)")
    import socket
    import tempfile

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        data = f"{folder}/data"
        made = run_as_postgres([tools["initdb"], "-D", data, "-A", "trust", "-U", "postgres"], cwd=folder)
        if made.returncode:
            pytest.skip(f"PostgreSQL cannot be set up here: {made.stderr.strip().splitlines()[-1]}")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
        run_as_postgres([tools["pg_ctl"], "-D", data, "-w", "-o", options, "-l", f"{folder}/log", "start"], cwd=folder)
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        finally:
            run_as_postgres([tools["pg_ctl"], "-D", data, "-m", "fast", "-w", "stop"], cwd=folder)


@pytest.mark.slow
def test_postgresql_behind_the_same_interface(postgres, tmp_path):
    import asyncio

    from bandits.service.postgres_store import PostgresStore
    from tests.bandits.asgi_client import call, serving

    store = PostgresStore(postgres)
    check_learning(store)
    now = int(time.time() * 1e6)
    name = decision_name(id_at(int(NOW * 1e3)) + 7)
    assert store.write([], [RewardRow(name, None, 1.0, now), RewardRow(name, None, 1.0, now)]) == [
        "unknown",
        "duplicate",
    ]

    async def run():
        async with serving(tmp_path, store=PostgresStore(postgres)) as one:
            answers = await asyncio.gather(
                *[call(one, "/v1/decide", {"experiment_id": "e", "unit_id": f'u{n} "\\{{}},'}) for n in range(300)]
            )
            name = answers[0].json["decision_id"]
            rewards = [await call(one, "/v1/reward", {"decision_id": name, "value": v}) for v in (1, 1, 0)]
            return {answer.status for answer in answers}, [one.status for one in rewards]

    before = store.counts().decisions
    assert asyncio.run(run()) == ({200}, [200, 200, 409])
    assert store.counts().decisions == before + 300
    assert store.claim_slot() != store.claim_slot()
    store.close()


def beta(successes, n):
    arms = tuple("abcdefgh"[: len(successes)])
    return BetaBernoulli(
        arms=arms, successes=np.array(successes, float), exposure=np.broadcast_to(n, len(arms)).astype(float)
    )


def test_lower_is_better_with_top_two_shows_the_best_most():
    """A peer gives the best of .05, .10 and .20 only the floor, and fails with two arms."""
    share = with_floor(top_two(best_arm(beta([50, 100, 200], 1000), better="lower").p_best), 0.01)
    assert share[0] > 0.49  # leader and runner-up share the traffic, the loser gets the floor
    assert share[2] < 0.011
    two = top_two(best_arm(beta([50, 100], 1000), better="lower").p_best)
    assert two[0] > 0.99  # not .5 and .5 for ever


def test_an_arm_without_conversions_gets_no_traffic_beyond_the_floor():
    """A peer gives 49% to an arm with none of 1,000 beside 10 and 20."""
    share = with_floor(top_two(best_arm(beta([0, 10, 20], 1000)).p_best), 0.01)
    assert share[0] < 0.02
    assert share[2] > share[1]


def test_no_propensity_of_many_arms_is_zero():
    """Drawn propensities leave 43 to 95 of 100 arms at exactly 0, which no off-policy evaluation survives."""
    rng = np.random.default_rng(0)
    posterior = BetaBernoulli(
        arms=tuple(map(str, range(100))),
        successes=rng.binomial(2000, 0.02, 100).astype(float),
        exposure=np.full(100, 2000.0),
    )
    p_best = best_arm(posterior).p_best
    assert (p_best > 0).all()
    assert with_floor(p_best, 0.001).min() >= 0.001


def test_a_replay_plays_as_step_by_step_draws_do():
    rng = np.random.default_rng(4)
    table = (rng.random((4000, 3)) < [0.1, 0.3, 0.2]).astype(float)
    whole = StepwiseThompson("abc", seed=1)
    chosen = whole.replay(table)
    single = StepwiseThompson("abc", seed=2)
    for row in table:
        arm = single.choose()
        single.learn(arm, row[arm])
    assert abs((chosen == 1).mean() - (single.posteriors().exposure[1] / 4000)) < 0.08
    assert whole.posteriors().exposure.sum() == 4000
    assert whole.posteriors().successes.sum() == table[np.arange(4000), chosen].sum()


def test_single_draws_choose_as_often_as_beta_draws_do():
    """Also with shapes below 1, and across the ends of the noise made in advance."""
    single = StepwiseThompson("abc", seed=3, prior=(0.5, 0.7))
    for arm, reward, times in ((1, 1.0, 3), (1, 0.0, 4), (2, 1.0, 40), (2, 0.0, 60)):
        for _ in range(times):
            single.learn(arm, reward)
    drawn = np.bincount([single.choose() for _ in range(60_000)], minlength=3)
    expected = best_arm(single.posteriors()).p_best * drawn.sum()
    assert ((drawn - expected) ** 2 / expected).sum() < 13.8  # chi-square, 2 degrees of freedom, p = .001


def test_costs_and_a_budget_are_kept_to_until_the_cheap_arm_is_paused(tmp_path):
    store = SqliteStore(tmp_path / "log.sqlite")
    costs = {"arm0": 0.02, "arm1": 0.5, "arm2": 0.02}
    store.create(
        Experiment(
            experiment_id="e", arms=("arm0", "arm1", "arm2"), costs=costs, reward_value=100.0, budget=0.2,
            half_life_days=None,
        )
    )  # fmt: skip
    # also before anything is known
    assert sum(arm.propensity * costs[arm.arm_id] for arm in store.policy("e").arms) <= 0.2 + 1e-12
    fill(store, (0.05, 0.15, 0.05))
    learner = Learner(store)
    (policy,) = learner.step(NOW)
    assert sum(arm.propensity * costs[arm.arm_id] for arm in policy.arms) == pytest.approx(0.2, abs=1e-9)
    assert policy.reason == "learned"
    for arm in ("arm0", "arm2"):
        store.publish(store.policy("e").switched(arm, active=False, floor=0.01))
    store.publish(store.policy("e").joined("arm3"))
    (policy,) = learner.step(NOW)
    assert policy.reason == "over_budget"
    # the arm that joined counts as dear as the dearest
    assert [arm.propensity for arm in policy.arms] == pytest.approx([0.0, 0.5, 0.0, 0.5])
    store.close()


def test_foresight_counts_what_is_under_way_and_the_horizon(tmp_path):
    shares = {}
    for name, extra in (("plain", {}), ("ahead", {"sampling": "foresight", "horizon": 4000})):
        store = SqliteStore(tmp_path / f"{name}.sqlite")
        store.create(Experiment(experiment_id="e", arms=("arm0", "arm1"), half_life_days=None, **extra))
        fill(store, (0.08, 0.08), days=2.0, delay_h=12.0, seed=3)
        (policy,) = Learner(store).step(NOW)
        shares[name] = [arm.propensity for arm in policy.arms]
        store.close()
    assert max(shares["ahead"]) > max(shares["plain"]) + 0.05
    assert sum(shares["ahead"]) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("extra", "field"),
    [
        ({"horizon": 100}, "horizon"),
        ({"budget": 1.0}, "costs"),
        ({"costs": {"a": 0.1, "b": 0.2}}, "reward_value"),
        ({"costs": {"a": 0.1}, "reward_value": 1.0}, "costs"),
        ({"costs": {"a": 0.1, "b": 0.2}, "reward_value": 1.0, "sampling": "top_two"}, "costs"),
        ({"costs": {"a": 0.1, "b": 0.2}, "reward_value": 1.0, "budget": 0.1}, "budget"),
        ({"costs": {"a": -0.1, "b": 0.2}, "reward_value": 1.0}, "costs.a"),
    ],
)
def test_an_experiment_whose_money_makes_no_sense_is_refused(extra, field):
    with pytest.raises(InputError) as caught:
        Experiment.parse({"experiment_id": "e", "arms": ["a", "b"], **extra})
    assert caught.value.problems[0].column == field
