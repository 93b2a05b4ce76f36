"""The gradient of a geo's part of the collapsed density, compiled: expectations over the posterior of its coefficients.

The notation is that of `mmm.collapsed_kernel` and `mmm.geo_kernel`, which fills what is read here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import inner_compiled
from mmm.geo_kernel import fill_residual, weighted_square
from mmm.kernel_arrays import WEIGHT, KernelData, Work
from mmm.linear_kernel import FIRST_TRANSPOSED, PLAIN, SECOND_TRANSPOSED, product

FloatArray = NDArray[np.float64]


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
    channels, unit_cov, first = data.media.shape[1], work.small[2], data.shared.shape[2] - data.own.shape[1]
    coefficient, residual = work.small[0][0], work.residual
    _fill_shared_fit(data, work)
    for row in range(size):
        work.by_mean[row] = 0.0
        work.by_width[row] = 0.0
    for geo in range(geos):
        rows, omega, unit = work.rows[geo], work.precision[geo], work.unit_mean[geo]
        surplus = _unit_covariance(data, work, geo, unit_cov)
        for row in range(size):
            work.by_width[row] += unit[row] ** 2 + unit_cov[row, row] - 1.0
            surplus += 1.0 - unit_cov[row, row]
            coefficient[row] = work.mean[row] + work.width[row] * unit[row]
        fill_residual(data.outcome[geo], rows, coefficient, residual)
        for time in range(periods):
            residual[time] -= work.by_period[2, time]
        for column in range(data.own.shape[1]):
            level = work.shared_mean[first + column]
            for time in range(periods):
                residual[time] -= level * data.own[geo, column, time]
        for channel in range(channels):
            place = data.order[1 + channel]
            level, slope, row = coefficient[place], work.slope[geo, channel], rows[place]
            by_mean = 0.0
            for time in range(periods):
                pulled = omega[time] * residual[time]
                by_mean += pulled * row[time]
                slope[time] = pulled * level
            work.by_mean[place] += by_mean
        _uncertain_slopes(data, work, geo, unit_cov)
        surplus += weighted_square(omega, residual) + _shared_square(data, work, geo, gradient)
        work.by_sigma[geo] = surplus - periods


@inner_compiled
def _fill_shared_fit(data: KernelData, work: Work) -> None:
    """Mean and variance of what common columns and shocks fit in each period; its covariance with own columns.

    Where the noise is normal only the variance's sum over periods counts: they get its mean.
    """
    own, columns, periods = data.own.shape[1], data.shared.shape[2], work.by_period.shape[1]
    common, shared, covariance, sums = columns - own, data.shared[0], work.shared_cov, work.by_period
    mean_square = 0.0
    if data.degrees > 0.0:
        product((periods, common, common), (1.0, 0.0), shared, covariance, PLAIN, work.weighted_shared)
    else:
        for column in range(common):
            for other in range(common):
                mean_square += covariance[column, other] * data.common_gram[column, other]
        mean_square /= periods
    for time in range(periods):
        fit, square = 0.0, mean_square
        for column in range(common):
            fit += shared[time, column] * work.shared_mean[column]
            if data.degrees > 0.0:
                square += shared[time, column] * work.weighted_shared[time, column]
        if data.shocks:
            fit += work.shared_mean[columns + time]
            square += covariance[columns + time, columns + time]
        for column in range(own):
            work.fit_own[column, time] = covariance[columns + time, common + column] if data.shocks else 0.0
        sums[2, time], sums[3, time] = fit, square
    product((own, periods, common), (1.0, 1.0), covariance[common:], shared, SECOND_TRANSPOSED, work.fit_own)


@inner_compiled
def _unit_covariance(data: KernelData, work: Work, geo: int, unit_cov: FloatArray) -> float:
    """Posterior covariance (J, J) of a geo's unit coefficients, L⁻ᵀ (I + M) L⁻¹ with M = scaled Σ scaled'.

    The lift tests take their share off it.

    Returns
    -------
    float
        What the expected square of the residual, in units of the noise, has beside J − trace(unit_cov) and the parts
        of the mean and of the shared coefficients: −trace(M), and a share of the lift tests.
    """
    size, lifts = work.rows.shape[1], len(work.lift_weight)
    middle, half, inverse = work.small[0], work.small[1], work.inverse[geo]
    _scaled_variance(data, work, geo)
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
def _scaled_variance(data: KernelData, work: Work, geo: int) -> None:
    """Fill M = scaled Σ scaled' of one geo, (J, J), into ``work.small[0]``."""
    leading, (alike, shared) = data.leading, data.alike.shape
    kept, middle, part, cross = work.rows.shape[1] - leading, work.small[0], work.small[1], work.leading_cross
    scaled, first = work.scaled[geo * kept : (geo + 1) * kept], work.leading[geo]
    scaled_cov = work.scaled_cov[geo * kept : (geo + 1) * kept]
    product((kept, kept, shared), (1.0, 0.0), scaled_cov, scaled, SECOND_TRANSPOSED, part)
    for i in range(kept):
        for j in range(kept):
            middle[leading + i, leading + j] = part[i, j]
    alike_cross = work.alike_cross[geo * kept : (geo + 1) * kept]
    product((leading, kept, alike), (1.0, 0.0), first, alike_cross, SECOND_TRANSPOSED, part)
    for i in range(leading):
        for j in range(kept):
            middle[i, leading + j] = part[i, j]
            middle[leading + j, i] = part[i, j]
    product((alike, leading, alike), (1.0, 0.0), work.alike_cov, first, SECOND_TRANSPOSED, cross)
    product((leading, leading, alike), (1.0, 0.0), first, cross, PLAIN, middle)


