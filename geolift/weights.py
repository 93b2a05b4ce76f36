"""Simplex-constrained least squares: the one solver that every synthetic-control method here shares.

Minimises ``½ ‖y − w X‖² + ½ ridge ‖w‖²`` over ``w ≥ 0, Σ w = 1`` for many right-hand sides ``y`` against one set of
donors ``X``. The data are centred and scaled inside, so that the unit of the outcome does not matter, and every
solution carries its duality gap: an upper bound on how far its objective lies above the optimum, computed from the
data and not from the solver's own state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from measurement.errors import InputError

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

#: Largest duality gap, relative to the objective, that counts as solved.
CERTIFIED_GAP = 1e-9
#: A gap below this share of the data's own scale is rounding, not distance to the optimum.
ROUNDING = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimplexWeights:
    """Donor weights with their certificate.

    Attributes
    ----------
    weights
        Shape (R, J): one row a right-hand side, non-negative, each row sums to 1.
    objective
        Shape (R,): ``½ ‖y − w X‖² + ½ ridge ‖w‖²`` in the squared unit of the data.
    gap
        Shape (R,): upper bound on objective minus optimum, in the unit of the objective.
    relative_gap
        Shape (R,): ``gap / objective``, 0 where the gap is within the rounding of the data (exact fits). The gap
        never exceeds the objective: the optimum is not negative.
    """

    weights: FloatArray
    objective: FloatArray
    gap: FloatArray
    relative_gap: FloatArray

    @property
    def certified(self) -> bool:
        """Whether every row is optimal up to `CERTIFIED_GAP`."""
        return bool((self.relative_gap <= CERTIFIED_GAP).all())


def simplex_least_squares(
    targets: FloatArray,
    donors: FloatArray,
    *,
    allowed: BoolArray | None = None,
    ridge: float = 0.0,
    warm: bool = False,
) -> SimplexWeights:
    """The convex combination of donors that lies closest to each target.

    Parameters
    ----------
    targets
        Shape (R, T) or (T,): right-hand sides.
    donors
        Shape (J, T): one row a donor.
    allowed
        Shape (R, J): which donors each right-hand side may use; left out, all of them.
    ridge
        Penalty on ``‖w‖²``, in the squared unit of the data (synthetic difference-in-differences uses ``ζ² T``).
    warm
        Start each row at the solution of the row before; worth it where neighbours are alike. The result is the
        same up to the certified gap.

    Returns
    -------
    SimplexWeights

    Raises
    ------
    InputError
        Where there is no donor, shapes do not match, or values are missing.

    Notes
    -----
    Active set on the shared Gram matrix (`geolift.active_set`), for a single right-hand side on as much of it as is
    needed (`geolift.single_problem`); then iterative refinement on the data themselves for rows whose gap, recomputed
    from the residuals, is still above `CERTIFIED_GAP`.

    Examples
    --------
    >>> donors = np.array([[0.0, 2.0, 4.0], [2.0, 2.0, 2.0], [9.0, 0.0, 9.0]])
    >>> simplex_least_squares(np.array([1.0, 2.0, 3.0]), donors).weights.round(3)
    array([[0.5, 0.5, 0. ]])
    """
    rows = np.asarray(targets, dtype=np.float64, order="C")
    if rows.ndim < 2:
        rows = rows.reshape(1, -1)
    matrix = np.asarray(donors, dtype=np.float64, order="C")
    _check(rows, matrix, allowed)
    if len(rows) == 1:
        alone = _alone(rows[0], matrix, allowed, ridge)
        if alone is not None:
            return alone
    mask = np.ones((len(rows), len(matrix)), dtype=np.bool_) if allowed is None else np.asarray(allowed, dtype=np.bool_)
    # Σ w = 1: moving donors and targets by one common series, and scaling all alike, leaves the minimiser unchanged.
    centre = matrix.mean(axis=0)
    moved, aims = matrix - centre, rows - centre
    scale = float(np.sqrt(np.mean(moved**2))) or float(np.sqrt(np.mean(aims**2))) or 1.0
    moved, aims = moved / scale, aims / scale
    penalty = ridge / scale**2
    weights = _solve(aims, moved, mask, penalty=penalty, warm=warm)
    gap, objective = _certificate(aims, moved, mask, weights, penalty)
    floor = ROUNDING * (np.sum(aims**2, axis=1) + float(np.max(np.sum(moved**2, axis=1))))
    relative = _relative(gap, objective, floor)
    for row in np.flatnonzero(relative > CERTIFIED_GAP / 10):
        better = _refine(aims[row], moved, mask[row], weights[row], penalty)
        new_gap, new_objective = _certificate(aims[row : row + 1], moved, mask[row : row + 1], better[None], penalty)
        if new_gap[0] < gap[row]:
            weights[row], gap[row], objective[row] = better, new_gap[0], new_objective[0]
    return SimplexWeights(
        weights=weights,
        objective=objective * scale**2,
        gap=gap * scale**2,
        relative_gap=_relative(gap, objective, floor),
    )


def _relative(gap: FloatArray, objective: FloatArray, floor: FloatArray) -> FloatArray:
    return np.asarray(np.divide(gap, objective, out=np.zeros_like(gap), where=gap > floor), dtype=np.float64)


def _check(targets: FloatArray, donors: FloatArray, allowed: BoolArray | None) -> None:
    if donors.ndim != 2 or len(donors) == 0:
        raise InputError.of(
            "there is no donor to compare with", "Leave at least one geo untreated", column="donors", value=donors.shape
        )
    if targets.ndim != 2 or targets.shape[1] != donors.shape[1] or targets.shape[1] == 0:
        raise InputError.of(
            "target and donors cover different numbers of periods",
            "Pass the same periods for both",
            column="targets",
            value=f"{targets.shape} beside donors {donors.shape}",
        )
    if len(targets) != 1 and not (np.isfinite(targets).all() and np.isfinite(donors).all()):  # one row: `_alone` looks
        raise InputError.of(*_NOT_FINITE, column="donors")
    if allowed is not None and (allowed.shape != (len(targets), len(donors)) or not allowed.any(axis=1).all()):
        raise InputError.of(
            "every target needs at least one allowed donor",
            "Leave at least one geo untreated",
            column="allowed",
            value=allowed.shape,
        )


_NOT_FINITE = ("values are missing or infinite", "Fill or drop those periods")
_EVERY: BoolArray = np.zeros(0, dtype=np.bool_)


@cache
def _single() -> Callable[[FloatArray, FloatArray, BoolArray, float, FloatArray, FloatArray], None]:
    """The compiled solver of one problem; numba is imported when it is first asked for."""
    from geolift.single_problem import solve_single

    return solve_single


def _alone(target: FloatArray, donors: FloatArray, allowed: BoolArray | None, ridge: float) -> SimplexWeights | None:
    """One right-hand side in one compiled call; ``None`` where its certificate falls short and refinement is due."""
    mask = _EVERY if allowed is None else np.ascontiguousarray(allowed[0], dtype=np.bool_)
    weights, told = np.empty((1, len(donors))), np.empty(4)
    _single()(target, donors, mask, float(ridge), weights[0], told)
    _, _, relative, steps = told.tolist()
    if steps < 0:
        raise InputError.of(*_NOT_FINITE, column="donors")
    if relative > CERTIFIED_GAP / 10:
        return None
    return SimplexWeights(weights=weights, objective=told[1:2], gap=told[:1], relative_gap=told[2:3])


def _solve(targets: FloatArray, donors: FloatArray, mask: BoolArray, *, penalty: float, warm: bool) -> FloatArray:
    from geolift import active_set

    gram = donors @ donors.T
    gram[np.diag_indices_from(gram)] += penalty
    weights = np.zeros((len(targets), len(donors)))
    gaps = np.zeros(len(targets))
    shift = float(np.mean(np.diag(gram))) or 1.0
    active_set.solve_many(gram, targets @ donors.T, np.sum(targets**2, axis=1), mask, shift, bool(warm), weights, gaps)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)


def _certificate(
    targets: FloatArray, donors: FloatArray, mask: BoolArray, weights: FloatArray, penalty: float
) -> tuple[FloatArray, FloatArray]:
    """Frank–Wolfe duality gap and objective, from the residuals."""
    residual = targets - weights @ donors
    slope = penalty * weights - residual @ donors.T
    lowest = np.where(mask, slope, np.inf).min(axis=1)
    # Centred at the lowest slope before weighting: the difference is exact where the slopes nearly agree.
    gap = np.maximum(np.sum(weights * (slope - lowest[:, None]), axis=1), 0.0)
    objective = 0.5 * np.sum(residual**2, axis=1) + 0.5 * penalty * np.sum(weights**2, axis=1)
    return np.asarray(np.minimum(gap, objective), dtype=np.float64), np.asarray(objective, dtype=np.float64)


def _refine(target: FloatArray, donors: FloatArray, mask: BoolArray, weights: FloatArray, penalty: float) -> FloatArray:
    """Re-solve on the support by QR of the differences to one member: no squared condition number."""
    best = weights.copy()
    for _ in range(4):
        slope = penalty * best - donors @ (target - best @ donors)
        level = float(best @ slope)
        entering = np.where(mask & (slope < level), slope, np.inf)
        support = set(np.flatnonzero(best > 0).tolist())
        if np.isfinite(entering.min()):
            support.add(int(entering.argmin()))
        best = _on_support(target, donors, np.array(sorted(support)), best, penalty)
    return best


def _on_support(
    target: FloatArray, donors: FloatArray, support: NDArray[np.intp], start: FloatArray, penalty: float
) -> FloatArray:
    current = start
    while len(support) > 1:
        anchor = support[int(np.argmax(current[support]))]
        others = support[support != anchor]
        root = np.sqrt(penalty)
        directions = (donors[others] - donors[anchor]).T
        rest = target - current @ donors
        if penalty > 0:
            block = np.zeros((len(donors), len(others)))
            block[others, np.arange(len(others))] = root
            block[anchor] = -root
            directions = np.vstack([directions, block])
            rest = np.concatenate([rest, -root * current])
        step = np.linalg.lstsq(directions, rest, rcond=1e-13)[0]
        moved = current.copy()
        moved[others] += step
        moved[anchor] -= step.sum()
        negative = support[moved[support] < 0]
        if len(negative) == 0:
            return moved
        reach = current[negative] / (current[negative] - moved[negative])
        current = current + float(reach.min()) * (moved - current)
        leaving = negative[int(np.argmin(reach))]
        current[leaving] = 0.0
        support = support[support != leaving]
    current = np.zeros_like(start)
    current[support] = 1.0
    return current
