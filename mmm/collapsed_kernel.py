"""The collapsed posterior, compiled: log density and gradient with every linear coefficient integrated out.

Model, for geo g, in scaled units::

    y_g = R_g' c_g + Z_g w + b + e_g   e_gt ~ N(0, σ_g² / λ_gt)
    c_g = m + s ∘ u_g                  u_g ~ N(0, I)   (intercept, channel effects, further rows of the geo)
    w   ~ N(0, diag(d²))               (shared columns: trend, knots, season, controls)
    b_t ~ N(0, τ²)                     (a deviation of the period that all geos share)

R_g holds ones, the transformed media and further rows (a geo's own drift and response to controls), so it depends on
the shape parameters; m and s hold the national effects and their spread. λ = 1 for normal noise; for Student-t noise
with ν degrees of freedom λ_gt ~ Gamma(ν/2, ν/2) are sampled. Given the non-linear parameters, (u, w, b) is Gaussian
with an arrow-shaped precision: small blocks by geo and one shared block. Its normalising constant is the marginal
likelihood. The gradient needs no derivative of a factorisation: by Fisher's identity it is the posterior expectation
of the complete-data gradient, a function of posterior means and covariances only. Lift tests are linear observations
of c and enter as a low-rank update.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import compiled, inner_compiled
from mmm.geo_kernel import eliminate_geos, geo_slopes
from mmm.kernel_arrays import EXTRA, GP_LENGTH, GP_SD, LEVEL, NOISE, SHOCK, WALK, WEIGHT, KernelData, Work
from mmm.lift_kernel import lift_moments, lift_slopes, lift_surprise
from mmm.media_kernel import media_chain_rule, transform_media
from mmm.symmetric_kernel import invert_positive

FloatArray = NDArray[np.float64]


@inner_compiled
def set_parameters(point: FloatArray, data: KernelData, work: Work) -> None:
    """Fill everything in ``work`` that follows from the parameters alone: media, effects, scales."""
    channels = data.media.shape[1]
    work.values[:] = data.centre + data.spread * point
    work.values[:channels] = data.centre[:channels] + np.dot(data.mix, point[:channels])
    values, blocks = work.values, data.blocks
    transform_media(data, work)
    work.mean[0] = data.intercept[0]
    work.width[0] = math.exp(values[blocks[LEVEL]]) if blocks[LEVEL] >= 0 else data.intercept[1]
    for row in range(data.extra.shape[1]):
        work.width[1 + channels + row] = math.exp(values[blocks[EXTRA] + data.extra_group[row]])
    geos, periods = data.outcome.shape
    for geo in range(geos):
        work.sigma[geo] = math.exp(values[blocks[NOISE] + geo])
        inverse_variance = 1.0 / work.sigma[geo] ** 2
        for time in range(periods):
            weight = 1.0 if data.degrees == 0.0 else math.exp(values[blocks[WEIGHT] + geo * periods + time])
            work.precision[geo, time] = weight * inverse_variance
    for column in range(len(data.group)):
        if data.group[column] < 0:
            work.shared_sd[column] = data.prior_sd[column]
        elif data.group[column] == 0:
            work.shared_sd[column] = math.exp(values[blocks[WALK]])
        else:
            length, frequency = math.exp(values[blocks[GP_LENGTH]]), data.frequency[column]
            power = math.sqrt(math.sqrt(2.0 * math.pi) * length) * math.exp(-0.25 * (length * frequency) ** 2)
            work.shared_sd[column] = math.exp(values[blocks[GP_SD]]) * power + 1e-9
    if data.shocks:
        work.shared_sd[len(data.group) :] = math.exp(values[blocks[SHOCK]])


@compiled
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
    """
    geos, size, _ = work.rows.shape
    shared, lifts = len(work.shared_sd), len(data.lift_value)
    set_parameters(point, data, work)
    precision, score = np.zeros((shared, shared)), np.zeros(shared)
    logp = eliminate_geos(data, work, precision, score)
    for column in range(shared):
        precision[column, column] += 1.0 / work.shared_sd[column] ** 2
        logp -= math.log(work.shared_sd[column])
    shared_cov = precision
    logp -= invert_positive(shared_cov)
    if not np.isfinite(logp):
        gradient[:] = 0.0
        return -np.inf
    shared_mean = np.dot(shared_cov, score)
    logp += 0.5 * np.dot(score, shared_mean)
    for geo in range(geos):
        work.unit_mean[geo] = work.load[geo] - np.dot(work.gain[geo * size : (geo + 1) * size], shared_mean)
    weight, pull = np.zeros(lifts), np.zeros((lifts, lifts))
    with_units, with_shared = np.zeros((geos, size, lifts)), np.zeros((shared, lifts))
    if lifts > 0:
        covariance, with_units, with_shared = lift_moments(data, work, shared_cov)
        surprise = lift_surprise(data, work, work.unit_mean)
        pull = covariance
        logp -= invert_positive(pull)
        weight = np.dot(pull, surprise)
        logp -= 0.5 * np.dot(surprise, weight)
        for geo in range(geos):
            work.unit_mean[geo] += np.dot(with_units[geo], weight)
    gain_cov = np.dot(work.gain, shared_cov)
    if lifts > 0:
        shared_cov = shared_cov - np.dot(np.dot(with_shared, pull), with_shared.T)
        shared_mean = shared_mean + np.dot(with_shared, weight)
    slopes = (np.zeros((geos, size)), np.zeros((geos, size)), np.zeros(geos))
    gradient[:] = 0.0
    for geo in range(geos):
        posterior = (shared_mean, shared_cov, gain_cov[geo * size : (geo + 1) * size], with_shared)
        geo_slopes(data, work, geo, posterior, (pull, with_units[geo]), slopes, gradient)
    effect_slope = lift_slopes(data, work, (weight, pull, with_units), slopes)
    media_chain_rule(data, work, slopes, effect_slope, gradient)
    _scale_slopes(data, work, (shared_mean, shared_cov), slopes, gradient)
    return float(logp + _prior(point, data, work, gradient))


