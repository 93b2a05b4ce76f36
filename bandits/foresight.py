"""Explore less where answers are under way, and less the fewer decisions are left that could profit from an answer."""

from __future__ import annotations

import numpy as np

from bandits.normal_scores import NormalScores
from bandits.propensity import Better, draws_above_leader
from bandits.revenue import NormalMean
from bandits.rewards import BetaBernoulli, Floats, GammaPoisson
from measurement.errors import InputError

type Learnt = BetaBernoulli | GammaPoisson | NormalMean

#: Near the end exploration does not quite stop: a horizon is a plan, and plans are overrun.
_LEAST_SHARE = 0.02


def usable_share(*, decided: float, pending: float, horizon: int | None) -> float:
    """Share of the planned decisions that can still profit from what the next one teaches.

    Its reward comes after as many further decisions as there are rewards under way now. 1 without a horizon.

    Raises
    ------
    InputError
        If the horizon is not above 0.

    Examples
    --------
    >>> usable_share(decided=2_000, pending=1_000, horizon=10_000)
    0.7
    """
    if horizon is None:
        return 1.0
    if horizon < 1:
        raise InputError.of(
            "the horizon is not above 0", "Pass the planned number of decisions", column="horizon", value=horizon
        )
    return max(1.0 - (decided + pending) / horizon, _LEAST_SHARE)


def foresee(posteriors: Learnt, pending: Floats, share: float = 1.0) -> BetaBernoulli | GammaPoisson | NormalScores:
    """The belief to explore by: same means, and only the uncertainty that one more decision could still help with.

    What rewards under way will tell need not be asked again: they count as come, each with the mean expected of its
    arm (Desautels, Krause, Burdick 2014 call that hallucinated observations). And what is learnt late serves few
    decisions: standard deviations shrink in proportion to the ``share`` of decisions that can still use it.

    Parameters
    ----------
    pending
        Decisions whose reward has not come, may be fractional, shape (arms,).
    share
        See `usable_share`.

    Raises
    ------
    InputError
        If a pending count is negative, or the share is not in (0, 1].

    Examples
    --------
    >>> belief = BetaBernoulli.empty(("a", "b")).update([0, 0, 1, 1], [0, 1, 0, 1])
    >>> ahead = foresee(belief, np.array([0.0, 96.0]))
    >>> ahead.mean().tolist(), (ahead.alpha + ahead.beta).tolist()
    ([0.5, 0.5], [4.0, 100.0])
    """
    if np.shape(pending) != (len(posteriors.arms),) or not np.isfinite(pending).all() or np.any(pending < 0):
        raise InputError.of("a number of pending decisions is negative or missing", "Pass one ≥ 0 for each arm")
    if not 0.0 < share <= 1.0:
        raise InputError.of("the share of decisions left is not in (0, 1]", "Use usable_share", value=share)
    if isinstance(posteriors, BetaBernoulli):
        total = posteriors.alpha + posteriors.beta
        grown = (total + pending) / total / share**2
        won, lost = posteriors.alpha * grown - posteriors.prior[0], posteriors.beta * grown - posteriors.prior[1]
        return BetaBernoulli(arms=posteriors.arms, successes=won, exposure=won + lost, prior=posteriors.prior)
    if isinstance(posteriors, GammaPoisson):
        grown = (posteriors.rate + pending) / posteriors.rate / share**2
        events, exposure = posteriors.shape * grown - posteriors.prior[0], posteriors.rate * grown - posteriors.prior[1]
        return GammaPoisson(arms=posteriors.arms, events=events, exposure=exposure, prior=posteriors.prior)
    seen = posteriors.exposure + 1.0  # the prior is one decision's worth
    width = posteriors.width * np.sqrt(seen / (seen + pending)) * share
    return NormalScores(arms=posteriors.arms, centre=posteriors.mean(), width=width)


def foresighted(posteriors: Learnt, pending: Floats, share: float = 1.0, *, better: Better = "higher") -> Floats:
    """Propensities, shape (arms,): Thompson sampling from `foresee`, where the leader never draws below its mean.

    A low draw of the leader sends traffic away from it without need (optimistic Bayesian sampling: May, Korda, Lee,
    Leslie 2012). Exact, as `bandits.propensity.best_arm` is.

    Examples
    --------
    >>> belief = BetaBernoulli.empty(("a", "b")).update([0] * 20 + [1] * 20, [1] * 9 + [0] * 11 + [1] * 7 + [0] * 13)
    >>> foresighted(belief, np.zeros(2)).round(2).tolist(), foresighted(belief, np.full(2, 200.0)).round(2).tolist()
    ([0.87, 0.13], [1.0, 0.0])
    """
    return draws_above_leader(foresee(posteriors, pending, share), better=better)
