"""Linear Thompson sampling that learns after every single decision, where no log and no propensity is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numba as nb
import numpy as np

from bandits.contextual import ContextualThompson
from bandits.rewards import Floats
from measurement.errors import InputError

#: Noise drawn at a time.
_BATCH = 16_384
#: Rewards of an arm after which its covariance is made anew.
_REFRESH = 512


class StepwiseContextual:
    """`bandits.contextual.ContextualThompson` of the linear family, changed in place: one decision, one reward.

    Parameters
    ----------
    arms, features, ridge, noise
        As `ContextualThompson.empty` takes them.
    seed
        Of the draws.

    Notes
    -----
    Each arm keeps its precision, and its covariance by Sherman and Morrison (1950): products only, where a triangular
    solve would wait for one division after the other. Every `_REFRESH` rewards the covariance is made anew from the
    precision, so that rounding does not add up.

    A call from Python into compiled code costs as much as the arithmetic. So a reward is only noted, and learnt in the
    call that makes the next choice; all numbers stand in one array, because every array passed costs its share.

    Examples
    --------
    >>> policy = StepwiseContextual(("a", "b"), 2, seed=1)
    >>> for _ in range(100):
    ...     arm = policy.choose(np.array([1.0, 0.5]))
    ...     policy.learn(arm, float(arm == 1))
    >>> policy.choose(np.array([1.0, 0.5]))
    1
    """

    __slots__ = (
        "_beliefs", "_context", "_draws", "_next", "_noise", "_noted", "_place", "_reward", "_rng",
        "_seen", "_state", "arms", "features",
    )  # fmt: skip

    def __init__(
        self, arms: Sequence[str], features: int, *, seed: int, ridge: float = 1.0, noise: float = 1.0
    ) -> None:
        start = ContextualThompson.empty(arms, features, ridge=ridge, noise=noise)
        self.arms, self.features, self._noise = start.arms, features, noise
        count, square, block = len(self.arms), features**2, 2 * features * (features + 1)
        before = 3 * features + square
        self._draws = max(_BATCH // count, 1)
        # context learnt from, context to choose for, two pieces of scratch; then the arms' beliefs; then noise
        self._state = np.zeros(before + count * block + self._draws * count)
        self._context, self._next = self._state[:features], self._state[features : 2 * features]
        self._beliefs = self._state[before : before + count * block].reshape(count, block)
        self._beliefs[:, :square] = (np.eye(features) / start.root[0, 0, 0] ** 2).ravel()
        self._beliefs[:, square : 2 * square] = start.root[0].ravel() ** 2  # diagonal in the beginning
        self._noted, self._reward = -1, 0.0
        self._seen = [0] * count
        self._rng = np.random.default_rng(seed)
        self._place = self._draws

    def choose(self, context: Floats) -> int:
        """Index of the arm to show; ``context`` of shape (features,), finite. It is kept for `learn`."""
        if len(context) != self.features:
            raise InputError.of(
                "the context has the wrong length", f"Pass {self.features} numbers", column="context",
                value=len(context),
            )  # fmt: skip
        self._next[:] = context
        if self._place >= self._draws:
            self._state[-self._draws * len(self.arms) :] = self._rng.standard_normal(self._draws * len(self.arms))
            self._place = 0
        arm: int = _step(
            self._state, self.features, len(self.arms), self._noise, self._noted, self._reward, self._place
        )
        self._place += 1
        self._noted = -1
        if arm < 0:
            self._context[:] = 0.0  # a reward that is noted for it all the same teaches nothing
            raise InputError.of("a context is not finite", "Correct or leave out the row", column="context")
        return arm

    def learn(self, arm: int, reward: float, context: Floats | None = None) -> None:
        """Note the reward of ``arm`` in ``context``; left out, that of the last `choose`.

        Raises
        ------
        InputError
            If the reward or the context is not finite, or there is no such arm.
        """
        if context is not None and (len(context) != self.features or not np.isfinite(context).all()):
            raise InputError.of("the context has the wrong length or is not finite", "Correct it", column="context")
        if not -1e300 < reward < 1e300:
            raise InputError.of("a reward is not a number", "Remove or correct it", column="reward", value=reward)
        if not 0 <= arm < len(self.arms):
            raise InputError.of("there is no such arm", f"Use 0 … {len(self.arms) - 1}", column="arm", value=arm)
        if self._noted >= 0:
            self._settle()
        if context is not None:
            self._context[:] = context
        self._noted, self._reward = arm, float(reward)
        self._seen[arm] += 1
        if self._seen[arm] % _REFRESH == 0:
            self._renew(arm)

    def _settle(self) -> None:
        """Learn what was noted."""
        if self._noted >= 0:
            _learn(self._state, self.features, self._noise, self._noted, self._reward)
            self._noted = -1

    def _renew(self, arm: int) -> None:
        """The covariance of an arm from its precision."""
        self._settle()
        size, square = self.features, self.features**2
        covariance = np.linalg.inv(self._beliefs[arm, square : 2 * square].reshape(size, size))
        self._beliefs[arm, :square] = covariance.ravel()
        self._beliefs[arm, 2 * square : 2 * square + size] = covariance @ self._beliefs[arm, 2 * square + size :]

    def policy(self) -> ContextualThompson:
        """What is believed now, as the policy that knows propensities."""
        self._settle()
        size, square = self.features, self.features**2
        precision = self._beliefs[:, square : 2 * square].reshape(-1, size, size)
        return ContextualThompson(
            arms=self.arms, root=np.linalg.cholesky(precision), weighted=self._beliefs[:, 2 * square + size :].copy(),
            coefficients=self._beliefs[:, 2 * square : 2 * square + size].copy(),
            seen=np.array(self._seen, dtype=np.int64), noise=self._noise,
        )  # fmt: skip


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _learn(state, size, noise, arm, reward):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    square = size * size
    here = 3 * size + square + arm * 2 * size * (size + 1)
    x, work = state[:size], state[2 * size : 3 * size]
    belief = state[here : here + 2 * size * (size + 1)]
    coefficients, weighted = belief[2 * square : 2 * square + size], belief[2 * square + size :]
    weight, spread, expected = 1.0 / noise**2, noise**2, 0.0
    for i in range(size):
        row = belief[i * size : (i + 1) * size]
        part = 0.0
        for j in range(size):
            part += row[j] * x[j]
        work[i] = part
        spread += part * x[i]
        expected += coefficients[i] * x[i]
    surprise = (reward - expected) / spread
    for i in range(size):
        coefficients[i] += surprise * work[i]
        weighted[i] += weight * reward * x[i]
        gain, seen = work[i] / spread, weight * x[i]
        row, counted = belief[i * size : (i + 1) * size], belief[square + i * size : square + (i + 1) * size]
        for j in range(size):
            row[j] -= gain * work[j]
        for j in range(size):
            counted[j] += seen * x[j]


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _step(state, size, arms, noise, noted, reward, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Learn what was noted, then choose; -1 where the context is not finite.

    Slices, not sums of offsets, are indexed in the loops: only so the compiler sees that no index is negative and
    works on several numbers at once.
    """
    square = size * size
    before, block = 3 * size + square, 2 * size * (size + 1)
    if noted >= 0:
        _learn(state, size, noise, noted, reward)
    x, outer = state[:size], state[3 * size : before]
    x[:] = state[size : 2 * size]
    finite = 0.0
    for i in range(size):
        finite += 0.0 * x[i]
        row = outer[i * size : (i + 1) * size]
        for j in range(size):
            row[j] = x[i] * x[j]
    if finite != 0.0:
        return -1
    best, arm = -np.inf, -1
    start = before + arms * block + place * arms
    normals = state[start : start + arms]
    for k in range(arms):
        here = before + k * block
        covariance, coefficients = state[here : here + square], state[here + 2 * square : here + 2 * square + size]
        score, variance = 0.0, 0.0
        # x'Cx as one long product of C with xx', not one short one for each row
        for i in range(square):
            variance += covariance[i] * outer[i]
        for i in range(size):
            score += coefficients[i] * x[i]
        drawn = score + np.sqrt(max(variance, 0.0)) * normals[k]
        if drawn > best:
            best, arm = drawn, k
    return arm
