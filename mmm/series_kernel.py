"""What all geos share in a period, as one series in the compiled density: common columns and shocks together.

With shocks b ~ N(0, τ² I) and common columns X w, w = D u, u ~ N(0, I), the data see no more than f = X w + b, whose
prior is N(0, K), K = τ² I + X D² X'. So f stands in the place of the shocks, and w in none: fewer unknowns, and no
product with X for any geo. With X = QR, Q'Q = I, and C = τ² I + R D² R'::

    K⁻¹ = (I − QQ') / τ² + Q C⁻¹ Q'      log det K = 2 (T − rank) log τ + log det C      E[u | f] = D R' C⁻¹ Q' f

Q is the same for all parameters, so that small shocks take no digits off the rest. The slope of a Gaussian's log
density by log K in any direction is half the trace of K⁻¹ E[f f'] K⁻¹ − K⁻¹ times that direction; with
V = C⁻¹ Q' E[f f'] Q C⁻¹ it needs no more than V − C⁻¹.

Arrays hold Q' with a column for every shared coefficient, zero but for the places of the series.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import inner_compiled
from mmm.kernel_arrays import KernelData, Work
from mmm.linear_kernel import FIRST_TRANSPOSED, PLAIN, SECOND_TRANSPOSED, invert_positive, product

FloatArray = NDArray[np.float64]


@inner_compiled
def add_series_prior(data: KernelData, work: Work) -> float:
    """Add K⁻¹ to the precision of the shared coefficients; gives half the log determinant of K.

    Fills ``merged_scaled`` (R D), ``merged_pull`` (C⁻¹) and ``series_pull`` (C⁻¹ Q') of ``work``.
    """
    (rank, merged), (periods, shared) = data.merged.shape, data.series_rest.shape
    sd, pull, scaled = work.shared_sd[merged + shared - 1], work.merged_pull, work.merged_scaled
    for row in range(rank):
        for column in range(merged):
            scaled[row, column] = data.merged[row, column] * work.shared_sd[column]
    product((rank, rank, merged), (1.0, 0.0), scaled, scaled, SECOND_TRANSPOSED, pull)
    for row in range(rank):
        pull[row, row] += sd**2
    half: float = (periods - rank) * math.log(sd) + invert_positive(pull)
    product((rank, shared, rank), (1.0, 0.0), pull, data.series_basis, PLAIN, work.series_pull)
    precision = work.shared_cov
    for time in range(periods):
        row_ = precision[shared - periods + time]
        for place in range(shared):
            row_[place] += data.series_rest[time, place] / sd**2
    product((shared, shared, rank), (1.0, 1.0), data.series_basis, work.series_pull, FIRST_TRANSPOSED, precision)
    return half


@inner_compiled
def series_slopes(data: KernelData, work: Work) -> float:
    """Fill ``work.merged_pull`` with V − C⁻¹, and its product with R D for `merged_slope`; gives the slope by log τ."""
    (rank, merged), (periods, shared) = data.merged.shape, data.series_rest.shape
    covariance, mean, square, sd = work.shared_cov, work.shared_mean, work.series_square, work.shared_sd[-1]
    product((rank, shared, shared), (1.0, 0.0), work.series_pull, covariance, PLAIN, square)
    for row in range(rank):
        level = 0.0
        for place in range(shared):
            level += work.series_pull[row, place] * mean[place]
        for place in range(shared):
            square[row, place] += level * mean[place]
    product((rank, rank, shared), (1.0, -1.0), square, work.series_pull, SECOND_TRANSPOSED, work.merged_pull)
    product((rank, merged, rank), (1.0, 0.0), work.merged_pull, work.merged_scaled, PLAIN, work.merged_pulled)
    outside, inside = 0.0, 0.0
    for time in range(periods):
        at = shared - periods + time
        for place in range(shared):
            outside += data.series_rest[time, place] * (covariance[at, place] + mean[at] * mean[place])
    for row in range(rank):
        inside += work.merged_pull[row, row]
    slope: float = outside / sd**2 - (periods - rank) + inside * sd**2
    return slope


@inner_compiled
def merged_slope(work: Work, column: int) -> float:
    """Slope by the log standard deviation of a merged column."""
    total = 0.0
    for row in range(len(work.merged_scaled)):
        total += work.merged_scaled[row, column] * work.merged_pulled[row, column]
    return total


def draw_merged(data: KernelData, work: Work, shared: FloatArray, normals: FloatArray) -> FloatArray:
    """Coefficients of all columns and the shocks (Q,), from a draw of the shared ones (S,) and normal numbers (H,)."""
    merged, columns, scaled = data.merged.shape[1], data.shared.shape[2], work.merged_scaled
    sd = work.shared_sd[:merged]
    precision = np.eye(merged) + scaled.T @ scaled / work.shared_sd[-1] ** 2
    away = np.linalg.solve(np.linalg.cholesky(precision).T, normals)
    unit = scaled.T @ (work.series_pull @ shared) + away
    shocks = (shared - data.series_basis.T @ (scaled @ unit))[columns:]
    return np.concatenate([sd * unit, shared[:columns], shocks])
