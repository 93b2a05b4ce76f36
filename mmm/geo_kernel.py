"""A geo's part of the collapsed density, compiled: its own coefficients integrated out, and their gradient.

The notation is that of `mmm.collapsed_kernel`; Ω is the diagonal precision of a geo's noise. The geo's unit
coefficients have prior precision I and, given the shared ones, posterior precision A = I + s R Ω R' s = LL'.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import inner_compiled
from mmm.kernel_arrays import WEIGHT, KernelData, Work
from mmm.linear_kernel import FIRST_TRANSPOSED, PLAIN, SECOND_TRANSPOSED, invert_factor, product, subtract_gram

FloatArray = NDArray[np.float64]


@inner_compiled
def eliminate_geos(data: KernelData, work: Work) -> float:
    """Integrate each geo's own coefficients out.

    Fills the geo blocks of ``work``, and the shared precision and score but for the prior; of the precision the lower
    triangle only.

    Returns
    -------
    float
        The part of the log density that needs no shared coefficients.
    """
    geos, size, periods = work.rows.shape
    shared, logp = len(work.shared_sd), 0.0
    for column in range(shared):
        work.shared_score[column] = 0.0
        for other in range(column + 1):
            work.shared_cov[column, other] = 0.0
    for geo in range(geos):
        _fill_residual(data.outcome[geo], work.rows[geo], work.mean, work.residual)
        logp -= 0.5 * _square(work.precision[geo], work.residual) + periods * math.log(work.sigma[geo])
        _add_shared(data, work, geo)
        logp -= _whiten(data, work, geo)
        for row in range(size):
            logp += 0.5 * work.load[geo, row] ** 2
        if data.degrees > 0.0:
            for time in range(periods):
                logp += 0.5 * work.values[data.blocks[WEIGHT] + geo * periods + time]
    subtract_gram(work.scaled, work.shared_cov)
    for geo in range(geos):
        for row in range(size):
            load, scaled = work.load[geo, row], work.scaled[geo * size + row]
            for column in range(shared):
                work.shared_score[column] -= scaled[column] * load
    return logp


@inner_compiled
def _fill_residual(outcome: FloatArray, rows: FloatArray, coefficient: FloatArray, residual: FloatArray) -> None:
    """The outcome less a geo's rows times their coefficients."""
    for time in range(len(residual)):
        residual[time] = outcome[time]
    for row in range(len(rows)):
        level = coefficient[row]
        if level != 0.0:
            for time in range(len(residual)):
                residual[time] -= level * rows[row, time]


@inner_compiled
def _square(omega: FloatArray, residual: FloatArray) -> float:
    """Square of a residual in units of the noise."""
    square = 0.0
    for time in range(len(residual)):
        square += omega[time] * residual[time] * residual[time]
    return square


@inner_compiled
def _add_shared(data: KernelData, work: Work, geo: int) -> None:
    """Add this geo's observations of the shared columns and shocks, [Z I]'Ω[Z I] and [Z I]'Ω times the residual."""
    periods, columns = data.shared[geo].shape
    omega, residual, shared = work.precision[geo], work.residual, data.shared[geo]
    precision, score = work.shared_cov, work.shared_score
    if data.degrees == 0.0:
        for i in range(columns):
            for j in range(i + 1):
                precision[i, j] += data.shared_gram[geo, i, j] * omega[0]
    for time in range(periods):
        pulled, weighted = omega[time] * residual[time], work.weighted_shared[time]
        for column in range(columns):
            score[column] += pulled * shared[time, column]
            weighted[column] = omega[time] * shared[time, column]
        if data.shocks:
            row = precision[columns + time]
            score[columns + time] += pulled
            row[columns + time] += omega[time]
            for column in range(columns):
                row[column] += weighted[column]
    if data.degrees > 0.0:
        product((columns, columns, periods), (1.0, 1.0), work.weighted_shared, shared, FIRST_TRANSPOSED, precision)


