"""Thompson sampling that looks at the context: linear and logistic, updated one decision at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numba as nb
import numpy as np
from numpy.typing import ArrayLike, NDArray

from bandits.context_fit import Family, expected_rate
from bandits.normal_scores import NormalScores
from bandits.propensity import Better, best_arm, with_floor
from bandits.reward_checks import check_arms
from bandits.rewards import Floats
from measurement.errors import InputError

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextualThompson:
    """One regression of the reward on the context for each arm, with its Gaussian posterior.

    Attributes
    ----------
    arms
        Names, K of them.
    root
        Lower Cholesky factor of each arm's posterior precision, shape (K, d, d).
    weighted
        Precision times posterior mean, shape (K, d).
    coefficients
        Posterior means, shape (K, d).
    seen
        Decisions learnt from, shape (K,).
    family
        ``"linear"``: reward = x'β + noise. ``"logistic"``: P(reward = 1) = 1 / (1 + exp(-x'β)), the posterior kept
        Gaussian by one Newton step a decision (an extended Kalman filter), so that order matters a little.
    noise
        Standard deviation of the linear family's noise.

    Notes
    -----
    The score x'β of an arm is normal with mean x'm and variance x'A⁻¹x, so a draw of the score needs one triangular
    solve and one normal number, not a draw of all coefficients; over independent arms it is the same distribution.
    Agrawal and Goyal (2013); Chapelle and Li (2011). Precision grows by rank-one updates of its Cholesky factor.

    Examples
    --------
    >>> policy = ContextualThompson.empty(("a", "b"), features=2)
    >>> policy = policy.update(np.eye(2), [0, 1], [1.0, 0.0])
    >>> policy.scores(np.array([[1.0, 0.0]])).mean().round(2).tolist()
    [0.5, 0.0]
    """

    arms: tuple[str, ...]
    root: Floats
    weighted: Floats
    coefficients: Floats
    seen: Ints
    family: Family = "linear"
    noise: float = 1.0

    @classmethod
    def empty(
        cls, arms: Sequence[str], features: int, *, family: Family = "linear", ridge: float = 1.0, noise: float = 1.0
    ) -> Self:
        """Nothing seen yet: coefficients are N(0, noise² / ridge) (linear) or N(0, 1 / ridge) (logistic).

        Raises
        ------
        InputError
            If names repeat, or a number is not above 0.
        """
        check_arms(arms)
        for name, value in (("features", features), ("ridge", ridge), ("noise", noise)):
            if not value > 0:
                raise InputError.of(f"{name} is not above 0", "Pass e.g. 1", column=name, value=value)
        count = len(arms)
        precision = ridge / noise**2 if family == "linear" else ridge
        return cls(
            arms=tuple(arms),
            root=np.tile(np.eye(features) * np.sqrt(precision), (count, 1, 1)),
            weighted=np.zeros((count, features)),
            coefficients=np.zeros((count, features)),
            seen=np.zeros(count, dtype=np.int64),
            family=family,
            noise=noise,
        )

    @property
    def features(self) -> int:
        """Length d of a context."""
        return int(self.root.shape[2])

    def update(self, contexts: ArrayLike, arm: ArrayLike, reward: ArrayLike) -> Self:
        """Learn from a batch.

        Parameters
        ----------
        contexts
            Shape (n, d).
        arm, reward
            Indices of the arms shown, and rewards; shape (n,).

        Raises
        ------
        InputError
            If shapes disagree, an arm is unknown, or a number is not finite.
        """
        x, index, y = self._batch(contexts, arm, reward)
        root, weighted = self.root.copy(), self.weighted.copy()
        coefficients, seen = self.coefficients.copy(), self.seen.copy()
        _learn(x, index, y, root, weighted, coefficients, seen, self.family == "logistic", self.noise)
        return replace(self, root=root, weighted=weighted, coefficients=coefficients, seen=seen)

    def scores(self, contexts: ArrayLike) -> ScoreTable:
        """Posterior of every arm's score x'β for contexts of shape (n, d)."""
        x = self._contexts(contexts)
        mean, width = _score(x, self.root, self.coefficients)
        return ScoreTable(arms=self.arms, means=mean, widths=width)

    def decide(self, contexts: ArrayLike, rng: np.random.Generator, *, better: Better = "higher") -> Ints:
        """An arm for each context, drawn by Thompson sampling; shape (n,). Arms draw independently for each context."""
        x = self._contexts(contexts)
        noise = rng.standard_normal((len(x), len(self.arms)))
        return np.asarray(_choose(x, self.root, self.coefficients, noise, 1.0 if better == "higher" else -1.0))

    def replay(
        self, contexts: ArrayLike, rewards: ArrayLike, rng: np.random.Generator, *, better: Better = "higher"
    ) -> tuple[Self, Ints]:
        """Decide and learn one by one through a table of what every arm would have earned, compiled as a whole.

        Parameters
        ----------
        contexts, rewards
            Shapes (n, d) and (n, K); only the chosen arm's reward is looked at.

        Returns
        -------
        tuple
            What is believed in the end, and the arms chosen, shape (n,).
        """
        x, table = self._contexts(contexts), np.ascontiguousarray(rewards, dtype=np.float64)
        if table.shape != (len(x), len(self.arms)):
            raise InputError.of(
                "the table of rewards has the wrong shape", f"Pass ({len(x)}, {len(self.arms)})", column="rewards",
                value=table.shape,
            )  # fmt: skip
        for column in table.T:  # any of the rewards may be the one that is looked at
            self._batch(x, np.zeros(len(x), dtype=np.int64), column)
        end = replace(
            self, root=self.root.copy(), weighted=self.weighted.copy(), coefficients=self.coefficients.copy(),
            seen=self.seen.copy(),
        )  # fmt: skip
        noise = rng.standard_normal((len(x), len(self.arms)))
        sign = 1.0 if better == "higher" else -1.0
        state = (end.root, end.weighted, end.coefficients, end.seen)
        return end, np.asarray(_replay(x, table, noise, sign, *state, self.family == "logistic", self.noise))

    def propensities(self, contexts: ArrayLike, *, better: Better = "higher", floor: float = 0.0) -> Floats:
        """Exact probability with which each arm is drawn, shape (n, K): what belongs in the log beside the arm."""
        table = self.scores(contexts)
        rows = [
            with_floor(best_arm(table.row(number), better=better).p_best, floor) for number in range(len(table.means))
        ]
        return np.asarray(rows).reshape(len(rows), len(self.arms))

    def expected(self, contexts: ArrayLike) -> Floats:
        """Posterior mean reward of every arm (logistic: by the probit approximation), shape (n, K)."""
        table = self.scores(contexts)
        if self.family == "linear":
            return table.means
        return expected_rate(table.means, table.widths)

    def _contexts(self, contexts: ArrayLike) -> Floats:
        x = np.ascontiguousarray(contexts, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != self.features:
            raise InputError.of(
                "contexts have the wrong shape", f"Pass (n, {self.features})", column="contexts", value=x.shape
            )
        if not np.isfinite(x).all():
            raise InputError.of("a context is not finite", "Correct or leave out the row", column="contexts")
        return x

    def _batch(self, contexts: ArrayLike, arm: ArrayLike, reward: ArrayLike) -> tuple[Floats, Ints, Floats]:
        x = self._contexts(contexts)
        index, y = np.ascontiguousarray(arm, dtype=np.int64), np.ascontiguousarray(reward, dtype=np.float64)
        if index.shape != (len(x),) or y.shape != (len(x),):
            raise InputError.of("contexts, arms and rewards differ in length", "Pass one of each a decision")
        if len(index) and not (index.min() >= 0 and index.max() < len(self.arms)):
            raise InputError.of("a batch names an unknown arm", f"Use 0 … {len(self.arms) - 1}", column="arm")
        if not np.isfinite(y).all():
            raise InputError.of("a reward is not a number", "Remove or correct the row", column="reward")
        if self.family == "logistic" and not np.isin(y, (0.0, 1.0)).all():
            raise InputError.of("a yes-or-no reward is neither 0 nor 1", "Use the linear family", column="reward")
        return x, index, y


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """Normal posteriors of the arms' scores for several contexts; ``means`` and ``widths`` of shape (n, K)."""

    arms: tuple[str, ...]
    means: Floats
    widths: Floats

    def row(self, number: int) -> NormalScores:
        """The posteriors for one context, as `bandits.propensity.best_arm` takes them."""
        return NormalScores(arms=self.arms, centre=self.means[number], width=self.widths[number])

    def mean(self) -> Floats:
        """Means averaged over the contexts, shape (K,)."""
        return np.asarray(self.means.mean(axis=0))