@inner_compiled
def _uncertain_slopes(data: KernelData, work: Work, geo: int, unit_cov: FloatArray) -> None:
    """Take off ``work.slope[geo]`` the covariance of coefficients and fit, times Ω.

    ``work.long`` is left with the covariance of the coefficients with the geo's own part of the fit, and with the
    shared part: of intercept and channels, and of the further rows too where the noise is Student-t.
    """
    size, periods, channels = work.rows.shape[1], work.rows.shape[2], data.media.shape[1]
    shared, lifts, kept = data.alike.shape[1], len(work.lift_weight), size - data.leading
    low, count = (0, size) if data.degrees > 0.0 else (data.order[1], channels)
    own, both, left, steps, inverse = work.long[0], work.long[1], work.small[0], work.small[1], work.inverse[geo]
    for i in range(count):
        for j in range(size):
            left[i, j] = work.width[low + i] * unit_cov[low + i, j] * work.width[j]
        for j in range(kept):  # L⁻¹ is lower triangular: media have no part in the leading rows
            steps[i, j] = -work.width[low + i] * inverse[data.leading + j, low + i]
    product((count, periods, size), (1.0, 0.0), left, work.rows[geo], PLAIN, own)
    scaled_cov = work.scaled_cov[geo * kept : (geo + 1) * kept]
    product((count, shared, kept), (1.0, 0.0), steps, scaled_cov, PLAIN, work.cross)
    if lifts > 0:
        for i in range(low, low + count):
            for lift in range(lifts):
                work.lift_scratch[i, lift] *= work.width[i]
        product((count, shared, lifts), (-1.0, 1.0), work.lift_scratch[low:], work.lift_shared, PLAIN, work.cross)
    _shared_fit(data, work, geo, both[:count])
    for channel in range(channels):
        i, slope = data.order[1 + channel] - low, work.slope[geo, channel]
        for time in range(periods):
            slope[time] -= work.precision[geo, time] * (own[i, time] + both[i, time])


@inner_compiled
def _shared_fit(data: KernelData, work: Work, geo: int, out: FloatArray) -> None:
    """Covariances (n, T) with the shared fit of a geo, from those with the shared coefficients in ``work.cross``."""
    count, periods, columns = len(out), out.shape[1], data.shared.shape[2]
    out[:] = 0.0
    if data.shocks:
        for i in range(count):
            fit, shocked = out[i], work.cross[i, columns : columns + periods]
            for time in range(periods):
                fit[time] = shocked[time]
    product((count, periods, columns), (1.0, 1.0), work.cross, data.shared[geo], SECOND_TRANSPOSED, out)


@inner_compiled
def _shared_square(data: KernelData, work: Work, geo: int, gradient: FloatArray) -> float:
    """Trace of [Z I]'Ω[Z I] times the covariance of the shared coefficients.

    With Student-t noise also the gradient by the log weights λ of one geo: ½ − ½ ω E[e²].
    """
    own, periods = data.own.shape[1], len(work.residual)
    omega, first, columns, square = work.precision[geo], data.shared.shape[2] - own, data.own[geo], work.square
    for time in range(periods):
        square[time] = work.by_period[3, time]
    for column in range(own):
        with_fit, mine = work.fit_own[column], columns[column]
        for time in range(periods):
            square[time] += 2.0 * with_fit[time] * mine[time]
        for other in range(own):
            covariance, theirs = work.shared_cov[first + column, first + other], columns[other]
            for time in range(periods):
                square[time] += covariance * theirs[time] * mine[time]
    if data.degrees > 0.0:
        for time in range(periods):
            apart = work.residual[time] ** 2
            for row in range(work.rows.shape[1]):
                apart += work.rows[geo, row, time] * (work.long[0][row, time] + 2.0 * work.long[1][row, time])
            place = data.blocks[WEIGHT] + geo * periods + time
            gradient[place] = 0.5 - 0.5 * omega[time] * (apart + square[time])
    total = 0.0
    for time in range(periods):
        total += omega[time] * square[time]
    return total