@inner_compiled
def _whiten(data: KernelData, work: Work, geo: int) -> float:
    """Fill L⁻¹, L⁻¹ s R Ω [Z I] and L⁻¹ s R Ω times the residual of one geo; gives half the log determinant of A."""
    size, periods = work.rows.shape[1], work.rows.shape[2]
    columns, shared = len(data.group), len(work.shared_sd)
    rows, omega, width, weighted = work.rows[geo], work.precision[geo], work.width, work.weighted
    inverse, steps, pulled = work.inverse[geo], work.small[0], work.small[1][0]
    for row in range(size):
        total = 0.0
        for time in range(periods):
            weighted[row, time] = rows[row, time] * omega[time]
            total += weighted[row, time] * work.residual[time]
        pulled[row] = width[row] * total
    product((size, size, periods), (1.0, 0.0), weighted, rows, SECOND_TRANSPOSED, inverse)
    for i in range(size):
        for j in range(size):
            inverse[i, j] *= width[i] * width[j]
        inverse[i, i] += 1.0
    half = invert_factor(inverse)
    product((size, columns, periods), (1.0, 0.0), weighted, data.shared[geo], PLAIN, work.cross)
    if data.shocks:
        for row in range(size):
            for time in range(periods):
                work.cross[row, columns + time] = weighted[row, time]
    for i in range(size):
        total = 0.0
        for j in range(size):
            steps[i, j] = inverse[i, j] * width[j]
            total += inverse[i, j] * pulled[j]
        work.load[geo, i] = total
    scaled = work.scaled[geo * size : (geo + 1) * size]
    product((size, shared, size), (1.0, 0.0), steps, work.cross, PLAIN, scaled)
    return half


@inner_compiled
def fill_units(geos: tuple[FloatArray, FloatArray, FloatArray], shared: FloatArray, unit: FloatArray) -> None:
    """Means (G, J) of the geos' unit coefficients, given shared ones (Q,): L⁻ᵀ (load − scaled · shared).

    ``geos`` holds ``load``, ``scaled`` and ``inverse`` of `Work`.
    """
    load, scaled, inverse = geos
    size = load.shape[1]
    for geo in range(len(load)):
        for i in range(size):
            unit[geo, i] = 0.0
        for j in range(size):
            rest, row = load[geo, j], scaled[geo * size + j]
            for column in range(len(shared)):
                rest -= row[column] * shared[column]
            for i in range(size):
                unit[geo, i] += inverse[geo, j, i] * rest


@inner_compiled
def geo_slopes(data: KernelData, work: Work, gradient: FloatArray) -> None:
    """Expected complete-data gradient of the geos' likelihood, by transformed media, m, log s, log σ and log λ.

    That by log s needs no likelihood: for u ~ N(0, I), integration by parts turns E[s u ∂logp/∂c] into E[u²] − 1.

    Parameters
    ----------
    data, work
        As in `mmm.collapsed_kernel.log_density`; fills ``slope``, ``by_mean``, ``by_width``, ``by_sigma`` of ``work``.
    gradient
        Entries of log λ are written, where the noise is Student-t.
    """
    geos, size, periods = work.rows.shape
    columns, channels, unit_cov = len(data.group), data.media.shape[1], work.small[2]
    coefficient, residual = work.small[0][0], work.residual
    for row in range(size):
        work.by_mean[row] = 0.0
        work.by_width[row] = 0.0
    for geo in range(geos):
        rows, omega, shared, unit = work.rows[geo], work.precision[geo], data.shared[geo], work.unit_mean[geo]
        surplus = _unit_covariance(work, geo, unit_cov)
        for row in range(size):
            work.by_width[row] += unit[row] ** 2 + unit_cov[row, row] - 1.0
            surplus += 1.0 - unit_cov[row, row]
            coefficient[row] = work.mean[row] + work.width[row] * unit[row]
        _fill_residual(data.outcome[geo], rows, coefficient, residual)
        for time in range(periods):
            for column in range(columns):
                residual[time] -= shared[time, column] * work.shared_mean[column]
            if data.shocks:
                residual[time] -= work.shared_mean[columns + time]
        for channel in range(channels):
            level, slope, row = coefficient[channel + 1], work.slope[geo, channel], rows[channel + 1]
            by_mean = 0.0
            for time in range(periods):
                pulled = omega[time] * residual[time]
                by_mean += pulled * row[time]
                slope[time] = pulled * level
            work.by_mean[channel + 1] += by_mean
        _uncertain_slopes(data, work, geo, unit_cov)
        surplus += _square(omega, residual) + _shared_square(data, work, geo, gradient)
        work.by_sigma[geo] = surplus - periods


