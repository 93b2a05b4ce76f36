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

    __slots__ = ("_alpha", "_beta", "_count", "_noise", "_noted", "_rng", "_size", "_state", "arms", "prior")

    def __init__(self, arms: Sequence[str], *, seed: int, prior: tuple[float, float] = (1.0, 1.0)) -> None:
        start = BetaBernoulli.empty(arms, prior)  # checks names and prior
        self.arms, self.prior, self._count = start.arms, prior, len(start.arms)
        self._rng = np.random.default_rng(seed)
        # Noise is made in large batches. All numbers stand in one array, and a reward is only noted until the next
        # choice: a call then crosses into compiled code once, and with one array, where crossing is what costs.
        self._size = _BATCH + 64 * self._count
        self._state = np.empty(2 * self._count + 1 + 2 * self._size)
        self._alpha, self._beta = self._state[: self._count], self._state[self._count : 2 * self._count]
        self._alpha[:], self._beta[:] = start.alpha, start.beta
        self._state[2 * self._count] = self._size  # where unused noise begins: there is none yet
        self._noise = self._state[2 * self._count + 1 :]
        self._noted = -1

    def choose(self) -> int:
        """Index of the arm to show."""
        arm: int = _draw(self._state, self._count, self._size, self._noted)
        self._noted = -1
        while arm < 0:  # the noise is used up
            self._noise[: self._size] = self._rng.standard_normal(self._size)
            self._noise[self._size :] = self._rng.random(self._size)
            self._state[2 * self._count] = 0.0
            arm = _draw(self._state, self._count, self._size, -1)
        return arm

    def learn(self, arm: int, reward: float) -> None:
        """Note a reward of 0 or 1.

        Raises
        ------
        InputError
            If it is neither, or there is no such arm.
        """
        if not 0 <= arm < self._count:
            raise InputError.of("there is no such arm", f"Use 0 … {self._count - 1}", column="arm", value=arm)
        if self._noted >= 0:
            self._settle()
        if reward == 1.0:
            self._noted = arm
        elif reward == 0.0:
            self._noted = self._count + arm
        else:
            raise InputError.of("a yes-or-no reward is neither 0 nor 1", "Pass 0 or 1", column="reward", value=reward)

    def _settle(self) -> None:
        """Learn what was noted."""
        if self._noted >= 0:
            self._state[self._noted] += 1.0
            self._noted = -1

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
        self._settle()
        return np.asarray(_replay(self._rng, self._alpha, self._beta, table))

    def posteriors(self) -> BetaBernoulli:
        """What is believed now."""
        self._settle()
        successes = self._alpha - self.prior[0]
        return BetaBernoulli(
            arms=self.arms, successes=successes, exposure=successes + self._beta - self.prior[1], prior=self.prior
        )


@nb.njit(nogil=True, cache=True)
def _draw(state, arms, size, noted):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Learn what was noted, then the arm with the best draw; -1 where the noise did not suffice (none of it is used).

    ``noted`` is the place of the count that grows, -1: none.
    """
    if noted >= 0:
        state[noted] += 1.0
    alpha, beta, rest = state[:arms], state[arms : 2 * arms], state[2 * arms + 1 :]
    normals, uniforms = rest[:size], rest[size:]
    place = int(state[2 * arms])
    best, arm = -1.0, 0
    for k in range(arms):
        won, place = _gamma(alpha[k], normals, uniforms, place)
        lost, place = _gamma(beta[k], normals, uniforms, place)
        if place >= size:
            return -1
        drawn = won / (won + lost) if won + lost > 0.0 else 0.0
        if drawn > best:
            best, arm = drawn, k
    state[2 * arms] = place
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
