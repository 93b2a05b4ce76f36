"""The learner: reads the log as it grows and publishes a new version of each policy that has changed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from bandits.delay import DelayDistribution
from bandits.drift import learn_half_life
from bandits.propensity import best_arm, top_two, with_floor
from bandits.revenue import NormalMean
from bandits.rewards import BetaBernoulli, Floats, GammaPoisson
from bandits.service.commit import OLDEST_S
from bandits.service.desk import id_at
from bandits.service.experiment import Experiment
from bandits.service.policy import Policy
from bandits.service.store import SeenReward, Store

#: Length of the buckets that decisions are counted in, seconds; delays shorter than that are not told apart.
BUCKET_S = 60
_US = 1_000_000
#: Delays kept to learn from, newest first.
_DELAYS = 5_000
_CHUNK = 20_000
#: Change of an arm's propensity that is worth a new version: units keep their arm within a version.
_WORTH = 0.002
#: The log is read up to this long ago: younger ids may still be overtaken by slower workers.
SETTLED_S = OLDEST_S + 5.0


@dataclass(slots=True)
class _Memory:
    """What was seen of one experiment: counts by (arm, bucket), and delays."""

    shown: dict[tuple[str, int], int] = field(default_factory=dict)
    hits: dict[tuple[str, int], float] = field(default_factory=dict)
    total: dict[tuple[str, int], float] = field(default_factory=dict)
    squares: dict[tuple[str, int], float] = field(default_factory=dict)
    #: Hours from decision to reward, and time of the decision in hours since 1970.
    delays: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_DELAYS))

    def delay(self, now: float) -> DelayDistribution:
        """What the delays tell at ``now`` (seconds since 1970)."""
        if not self.delays:
            return DelayDistribution.at_once()
        late, decided = np.array(self.delays).T
        age = now / 3600.0 - decided
        return DelayDistribution.learn(np.minimum(late, age), age)


class Learner:
    """Counts the log once, then only what is new, and keeps the policies up to date.

    Parameters
    ----------
    store
        The log.
    settle_s
        Seconds for which the newest decisions are left alone.

    Notes
    -----
    A decision younger than the usual delay of its reward counts by the chance that the reward would have come
    (`bandits.delay`); old evidence fades by the experiment's half-life (`bandits.drift`).
    """

    def __init__(self, store: Store, *, settle_s: float = SETTLED_S) -> None:
        self._store, self._settle_s = store, settle_s
        self._memory: dict[str, _Memory] = {}
        self._upto = self._seen = 0

    def step(self, now: float | None = None) -> list[Policy]:
        """Read what is new and publish what changed; gives the versions published."""
        now = time.time() if now is None else now
        self._read(now)
        published = []
        for experiment in self._store.experiments():
            memory = self._memory.get(experiment.experiment_id)
            if memory is None:
                continue
            current = self._store.policy(experiment.experiment_id)
            policy = next_policy(experiment, current, memory, now)
            # where an arm was paused meanwhile the version is taken, and the next step takes it into account
            if _differs(current, policy) and self._store.publish(policy):
                published.append(policy)
        return published

    def _read(self, now: float) -> None:
        upto = id_at(int((now - self._settle_s) * 1e3)) - 1
        if upto > self._upto:
            for tally in self._store.tallies(self._upto, upto, BUCKET_S * _US):
                memory = self._memory.setdefault(tally.experiment_id, _Memory())
                key = (tally.arm_id, tally.bucket)
                memory.shown[key] = memory.shown.get(key, 0) + tally.decisions
            self._upto = upto
        while True:
            rewards = self._store.seen_rewards(self._seen, int((now - self._settle_s) * _US), _CHUNK)
            for reward in rewards:
                self._note(reward)
            if rewards:
                self._seen = rewards[-1].seq
            if len(rewards) < _CHUNK:
                return

    def _note(self, reward: SeenReward) -> None:
        memory = self._memory.setdefault(reward.experiment_id, _Memory())
        key = (reward.arm_id, reward.decided // (BUCKET_S * _US))
        memory.hits[key] = memory.hits.get(key, 0.0) + (reward.value != 0)
        memory.total[key] = memory.total.get(key, 0.0) + reward.value
        memory.squares[key] = memory.squares.get(key, 0.0) + reward.value**2
        if reward.value != 0:
            # a client's clock may run behind: then the time of receipt is the better guess
            came = reward.ts if reward.ts >= reward.decided else reward.received
            memory.delays.append((max(came - reward.decided, 0) / _US / 3600.0, reward.decided / _US / 3600.0))


def next_policy(experiment: Experiment, current: Policy, memory: _Memory, now: float) -> Policy:
    """The version after ``current``: posteriors, exact P(best), floor; paused arms get nothing."""
    names = [arm.arm_id for arm in current.arms if arm.active]
    evidence = _evidence(experiment, names, memory, now)
    best = best_arm(evidence, better=experiment.better)
    p_best = best.p_best
    chosen = top_two(p_best) if experiment.sampling == "top_two" else p_best
    propensity = with_floor(chosen, experiment.floor_of(len(names)))
    place = {name: number for number, name in enumerate(names)}
    mean = evidence.mean()
    decisions, rewards = _by_arm(memory.shown), _by_arm(memory.hits)
    arms = tuple(
        replace(
            arm,
            decisions=int(decisions.get(arm.arm_id, 0)),
            rewards=int(rewards.get(arm.arm_id, 0)),
            propensity=float(propensity[place[arm.arm_id]]) if arm.active else 0.0,
            mean=float(mean[place[arm.arm_id]]) if arm.active else arm.mean,
            p_best=float(p_best[place[arm.arm_id]]) if arm.active else None,
        )
        for arm in current.arms
    )
    return replace(current, version=current.version + 1, arms=arms, reason="learned")


def _evidence(
    experiment: Experiment, names: list[str], memory: _Memory, now: float
) -> BetaBernoulli | GammaPoisson | NormalMean:
    place = {name: number for number, name in enumerate(names)}
    count = len(names)
    keys = [key for key in memory.shown if key[0] in place]
    arm = np.array([place[key[0]] for key in keys], dtype=np.int64)
    age_h = (now - (np.array([key[1] for key in keys], dtype=float) + 0.5) * BUCKET_S) / 3600.0
    half_life = _half_life(experiment, names, memory)
    trust = np.ones(len(keys)) if half_life is None else 0.5 ** (np.maximum(age_h, 0.0) / 24.0 / half_life)
    shown = np.array([memory.shown[key] for key in keys], dtype=float)
    arrived = np.asarray(memory.delay(now).weight(np.maximum(age_h, 0.0)))

    def summed(what: dict[tuple[str, int], float]) -> Floats:
        return np.bincount(arm, trust * np.array([what.get(key, 0.0) for key in keys]), count)

    exposure = np.bincount(arm, shown * trust * arrived, count)
    total = summed(memory.total)
    if experiment.reward == "rate":
        # a young arm can have more rewards than its delay-weighted exposure
        return BetaBernoulli(arms=tuple(names), successes=total, exposure=np.maximum(exposure, total))
    if experiment.reward == "count":
        return GammaPoisson(arms=tuple(names), events=total, exposure=exposure)
    return NormalMean(arms=tuple(names), total=total, squares=summed(memory.squares), exposure=exposure)


def _half_life(experiment: Experiment, names: list[str], memory: _Memory) -> float | None:
    if experiment.half_life_days != "learn":
        return experiment.half_life_days
    a_day = 86_400 // BUCKET_S
    days = sorted({bucket // a_day for _, bucket in memory.shown})
    if len(days) < 3:
        return None
    shown = np.zeros((days[-1] - days[0] + 1, len(names)))
    hits = np.zeros_like(shown)
    column = {name: number for number, name in enumerate(names)}
    for what, table in ((memory.shown, shown), (memory.hits, hits)):
        for (arm, bucket), value in what.items():
            if arm in column:
                table[bucket // a_day - days[0], column[arm]] += value
    return learn_half_life(shown, hits)


def _by_arm(counts: Mapping[tuple[str, int], float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for (arm, _), count in counts.items():
        found[arm] = found.get(arm, 0) + count
    return found


def _differs(current: Policy, policy: Policy) -> bool:
    return any(
        abs(old.propensity - new.propensity) > _WORTH for old, new in zip(current.arms, policy.arms, strict=True)
    )