@inner_compiled
def _unit_covariance(work: Work, geo: int, unit_cov: FloatArray) -> float:
    """Posterior covariance (J, J) of a geo's unit coefficients, L⁻ᵀ (I + M) L⁻¹ with M = scaled Σ scaled'.

    The lift tests take their share off it.

    Returns
    -------
    float
        What the expected square of the residual, in units of the noise, has beside J − trace(unit_cov) and the parts
        of the mean and of the shared coefficients: −trace(M), and a share of the lift tests.
    """
    size, shared, lifts = work.rows.shape[1], len(work.shared_sd), len(work.lift_weight)
    middle, half, inverse = work.small[0], work.small[1], work.inverse[geo]
    scaled_cov, scaled = work.scaled_cov[geo * size : (geo + 1) * size], work.scaled[geo * size : (geo + 1) * size]
    product((size, size, shared), (1.0, 0.0), scaled_cov, scaled, SECOND_TRANSPOSED, middle)
    surplus = 0.0
    for row in range(size):
        surplus -= middle[row, row]
        middle[row, row] += 1.0
    product((size, size, size), (1.0, 0.0), middle, inverse, PLAIN, half)
    product((size, size, size), (1.0, 0.0), inverse, half, FIRST_TRANSPOSED, unit_cov)
    if lifts > 0:
        units, white, load, pulled = work.lift_units[geo], work.lift_white[geo], work.lift_load[geo], work.lift_scratch
        product((size, lifts, lifts), (1.0, 0.0), units, work.lift_pull, PLAIN, pulled)
        product((size, size, lifts), (-1.0, 1.0), pulled, units, SECOND_TRANSPOSED, unit_cov)
        for row in range(size):
            for i in range(lifts):
                for j in range(lifts):
                    surplus += work.lift_pull[i, j] * white[row, i] * (white[row, j] - 2.0 * load[row, j])
    return surplus


@inner_compiled
def _uncertain_slopes(data: KernelData, work: Work, geo: int, unit_cov: FloatArray) -> None:
    """Take off ``work.slope[geo]`` the covariance of coefficients and fit, times Ω.

    ``work.long`` is left with the covariance of the coefficients with the geo's own part of the fit, and with the
    shared part: of intercept and channels, and of the further rows too where the noise is Student-t.
    """
    size, periods = work.rows.shape[1], work.rows.shape[2]
    columns, shared, channels, lifts = len(data.group), len(work.shared_sd), data.media.shape[1], len(work.lift_weight)
    count = size if data.degrees > 0.0 else channels + 1
    own, both, left, steps, inverse = work.long[0], work.long[1], work.small[0], work.small[1], work.inverse[geo]
    for i in range(count):
        for j in range(size):
            left[i, j] = work.width[i] * unit_cov[i, j] * work.width[j]
            steps[i, j] = -work.width[i] * inverse[j, i]
    product((count, periods, size), (1.0, 0.0), left, work.rows[geo], PLAIN, own)
    scaled_cov = work.scaled_cov[geo * size : (geo + 1) * size]
    product((count, shared, size), (1.0, 0.0), steps, scaled_cov, PLAIN, work.cross)
    if lifts > 0:
        for i in range(count):
            for lift in range(lifts):
                work.lift_scratch[i, lift] *= work.width[i]
        product((count, shared, lifts), (-1.0, 1.0), work.lift_scratch, work.lift_shared, PLAIN, work.cross)
    product((count, periods, columns), (1.0, 0.0), work.cross, data.shared[geo], SECOND_TRANSPOSED, both)
    for i in range(count):
        for time in range(periods):
            if data.shocks:
                both[i, time] += work.cross[i, columns + time]
            if 0 < i <= channels:
                work.slope[geo, i - 1, time] -= work.precision[geo, time] * (own[i, time] + both[i, time])


@inner_compiled
def _shared_square(data: KernelData, work: Work, geo: int, gradient: FloatArray) -> float:
    """Trace of [Z I]'Ω[Z I] times the covariance of the shared coefficients.

    With Student-t noise also the gradient by the log weights λ of one geo: ½ − ½ ω E[e²].
    """
    periods, columns = data.shared[geo].shape
    omega, shared, covariance, total = work.precision[geo], data.shared[geo], work.shared_cov, 0.0
    inner = work.weighted_shared
    if data.degrees == 0.0:
        for i in range(columns):
            for j in range(columns):
                total += data.shared_gram[geo, i, j] * covariance[i, j]
        total *= omega[0]
    else:
        product((periods, columns, columns), (1.0, 0.0), shared, covariance, PLAIN, inner)
    for time in range(periods):
        square, cross = 0.0, 0.0
        if data.shocks:
            row = covariance[columns + time]
            for column in range(columns):
                cross += shared[time, column] * row[column]
            square += row[columns + time] + 2.0 * cross
        if data.degrees > 0.0:
            for column in range(columns):
                square += inner[time, column] * shared[time, column]
            own = work.residual[time] ** 2
            for row_ in range(work.rows.shape[1]):
                own += work.rows[geo, row_, time] * (work.long[0][row_, time] + 2.0 * work.long[1][row_, time])
            place = data.blocks[WEIGHT] + geo * periods + time
            gradient[place] = 0.5 - 0.5 * omega[time] * (own + square)
        total += omega[time] * square
    return total
