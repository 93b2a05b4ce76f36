"""When to stop an experiment: potential value remaining and expected loss, as facts rather than adjectives."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy.optimize import brentq

from bandits.propensity import BestArm, Better, best_arm
from bandits.rewards import Posteriors
from measurement.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """Stop once the leader can hardly be beaten by a margin worth waiting for.

    Attributes
    ----------
    potential_value
        Stop when the value remaining falls below this share of the leader's mean (Google's rule: 1%).
    quantile
        Of the value remaining that is looked at (Google's rule: 95%).
    minimum_days
        Never stop earlier: a week holds every weekday.
    """

    potential_value: float = 0.01
    quantile: float = 0.95
    minimum_days: float = 14.0

    def __post_init__(self) -> None:
        if not (self.potential_value > 0 and 0 < self.quantile < 1 and self.minimum_days >= 0):
            raise InputError.of("a stop rule has impossible limits", "Pass e.g. StopRule()", column="stop rule")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReport:
    """Whether to stop, and the facts it rests on.

    The leader is the arm most likely to be best under the posterior. That is no controlled error rate: looked at every
    day, "P(best) ≥ 95%" holds at some time in half of all experiments with equal arms. Hence "leader", no more.

    Attributes
    ----------
    leader, p_best, expected_loss
        The arm most likely best, that probability, and what choosing it is expected to forgo (units of the reward).
    value_remaining
        Quantile (``rule.quantile``) of how much better the best arm is than the leader, as a share of the leader.
    days
        Days observed, ``None`` where unknown.
    stop
        The verdict of ``rule``.
    reason
        Id of the fact that decided: ``"one_arm"``, ``"too_early"``, ``"value_remaining"``, ``"keep_going"``.
    """

    arms: tuple[str, ...]
    leader: str
    p_best: float
    expected_loss: float
    value_remaining: float
    days: float | None
    stop: bool
    reason: str
    rule: StopRule

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values for ``stop.json``."""
        return asdict(self) | {"arms": list(self.arms)}


def stop_report(
    posteriors: Posteriors,
    *,
    better: Better = "higher",
    rule: StopRule | None = None,
    days: float | None = None,
    best: BestArm | None = None,
) -> StopReport:
    """Apply ``rule`` to the posteriors; ``best`` saves a quadrature where it is known already.

    Source: S. Scott, "Multi-armed bandit experiments", Google Analytics help (2012).
    """
    rule = rule or StopRule()
    best = best or best_arm(posteriors, better=better)
    leader = best.leader
    remaining = value_remaining(posteriors, better=better, quantile=rule.quantile, best=best)
    reason = "value_remaining" if remaining < rule.potential_value else "keep_going"
    if len(posteriors.arms) == 1:
        reason = "one_arm"
    elif days is not None and days < rule.minimum_days:
        reason = "too_early"
    return StopReport(
        arms=posteriors.arms,
        leader=posteriors.arms[leader],
        p_best=float(best.p_best[leader]),
        expected_loss=float(best.expected_loss[leader]),
        value_remaining=remaining,
        days=days,
        stop=reason == "value_remaining",
        reason=reason,
        rule=rule,
    )


def value_remaining(
    posteriors: Posteriors, *, better: Better = "higher", quantile: float = 0.95, best: BestArm | None = None
) -> float:
    """The ``quantile`` of (best mean - leader's mean) / leader's mean, at least 0, by quadrature and root search.

    Examples
    --------
    >>> from bandits.rewards import BetaBernoulli
    >>> p = BetaBernoulli(arms=("a", "b"), successes=np.array([400.0, 500.0]), exposure=np.array([1e4, 1e4]))
    >>> value_remaining(p)
    0.0
    """
    best = best or best_arm(posteriors, better=better)
    leader = best.leader
    # P(the best beats the leader by more than 0) is 1 - P(leader best): its quantile is 0 when that is small
    if len(posteriors.arms) == 1 or best.p_best[leader] >= quantile:
        return 0.0
    # rivals that are never best move the quantile by nothing one could see
    rivals = np.flatnonzero(best.p_best > 1e-9)
    rivals = rivals[rivals != leader]
    nodes, weights = _leader_nodes(posteriors, leader)
    values = posteriors.value(nodes)
    # means that may be negative have no shares of their own: there the unit is the size of the leader's mean
    unit = values if values.min() > 0 else np.full_like(values, abs(float(posteriors.mean()[leader])))

    def excess(share: float) -> float:
        if better == "higher":
            shifted = posteriors.line(values + share * unit)
            not_beaten = posteriors.below_each(shifted)[rivals]
        else:
            shifted = posteriors.line(values - share * unit)
            not_beaten = 1.0 - posteriors.below_each(shifted)[rivals]
        return float(weights @ np.prod(not_beaten, axis=0)) - quantile

    bounded = better == "lower" and unit is values
    upper = 1.0 if bounded else 0.01
    while not bounded and excess(upper) < 0.0:
        upper *= 4.0
    if excess(0.0) >= 0.0:
        return 0.0
    return float(brentq(excess, 0.0, upper, xtol=1e-7))


def _leader_nodes(posteriors: Posteriors, leader: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes over the leader's posterior and their probabilities, which sum to 1."""
    low, high = posteriors.support()
    panels = max(4, int(np.ceil((high[leader] - low[leader]) / float(posteriors.width[leader]))))
    base, base_weights = np.polynomial.legendre.leggauss(8)
    edges = np.linspace(low[leader], high[leader], panels + 1)
    half = np.diff(edges) / 2.0
    nodes = ((edges[:-1] + half)[:, None] + half[:, None] * base).ravel()
    mass = posteriors.density(nodes)[leader] * (half[:, None] * base_weights).ravel()
    # leave out nodes without mass: the root search evaluates every rival at every node
    keep = mass > 1e-12
    return nodes[keep], mass[keep] / mass[keep].sum()
