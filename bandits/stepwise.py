"""Thompson sampling that learns after every single decision, where no log and no propensity is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numba as nb
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bandits.rewards import BetaBernoulli
from measurement.errors import InputError

#: Noise drawn at a time.
_BATCH = 16_384


class StepwiseThompson:
    """One draw from each Beta posterior a decision, the best one wins; for simulations and inner loops.

    Where decisions are logged and evaluated, use `bandits.thompson.ThompsonPolicy`: its tables know the propensity.

    Parameters
    ----------
    arms
        Names.
    seed
        Of the draws.
    prior
        (alpha, beta) of every arm.

    Examples
    --------
    >>> policy = StepwiseThompson(("a", "b"), seed=1)
    >>> for _ in range(200):
    ...     arm = policy.choose()
    ...     policy.learn(arm, float(arm == 1))
    >>> bool(policy.posteriors().mean()[1] > 0.9)
    True
    """

    __slots__ = ("_alpha", "_beta", "_cursor", "_normals", "_rng", "_uniforms", "arms", "prior")

    def __init__(self, arms: Sequence[str], *, seed: int, prior: tuple[float, float] = (1.0, 1.0)) -> None:
        start = BetaBernoulli.empty(arms, prior)  # checks names and prior
        self.arms, self.prior = start.arms, prior
        self._alpha, self._beta = start.alpha, start.beta
        self._rng = np.random.default_rng(seed)
        # noise made in large batches: a call then crosses into compiled code once, with nothing to set up
        size = _BATCH + 64 * len(self.arms)
        self._normals, self._uniforms = np.empty(size), np.empty(size)
        self._cursor = np.full(1, size, dtype=np.int64)

    def choose(self) -> int:
        """Index of the arm to show."""
        arm = _draw(self._alpha, self._beta, self._normals, self._uniforms, self._cursor)
        while arm < 0:  # the noise is used up
            self._rng.standard_normal(out=self._normals)
            self._rng.random(out=self._uniforms)
            self._cursor[0] = 0
            arm = _draw(self._alpha, self._beta, self._normals, self._uniforms, self._cursor)
        return int(arm)

    def learn(self, arm: int, reward: float) -> None:
        """Note a reward of 0 or 1."""
        if reward == 1.0:
            self._alpha[arm] += 1.0
        elif reward == 0.0:
            self._beta[arm] += 1.0
        else:
            raise InputError.of("a yes-or-no reward is neither 0 nor 1", "Pass 0 or 1", column="reward", value=reward)

    def replay(self, rewards: ArrayLike) -> NDArray[np.int64]:
        """Play through a table of what every arm would have earned, compiled; the arms chosen, shape (steps,).

        Parameters
        ----------
        rewards
            0 or 1, shape (steps, arms); only the chosen arm's is looked at.
        """
        table = np.ascontiguousarray(rewards, dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != len(self.arms) or not np.isin(table, (0.0, 1.0)).all():
            raise InputError.of(
                "the table holds other values than 0 and 1 or has the wrong shape",
                f"Pass shape (steps, {len(self.arms)})", column="rewards", value=table.shape,
            )  # fmt: skip
        return np.asarray(_replay(self._rng, self._alpha, self._beta, table))

    def posteriors(self) -> BetaBernoulli:
        """What is believed now."""
        successes = self._alpha - self.prior[0]
        return BetaBernoulli(
            arms=self.arms, successes=successes, exposure=successes + self._beta - self.prior[1], prior=self.prior
        )


@nb.njit(nogil=True, cache=True)
def _draw(alpha, beta, normals, uniforms, cursor):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """The arm with the best draw; -1 where the noise did not suffice (then nothing of it counts as used)."""
    place, size = cursor[0], len(normals)
    best, arm = -1.0, 0
    for k in range(len(alpha)):
        won, place = _gamma(alpha[k], normals, uniforms, place)
        lost, place = _gamma(beta[k], normals, uniforms, place)
        if place >= size:
            return -1
        drawn = won / (won + lost) if won + lost > 0.0 else 0.0
        if drawn > best:
            best, arm = drawn, k
    cursor[0] = place
    return arm


@nb.njit(nogil=True, cache=True, inline="always")
def _gamma(shape, normals, uniforms, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """A gamma variate and where its noise ends (Marsaglia and Tsang 2000)."""
    size, boost = len(normals), 1.0
    if shape < 1.0:
        if place >= size:
            return 1.0, size
        boost = uniforms[place] ** (1.0 / shape)
        place += 1
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / np.sqrt(9.0 * d)
    while place < size:
        x, u = normals[place], uniforms[place]
        place += 1
        v = 1.0 + c * x
        if v > 0.0:
            v = v * v * v
            square = x * x
            if u < 1.0 - 0.0331 * square * square or np.log(u) < 0.5 * square + d * (1.0 - v + np.log(v)):
                return boost * d * v, place
    return 1.0, size


@nb.njit
def _replay(rng, alpha, beta, rewards):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    chosen = np.empty(len(rewards), dtype=np.int64)
    for step in range(len(rewards)):
        best, arm = -1.0, 0
        for k in range(len(alpha)):
            drawn = rng.beta(alpha[k], beta[k])
            if drawn > best:
                best, arm = drawn, k
        chosen[step] = arm
        alpha[arm] += rewards[step, arm]
        beta[arm] += 1.0 - rewards[step, arm]
    return chosen
