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
        "_coefficients", "_context", "_covariance", "_noise", "_normals", "_place", "_precision", "_rng", "_seen",
        "_weighted", "_work", "arms", "features",
    )  # fmt: skip

    def __init__(
        self, arms: Sequence[str], features: int, *, seed: int, ridge: float = 1.0, noise: float = 1.0
    ) -> None:
        start = ContextualThompson.empty(arms, features, ridge=ridge, noise=noise)
        self.arms, self.features, self._noise = start.arms, features, noise
        self._weighted, self._coefficients = start.weighted, start.coefficients
        self._precision = start.root**2  # diagonal in the beginning
        self._covariance = np.tile(np.eye(features) / start.root[0, 0, 0] ** 2, (len(self.arms), 1, 1))
        self._seen = [0] * len(self.arms)
        self._context, self._work = np.zeros(features), np.zeros(features)
        self._rng = np.random.default_rng(seed)
        self._normals = np.empty((max(_BATCH // len(self.arms), 1), len(self.arms)))
        self._place = len(self._normals)

    def choose(self, context: Floats) -> int:
        """Index of the arm to show; ``context`` of shape (features,), finite. It is kept for `learn`."""
        if len(context) != self.features:
            raise InputError.of(
                "the context has the wrong length", f"Pass {self.features} numbers", column="context",
                value=len(context),
            )  # fmt: skip
        self._context[:] = context
        if self._place >= len(self._normals):
            self._rng.standard_normal(out=self._normals)
            self._place = 0
        arm = _choose(self._context, self._covariance, self._coefficients, self._normals, self._place)
        self._place += 1
        if arm < 0:
            raise InputError.of("a context is not finite", "Correct or leave out the row", column="context")
        return int(arm)

    def learn(self, arm: int, reward: float, context: Floats | None = None) -> None:
        """Note the reward of ``arm`` in ``context``; left out, that of the last `choose`.

        Raises
        ------
        InputError
            If the reward or the context is not finite, or there is no such arm.
        """
        if context is not None:
            if len(context) != self.features or not np.isfinite(context).all():
                raise InputError.of("the context has the wrong length or is not finite", "Correct it", column="context")
            self._context[:] = context
        if not -1e300 < reward < 1e300:
            raise InputError.of("a reward is not a number", "Remove or correct it", column="reward", value=reward)
        if not 0 <= arm < len(self.arms):
            raise InputError.of("there is no such arm", f"Use 0 … {len(self.arms) - 1}", column="arm", value=arm)
        _learn(
            self._context, arm, reward, self._noise, self._precision, self._covariance, self._weighted,
            self._coefficients, self._work,
        )  # fmt: skip
        self._seen[arm] += 1
        if self._seen[arm] % _REFRESH == 0:
            self._covariance[arm] = np.linalg.inv(self._precision[arm])
            self._coefficients[arm] = self._covariance[arm] @ self._weighted[arm]

    def policy(self) -> ContextualThompson:
        """What is believed now, as the policy that knows propensities."""
        return ContextualThompson(
            arms=self.arms, root=np.linalg.cholesky(self._precision), weighted=self._weighted.copy(),
            coefficients=self._coefficients.copy(), seen=np.array(self._seen, dtype=np.int64), noise=self._noise,
        )  # fmt: skip


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _choose(x, covariance, coefficients, normals, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    best, arm, size = -np.inf, -1, len(x)
    for k in range(len(covariance)):
        score, variance = 0.0, 0.0
        for i in range(size):
            score += coefficients[k, i] * x[i]
            part = 0.0
            for j in range(size):
                part += covariance[k, i, j] * x[j]
            variance += part * x[i]
        drawn = score + np.sqrt(variance) * normals[place, k]
        if drawn > best:
            best, arm = drawn, k
    return arm


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _learn(x, arm, reward, noise, precision, covariance, weighted, coefficients, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    size, weight = len(x), 1.0 / noise**2
    spread, expected = noise**2, 0.0
    for i in range(size):
        part = 0.0
        for j in range(size):
            part += covariance[arm, i, j] * x[j]
        work[i] = part
        spread += part * x[i]
        expected += coefficients[arm, i] * x[i]
    surprise = (reward - expected) / spread
    for i in range(size):
        weighted[arm, i] += weight * reward * x[i]
        coefficients[arm, i] += surprise * work[i]
        gain, seen = work[i] / spread, weight * x[i]
        for j in range(size):
            covariance[arm, i, j] -= gain * work[j]
            precision[arm, i, j] += seen * x[j]
