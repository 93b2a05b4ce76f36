"""What is believed of each arm's mean reward: conjugate posteriors that merge and do not care for order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from bandits.reward_checks import batch_of, check_mergeable, check_statistics
from measurement.errors import InputError

Floats = NDArray[np.float64]

#: A marginal posterior is cut where its density has fallen to exp(-36) of its peak.
_DROP = 36.0
#: Observations up to which a density may be written as powers, which is cheaper: beyond, digits would cancel.
_FEW = 2e4


class Posteriors(Protocol):
    """Independent posteriors of the arms' means, each mapped to the real line by one increasing, smooth map.

    On that line every density is smooth and bell-shaped, which is what makes the quadrature in
    `bandits.propensity` exact to rounding.
    """

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms."""
        ...

    @property
    def width(self) -> Floats:
        """Smallest feature of each density on the line, shape (arms,)."""
        ...

    def support(self) -> tuple[Floats, Floats]:
        """Ends on the line outside of which an arm has no mass worth counting, each of shape (arms,)."""
        ...

    def density(self, x: Floats) -> Floats:
        """Densities on the line at ``x``, shape (arms, points)."""
        ...

    def below(self, x: float) -> Floats:
        """P(arm < x) on the line, shape (arms,)."""
        ...

    def above(self, x: float) -> Floats:
        """P(arm > x) on the line, shape (arms,)."""
        ...

    def value(self, x: Floats) -> Floats:
        """The mean reward that belongs to ``x``, same shape."""
        ...

    def line(self, value: Floats) -> Floats:
        """Inverse of `value`."""
        ...

    def mean(self) -> Floats:
        """Posterior means, shape (arms,)."""
        ...

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Equal-tailed credible intervals, each end of shape (arms,)."""
        ...

    def below_each(self, x: Floats) -> Floats:
        """P(arm < x) at many points, shape (arms, points)."""
        ...

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Draws of the means, shape (size, arms)."""
        ...


