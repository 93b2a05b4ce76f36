"""A geo's part of the collapsed density, compiled: its own coefficients integrated out, and their gradient.

The notation is that of `mmm.collapsed_kernel`; Ω is the diagonal precision of a geo's noise.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import compiled, inner_compiled
from mmm.kernel_arrays import WEIGHT, KernelData, Work

FloatArray = NDArray[np.float64]


@inner_compiled
def eliminate_geos(data: KernelData, work: Work, precision: FloatArray, score: FloatArray) -> float:
    """Integrate each geo's own coefficients out.

    Fills the geo blocks of ``work`` and adds to the shared precision (Q, Q) and score (Q,).

    Returns
    -------
    float
        The part of the log density that needs no shared coefficients.
    """
    geos, size, periods = work.rows.shape
    columns, channels = len(data.group), data.media.shape[1]
    logp, loads = 0.0, np.empty(geos * size)
    for geo in range(geos):
        rows, omega, residual = work.rows[geo], work.precision[geo], work.residual[geo]
        residual[:] = data.outcome[geo] - work.mean[0]
        for channel in range(channels):
            residual -= work.mean[channel + 1] * rows[channel + 1]
        weighted = rows * omega
        work.gram[geo] = np.dot(weighted, rows.T)
        work.cross[geo, :, :columns] = np.dot(weighted, data.shared[geo])
        if data.shocks:
            work.cross[geo, :, columns:] = weighted
        scaled = work.scaled[geo * size : (geo + 1) * size]
        load = loads[geo * size : (geo + 1) * size]
        load[:] = work.width * np.dot(weighted, residual)
        lower = _factor(work.gram[geo], work.width)
        for row in range(size):
            scaled[row] = work.cross[geo, row] * work.width[row]
        _forward(lower, scaled, load)
        _add_shared(data, work, geo, precision, score)
        logp -= 0.5 * ((omega * residual * residual).sum() - np.dot(load, load))
        logp -= periods * math.log(work.sigma[geo])
        for row in range(size):
            logp -= math.log(lower[row, row])
        inverse = np.eye(size)
        unused = np.zeros(size)
        _forward(lower, inverse, unused)
        work.block[geo] = np.dot(inverse.T, inverse)
        work.gain[geo * size : (geo + 1) * size] = np.dot(inverse.T, scaled)
        work.load[geo] = np.dot(inverse.T, load)
        if data.degrees > 0.0:
            start = data.blocks[WEIGHT] + geo * periods
            logp += 0.5 * work.values[start : start + periods].sum()
    for column in range(columns):
        for place in range(columns, len(score)):
            precision[column, place] = precision[place, column]
    precision -= np.dot(work.scaled.T, work.scaled)
    score -= np.dot(work.scaled.T, loads)
    return logp


@inner_compiled
def _factor(gram: FloatArray, width: FloatArray) -> FloatArray:
    """Cholesky factor of I + s G s."""
    size = len(width)
    block = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            block[i, j] = width[i] * gram[i, j] * width[j]
        block[i, i] += 1.0
    return np.linalg.cholesky(block)


@compiled
def _forward(lower: FloatArray, matrix: FloatArray, vector: FloatArray) -> None:
    """Solve L X = matrix and L x = vector in place."""
    for i in range(len(lower)):
        for j in range(i):
            factor = lower[i, j]
            for k in range(matrix.shape[1]):
                matrix[i, k] -= factor * matrix[j, k]
            vector[i] -= factor * vector[j]
        inverse = 1.0 / lower[i, i]
        for k in range(matrix.shape[1]):
            matrix[i, k] *= inverse
        vector[i] *= inverse


@inner_compiled
def _add_shared(data: KernelData, work: Work, geo: int, precision: FloatArray, score: FloatArray) -> None:
    """Add this geo's observations of the shared columns and shocks."""
    columns, periods = len(data.group), data.outcome.shape[1]
    omega, residual, shared = work.precision[geo], work.residual[geo], data.shared[geo]
    pulled = omega * residual
    score[:columns] += np.dot(pulled, shared)
    if data.degrees == 0.0:
        inverse_variance = omega[0]
        for i in range(columns):
            for j in range(columns):
                precision[i, j] += data.shared_gram[geo, i, j] * inverse_variance
    else:
        precision[:columns, :columns] += np.dot(shared.T * omega, shared)
    if data.shocks:
        for time in range(periods):
            place = columns + time
            score[place] += pulled[time]
            precision[place, place] += omega[time]
            row = precision[place]
            for column in range(columns):
                row[column] += omega[time] * shared[time, column]


