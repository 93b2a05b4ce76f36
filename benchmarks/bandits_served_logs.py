"""Logs as the endpoint writes them: shares follow what the log has taught, with a floor, by kind of person or not.

People come in six kinds (device, customer or not) and arms please them differently; the learner looks thirty times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bandits.propensity import best_arm
from bandits.rewards import BetaBernoulli
from bandits.sampling import shares_of_best
from bandits.service.context_learner import ContextEvidence, fit_arms
from bandits.service.context_model import ContextShares
from bandits.service.experiment import Experiment
from bandits.service.features import vector_of

ARMS = 5
LOOKS = 30
NAMES = tuple(f"arm{k}" for k in range(ARMS))
FEATURES = {"device": {"type": "category", "levels": ["mobile", "desktop", "tablet"]}, "customer": {"type": "flag"}}
#: (customer, device): features go by name.
KINDS = [(customer, device) for device in range(3) for customer in range(2)]
FREQUENCY = np.array([device * (0.3 if customer else 0.7) for device in (0.6, 0.3, 0.1) for customer in range(2)])


@dataclass(frozen=True, kw_only=True)
class ServedLog:
    """A log; ``kind``: number of the kind of person; ``rate``: true chance of a reward, shape (6, arms)."""

    action: np.ndarray
    reward: np.ndarray
    propensity: np.ndarray
    kind: np.ndarray
    rate: np.ndarray

    @property
    def device(self):
        return self.kind // 2

    def targets(self):
        """Policies to be judged, by name: probabilities by kind of person, shape (6, arms)."""
        overall = FREQUENCY @ self.rate
        by_device = np.repeat(np.stack([FREQUENCY[d : d + 2] @ self.rate[d : d + 2] for d in (0, 2, 4)]), 2, axis=0)
        one = np.eye(ARMS)
        return {
            "equal shares": np.full((6, ARMS), 1.0 / ARMS),
            "only the weakest arm": np.tile(one[overall.argmin()], (6, 1)),
            "only the second": np.tile(one[np.argsort(overall)[-2]], (6, 1)),
            "the best by device": one[by_device.argmax(axis=1)],
            "half best, half equal": 0.5 * np.tile(one[overall.argmax()], (6, 1)) + 0.5 / ARMS,
        }

    def value(self, target):
        """What a policy really earns a decision."""
        return float(FREQUENCY @ (self.rate * target).sum(axis=1))


def served_log(n, floor, contextual, rng):
    """One world and the log of ``n`` decisions of Thompson sampling in it."""
    spec = Experiment.parse(
        {"experiment_id": "e", "arms": NAMES, "floor": floor, "half_life_days": None, "features": FEATURES}
    )
    x = np.array([vector_of(spec.features, kind) for kind in KINDS])
    taste = rng.normal(0, 0.6, (ARMS, 3))
    score = -2.6 + rng.normal(0, 0.4, ARMS) + np.column_stack([x[:, 2:4], x[:, 1] > 0]) @ taste.T
    rate = 1.0 / (1.0 + np.exp(-score))
    kind = rng.choice(6, n, p=FREQUENCY / FREQUENCY.sum())
    luck, uniform = rng.random(n), rng.random(n)
    action, propensity = np.empty(n, dtype=np.int64), np.empty(n)
    shown, won = np.zeros((ARMS, 6)), np.zeros((ARMS, 6))
    for part in np.array_split(np.arange(n), LOOKS):
        shares = _shares(spec, x, shown, won, floor, contextual)[kind[part]]
        action[part] = np.minimum((uniform[part, None] > shares.cumsum(axis=1)).sum(axis=1), ARMS - 1)
        propensity[part] = shares[np.arange(len(part)), action[part]]
        np.add.at(shown, (action[part], kind[part]), 1.0)
        np.add.at(won, (action[part], kind[part]), luck[part] < rate[kind[part], action[part]])
    reward = (luck < rate[kind, action]).astype(float)
    return ServedLog(action=action, reward=reward, propensity=propensity, kind=kind, rate=rate)


def _shares(spec, x, shown, won, floor, contextual):
    """Shares by kind of person, shape (6, arms)."""
    if not contextual:
        belief = BetaBernoulli(arms=NAMES, successes=won.sum(axis=1), exposure=shown.sum(axis=1))
        return np.tile(shares_of_best(best_arm(belief).p_best, floor, runner_up=False), (6, 1))
    if not shown.any():
        return np.full((6, ARMS), 1.0 / ARMS)
    seen = ContextEvidence(arms=NAMES, x=x, shown=shown, total=won, squares=won, people=shown.sum(axis=0))
    race = ContextShares(fit_arms(spec, seen), NAMES, sampling="thompson", better="higher", floor=floor)
    return np.array([race.shares(one) for one in x])
