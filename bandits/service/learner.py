"""The learner: reads the log as it grows and publishes a new version of each policy that has changed."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bandits.delay import DelayDistribution
from bandits.drift import learn_half_life
from bandits.foresight import Learnt
from bandits.propensity import best_arm
from bandits.revenue import NormalMean
from bandits.rewards import BetaBernoulli, Floats, GammaPoisson
from bandits.sampling import sampled_shares
from bandits.service.buckets import DAY, HITS, HOUR, MINUTE, SHOWN, SQUARES, TOTAL, Edges, Memory
from bandits.service.commit import OLDEST_S
from bandits.service.context_learner import ContextMemories, Trust, contextual_policy
from bandits.service.desk import id_at
from bandits.service.experiment import Experiment
from bandits.service.policy import Policy
from bandits.service.store import Store
from bandits.traffic import cheapest_only, paid_traffic

_US = 1_000_000
_CHUNK = 20_000
#: Change of an arm's propensity that is worth a new version: units keep their arm within a version.
_WORTH = 0.002
#: The log is read up to this long ago: younger ids may still be overtaken by slower workers.
SETTLED_S = OLDEST_S + 5.0


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
        self._memory: dict[str, Memory[str]] = {}
        self._contexts = ContextMemories()
        self._edges = Edges()
        self._upto = self._seen = 0

    def step(self, now: float | None = None) -> list[Policy]:
        """Read what is new and publish what changed; gives the versions published."""
        now = time.time() if now is None else now
        experiments = self._store.experiments()
        self._contexts.know(experiments)
        self._read(now)
        published = []
        for experiment in experiments:
            memory = self._memory.get(experiment.experiment_id)
            if memory is None:
                continue
            current = self._store.policy(experiment.experiment_id)
            if experiment.features is None:
                policy = next_policy(experiment, current, memory, now)
                changed = _differs(current, policy)
            else:
                table = memory.table(current.names, now)
                trust = _trust(experiment, len(current.names), table, memory.delay(now), now)
                seen = self._contexts.evidence(experiment, current.names, trust, now)
                policy, changed = contextual_policy(experiment, current, _counted(current, memory), seen)
            # where an arm was paused meanwhile the version is taken, and the next step takes it into account
            if changed and self._store.publish(policy):
                published.append(policy)
        return published

    def _read(self, now: float) -> None:
        for memory in self._memory.values():
            memory.fold(now)
        self._contexts.fold(now)
        self._edges = Edges.at(now)
        upto = id_at(int((now - self._settle_s) * 1e3)) - 1
        # a log that is read for the first time is counted by the day where it is old: what comes back stays small
        after = self._upto
        for end_s, length in ((self._edges.day, DAY), (self._edges.hour, HOUR), (None, MINUTE)):
            end = upto if end_s is None else min(id_at(end_s * 1000) - 1, upto)
            if end > self._upto:
                for tally in self._store.tallies(self._upto, end, length * _US):
                    memory = self._memory_of(tally.experiment_id)
                    memory.add_decisions(tally.arm_id, tally.bucket * length, tally.decisions)
                self._upto = end
        self._contexts.count(self._store, after, self._upto)
        while True:
            rewards = self._store.seen_rewards(self._seen, int((now - self._settle_s) * _US), _CHUNK)
            for reward in rewards:
                # a client's clock may run behind: then the time of receipt is the better guess
                came = reward.ts if reward.ts >= reward.decided else reward.received
                memory = self._memory_of(reward.experiment_id)
                memory.add_reward(reward.arm_id, reward.decided, came, reward.value)
                self._contexts.add_reward(reward, came)
            if rewards:
                self._seen = rewards[-1].seq
            if len(rewards) < _CHUNK:
                return

    def _memory_of(self, experiment_id: str) -> Memory[str]:
        return self._memory.setdefault(experiment_id, Memory(edges=self._edges))


def next_policy(experiment: Experiment, current: Policy, memory: Memory[str], now: float) -> Policy:
    """The version after ``current``: posteriors, exact P(best), floor; paused arms get nothing."""
    names = [arm.arm_id for arm in current.arms if arm.active]
    evidence, pending = _evidence(experiment, names, memory, now)
    p_best = best_arm(evidence, better=experiment.better).p_best
    propensity, reason = _propensity(experiment, evidence, pending, p_best, memory)
    place = {name: number for number, name in enumerate(names)}
    mean = evidence.mean()
    counted = _counted(current, memory)
    arms = tuple(
        replace(
            arm,
            propensity=float(propensity[place[arm.arm_id]]) if arm.active else 0.0,
            mean=float(mean[place[arm.arm_id]]) if arm.active else arm.mean,
            p_best=float(p_best[place[arm.arm_id]]) if arm.active else None,
        )
        for arm in counted.arms
    )
    return replace(counted, arms=arms, reason=reason)


def _counted(current: Policy, memory: Memory[str]) -> Policy:
    """The version after ``current`` with today's counts; what they say of the arms is still to be worked out."""
    decisions, rewards = _by_arm(memory, SHOWN), _by_arm(memory, HITS)
    arms = tuple(
        replace(arm, decisions=int(decisions.get(arm.arm_id, 0)), rewards=int(rewards.get(arm.arm_id, 0)))
        for arm in current.arms
    )
    return replace(current, version=current.version + 1, arms=arms, reason="learned")