@inner_compiled
def _scale_slopes(
    data: KernelData,
    work: Work,
    posterior: tuple[FloatArray, FloatArray],
    slopes: tuple[FloatArray, FloatArray, FloatArray],
    gradient: FloatArray,
) -> None:
    """Gradient by the log scales of noise, further rows, and shared columns."""
    mean, covariance = posterior
    channels, blocks = data.media.shape[1], data.blocks
    for geo in range(len(work.sigma)):
        gradient[blocks[NOISE] + geo] = slopes[2][geo]
    if blocks[LEVEL] >= 0:
        gradient[blocks[LEVEL]] = slopes[1][:, 0].sum() * work.width[0]
    for row in range(data.extra.shape[1]):
        place = 1 + channels + row
        gradient[blocks[EXTRA] + data.extra_group[row]] += slopes[1][:, place].sum() * work.width[place]
    for column in range(len(work.shared_sd)):
        square = mean[column] ** 2 + covariance[column, column]
        by_log_sd = square / work.shared_sd[column] ** 2 - 1.0
        if column >= len(data.group):
            gradient[blocks[SHOCK]] += by_log_sd
        elif data.group[column] == 0:
            gradient[blocks[WALK]] += by_log_sd
        elif data.group[column] == 1:
            by_log_sd *= 1.0 - 1e-9 / work.shared_sd[column]  # of the part that the length scale rules
            stretched = (math.exp(work.values[blocks[GP_LENGTH]]) * data.frequency[column]) ** 2
            gradient[blocks[GP_SD]] += by_log_sd
            gradient[blocks[GP_LENGTH]] += by_log_sd * (0.5 - 0.5 * stretched)


@inner_compiled
def _prior(point: FloatArray, data: KernelData, work: Work, gradient: FloatArray) -> float:
    """Log prior; turns the gradient by values into that by the point."""
    channels, weights = data.media.shape[1], data.blocks[WEIGHT]
    logp = 0.0
    gradient[:channels] = np.dot(data.mix.T, gradient[:channels])
    for index in range(channels, len(point)):
        gradient[index] *= data.spread[index]
    for index in range(len(point)):
        if weights >= 0 and index >= weights:  # log of a Gamma(ν/2, ν/2) variable
            half, value = 0.5 * data.degrees, work.values[index]
            logp += half * (value - math.exp(value))
            gradient[index] += half * (1.0 - math.exp(value)) * data.spread[index]
        else:
            logp -= 0.5 * point[index] ** 2
            gradient[index] -= point[index]
    return logp


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
        Shape (Q + G·J + I,): independent standard normal numbers.

    Returns
    -------
    tuple
        Coefficients of the geos (G, J: intercept, channels, further rows) and shared ones (Q,): columns, then shocks.
    """
    geos, size, _ = work.rows.shape
    shared_size, lifts = len(work.shared_sd), len(data.lift_value)
    set_parameters(point, data, work)
    precision, score = np.zeros((shared_size, shared_size)), np.zeros(shared_size)
    eliminate_geos(data, work, precision, score)
    for column in range(shared_size):
        precision[column, column] += 1.0 / work.shared_sd[column] ** 2
    shared_cov = precision
    invert_positive(shared_cov)
    shared = np.dot(shared_cov, score) + np.dot(np.linalg.cholesky(shared_cov), normals[:shared_size])
    unit = np.zeros((geos, size))
    for geo in range(geos):
        start = shared_size + geo * size
        inverse = 0.5 * (work.block[geo] + work.block[geo].T)
        noise = np.dot(np.linalg.cholesky(inverse), normals[start : start + size])
        unit[geo] = work.load[geo] - np.dot(work.gain[geo * size : (geo + 1) * size], shared) + noise
    if lifts > 0:
        covariance, with_units, with_shared = lift_moments(data, work, shared_cov)
        surprise = lift_surprise(data, work, unit) + data.lift_error * normals[shared_size + geos * size :]
        weight = np.linalg.solve(covariance, surprise)
        shared = shared + np.dot(with_shared, weight)
        for geo in range(geos):
            unit[geo] += np.dot(with_units[geo], weight)
    return work.mean + work.width * unit, shared