@inner_compiled
def geo_slopes(
    data: KernelData,
    work: Work,
    geo: int,
    posterior: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    lift: tuple[FloatArray, FloatArray],
    slopes: tuple[FloatArray, FloatArray, FloatArray],
    gradient: FloatArray,
) -> None:
    """Expected complete-data gradient of one geo's likelihood, by transformed media, m, s, log σ and log λ.

    Parameters
    ----------
    data, work
        As in `mmm.collapsed_kernel.log_density`; fills ``work.slope[geo]``.
    geo
        Which.
    posterior
        Mean (Q,) and covariance (Q, Q) of the shared coefficients; this geo's gain times their covariance before the
        lift tests (J, Q); their covariance with the lift tests (Q, I).
    lift
        Precision of the lift tests (I, I), and covariance of this geo's unit coefficients with them (J, I).
    slopes
        By m (G, J), by s (G, J), by log σ (G,); this geo's entries are written.
    gradient
        Entries of log λ are written, where the noise is Student-t.
    """
    shared_mean, shared_cov, gain_cov, with_shared = posterior
    size, periods = work.rows.shape[1], work.rows.shape[2]
    columns, shared = len(data.group), data.shared[geo]
    rows, unit, width, omega = work.rows[geo], work.unit_mean[geo], work.width, work.precision[geo]
    unit_cov = work.block[geo] + np.dot(gain_cov, work.gain[geo * size : (geo + 1) * size].T)
    unit_shared = -gain_cov
    if len(lift[0]) > 0:
        pulled = np.dot(lift[1], lift[0])
        unit_cov = unit_cov - np.dot(pulled, lift[1].T)
        unit_shared = unit_shared - np.dot(pulled, with_shared.T)
    coefficient = work.mean + width * unit
    residual = data.outcome[geo] - np.dot(coefficient, rows) - np.dot(shared, shared_mean[:columns])
    if data.shocks:
        residual -= shared_mean[columns:]
    row_residual = np.dot(rows, omega * residual)
    cross, gram = work.cross[geo], work.gram[geo]
    square = (omega * residual * residual).sum()
    for i in range(size):
        inner, outer = 0.0, 0.0
        for j in range(size):
            inner += gram[i, j] * width[j] * unit_cov[j, i]
        for k in range(len(shared_mean)):
            outer += cross[i, k] * unit_shared[i, k]
        slopes[0][geo, i] = row_residual[i]
        slopes[1][geo, i] = row_residual[i] * unit[i] - inner - outer
        square += width[i] * (inner + 2.0 * outer)
    square += _shared_square(data, work, geo, shared_cov)
    slopes[2][geo] = square - periods
    channels = data.media.shape[1]
    scaled_cov = unit_cov * width.reshape(size, 1) * width
    scaled_shared = unit_shared * width.reshape(size, 1)
    slope = -np.dot(scaled_cov[1 : channels + 1], rows)
    slope -= np.dot(np.ascontiguousarray(scaled_shared[1 : channels + 1, :columns]), shared.T)
    for channel in range(channels):
        for time in range(periods):
            level = slope[channel, time] + coefficient[channel + 1] * residual[time]
            if data.shocks:
                level -= scaled_shared[channel + 1, columns + time]
            work.slope[geo, channel, time] = omega[time] * level
    if data.degrees > 0.0:
        _weight_slopes(data, work, geo, (residual, shared_cov, scaled_cov, scaled_shared), gradient)


@inner_compiled
def _shared_square(data: KernelData, work: Work, geo: int, covariance: FloatArray) -> float:
    """Trace of [Z I]'Ω[Z I] times the covariance of the shared coefficients."""
    columns, periods = len(data.group), data.outcome.shape[1]
    omega, shared, total = work.precision[geo], data.shared[geo], 0.0
    if data.degrees == 0.0:
        for i in range(columns):
            for j in range(columns):
                total += data.shared_gram[geo, i, j] * covariance[i, j]
        total *= omega[0]
    else:
        inner = np.dot(shared, np.ascontiguousarray(covariance[:columns, :columns]))
        for time in range(periods):
            total += omega[time] * np.dot(inner[time], shared[time])
    if data.shocks:
        for time in range(periods):
            place, cross = columns + time, 0.0
            for column in range(columns):
                cross += shared[time, column] * covariance[place, column]
            total += omega[time] * (covariance[place, place] + 2.0 * cross)
    return total


@inner_compiled
def _weight_slopes(
    data: KernelData,
    work: Work,
    geo: int,
    posterior: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    gradient: FloatArray,
) -> None:
    """Gradient by the log weights λ of one geo: ½ − ½ ω E[e²]."""
    residual, shared_cov, scaled_cov, scaled_shared = posterior
    columns, periods = len(data.group), data.outcome.shape[1]
    rows, shared = work.rows[geo], data.shared[geo]
    own = np.dot(scaled_cov, rows)
    both = np.dot(np.ascontiguousarray(scaled_shared[:, :columns]), shared.T)
    all_ = np.dot(shared, np.ascontiguousarray(shared_cov[:columns, :columns]))
    start = data.blocks[WEIGHT] + geo * periods
    for time in range(periods):
        square = residual[time] ** 2 + np.dot(all_[time], shared[time])
        for row in range(len(rows)):
            square += rows[row, time] * (own[row, time] + 2.0 * both[row, time])
        if data.shocks:
            place = columns + time
            square += shared_cov[place, place]
            for column in range(columns):
                square += 2.0 * shared[time, column] * shared_cov[place, column]
            for row in range(len(rows)):
                square += 2.0 * rows[row, time] * scaled_shared[row, place]
        gradient[start + time] = 0.5 - 0.5 * work.precision[geo, time] * square
