"""What would another policy have earned? Off-policy evaluation from logged propensities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bandits.likelihood_interval import mean_interval
from bandits.off_policy import ESTIMATORS, Estimator, Influence, Parts, interval
from bandits.rewards import Floats
from measurement.checks import Check
from measurement.errors import InputError
from measurement.estimates import Estimate, Interval

#: Effective decisions below which nothing may be concluded: intervals hold too much there, and say too little.
_FEW = 100.0
#: Level of an interval of four standard errors.
_FOUR_ERRORS = 0.99994
#: Estimators that rest on predictions.
MODELLED = ("dm", "dr", "sndr", "switch_dr", "dros")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedDecisions:
    """A log and the policy to be evaluated on it.

    Attributes
    ----------
    action
        Index of the arm shown, shape (n,).
    reward
        What it earned, shape (n,).
    propensity
        Probability with which the logging policy showed that arm, in (0, 1], shape (n,).
    policy
        Probabilities of the evaluated policy: shape (arms,), or (n, arms) where it looks at the context; rows sum to 1
        (or less, where only some arms are evaluated at a position).
    prediction
        Predicted reward of every arm for every decision, shape (n, arms), for the estimators of `MODELLED`; must not
        have seen the decision's own reward (cross-fitting, see `arm_means`).
    possible
        The least and largest a reward can be; left out: 0 or the least seen, and the largest seen (1 if none came).

    Raises
    ------
    InputError
        If shapes disagree, a propensity is not in (0, 1], or an action is unknown.
    """

    action: NDArray[np.int64]
    reward: Floats
    propensity: Floats
    policy: Floats
    prediction: Floats | None = None
    possible: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        n, arms = len(self.action), self.policy.shape[-1]
        if not n or self.reward.shape != (n,) or self.propensity.shape != (n,):
            raise InputError.of("a log's columns differ in length or are empty", "Pass one value a decision")
        if self.policy.shape not in ((arms,), (n, arms)):
            raise InputError.of(
                "the evaluated policy has the wrong shape", f"Pass ({arms},) or ({n}, {arms})", column="policy",
                value=self.policy.shape,
            )  # fmt: skip
        if self.prediction is not None and self.prediction.shape != (n, arms):
            raise InputError.of("predictions have the wrong shape", f"Pass ({n}, {arms})", column="prediction")
        if self.possible is not None and not (
            self.possible[0] <= self.reward.min() and self.reward.max() <= self.possible[1]
        ):
            raise InputError.of("a reward lies outside of what is possible", "Mend the bounds or the reward",
                                column="possible", value=self.possible)  # fmt: skip
        if not (np.isfinite(self.reward).all() and np.isfinite(self.policy).all()):
            raise InputError.of("a reward or probability is not a number", "Remove or correct the row", column="reward")
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise InputError.of(
                "a propensity lies outside (0, 1]", "Log the probability the arm was shown with", column="propensity"
            )
        if self.action.min() < 0 or self.action.max() >= arms:
            raise InputError.of("the log shows an arm the policy does not know", f"Use 0 … {arms - 1}", column="action")
        if (self.policy < 0).any() or (self.policy.sum(axis=-1) > 1 + 1e-6).any():
            raise InputError.of("the policy's probabilities are negative or exceed 1", "Pass rows that sum to 1")

    @property
    def weight(self) -> Floats:
        """Importance weights, shape (n,)."""
        return np.asarray(self.chosen / self.propensity)

    @property
    def chosen(self) -> Floats:
        """Probability of the logged arm under the evaluated policy, shape (n,)."""
        rows = np.arange(len(self.action))
        return np.asarray(self.policy[self.action] if self.policy.ndim == 1 else self.policy[rows, self.action])

    def parts(self, *, seed: int = 0) -> Parts:
        """What the estimators need; ``seed`` decides which decisions a replay keeps."""
        weight, n = self.weight, len(self.action)
        base, residual = np.zeros(n), self.reward
        if self.prediction is not None:
            base = np.asarray((self.prediction * self.policy).sum(axis=-1))
            residual = self.reward - self.prediction[np.arange(n), self.action]
        # rejection sampling: a decision stays with probability w / max w, whatever the log's policy was
        accepted = np.random.default_rng(seed).random(n) * max(float(weight.max()), 1e-300) < weight
        least, most = self.possible or (min(0.0, float(self.reward.min())), float(self.reward.max()) or 1.0)
        return Parts(
            weight=weight, reward=self.reward, base=base, residual=residual, accepted=accepted,
            least=least, most=most,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyValue:
    """Mean reward the evaluated policy would have earned.

    Attributes
    ----------
    estimate
        Value with its confidence interval.
    n, effective_n
        Decisions, and (Σw)²/Σw²: how many decisions of the evaluated policy itself the log is worth.
    largest_share
        Share of the largest weight in the sum of weights.
    mean_weight
        1 if the logged propensities are right and cover the evaluated policy.
    tuning
        Weight that SWITCH cut at, λ that DRos shrank with; infinity or the largest weight: plain DR.
    checks
        What speaks against trusting the estimate.
    """

    estimate: Estimate
    n: int
    effective_n: float
    largest_share: float
    mean_weight: float
    checks: tuple[Check, ...]
    tuning: float | None = None


def evaluate_policy(
    log: LoggedDecisions, *, estimator: Estimator = "snipw", level: float = 0.95, seed: int = 0
) -> PolicyValue:
    """Value of ``log.policy`` by the chosen estimator.

    ``ipw``: inverse propensity weighting; ``snipw``: the same, weights normalised; ``dm``: mean prediction; ``dr``:
    doubly robust; ``sndr``: the same, weights normalised; ``switch_dr``: no correction where weights are large;
    ``dros``: weights shrunk; ``replay``: the mean over decisions that the policy would have made too. Sources in
    `bandits.off_policy`. Intervals are empirical-likelihood intervals of the estimate's influence values, in which
    rewards that could have come count too (`bandits.likelihood_interval`); those of ``dm``, ``switch_dr`` and ``dros``
    are as long as that of ``dr``, because the log cannot say how much bias is left.

    Parameters
    ----------
    seed
        Which decisions a replay keeps; the other estimators draw nothing.

    Raises
    ------
    InputError
        If the log never shows what the policy would show, or predictions are needed and missing.

    Examples
    --------
    >>> log = LoggedDecisions(action=np.array([0, 1, 0, 1]), reward=np.array([1.0, 0.0, 1.0, 1.0]),
    ...                       propensity=np.full(4, 0.5), policy=np.array([1.0, 0.0]))
    >>> evaluate_policy(log, estimator="ipw").estimate.value
    1.0
    """
    if estimator not in ESTIMATORS:
        raise InputError.of(
            "there is no such estimator", f"Use one of: {', '.join(ESTIMATORS)}", column="estimator", value=estimator
        )
    if estimator in MODELLED and log.prediction is None:
        raise InputError.of(
            f"'{estimator}' needs predictions", "Pass prediction, e.g. from arm_means", column="prediction"
        )
    parts = log.parts(seed=seed)
    used = parts.accepted.astype(float) if estimator == "replay" else parts.weight
    n, total = len(used), float(used.sum())
    if total <= 0:
        raise InputError.of(
            "the log never shows what the evaluated policy would show", "Log with a probability floor", column="policy"
        )
    found = ESTIMATORS[estimator](parts)
    ends = interval(found, level)
    return PolicyValue(
        estimate=Estimate(
            value=found.value,
            interval=ends,
            unit="reward per decision",
            method=f"off-policy, {estimator}",
        ),
        n=n,
        effective_n=total**2 / float(used @ used),
        largest_share=float(used.max()) / total,
        mean_weight=float(parts.weight.mean()),
        checks=_checks(log, parts.weight, used, found, ends),
        tuning=found.tuning,
    )


def arm_means(
    action: NDArray[np.int64],
    reward: Floats,
    arms: int,
    *,
    segment: NDArray[np.int64] | None = None,
    folds: int = 2,
    prior_decisions: float = 20.0,
    seed: int,
) -> Floats:
    """Cross-fitted predictions: each arm's mean in the other folds, by segment where one is given.

    An arm's mean is shrunk to the overall mean, that of an arm in a segment to the arm's.

    Parameters
    ----------
    segment
        Number of each decision's segment, shape (n,).
    prior_decisions
        How many decisions the mean that is shrunk to is worth.

    Returns
    -------
    array
        Shape (n, arms), for `LoggedDecisions.prediction`.
    """
    n = len(action)
    if folds < 2 or n < folds:
        raise InputError.of("cross-fitting needs at least two folds", "Pass folds=2", column="folds", value=folds)
    where = np.zeros(n, dtype=np.int64) if segment is None else segment
    shape = (int(where.max()) + 1, arms)
    cell = where * arms + action
    fold = np.random.default_rng(seed).permutation(n) % folds
    prediction = np.empty((n, arms))
    for number in range(folds):
        others = fold != number
        shown = np.bincount(cell[others], minlength=shape[0] * arms).reshape(shape)
        earned = np.bincount(cell[others], reward[others], shape[0] * arms).reshape(shape)
        overall = earned.sum() / max(shown.sum(), 1)
        by_arm = (earned.sum(axis=0) + prior_decisions * overall) / (shown.sum(axis=0) + prior_decisions)
        means = by_arm[None] if segment is None else (earned + prior_decisions * by_arm) / (shown + prior_decisions)
        prediction[~others] = means[where[~others]]
    return prediction


def _checks(
    log: LoggedDecisions, weight: Floats, used: Floats, found: Influence, ends: Interval
) -> tuple[Check, ...]:  # fmt: skip
    effective = float(used.sum()) ** 2 / float(used @ used)
    rewarded = int(((log.reward != 0) & (used > 0)).sum())
    inside = found.centre is None or ends.lower < found.value < ends.upper
    return (
        Check(
            name="effective_sample", passed=effective >= _FEW, value=effective, limit=_FEW,
            remedy="The evaluated policy shows what the log hardly has: log longer or raise the floor",
        ),
        Check(
            name="rewarded_decisions", passed=rewarded >= 30, value=float(rewarded), limit=30.0,
            remedy="The estimate rests on few rewards: read its interval, not its value", blocking=False,
        ),
        Check(
            name="weights_average_to_one", passed=_average_to_one(log, weight), value=float(weight.mean()), limit=None,
            remedy="The logged propensities are wrong or do not cover the evaluated policy: mend the logging",
        ),
        Check(
            name="predictions_unbiased", passed=inside, limit=None,
            value=None if found.centre is None else found.value - found.centre,
            remedy="The predictions are off: use dr, which corrects them", blocking=False,
        ),
    )  # fmt: skip


def _average_to_one(log: LoggedDecisions, weight: Floats) -> bool:
    """Whether the weights' mean may be what it should, as seldom doubted as by four standard errors.

    An arm with a small share may by chance not have been shown: the weight it would have had counts as possible.
    """
    heaviest = max(float(weight.max()), float(log.policy.max()) / float(log.propensity.min()))
    lower, upper = mean_interval(weight, 0.0, heaviest, _FOUR_ERRORS)
    expected = float(log.policy.sum(axis=-1).mean())
    return lower - 1e-9 <= expected <= upper + 1e-9
