"""What the learner knows of contextual experiments: counts by arm and kind of person, and the regressions on them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bandits.context_fit import Gaussian, expected_rate, fit_linear, fit_logistic
from bandits.rewards import Floats
from bandits.service.buckets import DAY, HOUR, SHOWN, SQUARES, TOTAL, Memory
from bandits.service.context_model import ContextModel
from bandits.service.contextual import shares_of
from bandits.service.experiment import Experiment
from bandits.service.features import Kind, column_names, vector_of
from bandits.service.policy import Policy
from bandits.service.store import SeenReward, Store
from measurement.errors import InputError

#: Seconds for which minutes and hours are told apart: kinds of person multiply what is kept.
_KEPT = (HOUR, DAY)
#: Buckets kept of one experiment; beyond that the oldest evidence goes.
_MOST_BUCKETS = 200_000
_MOST_TEXTS = 100_000
_CHUNK = 50_000
#: Kinds of person by whose shares a version is compared with the one before, the most frequent ones.
_REFERENCES = 100
#: Change of a share that is worth a new version: twice that, on average over people, or ten times it for one kind.
_WORTH = 0.005
#: How far arms are from their common regression before anything is known: the constant, and every other coefficient;
#: log-odds, or standard deviations of the reward.
_CONSTANT, _EFFECT = 1.0, 0.3
#: The same of the common regression itself.
_POOLED_CONSTANT, _POOLED_EFFECT = 5.0, 1.0

#: Middle of a bucket in seconds since 1970 → how much it counts, and what share of its rewards has come; shape (n,).
type Trust = Callable[[Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextEvidence:
    """What counts now, by arm and kind of person.

    Attributes
    ----------
    arms
        Names.
    x
        The kinds of person seen, shape (kinds, columns).
    shown, total, squares
        Decisions whose rewards have come, sum of the rewards and of their squares, shape (arms, kinds).
    people
        Decisions of each kind, shape (kinds,).
    """

    arms: tuple[str, ...]
    x: Floats
    shown: Floats
    total: Floats
    squares: Floats
    people: Floats


class ContextMemories:
    """Counts by arm and kind of person for every contextual experiment."""

    def __init__(self) -> None:
        self._experiments: dict[str, Experiment] = {}
        self._memories: dict[str, Memory[tuple[str, Kind]]] = {}
        self._kinds: dict[tuple[str, str | None], Kind | None] = {}

    def know(self, experiments: Iterable[Experiment]) -> None:
        """Take notice of the experiments that have features."""
        for experiment in experiments:
            if experiment.features is not None:
                self._experiments[experiment.experiment_id] = experiment
                self._memories.setdefault(experiment.experiment_id, Memory(kept=_KEPT))

    def fold(self, now: float) -> None:
        """See `Memory.fold`; bounds what is kept."""
        for memory in self._memories.values():
            memory.fold(now)
            memory.forget_oldest(_MOST_BUCKETS)

    def count(self, store: Store, after: int, upto: int) -> None:
        """Count the decisions with ``after`` < id ≤ ``upto``."""
        names = list(self._experiments)
        if not names:
            return
        while True:
            rows = store.shown(names, after, upto, _CHUNK)
            for row in rows:
                kind = self._kind(row.experiment_id, row.context)
                if kind is not None:
                    self._memories[row.experiment_id].add_decisions((row.arm_id, kind), row.ts // 1_000_000, 1)
            if len(rows) < _CHUNK:
                return
            after = rows[-1].id
            for memory in self._memories.values():
                memory.forget_oldest(_MOST_BUCKETS)

    def add_reward(self, reward: SeenReward, came: int) -> None:
        """A reward, if it is one of these experiments'."""
        memory = self._memories.get(reward.experiment_id)
        kind = None if memory is None else self._kind(reward.experiment_id, reward.context)
        if memory is not None and kind is not None:
            memory.add_reward((reward.arm_id, kind), reward.decided, came, reward.value)

    def evidence(self, experiment: Experiment, arms: tuple[str, ...], trust: Trust, now: float) -> ContextEvidence:
        """What counts now."""
        memory = self._memories[experiment.experiment_id]
        keys = sorted({key for key, _ in memory.counts if key[0] in arms})
        kinds = sorted({kind for _, kind in keys})
        arm_place = {name: number for number, name in enumerate(arms)}
        kind_place = {kind: number for number, kind in enumerate(kinds)}
        row, middle, counts = memory.table(keys, now)
        kept, arrived = trust(middle)
        cell = np.array([arm_place[arm] * len(kinds) + kind_place[kind] for arm, kind in keys], dtype=np.int64)[row]
        shape = (len(arms), len(kinds))

        def summed(values: Floats) -> Floats:
            return np.bincount(cell, values, shape[0] * shape[1]).reshape(shape)

        total = summed(counts[:, TOTAL] * kept)
        shown = summed(counts[:, SHOWN] * kept * arrived)
        features = experiment.features or {}
        return ContextEvidence(
            arms=arms,
            x=np.array([vector_of(features, kind) for kind in kinds]).reshape(len(kinds), -1),
            # a young cell can have more rewards than its delay-weighted exposure
            shown=np.maximum(shown, total) if experiment.reward == "rate" else shown,
            total=total,
            squares=summed(counts[:, SQUARES] * kept),
            people=summed(counts[:, SHOWN] * kept).sum(axis=0),
        )

    def _kind(self, experiment_id: str, context: str | None) -> Kind | None:
        """The kind of person behind a logged context; ``None`` where the log holds what would have been refused."""
        key = (experiment_id, context)
        if key not in self._kinds:
            if len(self._kinds) >= _MOST_TEXTS:
                self._kinds.clear()
            try:
                known = None if context is None else json.loads(context)
                self._kinds[key] = self._experiments[experiment_id].kind_of(known)
            except InputError:
                self._kinds[key] = None
        return self._kinds[key]


