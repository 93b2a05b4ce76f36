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
    logp = 0.0
    _clear_sums(work)
    for geo in range(geos):
        fill_residual(data.outcome[geo], work.rows[geo], work.mean, work.residual)
        logp -= 0.5 * weighted_square(work.precision[geo], work.residual) + periods * math.log(work.sigma[geo])
        _add_own_columns(data, work, geo)
        logp -= _whiten(data, work, geo)
        for row in range(size):
            logp += 0.5 * work.load[geo, row] ** 2
        if data.degrees > 0.0:
            for time in range(periods):
                logp += 0.5 * work.values[data.blocks[WEIGHT] + geo * periods + time]
    _add_common_columns(data, work)
    subtract_gram(work.scaled, work.shared_cov)
    _subtract_leading(data, work)
    return logp


@inner_compiled
def _clear_sums(work: Work) -> None:
    """Set to zero what is summed over geos."""
    for column in range(len(work.shared_score)):
        work.shared_score[column] = 0.0
        for other in range(column + 1):
            work.shared_cov[column, other] = 0.0
    for row in range(len(work.leading_gram)):
        work.leading_score[0, row] = 0.0
        for other in range(len(work.leading_gram)):
            work.leading_gram[row, other] = 0.0
    for time in range(work.by_period.shape[1]):
        work.by_period[0, time] = 0.0
        work.by_period[1, time] = 0.0


@inner_compiled
def fill_residual(outcome: FloatArray, rows: FloatArray, coefficient: FloatArray, residual: FloatArray) -> None:
    """The outcome less a geo's rows times their coefficients."""
    for time in range(len(residual)):
        residual[time] = outcome[time]
    for row in range(len(rows)):
        level = coefficient[row]
        if level != 0.0:
            for time in range(len(residual)):
                residual[time] -= level * rows[row, time]


@inner_compiled
def weighted_square(omega: FloatArray, residual: FloatArray) -> float:
    """Square of a residual in units of the noise."""
    square = 0.0
    for time in range(len(residual)):
        square += omega[time] * residual[time] * residual[time]
    return square


@inner_compiled
def _add_own_columns(data: KernelData, work: Work, geo: int) -> None:
    """Add a geo's part of [Z I]'Ω[Z I] and [Z I]'Ω times the residual: its own columns, and the sums over geos."""
    own, columns, periods = data.own.shape[1], data.shared.shape[2], len(work.residual)
    omega, residual, precision = work.precision[geo], work.residual, work.shared_cov
    first, sums, weighted = columns - own, work.by_period, work.weighted_own
    for time in range(periods):
        sums[0, time] += omega[time]
        sums[1, time] += omega[time] * residual[time]
    for column in range(own):
        score = 0.0
        for time in range(periods):
            weighted[column, time] = omega[time] * data.own[geo, column, time]
            score += weighted[column, time] * residual[time]
        work.shared_score[first + column] += score
        if data.shocks:
            for time in range(periods):
                precision[columns + time, first + column] += weighted[column, time]
        if data.degrees == 0.0:
            for other in range(columns):
                precision[first + column, other] += omega[0] * data.own_gram[geo, column, other]
    if data.degrees > 0.0:
        product((own, columns, periods), (1.0, 1.0), weighted, data.shared[geo], PLAIN, precision[first:])


@inner_compiled
def _add_common_columns(data: KernelData, work: Work) -> None:
    """The same for the columns that all geos have alike, and the shocks."""
    columns, periods = data.shared.shape[2], work.by_period.shape[1]
    common, shared, sums = columns - data.own.shape[1], data.shared[0], work.by_period
    precision, score, weighted = work.shared_cov, work.shared_score, work.weighted_shared
    for time in range(periods):
        for column in range(common):
            score[column] += sums[1, time] * shared[time, column]
        if data.shocks:
            score[columns + time] += sums[1, time]
            precision[columns + time, columns + time] += sums[0, time]
    if data.degrees == 0.0:
        for column in range(common):
            for other in range(common):
                precision[column, other] += sums[0, 0] * data.common_gram[column, other]
        return
    for time in range(periods):
        for column in range(common):
            weighted[time, column] = sums[0, time] * shared[time, column]
    product((common, common, periods), (1.0, 1.0), weighted, shared, FIRST_TRANSPOSED, precision)


@inner_compiled
def _whiten(data: KernelData, work: Work, geo: int) -> float:
    """Fill L⁻¹, L⁻¹ s R Ω [Z I] and L⁻¹ s R Ω times the residual of one geo; gives half the log determinant of A."""
    size, periods = work.rows.shape[1], work.rows.shape[2]
    rows, omega, width, weighted = work.rows[geo], work.precision[geo], work.width, work.weighted
    inverse, pulled = work.inverse[geo], work.small[1][0]
    for row in range(size):
        total = 0.0
        for time in range(periods):
            weighted[row, time] = rows[row, time] * omega[time]
            total += weighted[row, time] * work.residual[time]
        pulled[row] = width[row] * total
    _fill_gram(data, work, geo)
    for i in range(size):
        for j in range(size):
            inverse[i, j] *= width[i] * width[j]
        inverse[i, i] += 1.0
    half = invert_factor(inverse)
    for i in range(size):
        total = 0.0
        for j in range(size):
            total += inverse[i, j] * pulled[j]
        work.load[geo, i] = total
    _whiten_leading(data, work, geo)
    _whiten_rest(data, work, geo)
    return half


