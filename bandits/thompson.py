"""A Thompson-sampling policy: decisions are draws from a versioned table of exact propensities."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bandits.propensity import Better
from bandits.rewards import BetaBernoulli, Floats, GammaPoisson
from bandits.sampling import Sampling, sampled_shares
from bandits.stopping import StopReport, StopRule, stop_report
from bandits.traffic import Terms, paid_traffic
from measurement.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyTable:
    """One version of a policy: what is believed, and with what probability each arm is shown.

    Attributes
    ----------
    experiment_id, version
        The experiment, and a number that grows with every refresh.
    posteriors
        State of belief.
    propensity
        Probability of each arm, shape (arms,); the one that is logged is the one that is drawn from.
    """

    experiment_id: str
    version: int
    posteriors: BetaBernoulli | GammaPoisson
    propensity: Floats

    def draw(self, uniform: Floats) -> NDArray[np.int64]:
        """Arms for uniform numbers in [0, 1), any shape."""
        ends = np.cumsum(self.propensity)
        return np.minimum(np.searchsorted(ends, uniform, side="right"), len(ends) - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmDecision:
    """What was decided for a unit, as it belongs in the decision log."""

    decision_id: str
    experiment_id: str
    unit_id: str
    arm_id: str
    propensity: float
    policy_version: int


class ThompsonPolicy:
    """Decide, learn, report. The tables are frozen; the policy only holds the newest and the open decisions.

    Parameters
    ----------
    experiment_id, arms
        Names.
    seed
        Part of the hash that assigns units.
    floor
        No arm is shown less often than this while the experiment runs (keeps off-policy evaluation possible).
    better
        Whether higher or lower rewards are better.
    sampling
        ``"thompson"``: propensity is P(best). ``"top_two"``: also the runner-up, to tell the best apart sooner.
        ``"foresight"``: explores less while rewards are under way and towards the horizon (`bandits.foresight`).
    posteriors
        Prior knowledge; left out: Beta(1, 1) and yes-or-no rewards.
    horizon
        Planned number of decisions, for ``"foresight"``; ``None``: no end is planned.
    terms
        What showing an arm costs, what a reward is worth, and a budget: the propensity is then P(best net of cost),
        within the budget (`bandits.traffic`).

    Examples
    --------
    >>> policy = ThompsonPolicy("banner", ("a", "b"), seed=1)
    >>> arm = policy.decide(unit="u1")
    >>> policy.decide(unit="u1").arm_id == arm.arm_id
    True
    >>> policy.reward(arm.decision_id, 1.0)
    True
    >>> policy.refresh().version
    2
    """

    def __init__(
        self,
        experiment_id: str,
        arms: Sequence[str],
        *,
        seed: int,
        floor: float = 0.01,
        better: Better = "higher",
        sampling: Sampling = "thompson",
        posteriors: BetaBernoulli | GammaPoisson | None = None,
        horizon: int | None = None,
        terms: Terms | None = None,
    ) -> None:
        if terms is not None and (sampling != "thompson" or better != "higher"):
            raise InputError.of(
                "costs go with no other sampling than 'thompson', and with no rewards of which lower ones are better",
                "Leave out terms, or sampling and better", column="terms", value=f"{sampling}, {better}",
            )  # fmt: skip
        self.terms = terms
        self.seed, self.floor, self.better, self.sampling, self.horizon = seed, floor, better, sampling, horizon
        belief = posteriors if posteriors is not None else BetaBernoulli.empty(arms)
        if belief.arms != tuple(arms):
            raise InputError.of(
                "the prior knowledge is of other arms", "Pass posteriors of the same arms", column="arms"
            )
        self._open: dict[str, int] = {}
        self._seen: list[tuple[int, float]] = []
        self._decided = 0
        self.table = self._tabulate(experiment_id, 1, belief)

    def decide(self, unit: str) -> ArmDecision:
        """The arm for ``unit``: the same one as long as the table's version is the same."""
        table = self.table
        key = f"{self.seed}|{table.experiment_id}|{table.version}|{unit}".encode()
        digest = hashlib.blake2b(key, digest_size=16).digest()
        # 53 bits make a float below 1 exactly
        uniform = (int.from_bytes(digest[:8], "big") >> 11) / 2.0**53
        arm = int(table.draw(np.asarray(uniform)))
        self._decided += 1
        decision_id = f"{digest[8:].hex()}-{self._decided:x}"
        self._open[decision_id] = arm
        return ArmDecision(
            decision_id=decision_id,
            experiment_id=table.experiment_id,
            unit_id=unit,
            arm_id=table.posteriors.arms[arm],
            propensity=float(table.propensity[arm]),
            policy_version=table.version,
        )

    def reward(self, decision_id: str, value: float) -> bool:
        """Note a reward; ``False`` if the decision is unknown or was rewarded before (nothing is counted twice)."""
        if isinstance(self.table.posteriors, BetaBernoulli) and value not in (0.0, 1.0):
            raise InputError.of("a yes-or-no reward is neither 0 nor 1", "Pass 0 or 1", column="value", value=value)
        if not np.isfinite(value) or value < 0:
            raise InputError.of("a reward is negative or no number", "Pass a value ≥ 0", column="value", value=value)
        arm = self._open.pop(decision_id, None)
        if arm is None:
            return False
        self._seen.append((arm, value))
        return True

    def settle(self, decision_ids: Iterable[str]) -> int:
        """Count decisions whose reward can no longer come as failures; returns how many were still open."""
        return sum(self.reward(decision_id, 0.0) for decision_id in decision_ids)

    def refresh(self) -> PolicyTable:
        """Learn from the rewards noted since the last refresh; decisions from now on use the new table."""
        arms, values = [arm for arm, _ in self._seen], [value for _, value in self._seen]
        posteriors = self.table.posteriors.update(np.asarray(arms, dtype=np.int64), np.asarray(values))
        self.table = self._tabulate(self.table.experiment_id, self.table.version + 1, posteriors)
        self._seen.clear()
        return self.table

    def stop_report(self, rule: StopRule | None = None, days: float | None = None) -> StopReport:
        """Whether the experiment may stop, by what the current table knows."""
        return stop_report(self.table.posteriors, better=self.better, rule=rule, days=days)

    def _tabulate(self, experiment_id: str, version: int, posteriors: BetaBernoulli | GammaPoisson) -> PolicyTable:
        propensity = self._propensity(posteriors)
        return PolicyTable(experiment_id=experiment_id, version=version, posteriors=posteriors, propensity=propensity)

    def _propensity(self, posteriors: BetaBernoulli | GammaPoisson) -> Floats:
        if self.terms is not None:
            return paid_traffic(posteriors, self.terms, floor=self.floor).propensity
        return sampled_shares(
            posteriors, self.sampling, floor=self.floor, better=self.better, decided=self._decided,
            horizon=self.horizon,
            pending=np.bincount(list(self._open.values()), minlength=len(posteriors.arms)).astype(float),
        )  # fmt: skip
