"""What would another policy have earned? Off-policy evaluation from logged propensities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bandits.rewards import Floats
from measurement.checks import Check
from measurement.errors import InputError
from measurement.estimates import Estimate, Interval

Estimator = Literal["ipw", "snipw", "dm", "dr", "sndr"]


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
        Predicted reward of every arm for every decision, shape (n, arms), for ``dm``, ``dr``, ``sndr``; must not have
        seen the decision's own reward (cross-fitting, see `arm_means`).

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
        rows = np.arange(len(self.action))
        chosen = self.policy[self.action] if self.policy.ndim == 1 else self.policy[rows, self.action]
        return np.asarray(chosen / self.propensity)


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
    checks
        What speaks against trusting the estimate.
    """

    estimate: Estimate
    n: int
    effective_n: float
    largest_share: float
    mean_weight: float
    checks: tuple[Check, ...]


def evaluate_policy(log: LoggedDecisions, *, estimator: Estimator = "snipw", level: float = 0.95) -> PolicyValue:
    """Value of ``log.policy`` by the chosen estimator.

    ``ipw``: inverse propensity weighting; ``snipw``: the same, weights normalised (Swaminathan and Joachims 2015);
    ``dm``: mean prediction; ``dr``: doubly robust (Dudík, Langford, Li 2011); ``sndr``: the same, weights normalised.
    Intervals are normal in the estimate's influence values, on the logarithmic scale where rewards are not negative and
    no model is used, because rare rewards are skewed. ``dm`` has no honest interval (the model's bias is unknown): it
    gets the one of its mean and a failed check.

    Examples
    --------
    >>> log = LoggedDecisions(action=np.array([0, 1, 0, 1]), reward=np.array([1.0, 0.0, 1.0, 1.0]),
    ...                       propensity=np.full(4, 0.5), policy=np.array([1.0, 0.0]))
    >>> evaluate_policy(log, estimator="ipw").estimate.value
    1.0
    """
    weight = log.weight
    n, total = len(weight), float(weight.sum())
    if total <= 0:
        raise InputError.of(
            "the log never shows what the evaluated policy would show", "Log with a probability floor", column="policy"
        )
    base, residual = np.zeros(n), log.reward
    if estimator in ("dm", "dr", "sndr"):
        if log.prediction is None:
            raise InputError.of(
                f"'{estimator}' needs predictions", "Pass prediction, e.g. from arm_means", column="prediction"
            )
        base = (log.prediction * log.policy).sum(axis=-1)
        residual = log.reward - log.prediction[np.arange(n), log.action]
    if estimator == "dm":
        influence, value = base - base.mean(), float(base.mean())
    elif estimator in ("snipw", "sndr"):
        corrected = float(weight @ residual) / total
        influence = base - base.mean() + weight * (residual - corrected) * n / total
        value = float(base.mean()) + corrected
    else:
        influence = base + weight * residual
        value = float(influence.mean())
        influence = influence - value
    error = float(np.sqrt((influence**2).sum() / max(n - 1, 1) / n))
    skewed = estimator in ("ipw", "snipw") and bool((log.reward >= 0).all())
    return PolicyValue(
        estimate=Estimate(
            value=value,
            interval=_interval(value, error, level, positive=skewed),
            unit="reward per decision",
            method=f"off-policy, {estimator}",
        ),
        n=n,
        effective_n=total**2 / float(weight @ weight),
        largest_share=float(weight.max()) / total,
        mean_weight=total / n,
        checks=_checks(log, weight, estimator),
    )


def arm_means(action: NDArray[np.int64], reward: Floats, arms: int, *, folds: int = 2, seed: int) -> Floats:
    """Cross-fitted predictions without context: each arm's mean in the other folds, shrunk to the overall mean.

    Returns
    -------
    array
        Shape (n, arms), for `LoggedDecisions.prediction`.
    """
    n = len(action)
    if folds < 2 or n < folds:
        raise InputError.of("cross-fitting needs at least two folds", "Pass folds=2", column="folds", value=folds)
    fold = np.random.default_rng(seed).permutation(n) % folds
    prediction = np.empty((n, arms))
    for number in range(folds):
        others = fold != number
        shown = np.bincount(action[others], minlength=arms)
        earned = np.bincount(action[others], reward[others], arms)
        overall = earned.sum() / max(shown.sum(), 1)
        # twenty decisions' worth of the overall mean
        prediction[~others] = (earned + 20.0 * overall) / (shown + 20.0)
    return prediction


def _interval(value: float, error: float, level: float, *, positive: bool) -> Interval:
    z = float(stats.norm.ppf(0.5 + level / 2.0))
    if positive and value > 0:
        factor = np.exp(z * error / value)
        return Interval(lower=value / factor, upper=value * factor, level=level, kind="confidence")
    return Interval(lower=value - z * error, upper=value + z * error, level=level, kind="confidence")


def _checks(log: LoggedDecisions, weight: Floats, estimator: Estimator) -> tuple[Check, ...]:
    n, total = len(weight), float(weight.sum())
    effective = total**2 / float(weight @ weight)
    rewarded = int(((log.reward != 0) & (weight > 0)).sum())
    expected = float(log.policy.sum(axis=-1).mean())
    drift = float(abs(total / n - expected)) / (float(weight.std()) / np.sqrt(n) + 1e-12)
    return (
        Check(
            name="effective_sample", passed=effective >= 100, value=effective, limit=100.0,
            remedy="The evaluated policy shows what the log hardly has: log longer or raise the floor", blocking=False,
        ),
        Check(
            name="rewarded_decisions", passed=rewarded >= 30, value=float(rewarded), limit=30.0,
            remedy="The estimate rests on few rewards: read its interval, not its value", blocking=False,
        ),
        Check(
            name="weights_average_to_one", passed=drift <= 4.0, value=total / n, limit=None,
            remedy="The logged propensities are wrong or do not cover the evaluated policy: mend the logging",
        ),
        Check(
            name="interval_without_model_bias", passed=estimator != "dm", value=estimator, limit=None,
            remedy="The direct method's interval leaves out the model's bias: use dr", blocking=False,
        ),
    )  # fmt: skip