@inner_compiled
def _fill_gram(data: KernelData, work: Work, geo: int) -> None:
    """Fill ``work.inverse`` of a geo with R Ω R'; ``work.weighted`` holds R Ω."""
    size, periods, gram = work.rows.shape[1], work.rows.shape[2], work.inverse[geo]
    if data.degrees > 0.0:
        product((size, size, periods), (1.0, 0.0), work.weighted, work.rows[geo], SECOND_TRANSPOSED, gram)
        return
    omega, first, channels = work.precision[geo, 0], data.order[1], data.media.shape[1]
    for i in range(size):
        for j in range(size):
            gram[i, j] = omega * data.fixed_gram[geo, i, j]
    product(
        (channels, size, periods), (1.0, 1.0), work.weighted[first:], work.rows[geo], SECOND_TRANSPOSED, gram[first:]
    )
    for i in range(channels):
        for j in range(size):
            gram[j, first + i] = gram[first + i, j]


@inner_compiled
def _whiten_rest(data: KernelData, work: Work, geo: int) -> None:
    """Fill ``work.scaled`` of a geo, L⁻¹ s R Ω [Z I], but for its leading rows; ``work.weighted`` holds R Ω."""
    columns, shared, leading, periods = data.shared.shape[2], data.alike.shape[1], data.leading, len(work.residual)
    inverse, steps, cross, kept = work.inverse[geo], work.small[0], work.cross, work.rows.shape[1] - data.leading
    product((kept, columns, periods), (1.0, 0.0), work.weighted[leading:], data.shared[geo], PLAIN, cross)
    if data.shocks:
        for row in range(kept):
            shocked, weighted = cross[row, columns : columns + periods], work.weighted[leading + row]
            for time in range(periods):
                shocked[time] = weighted[time]
    for i in range(kept):
        for j in range(kept):
            steps[i, j] = inverse[leading + i, leading + j] * work.width[leading + j]
    scaled = work.scaled[geo * kept : (geo + 1) * kept]
    product((kept, shared, kept), (1.0, 0.0), steps, cross, PLAIN, scaled)
    product((kept, shared, len(data.alike)), (1.0, 1.0), work.leading[geo, leading:], data.alike, PLAIN, scaled)


@inner_compiled
def _whiten_leading(data: KernelData, work: Work, geo: int) -> None:
    """Fill ``work.leading`` of a geo, L⁻¹ s ω [I, R Z] over the leading rows, and add to the sums over geos.

    Cross products of the leading rows with common columns and shocks are the same in all geos: `KernelData.alike`.
    """
    leading, omega, inverse, out = data.leading, work.precision[geo, 0], work.inverse[geo], work.leading[geo]
    for i in range(len(out)):
        for column in range(out.shape[1]):
            total = 0.0
            if column < leading:
                total = inverse[i, column] * work.width[column]
            else:
                for j in range(leading):
                    total += inverse[i, j] * work.width[j] * data.leading_own[geo, j, column - leading]
            out[i, column] = omega * total
    for i in range(leading):
        for column in range(out.shape[1]):
            work.leading_score[0, column] += out[i, column] * work.load[geo, i]
            for other in range(out.shape[1]):
                work.leading_gram[column, other] += out[i, column] * out[i, other]


@inner_compiled
def _subtract_leading(data: KernelData, work: Work) -> None:
    """Take off the shared precision what the leading rows explain, and off the score what all rows do."""
    alike, shared = data.alike.shape
    product((alike, shared, alike), (1.0, 0.0), work.leading_gram, data.alike, PLAIN, work.alike_product)
    scale = (-1.0, 1.0)
    product((shared, shared, alike), scale, data.alike, work.alike_product, FIRST_TRANSPOSED, work.shared_cov)
    for row in range(alike):
        for column in range(shared):
            work.shared_score[column] -= data.alike[row, column] * work.leading_score[0, row]
    kept = work.rows.shape[1] - data.leading
    for row in range(len(work.scaled)):
        load, scaled = work.load[row // kept, data.leading + row % kept], work.scaled[row]
        for column in range(shared):
            work.shared_score[column] -= scaled[column] * load


@inner_compiled
def fill_units(data: KernelData, work: Work) -> None:
    """Means (G, J) of the geos' unit coefficients, given the shared ones: L⁻ᵀ (load − scaled · shared)."""
    size, leading, shared, known = work.rows.shape[1], data.leading, work.shared_mean, work.leading_score[1]
    for row in range(len(known)):
        known[row] = 0.0
        for column in range(len(shared)):
            known[row] += data.alike[row, column] * shared[column]
    for geo in range(len(work.load)):
        unit = work.unit_mean[geo]
        for i in range(size):
            unit[i] = 0.0
        for j in range(size):
            rest = work.load[geo, j]
            if j < leading:
                for column in range(len(known)):
                    rest -= work.leading[geo, j, column] * known[column]
            else:
                row_ = work.scaled[geo * (size - leading) + j - leading]
                for column in range(len(shared)):
                    rest -= row_[column] * shared[column]
            for i in range(size):
                unit[i] += work.inverse[geo, j, i] * rest
