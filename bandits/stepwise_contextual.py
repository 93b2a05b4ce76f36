"""Linear Thompson sampling that learns after every single decision, where no log and no propensity is needed."""

from __future__ import annotations

from collections.abc import Sequence

import numba as nb
import numpy as np

from bandits.contextual import ContextualThompson, grow
from bandits.rewards import Floats
from measurement.errors import InputError

#: Noise drawn at a time.
_BATCH = 16_384


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
    Each arm keeps the Cholesky factor of its precision and the factor's inverse M, so that a score's standard deviation
    is the length of Mx: products only, where a triangular solve would wait for one division after the other.

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
        "_coefficients", "_context", "_inverse", "_noise", "_normals", "_place", "_rng", "_root", "_seen", "_weighted",
        "_work", "arms", "features",
    )  # fmt: skip

    def __init__(
        self, arms: Sequence[str], features: int, *, seed: int, ridge: float = 1.0, noise: float = 1.0
    ) -> None:
        start = ContextualThompson.empty(arms, features, ridge=ridge, noise=noise)
        self.arms, self.features, self._noise = start.arms, features, noise
        self._root, self._weighted, self._coefficients = start.root, start.weighted, start.coefficients
        self._inverse = np.tile(np.eye(features) / start.root[0, 0, 0], (len(self.arms), 1, 1))
        self._seen = start.seen
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
        arm = _choose(self._context, self._inverse, self._coefficients, self._normals, self._place)
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
            self._context, arm, reward, self._noise, self._root, self._inverse, self._weighted, self._coefficients,
            self._work,
        )  # fmt: skip
        self._seen[arm] += 1

    def policy(self) -> ContextualThompson:
        """What is believed now, as the policy that knows propensities."""
        return ContextualThompson(
            arms=self.arms, root=self._root.copy(), weighted=self._weighted.copy(),
            coefficients=self._coefficients.copy(), seen=self._seen.copy(), noise=self._noise,
        )  # fmt: skip


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _choose(x, inverse, coefficients, normals, place):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    best, arm, size = -np.inf, -1, len(x)
    for k in range(len(inverse)):
        score, length = 0.0, 0.0
        for i in range(size):
            score += coefficients[k, i] * x[i]
            part = 0.0
            for j in range(i + 1):
                part += inverse[k, i, j] * x[j]
            length += part * part
        drawn = score + np.sqrt(length) * normals[place, k]
        if drawn > best:
            best, arm = drawn, k
    return arm


@nb.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _learn(x, arm, reward, noise, root, inverse, weighted, coefficients, work):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    size, weight = len(x), 1.0 / noise**2
    factor, back = root[arm], inverse[arm]
    for i in range(size):
        weighted[arm, i] += weight * reward * x[i]
        work[i] = x[i] / noise
    grow(factor, work)
    # M = L⁻¹ row by row: row i is (e_i - Σ_j<i L_ij M_j) / L_ii
    for i in range(size):
        scale = 1.0 / factor[i, i]
        for j in range(i):
            back[i, j] = 0.0
        for k in range(i):
            share = factor[i, k] * scale
            for j in range(k + 1):
                back[i, j] -= share * back[k, j]
        back[i, i] = scale
    # mean = M'(M w)
    for i in range(size):
        part = 0.0
        for j in range(i + 1):
            part += back[i, j] * weighted[arm, j]
        work[i] = part
    for i in range(size):
        coefficients[arm, i] = 0.0
    for i in range(size):
        for j in range(i + 1):
            coefficients[arm, j] += back[i, j] * work[i]
