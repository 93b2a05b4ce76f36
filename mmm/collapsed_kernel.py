"""The collapsed posterior, compiled: log density and gradient with every linear coefficient integrated out.

Model, for geo g, in scaled units::

    y_g = R_g' c_g + Z_g w + b + e_g   e_gt ~ N(0, σ_g² / λ_gt)
    c_g = m + s ∘ u_g                  u_g ~ N(0, I)   (intercept, channel effects, further rows of the geo)
    w   ~ N(0, diag(d²))               (shared columns: trend, knots, season, controls)
    b_t ~ N(0, τ²)                     (a deviation of the period that all geos share)

R_g holds ones, the transformed media and further rows (a geo's own drift and response to controls), so it depends on
the shape parameters; m and s hold the national effects and their spread. λ = 1 for normal noise; for Student-t noise
with ν degrees of freedom λ_gt ~ Gamma(ν/2, ν/2) are sampled. Given the non-linear parameters, (u, w, b) is Gaussian
with an arrow-shaped precision: small blocks by geo and one shared block. What all geos have alike, rows of R as well
as columns of Z, is worked out once for all of them. The normalising constant is the marginal likelihood. The gradient
needs no derivative of a factorisation: by Fisher's identity it is the posterior expectation of the complete-data
gradient, a function of posterior means and covariances only. Lift tests are linear observations of c and enter as a
low-rank update.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import compiled, inner_compiled
from mmm.geo_kernel import eliminate_geos, fill_units
from mmm.geo_slopes_kernel import geo_slopes
from mmm.kernel_arrays import EXTRA, GP_LENGTH, GP_SD, NOISE, SHOCK, WALK, WEIGHT, KernelData, Work
from mmm.kernel_reference import data_at, work_at
from mmm.lift_kernel import lift_moments, lift_slopes, use_lifts
from mmm.linear_kernel import PLAIN, SECOND_TRANSPOSED, invert_positive, product
from mmm.media_kernel import media_chain_rule, transform_cells, transform_media
from mmm.series_kernel import add_series_prior, draw_merged, merged_slope, series_slopes

FloatArray = NDArray[np.float64]
#: How far `evaluate` goes.
MEDIA, MOMENTS, SLOPES = range(3)


def log_density(point: FloatArray, data: KernelData, work: Work, gradient: FloatArray) -> float:
    """Log density of the unconstrained, prior-whitened parameters (up to a constant) and its gradient.

    Parameters
    ----------
    point
        Shape (n,): parameters in units of their prior, ``value = centre + spread · point`` (effects through ``mix``).
    data, work
        The data, and arrays to write into.
    gradient
        Shape (n,), overwritten.

    Returns
    -------
    float
        −∞, with a gradient of zero, where a covariance is not positive definite in floating point.
    """
    return evaluate(point, data, work, gradient, SLOPES)


def transform(point: FloatArray, data: KernelData, work: Work) -> None:
    """Fill scales, national effects and transformed media (``mean``, ``width``, ``rows`` … of ``work``) for a point."""
    evaluate(point, data, work, np.empty(0), MEDIA)


def evaluate(point: FloatArray, data: KernelData, work: Work, gradient: FloatArray, extent: int) -> float:
    """`log_density`, or the first steps of it.

    Parameters
    ----------
    point, data, work, gradient
        As in `log_density`.
    extent
        `MEDIA`: scales and transformed media. `MOMENTS`: also the moments of the linear coefficients, before the lift
        tests' readouts. `SLOPES`: all.
    """
    return float(_evaluate(point, data.address, work.address, gradient, extent))


@compiled
def _evaluate(point: FloatArray, data_address: int, work_address: int, gradient: FloatArray, extent: int) -> float:
    """`evaluate`: the one entry from Python, because each takes seconds to compile."""
    data: KernelData = data_at(data_address)
    work: Work = work_at(work_address)
    _set_parameters(point, data, work)
    transform_media(data, work)
    transform_cells(data, work)
    if extent == MEDIA:
        return 0.0
    logp = eliminate_geos(data, work)
    logp += _solve_shared(data, work)
    if not np.isfinite(logp):
        for index in range(len(gradient)):
            gradient[index] = 0.0
        return -np.inf
    fill_units(data, work)
    lifts = len(data.lift_value)
    if extent == SLOPES or lifts > 0:
        _use_covariance(data, work)
    if lifts > 0:
        lift_moments(data, work)
    if extent == MOMENTS:
        return logp
    if lifts > 0:
        logp += use_lifts(data, work)
    for index in range(len(gradient)):
        gradient[index] = 0.0
    geo_slopes(data, work, gradient)
    lift_slopes(data, work)
    media_chain_rule(data, work, gradient)
    _scale_slopes(data, work, gradient)
    return logp + _prior(point, (data.mix, data.spread, work.values), (data.blocks[WEIGHT], data.degrees), gradient)


@inner_compiled
def _use_covariance(data: KernelData, work: Work) -> None:
    """Products of the geos' whitened cross products, and of `KernelData.alike`, with the shared covariance."""
    (rows, shared), alike = work.scaled.shape, len(data.alike)
    product((rows, shared, shared), (1.0, 0.0), work.scaled, work.shared_cov, PLAIN, work.scaled_cov)
    product((alike, shared, shared), (1.0, 0.0), data.alike, work.shared_cov, PLAIN, work.alike_product)
    product((alike, alike, shared), (1.0, 0.0), work.alike_product, data.alike, SECOND_TRANSPOSED, work.alike_cov)
    product((rows, alike, shared), (1.0, 0.0), work.scaled, work.alike_product, SECOND_TRANSPOSED, work.alike_cross)


