"""The learner's memory: nothing is lost where minutes become hours and days, and it stays small."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.service.buckets import DAY, HITS, HOUR, SHOWN, TOTAL, Edges, Memory
from bandits.service.desk import id_at
from bandits.service.experiment import Experiment
from bandits.service.learner import Learner
from bandits.service.sqlite_store import SqliteStore
from bandits.service.store import DecisionRow, RewardRow, decision_name

NOW = 1_795_000_000


def test_a_month_of_minutes_folds_into_few_buckets_and_loses_nothing():
    memory = Memory(edges=Edges.at(NOW - 30 * DAY))
    for step in range(30 * 1440):
        second = NOW - 30 * DAY + step * 60
        memory.add_decisions("a", second, 2)
        if step % 10 == 0:
            memory.add_reward("a", second * 1_000_000, (second + 5) * 1_000_000, 0.5)
        if step % 60 == 0:
            memory.fold(second)
    memory.fold(NOW)
    assert len(memory.counts) < 500
    arm, middle, counts = memory.table(["a"])
    assert counts[:, SHOWN].sum() == 2 * 30 * 1440
    assert counts[:, HITS].sum() == 3 * 1440
    assert counts[:, TOTAL].sum() == pytest.approx(1.5 * 1440)
    assert (arm == 0).all()
    assert (middle > NOW - 31 * DAY).all() & (middle < NOW).all()
    memory.fold(NOW - 20 * DAY)  # a clock that was set back
    assert memory.edges == Edges.at(NOW)
    assert memory.table(["b"])[2].shape == (0, 6)


def _row(second, number, *, arm="a", shift_ms=0):
    return DecisionRow(id_at(int(second * 1e3) + shift_ms) + number, int(second * 1e6), "e", "u", arm, 0.5, 1, None)


def test_a_log_read_at_once_and_one_read_as_it_grew_give_the_same(tmp_path):
    """Old parts of a log that is read for the first time are counted by the day."""
    store = SqliteStore(tmp_path / "log.sqlite")
    store.create(Experiment(experiment_id="e", arms=("a", "b"), half_life_days=5.0))
    growing = Learner(store)
    rng = np.random.default_rng(3)
    for day in range(20, 0, -1):
        at = np.sort(NOW - day * DAY + rng.uniform(0, DAY - HOUR, 150))
        rows = [_row(second, number, arm="ab"[number % 2]) for number, second in enumerate(at)]
        came = [RewardRow(decision_name(row.id), row.ts + 1, 1.0, row.ts + 1) for row in rows if rng.random() < 0.1]
        store.write(rows, came)
        growing.step(NOW - (day - 1) * DAY)
    late = Learner(store)
    late.step(NOW)
    growing.step(NOW)
    one, other = growing._memory["e"], late._memory["e"]
    assert one.edges == other.edges
    assert one.counts == other.counts
    assert len(one.counts) < 800
    store.close()


def test_a_reward_of_a_day_without_counted_decisions_does_not_break_the_learner(tmp_path):
    """Ids run ahead of the clock under load: the reward is read, its decision is not counted yet."""
    store = SqliteStore(tmp_path / "log.sqlite")
    store.create(Experiment(experiment_id="e", arms=("a", "b")))
    rows = [_row(NOW - day * DAY, arm, arm="ab"[arm]) for day in (5, 4, 3, 2) for arm in (0, 1)]
    ahead = _row(NOW - 20, 0, shift_ms=60_000)
    store.write([*rows, ahead], [RewardRow(decision_name(ahead.id), ahead.ts, 1.0, ahead.ts)])
    learner = Learner(store)
    learner.step(NOW)
    assert sum(values[SHOWN] for values in learner._memory["e"].counts.values()) == len(rows)
    store.close()