class Distinct[Kind: Posteriors](NamedTuple):
    """Arms of which the same is believed, as one: of many arms of which little is known most are alike.

    Attributes
    ----------
    posteriors
        One arm for each belief.
    times
        How many arms share it, shape (beliefs,).
    inverse
        The belief of each arm, shape (arms,).
    """

    posteriors: Kind
    times: Floats
    inverse: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaBernoulli:
    """Rates of yes-or-no rewards: Beta prior, Bernoulli rewards.

    Attributes
    ----------
    arms
        Names of the arms.
    successes, exposure
        Sufficient statistics, shape (arms,). ``exposure`` may be fractional: a decision whose reward may still
        come counts by the chance that it would have come by now.
    prior
        (alpha, beta), each at least .5.

    Examples
    --------
    >>> posterior = BetaBernoulli.empty(("a", "b")).update([0, 1, 1], [1, 0, 1])
    >>> posterior.mean().round(3).tolist()
    [0.667, 0.5]
    """

    arms: tuple[str, ...]
    successes: Floats
    exposure: Floats
    prior: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        check_statistics(self.arms, self.successes, self.exposure, self.prior)
        if np.any(self.successes > self.exposure + 1e-9):
            raise InputError.of(
                "an arm has more successes than decisions",
                "Pass rewards of 0 or 1, or use GammaPoisson for counts",
                column="successes",
                value=self.successes.tolist(),
            )

    @classmethod
    def empty(cls, arms: Sequence[str], prior: tuple[float, float] = (1.0, 1.0)) -> Self:
        """Nothing seen yet."""
        return cls(arms=tuple(arms), successes=np.zeros(len(arms)), exposure=np.zeros(len(arms)), prior=prior)

    def update(self, arm: ArrayLike, reward: ArrayLike) -> Self:
        """Add a batch: ``arm`` (indices) and ``reward`` (0 or 1), both of shape (batch,); order does not matter."""
        index, values = batch_of(arm, reward, len(self.arms))
        if not np.isin(values, (0.0, 1.0)).all():
            raise InputError.of("a yes-or-no reward is neither 0 nor 1", "Use GammaPoisson for counts", column="reward")
        return replace(
            self,
            successes=self.successes + np.bincount(index, values, len(self.arms)),
            exposure=self.exposure + np.bincount(index, minlength=len(self.arms)),
        )

    def distinct(self) -> Distinct[Self]:
        """See `Distinct`."""
        first, inverse, times = _alike(self.successes, self.exposure)
        arms = tuple(self.arms[place] for place in first)
        only = replace(self, arms=arms, successes=self.successes[first], exposure=self.exposure[first])
        return Distinct(only, times, inverse)

    def merge(self, other: Self) -> Self:
        """What both have seen together; the same as one update with both batches."""
        check_mergeable(self.arms, other.arms, self.prior, other.prior)
        return replace(self, successes=self.successes + other.successes, exposure=self.exposure + other.exposure)

    @property
    def alpha(self) -> Floats:
        """First parameter of each Beta posterior, shape (arms,)."""
        return self.successes + self.prior[0]

    @property
    def beta(self) -> Floats:
        """Second parameter, shape (arms,)."""
        return np.maximum(self.exposure - self.successes, 0.0) + self.prior[1]

    @property
    def width(self) -> Floats:
        """See `Posteriors.width`; the line is the logit of the rate."""
        return np.minimum(np.sqrt(1.0 / self.alpha + 1.0 / self.beta), 1.0)

    def support(self) -> tuple[Floats, Floats]:
        """See `Posteriors.support`: an outer bound, from -log f ≥ k(e^-u - 1 + u) with k = ab/(a+b), tightened."""
        middle = np.log(self.alpha) - np.log(self.beta)
        start = _reach(self.alpha * self.beta / (self.alpha + self.beta))
        return middle - _tighten(start, self.beta, self.alpha), middle + _tighten(start, self.alpha, self.beta)

    def density(self, x: Floats) -> Floats:
        """See `Posteriors.density`; written around the mode so that a billion observations lose no digits."""
        if float((self.alpha + self.beta).max()) <= _FEW:
            logs = np.stack([-np.logaddexp(0.0, -x), -np.logaddexp(0.0, x)])
            return _powers(self.alpha, self.beta, logs, special.betaln(self.alpha, self.beta))
        a, b = self.alpha[:, None], self.beta[:, None]
        total = a + b
        share = a / total
        step = x[None, :] - (np.log(a) - np.log(b))
        # log(1-p + p·e^d); beyond a step of 700, where the exponential would overflow, it is a straight line
        short = np.minimum(step, 700.0)
        soft = np.log1p(share * np.expm1(short)) + (step - short)
        peak = 0.5 * np.log(a * b / (2.0 * np.pi * total)) + _stirling(total) - _stirling(a) - _stirling(b)
        return np.asarray(np.exp(total * (share * step - soft) + peak))

    def below(self, x: float) -> Floats:
        """See `Posteriors.below`."""
        return np.asarray(special.betainc(self.alpha, self.beta, special.expit(x)))

    def above(self, x: float) -> Floats:
        """See `Posteriors.above`."""
        return np.asarray(special.betainc(self.beta, self.alpha, special.expit(-x)))

    def below_each(self, x: Floats) -> Floats:
        """See `Posteriors.below_each`."""
        return np.asarray(special.betainc(self.alpha[:, None], self.beta[:, None], special.expit(x)[None, :]))

    def value(self, x: Floats) -> Floats:
        """See `Posteriors.value`."""
        return np.asarray(special.expit(x))

    def line(self, value: Floats) -> Floats:
        """See `Posteriors.line`; rates of 1 and more lie at infinity."""
        with np.errstate(divide="ignore"):
            return np.asarray(special.logit(np.clip(value, 0.0, 1.0)))

    def mean(self) -> Floats:
        """See `Posteriors.mean`."""
        return np.asarray(self.alpha / (self.alpha + self.beta))

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """See `Posteriors.interval`."""
        tail = (1.0 - level) / 2.0
        lower = special.betaincinv(self.alpha, self.beta, tail)
        return np.asarray(lower), np.asarray(1.0 - special.betaincinv(self.beta, self.alpha, tail))

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """See `Posteriors.sample`."""
        return rng.beta(self.alpha, self.beta, size=(size, len(self.arms)))


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaPoisson:
    """Means of counted rewards (0, 1, 2, …): Gamma prior, Poisson rewards.

    Attributes
    ----------
    arms
        Names of the arms.
    events, exposure
        Sum of the rewards and number of decisions (may be fractional), shape (arms,).
    prior
        (shape, rate) of the Gamma prior; shape at least .5, rate positive.

    Examples
    --------
    >>> GammaPoisson.empty(("a",)).update([0, 0, 0], [2, 0, 1]).mean().round(2).tolist()
    [1.0]
    """

    arms: tuple[str, ...]
    events: Floats
    exposure: Floats
    prior: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        check_statistics(self.arms, self.events, self.exposure, (self.prior[0], 1.0))
        if not self.prior[1] > 0:
            raise InputError.of("a Gamma prior needs a positive rate", "Pass e.g. 1.0", column="prior")

    @classmethod
    def empty(cls, arms: Sequence[str], prior: tuple[float, float] = (1.0, 1.0)) -> Self:
        """Nothing seen yet."""
        return cls(arms=tuple(arms), events=np.zeros(len(arms)), exposure=np.zeros(len(arms)), prior=prior)

    def update(self, arm: ArrayLike, reward: ArrayLike) -> Self:
        """Add a batch: ``arm`` (indices) and ``reward`` (≥ 0), both of shape (batch,); order does not matter."""
        index, values = batch_of(arm, reward, len(self.arms))
        if (values < 0).any():
            raise InputError.of("a counted reward is negative", "Correct the reward", column="reward")
        return replace(
            self,
            events=self.events + np.bincount(index, values, len(self.arms)),
            exposure=self.exposure + np.bincount(index, minlength=len(self.arms)),
        )

    def distinct(self) -> Distinct[Self]:
        """See `Distinct`."""
        first, inverse, times = _alike(self.events, self.exposure)
        arms = tuple(self.arms[place] for place in first)
        return Distinct(
            replace(self, arms=arms, events=self.events[first], exposure=self.exposure[first]), times, inverse
        )

    def merge(self, other: Self) -> Self:
        """What both have seen together; the same as one update with both batches."""
        check_mergeable(self.arms, other.arms, self.prior, other.prior)
        return replace(self, events=self.events + other.events, exposure=self.exposure + other.exposure)

    @property
    def shape(self) -> Floats:
        """Shape of each Gamma posterior, shape (arms,)."""
        return self.events + self.prior[0]

    @property
    def rate(self) -> Floats:
        """Rate of each Gamma posterior, shape (arms,)."""
        return self.exposure + self.prior[1]

    @property
    def width(self) -> Floats:
        """See `Posteriors.width`; the line is the logarithm of the mean."""
        return np.minimum(1.0 / np.sqrt(self.shape), 1.0)

    def support(self) -> tuple[Floats, Floats]:
        """See `Posteriors.support`."""
        middle = np.log(self.shape / self.rate)
        return middle - _reach(self.shape), middle + np.sqrt(2.0 * _DROP / self.shape)

    def density(self, x: Floats) -> Floats:
        """See `Posteriors.density`."""
        shape = self.shape[:, None]
        step = np.minimum(x[None, :] - np.log(shape / self.rate[:, None]), 50.0)
        peak = 0.5 * np.log(shape / (2.0 * np.pi)) - _stirling(shape)
        return np.asarray(np.exp(shape * (step - np.expm1(step)) + peak))

    def below(self, x: float) -> Floats:
        """See `Posteriors.below`."""
        return np.asarray(special.gammainc(self.shape, self.rate * np.exp(x)))

    def above(self, x: float) -> Floats:
        """See `Posteriors.above`."""
        return np.asarray(special.gammaincc(self.shape, self.rate * np.exp(x)))

    def below_each(self, x: Floats) -> Floats:
        """See `Posteriors.below_each`."""
        return np.asarray(special.gammainc(self.shape[:, None], self.rate[:, None] * np.exp(x)[None, :]))

    def value(self, x: Floats) -> Floats:
        """See `Posteriors.value`."""
        return np.exp(x)

    def line(self, value: Floats) -> Floats:
        """See `Posteriors.line`; 0 lies at minus infinity."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(value))

    def mean(self) -> Floats:
        """See `Posteriors.mean`."""
        return np.asarray(self.shape / self.rate)

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """See `Posteriors.interval`."""
        tail = (1.0 - level) / 2.0
        lower = special.gammaincinv(self.shape, tail) / self.rate
        return np.asarray(lower), np.asarray(special.gammainccinv(self.shape, tail) / self.rate)

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """See `Posteriors.sample`."""
        return rng.gamma(self.shape, 1.0 / self.rate, size=(size, len(self.arms)))


def _powers(first: Floats, second: Floats, logs: Floats, constant: Floats) -> Floats:
    """Densities exp(a u + b v - c) at points (u, v), ``logs``, shape (2, points): one exponential a point and arm."""
    return np.exp(np.stack([first, second], axis=1) @ logs - constant[:, None])


def _alike(total: Floats, exposure: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
    """First place of each pair of numbers, which of them every arm has, and how often each occurs."""
    _, first, inverse, times = np.unique(
        total + 1j * exposure, return_index=True, return_inverse=True, return_counts=True
    )
    return first, inverse, times.astype(float)


def _stirling(z: Floats) -> Floats:
    """Log-gamma minus Stirling's leading terms; the series keeps its digits where log-gamma is huge."""
    big = np.maximum(z, 10.0)
    series = (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - 1.0 / (1680.0 * big**2)) / big**2) / big**2) / big
    small = np.minimum(z, 10.0)
    direct = special.gammaln(small) - ((small - 0.5) * np.log(small) - small + 0.5 * np.log(2.0 * np.pi))
    return np.asarray(np.where(z >= 10.0, series, direct))


def _reach(curvature: Floats) -> Floats:
    """Distance u at which k·u²/(2+u), a lower bound of k(e^-u - 1 + u), has risen to `_DROP`."""
    ratio = _DROP / curvature
    return np.asarray((ratio + np.sqrt(ratio**2 + 8.0 * ratio)) / 2.0)


def _tighten(reach: Floats, a: Floats, b: Floats) -> Floats:
    """Newton steps on the convex drop of a Beta's log-density to the right of its mode: they stay on the outside."""
    total, share = a + b, a / (a + b)
    for _ in range(6):
        rest = share + (1.0 - share) * np.exp(-reach)
        drop = total * ((1.0 - share) * reach + np.log(rest))
        slope = total * share * (1.0 / rest - 1.0)
        reach = reach - np.maximum(drop - _DROP, 0.0) / slope
    return reach