@inner_compiled
def _set_parameters(point: FloatArray, data: KernelData, work: Work) -> None:
    """Fill parameters, and the scales that follow from them alone."""
    channels, values, blocks = data.media.shape[1], work.values, data.blocks
    for index in range(len(point)):
        values[index] = data.centre[index] + data.spread[index] * point[index]
    for channel in range(channels):
        values[channel] = data.centre[channel]
        for other in range(channel + 1):
            values[channel] += data.mix[channel, other] * point[other]
    work.mean[0] = data.intercept[0]
    work.width[0] = data.intercept[1]
    for row in range(data.extra.shape[1]):
        work.width[data.order[1 + channels + row]] = math.exp(values[blocks[EXTRA] + data.extra_group[row]])
    for geo in range(len(work.sigma)):
        work.sigma[geo] = math.exp(values[blocks[NOISE] + geo])
        start = blocks[WEIGHT] + geo * data.outcome.shape[1]
        _set_precision(values[start:] if data.degrees > 0.0 else values[:0], work.sigma[geo], work.precision[geo])
    _set_shared_sd(data, work)


@inner_compiled
def _set_shared_sd(data: KernelData, work: Work) -> None:
    """Prior standard deviations of the shared coefficients."""
    values, blocks = work.values, data.blocks
    for column in range(len(work.shared_sd)):
        if column >= len(data.group):
            work.shared_sd[column] = math.exp(values[blocks[SHOCK]])
        elif data.group[column] < 0:
            work.shared_sd[column] = data.prior_sd[column]
        elif data.group[column] == 0:
            work.shared_sd[column] = math.exp(values[blocks[WALK]])
        else:
            size, length = values[blocks[GP_SD]], values[blocks[GP_LENGTH]]
            work.shared_sd[column] = _spectral_sd(size, length, data.frequency[column])


@inner_compiled
def _set_precision(log_weights: FloatArray, sigma: float, precision: FloatArray) -> None:
    """Precision of a geo's observations; without weights (those of Student-t noise) it is the same in all periods."""
    for time in range(len(precision)):
        weight = math.exp(log_weights[time]) if len(log_weights) > 0 else 1.0
        precision[time] = weight / sigma**2


@inner_compiled
def _spectral_sd(log_sd: float, log_length: float, frequency: float) -> float:
    """Prior standard deviation of a Gaussian process's column, from its spectral density; never quite zero."""
    length = math.exp(log_length)
    power = math.sqrt(math.sqrt(2.0 * math.pi) * length) * math.exp(-0.25 * (length * frequency) ** 2)
    return math.exp(log_sd) * power + 1e-9


@inner_compiled
def _solve_shared(data: KernelData, work: Work) -> float:
    """Mean and covariance of the shared coefficients from their score and, in place, the data's precision.

    Returns
    -------
    float
        Their part of the log density.
    """
    covariance, score, logp = work.shared_cov, work.shared_score, 0.0
    for column in range(data.shared.shape[2]):
        sd = work.shared_sd[data.merged.shape[1] + column]
        covariance[column, column] += 1.0 / sd**2
        logp -= math.log(sd)
    if data.shocks:
        logp -= add_series_prior(data, work)
    logp -= invert_positive(covariance)
    for column in range(len(score)):
        total = 0.0
        for other in range(len(score)):
            total += covariance[column, other] * score[other]
        work.shared_mean[column] = total
        logp += 0.5 * total * score[column]
    return logp


