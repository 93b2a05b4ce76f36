"""The collapsed posterior, compiled: log density and gradient with every linear coefficient integrated out.

Model, for geo g, in scaled units::

    y_g = H_g c_g + Z_g w + e_g        e_g ~ N(0, σ_g² I)
    c_g = m + s ∘ u_g                  u_g ~ N(0, I)   (intercept and channel effects of the geo)
    w   ~ N(0, diag(d²))               (shared columns: trend, knots, season, controls, organic)

H_g holds ones and the saturated media, so it depends on the shape parameters; m and s hold the national effects and
their spread. Given the non-linear parameters, (u, w) is Gaussian with an arrow-shaped precision: small blocks by geo
and one shared block. Its normalising constant is the marginal likelihood. The gradient needs no derivative of a
factorisation: by Fisher's identity it is the posterior expectation of the complete-data gradient, a function of
posterior means and covariances only. Lift tests are linear observations of c and enter as a low-rank update.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import compiled
from mmm.kernel_arrays import KernelData, Work
from mmm.kernels import adstock_into, media_slopes, saturate_into, weights_with_slopes
from mmm.lift_kernel import lift_moments, lift_slopes, lift_surprise

FloatArray = NDArray[np.float64]


@compiled
def transform_media(values: FloatArray, data: KernelData, work: Work) -> None:
    """Fill the transformed media, the national effects and the lift effects from the parameter values."""
    geos, channels, _ = data.media.shape
    adstock, adstock_count, saturation, saturation_count = data.kinds[0], data.kinds[1], data.kinds[2], data.kinds[3]
    shape_start = channels * (1 + adstock_count)
    spread_start = shape_start + channels * saturation_count
    for channel in range(channels):
        second = values[2 * channels + channel] if adstock_count == 2 else 0.0
        weights_with_slopes(adstock, values[channels + channel], second, work.weights[channel])
        half = values[shape_start + channel]
        slope = values[shape_start + channels + channel] if saturation_count == 2 else 0.0
        total = 0.0
        for geo in range(geos):
            adstock_into(data.media[geo, channel], work.weights[channel, 0], work.carried[geo, channel])
            saturate_into(saturation, half, slope, work.carried[geo, channel], work.saturated[geo, channel])
            work.rows[geo, 0, :] = 1.0
            work.rows[geo, channel + 1, :] = work.saturated[geo, channel, 0]
            total += (data.money[geo] * work.saturated[geo, channel, 0]).sum()
        work.total[channel] = total
        work.mean[channel + 1] = math.exp(values[channel]) * data.spend[channel] / total
        work.width[channel + 1] = work.mean[channel + 1] * math.exp(values[spread_start + channel]) if geos > 1 else 0.0
    work.mean[0], work.width[0] = data.intercept[0], data.intercept[1]
    for cell in range(data.cell_media.shape[0]):
        channel = data.cell_place[cell, 1]
        half = values[shape_start + channel]
        slope = values[shape_start + channels + channel] if saturation_count == 2 else 0.0
        for path in range(2):
            adstock_into(data.cell_media[cell, path], work.weights[channel, 0], work.cell_carried[cell, path])
            saturate_into(saturation, half, slope, work.cell_carried[cell, path], work.cell_saturated[cell, path])
        gap = work.cell_saturated[cell, 0, 0] - work.cell_saturated[cell, 1, 0]
        work.effect[cell] = (data.cell_window[cell] * gap).sum()
    noise_start = spread_start + (channels if geos > 1 else 0)
    for geo in range(geos):
        work.sigma[geo] = math.exp(values[noise_start + geo])
    for column in range(len(data.group)):
        group = data.group[column]
        learnt = math.exp(values[noise_start + geos + max(group, 0)])
        work.shared_sd[column] = data.prior_sd[column] if group < 0 else learnt


@compiled
def half_log_determinant(matrix: FloatArray) -> float:
    """Half the log determinant of a positive definite matrix (n, n)."""
    lower, total = np.linalg.cholesky(matrix), 0.0
    for index in range(len(matrix)):
        total += math.log(lower[index, index])
    return total


@compiled
def eliminate_geos(data: KernelData, work: Work, precision: FloatArray, score: FloatArray) -> float:
    """Integrate each geo's own coefficients out.

    Fills the geo blocks of ``work`` and adds to the shared precision (K, K) and score (K,).

    Returns
    -------
    float
        The part of the log density that needs no shared coefficients.
    """
    geos, size, periods = work.rows.shape
    mean, width, logp = work.mean, work.width, 0.0
    for geo in range(geos):
        rows = work.rows[geo]
        inverse_variance = 1.0 / work.sigma[geo] ** 2
        gram = np.dot(rows, rows.T)
        cross = np.dot(rows, data.shared[geo])
        row_outcome = np.dot(rows, data.outcome[geo])
        work.gram[geo], work.cross[geo] = gram, cross
        gram_mean = np.dot(gram, mean)
        square = data.outcome_square[geo] - 2.0 * np.dot(mean, row_outcome) + np.dot(mean, gram_mean)
        block = np.empty((size, size))
        for i in range(size):
            for j in range(size):
                block[i, j] = width[i] * gram[i, j] * width[j] * inverse_variance
            block[i, i] += 1.0
        inverse = np.linalg.inv(block)
        scaled_cross = cross * (width * inverse_variance).reshape(size, 1)
        score_geo = width * (row_outcome - gram_mean) * inverse_variance
        gain = np.dot(inverse, scaled_cross)
        load = np.dot(inverse, score_geo)
        work.inverse[geo], work.gain[geo], work.load[geo] = inverse, gain, load
        precision += data.shared_gram[geo] * inverse_variance - np.dot(scaled_cross.T, gain)
        score += (data.shared_outcome[geo] - np.dot(mean, cross)) * inverse_variance - np.dot(score_geo, gain)
        logp -= 0.5 * (square * inverse_variance - np.dot(score_geo, load)) + periods * math.log(work.sigma[geo])
        logp -= half_log_determinant(block)
    return logp


@compiled
def geo_slopes(
    data: KernelData,
    work: Work,
    geo: int,
    posterior: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    pulled: FloatArray,
    slopes: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    """Expected complete-data gradient of one geo's likelihood, by transformed media, m, s and log σ.

    Parameters
    ----------
    data, work
        As in `log_density`; fills ``work.slope[geo]``.
    geo
        Which.
    posterior
        Covariance of the shared coefficients before the lift tests (K, K), mean (K,) and covariance (K, K) after,
        and their covariance with the lift tests (K, I).
    pulled
        Covariance of this geo's unit coefficients with the lift tests, times the tests' precision (J, I), stacked
        above that covariance itself: shape (2, J, I).
    slopes
        By m (G, J), by s (G, J), by log σ (G,); this geo's entries are written.
    """
    shared_cov, final_mean, final_cov, with_shared = posterior
    mean_slope, width_slope, noise_slope = slopes
    size, periods = work.rows.shape[1], work.rows.shape[2]
    columns = len(final_mean)
    rows, gram, cross, unit = work.rows[geo], work.gram[geo], work.cross[geo], work.unit_mean[geo]
    inverse_variance = 1.0 / work.sigma[geo] ** 2
    gain_cov = np.dot(work.gain[geo], shared_cov)
    unit_cov = work.inverse[geo] + np.dot(gain_cov, work.gain[geo].T) - np.dot(pulled[0], pulled[1].T)
    unit_shared = -gain_cov - np.dot(pulled[0], with_shared.T)
    coefficient = work.mean + work.width * unit
    residual = data.outcome[geo] - np.dot(coefficient, rows) - np.dot(data.shared[geo], final_mean)
    row_residual = np.dot(rows, residual)
    wide = work.width.reshape(size, 1)
    slope = -np.dot(unit_cov * wide * work.width, rows) - np.dot(unit_shared * wide, data.shared[geo].T)
    square = np.dot(residual, residual) + (data.shared_gram[geo] * final_cov).sum()
    for i in range(size):
        inner = row_residual[i] * unit[i]
        for j in range(size):
            inner -= gram[i, j] * work.width[j] * unit_cov[j, i]
            square += gram[i, j] * work.width[i] * work.width[j] * unit_cov[i, j]
        for k in range(columns):
            inner -= cross[i, k] * unit_shared[i, k]
            square += 2.0 * cross[i, k] * work.width[i] * unit_shared[i, k]
        mean_slope[geo, i] = row_residual[i] * inverse_variance
        width_slope[geo, i] = inner * inverse_variance
        for time in range(periods):
            work.slope[geo, i, time] = (slope[i, time] + coefficient[i] * residual[time]) * inverse_variance
    noise_slope[geo] = square * inverse_variance - periods


@compiled
def log_density(point: FloatArray, data: KernelData, work: Work, gradient: FloatArray) -> float:
    """Log density of the unconstrained, prior-whitened parameters (up to a constant) and its gradient.

    Parameters
    ----------
    point
        Shape (n,): parameters in units of their prior, ``value = centre + spread · point``.
    data, work
        The data, and arrays to write into.
    gradient
        Shape (n,), overwritten.
    """
    geos, size, _ = work.rows.shape
    columns, lifts = len(data.group), len(data.lift_value)
    transform_media(data.centre + data.spread * point, data, work)
    precision, score = np.zeros((columns, columns)), np.zeros(columns)
    logp = eliminate_geos(data, work, precision, score) - 0.5 * np.dot(point, point)
    for column in range(columns):
        precision[column, column] += 1.0 / work.shared_sd[column] ** 2
        logp -= math.log(work.shared_sd[column])
    shared_cov = np.linalg.inv(precision)
    shared_mean = np.dot(shared_cov, score)
    logp += 0.5 * np.dot(score, shared_mean) - half_log_determinant(precision)
    for geo in range(geos):
        work.unit_mean[geo] = work.load[geo] - np.dot(work.gain[geo], shared_mean)
    weight, pull = np.zeros(lifts), np.zeros((lifts, lifts))
    with_units, with_shared = np.zeros((geos, size, lifts)), np.zeros((columns, lifts))
    if lifts > 0:
        covariance, with_units, with_shared = lift_moments(data, work, shared_cov)
        surprise = lift_surprise(data, work, work.unit_mean)
        pull = np.ascontiguousarray(np.linalg.inv(covariance))
        weight = np.dot(pull, surprise)
        logp -= 0.5 * np.dot(surprise, weight) + half_log_determinant(covariance)
        for geo in range(geos):
            work.unit_mean[geo] += np.dot(with_units[geo], weight)
    final_cov = shared_cov - np.dot(np.dot(with_shared, pull), with_shared.T)
    posterior = (shared_cov, shared_mean + np.dot(with_shared, weight), final_cov, with_shared)
    slopes = (np.zeros((geos, size)), np.zeros((geos, size)), np.zeros(geos))
    pulled = np.zeros((2, size, lifts))
    for geo in range(geos):
        pulled[0], pulled[1] = np.dot(with_units[geo], pull), with_units[geo]
        geo_slopes(data, work, geo, posterior, pulled, slopes)
    effect_slope = lift_slopes(data, work, (weight, pull, with_units), slopes)
    media_chain_rule(data, work, slopes, effect_slope, gradient)
    _scale_slopes(data, work, posterior, slopes[2], gradient)
    for i in range(len(point)):
        gradient[i] = gradient[i] * data.spread[i] - point[i]
    return float(logp)


@compiled
def _scale_slopes(
    data: KernelData,
    work: Work,
    posterior: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
    noise_slope: FloatArray,
    gradient: FloatArray,
) -> None:
    """Slopes by the log noise of each geo and by the log standard deviations that shared columns learn."""
    geos, group_start = len(noise_slope), len(gradient) - data.kinds[5]
    gradient[group_start:] = 0.0
    gradient[group_start - geos : group_start] = noise_slope
    for column in range(len(data.group)):
        if data.group[column] >= 0:
            second_moment = posterior[1][column] ** 2 + posterior[2][column, column]
            gradient[group_start + data.group[column]] += second_moment / work.shared_sd[column] ** 2 - 1.0


@compiled
def media_chain_rule(
    data: KernelData,
    work: Work,
    slopes: tuple[FloatArray, FloatArray, FloatArray],
    effect_slope: FloatArray,
    gradient: FloatArray,
) -> None:
    """From slopes by transformed media and effects to slopes by the parameter values."""
    mean_slope, width_slope, _ = slopes
    geos, channels, _ = data.media.shape
    adstock_count, saturation_count, lags = data.kinds[1], data.kinds[3], data.kinds[4]
    shape_start = channels * (1 + adstock_count)
    spread_start = shape_start + channels * saturation_count
    for channel in range(channels):
        row = channel + 1
        by_width = width_slope[:, row].sum()
        relative = work.width[row] / work.mean[row]
        by_mean = mean_slope[:, row].sum() + by_width * relative
        gradient[channel] = by_mean * work.mean[row]
        if geos > 1:
            gradient[spread_start + channel] = by_width * work.width[row]
        through_total = -by_mean * work.mean[row] / work.total[channel]
        half, steep = 0.0, 0.0
        by_weight = np.zeros(lags)
        for geo in range(geos):
            by_value = work.slope[geo, row] + through_total * data.money[geo]
            half += (by_value * work.saturated[geo, channel, 2]).sum()
            steep += (by_value * work.saturated[geo, channel, 3]).sum()
            media_slopes(data.media[geo, channel], by_value * work.saturated[geo, channel, 1], by_weight)
        for cell in range(len(work.effect)):
            if data.cell_place[cell, 1] == channel:
                for path in range(2):
                    by_value = (effect_slope[cell] if path == 0 else -effect_slope[cell]) * data.cell_window[cell]
                    half += (by_value * work.cell_saturated[cell, path, 2]).sum()
                    steep += (by_value * work.cell_saturated[cell, path, 3]).sum()
                    media_slopes(data.cell_media[cell, path], by_value * work.cell_saturated[cell, path, 1], by_weight)
        gradient[channels + channel] = np.dot(by_weight, work.weights[channel, 1])
        if adstock_count == 2:
            gradient[2 * channels + channel] = np.dot(by_weight, work.weights[channel, 2])
        gradient[shape_start + channel] = half
        if saturation_count == 2:
            gradient[shape_start + channels + channel] = steep


@compiled
def draw_coefficients(
    point: FloatArray, data: KernelData, work: Work, normals: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Exact draw of the linear coefficients given the parameters.

    Parameters
    ----------
    point
        As in `log_density`.
    data, work
        The data, and arrays to write into.
    normals
        Shape (K + G·J + I,): independent standard normal numbers.

    Returns
    -------
    tuple
        Coefficients of the geos (G, J: intercept, channels) and of the shared columns (K,).
    """
    geos, size, _ = work.rows.shape
    columns, lifts = len(data.group), len(data.lift_value)
    transform_media(data.centre + data.spread * point, data, work)
    precision, score = np.zeros((columns, columns)), np.zeros(columns)
    eliminate_geos(data, work, precision, score)
    for column in range(columns):
        precision[column, column] += 1.0 / work.shared_sd[column] ** 2
    shared_cov = np.linalg.inv(precision)
    shared_cov = 0.5 * (shared_cov + shared_cov.T)
    shared = np.dot(shared_cov, score) + np.dot(np.linalg.cholesky(shared_cov), normals[:columns])
    unit = np.zeros((geos, size))
    for geo in range(geos):
        start = columns + geo * size
        inverse = 0.5 * (work.inverse[geo] + work.inverse[geo].T)
        noise = np.dot(np.linalg.cholesky(inverse), normals[start : start + size])
        unit[geo] = work.load[geo] - np.dot(work.gain[geo], shared) + noise
    if lifts > 0:
        covariance, with_units, with_shared = lift_moments(data, work, shared_cov)
        surprise = lift_surprise(data, work, unit) + data.lift_error * normals[columns + geos * size :]
        weight = np.linalg.solve(covariance, surprise)
        shared = shared + np.dot(with_shared, weight)
        for geo in range(geos):
            unit[geo] += np.dot(with_units[geo], weight)
    return work.mean + work.width * unit, shared