@nb.njit(cache=True)
def _learn(x, arm, y, root, weighted, coefficients, seen, logistic, noise):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    count, size = x.shape
    step = np.empty(size)
    for row in range(count):
        k = arm[row]
        weight, target = 1.0 / noise**2, y[row]
        if logistic:
            score = 0.0
            for i in range(size):
                score += x[row, i] * coefficients[k, i]
            share = 1.0 / (1.0 + np.exp(-score))
            weight = max(share * (1.0 - share), 1e-6)
            # the observation that a Newton step from here would see
            target = score + (y[row] - share) / weight
        for i in range(size):
            weighted[k, i] += weight * target * x[row, i]
            step[i] = np.sqrt(weight) * x[row, i]
        _grow(root[k], step)
        _solve(root[k], weighted[k], coefficients[k])
        seen[k] += 1


@nb.njit(cache=True)
def _grow(root, step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Cholesky factor of LL' + step step', in place (Givens rotations); ``step`` is used up."""
    size = len(step)
    for j in range(size):
        length = np.sqrt(root[j, j] ** 2 + step[j] ** 2)
        c, s = length / root[j, j], step[j] / root[j, j]
        root[j, j] = length
        for i in range(j + 1, size):
            root[i, j] = (root[i, j] + s * step[i]) / c
            step[i] = c * step[i] - s * root[i, j]


@nb.njit(cache=True)
def _solve(root, right, answer):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """LL'a = right, by substitution forwards and backwards."""
    size = len(right)
    for i in range(size):
        total = right[i]
        for j in range(i):
            total -= root[i, j] * answer[j]
        answer[i] = total / root[i, i]
    for i in range(size - 1, -1, -1):
        total = answer[i]
        for j in range(i + 1, size):
            total -= root[j, i] * answer[j]
        answer[i] = total / root[i, i]


@nb.njit(cache=True)
def _spread(root, x, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Standard deviation of x'β: the length of L⁻¹x."""
    total = 0.0
    for i in range(len(x)):
        value = x[i]
        for j in range(i):
            value -= root[i, j] * work[j]
        work[i] = value / root[i, i]
        total += work[i] ** 2
    return np.sqrt(total)


@nb.njit(cache=True)
def _score(x, root, coefficients):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    count, arms = len(x), len(root)
    mean, width = np.empty((count, arms)), np.empty((count, arms))
    work = np.empty(x.shape[1])
    for row in range(count):
        for k in range(arms):
            total = 0.0
            for i in range(x.shape[1]):
                total += x[row, i] * coefficients[k, i]
            mean[row, k] = total
            width[row, k] = _spread(root[k], x[row], work)
    return mean, width


@nb.njit(cache=True)
def _choose(x, root, coefficients, noise, sign):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    mean, width = _score(x, root, coefficients)
    chosen = np.empty(len(x), dtype=np.int64)
    for row in range(len(x)):
        best = -np.inf
        for k in range(len(root)):
            drawn = sign * (mean[row, k] + width[row, k] * noise[row, k])
            if drawn > best:
                best = drawn
                chosen[row] = k
    return chosen


@nb.njit(cache=True)
def _replay(x, rewards, noise, sign, root, weighted, coefficients, seen, logistic, spread):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    chosen = np.empty(len(x), dtype=np.int64)
    for row in range(len(x)):
        here = slice(row, row + 1)
        chosen[here] = _choose(x[here], root, coefficients, noise[here], sign)
        _learn(x[here], chosen[here], rewards[row, chosen[here]], root, weighted, coefficients, seen, logistic, spread)
    return chosen