def contextual_policy(
    experiment: Experiment, current: Policy, policy: Policy, seen: ContextEvidence
) -> tuple[Policy, bool]:
    """``policy``, the version after ``current``, with what the people's features tell; and whether it is worth it.

    Means, P(best) and propensities of the arms are averages over the people seen: the same people for every arm, so
    that an arm shown to those who buy anyway is not praised for it.
    """
    if not len(seen.x):
        return policy, False
    model = fit_arms(experiment, seen)
    people = np.argsort(seen.people)[::-1][:_REFERENCES]
    weight = seen.people[people] / seen.people[people].sum()
    race = shares_of(policy, model, experiment)
    new = np.array([race.shares(seen.x[place]) for place in people])
    old = np.tile([arm.propensity for arm in current.arms if arm.active], (len(people), 1))
    if current.model is not None:
        before = shares_of(current, current.model, experiment)
        old = np.array([before.shares(seen.x[place]) for place in people])
    p_best = weight @ np.array([race.p_best(seen.x[place]) for place in people])
    share, change = weight @ new, np.abs(new - old)
    mean = {arm: _expected(experiment, model.belief(arm), seen.x[people]) @ weight for arm in seen.arms}
    running = [arm.arm_id for arm in policy.arms if arm.active]
    place = {name: number for number, name in enumerate(running)}
    arms = tuple(
        replace(
            arm,
            propensity=float(share[place[arm.arm_id]]) if arm.active else 0.0,
            p_best=float(p_best[place[arm.arm_id]]) if arm.active else None,
            mean=float(mean[arm.arm_id]),
        )
        for arm in policy.arms
    )
    worth = bool((weight @ change).max() > 2.0 * _WORTH or change.max() > 10.0 * _WORTH)
    return replace(policy, arms=arms, model=model), worth


def fit_arms(experiment: Experiment, seen: ContextEvidence) -> ContextModel:
    """One regression for all arms together, and from there one for each: a new arm starts where its like are."""
    columns = seen.x.shape[1]
    wide = np.full(columns, _POOLED_EFFECT)
    wide[0] = _POOLED_CONSTANT
    near = np.full(columns, _EFFECT)
    near[0] = _CONSTANT
    if experiment.family == "logistic":
        pooled = fit_logistic(seen.x, seen.shown.sum(axis=0), seen.total.sum(axis=0), np.zeros(columns), wide)
        fits = [
            fit_logistic(seen.x, shown, won, pooled.mean, near)
            for shown, won in zip(seen.shown, seen.total, strict=True)
        ]
        scale = 1.0
    else:
        decisions = max(float(seen.shown.sum()), 1.0)
        middle = float(seen.total.sum()) / decisions
        variance = float(seen.squares.sum()) / decisions - middle**2
        scale = float(np.sqrt(variance)) if variance > 0.0 else 1.0
        start = np.zeros(columns)
        start[0] = middle
        pooled = fit_linear(seen.x, seen.shown.sum(axis=0), seen.total.sum(axis=0), scale, start, wide * scale)
        fits = [
            fit_linear(seen.x, shown, total, scale, pooled.mean, near * scale)
            for shown, total in zip(seen.shown, seen.total, strict=True)
        ]
    prior = Gaussian.independent(pooled.mean, near * scale)
    names = column_names(experiment.features or {})
    return ContextModel.of(names, prior, dict(zip(seen.arms, fits, strict=True)))


def _expected(experiment: Experiment, belief: Gaussian, x: Floats) -> NDArray[np.float64]:
    """Mean reward of some people, shape (n,); logistic: by the probit approximation."""
    score = x @ belief.mean
    if experiment.family == "linear":
        return np.asarray(score)
    return expected_rate(score, np.linalg.norm(x @ belief.root, axis=1))