@inner_compiled
def _scale_slopes(data: KernelData, work: Work, gradient: FloatArray) -> None:
    """Gradient by the log scales of noise, further rows, and shared columns."""
    channels, blocks = data.media.shape[1], data.blocks
    for geo in range(len(work.sigma)):
        gradient[blocks[NOISE] + geo] = work.by_sigma[geo]
    for row in range(data.extra.shape[1]):
        gradient[blocks[EXTRA] + data.extra_group[row]] += work.by_width[data.order[1 + channels + row]]
    if data.shocks:
        gradient[blocks[SHOCK]] = series_slopes(data, work)
    for column in range(len(data.group)):
        sd, place = work.shared_sd[column], column - data.merged.shape[1]
        if place < 0:
            by_log_sd = merged_slope(work, column)
        else:
            by_log_sd = (work.shared_mean[place] ** 2 + work.shared_cov[place, place]) / sd**2 - 1.0
        if data.group[column] == 0:
            gradient[blocks[WALK]] += by_log_sd
        elif data.group[column] == 1:
            by_log_sd *= 1.0 - 1e-9 / sd  # of the part that the length scale rules
            stretched = (math.exp(work.values[blocks[GP_LENGTH]]) * data.frequency[column]) ** 2
            gradient[blocks[GP_SD]] += by_log_sd
            gradient[blocks[GP_LENGTH]] += by_log_sd * (0.5 - 0.5 * stretched)


@inner_compiled
def _prior(
    point: FloatArray,
    scales: tuple[FloatArray, FloatArray, FloatArray],
    noise: tuple[int, float],
    gradient: FloatArray,
) -> float:
    """Log prior; turns the gradient by values into that by the point.

    Parameters
    ----------
    point, gradient
        As in `log_density`.
    scales
        Mix, spread, and the values they lead to.
    noise
        Start of the log weights of Student-t noise (−1: none), and degrees of freedom.
    """
    mix, spread, values = scales
    weights, degrees = noise
    channels, logp = len(mix), 0.0
    for channel in range(channels):  # mix is lower triangular: entries still to come are not needed here
        mixed = 0.0
        for other in range(channel, channels):
            mixed += mix[other, channel] * gradient[other]
        gradient[channel] = mixed
    for index in range(channels, len(point)):
        gradient[index] *= spread[index]
    for index in range(len(point)):
        if weights >= 0 and index >= weights:  # log of a Gamma(ν/2, ν/2) variable
            half, value = 0.5 * degrees, values[index]
            logp += half * (value - math.exp(value))
            gradient[index] += half * (1.0 - math.exp(value)) * spread[index]
        else:
            logp -= 0.5 * point[index] ** 2
            gradient[index] -= point[index]
    return logp


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
        Shape (Q + G·J + I,): independent standard normal numbers, Q = K + T·shocks.

    Returns
    -------
    tuple
        Coefficients of the geos (G, J: intercept, channels, further rows) and shared ones (Q,): columns, then shocks.
    """
    geos, size, _ = work.rows.shape
    shared_size, lifts = len(work.shared_mean), len(data.lift_value)
    evaluate(point, data, work, np.empty(0), MOMENTS)
    shared = work.shared_mean + np.linalg.cholesky(work.shared_cov) @ normals[:shared_size]
    noise = normals[shared_size : shared_size + geos * size].reshape(geos, size)
    leading = data.leading
    whitened = work.load + noise
    whitened[:, :leading] -= work.leading[:, :leading] @ (data.alike @ shared)
    whitened[:, leading:] -= (work.scaled @ shared).reshape(geos, size - leading)
    unit = np.einsum("gji,gj->gi", work.inverse, whitened)
    if lifts > 0:
        geo, channel, lift = data.cell_place.T
        row = data.order[channel + 1]
        predicted = work.effect * (work.mean[row] + work.width[row] * unit[geo, row])
        surprise = data.lift_value + data.lift_error * normals[shared_size + geos * size :][:lifts]
        np.subtract.at(surprise, lift, predicted)
        weight = np.linalg.solve(work.lift_cov, surprise)
        shared = shared + weight @ work.lift_shared
        unit = unit + work.lift_units @ weight
    shared = draw_merged(data, work, shared, normals[shared_size + geos * size + lifts :])
    return (work.mean + work.width * unit)[:, data.order], shared