def _propensity(
    experiment: Experiment, evidence: Learnt, pending: Floats, p_best: Floats, memory: Memory[str]
) -> tuple[Floats, str]:
    """Shares of the arms that run, and the reason that goes into the policy."""
    floor = experiment.floor_of(len(p_best))
    terms = experiment.terms(evidence.arms)
    if terms is not None:
        least = cheapest_only(terms.cost, floor)
        if experiment.budget is not None and float(least @ np.asarray(terms.cost)) > experiment.budget:
            # the cheap arms were paused: what costs least is as near to the budget as it gets, and the policy says so
            return least, "over_budget"
        return paid_traffic(evidence, replace(terms, budget=experiment.budget), floor=floor).propensity, "learned"
    shares = sampled_shares(
        evidence, experiment.sampling, floor=floor, better=experiment.better, p_best=p_best, pending=pending,
        decided=sum(values[SHOWN] for values in memory.counts.values()), horizon=experiment.horizon,
    )  # fmt: skip
    return shares, "learned"


def _evidence(experiment: Experiment, names: list[str], memory: Memory[str], now: float) -> tuple[Learnt, Floats]:
    """What is believed, and by arm how many decisions' rewards are still under way."""
    table = memory.table(names, now)
    arm, middle, counts = table
    trust, arrived = _trust(experiment, len(names), table, memory.delay(now), now)(middle)

    def summed(column: int) -> Floats:
        return np.bincount(arm, trust * counts[:, column], len(names))

    exposure = np.bincount(arm, counts[:, SHOWN] * trust * arrived, len(names))
    pending = np.bincount(arm, counts[:, SHOWN] * trust * (1.0 - arrived), len(names))
    total = summed(TOTAL)
    if experiment.reward == "rate":
        # a young arm can have more rewards than its delay-weighted exposure
        return BetaBernoulli(arms=tuple(names), successes=total, exposure=np.maximum(exposure, total)), pending
    if experiment.reward == "count":
        return GammaPoisson(arms=tuple(names), events=total, exposure=exposure), pending
    return NormalMean(arms=tuple(names), total=total, squares=summed(SQUARES), exposure=exposure), pending


def _trust(
    experiment: Experiment,
    arms: int,
    table: tuple[NDArray[np.int64], Floats, Floats],
    delay: DelayDistribution,
    now: float,
) -> Trust:
    """How much evidence of an age counts, and what share of its rewards has come; ``table``: see `Memory.table`."""
    half_life = _half_life(experiment, arms, *table)

    def trust(middle: Floats) -> tuple[Floats, Floats]:
        age_h = np.maximum(now - middle, 0.0) / HOUR
        kept = np.ones(len(middle)) if half_life is None else 0.5 ** (age_h / 24.0 / half_life)
        return kept, np.asarray(delay.weight(age_h))

    return trust


def _half_life(
    experiment: Experiment, arms: int, arm: NDArray[np.int64], middle: Floats, counts: Floats
) -> float | None:
    if experiment.half_life_days != "learn":
        return experiment.half_life_days
    day = (middle // DAY).astype(np.int64)
    if len(np.unique(day)) < 3:
        return None
    # rewards are read by the time of their receipt, so one may stand on a day of which no decision is counted yet
    table = np.zeros((int(day.max() - day.min()) + 1, arms, 2))
    np.add.at(table, (day - day.min(), arm), counts[:, [SHOWN, HITS]])
    return learn_half_life(table[..., 0], table[..., 1])


def _by_arm(memory: Memory[str], column: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for (arm, _), values in memory.counts.items():
        found[arm] = found.get(arm, 0.0) + values[column]
    return found


def _differs(current: Policy, policy: Policy) -> bool:
    if "over_budget" in (current.reason, policy.reason) and current.reason != policy.reason:
        return True
    return any(
        abs(old.propensity - new.propensity) > _WORTH for old, new in zip(current.arms, policy.arms, strict=True)
    )
