"""Lift tests in the compiled density: linear observations of the geo coefficients, as a low-rank update."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import inner_compiled
from mmm.kernel_arrays import KernelData, Work

FloatArray = NDArray[np.float64]


@inner_compiled
def lift_moments(data: KernelData, work: Work, shared_cov: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Covariances of the lift tests' predictions before the readouts are used.

    Returns
    -------
    tuple
        With I lifts: their covariance with readout error (I, I), covariance with the geos' unit coefficients
        (G, J, I), and with the shared coefficients (Q, I).
    """
    geos, size, _ = work.rows.shape
    columns = len(shared_cov)
    lifts, cells = len(data.lift_value), len(work.effect)
    loads = np.zeros((columns, lifts))
    with_units = np.zeros((geos, size, lifts))
    for cell in range(cells):
        geo, row, lift = data.cell_place[cell, 0], data.cell_place[cell, 1] + 1, data.cell_place[cell, 2]
        size_ = work.effect[cell] * work.width[row]
        loads[:, lift] += size_ * work.gain[geo * size + row]
        with_units[geo, :, lift] += size_ * work.block[geo, :, row]
    spread = np.dot(shared_cov, loads)
    for geo in range(geos):
        with_units[geo] += np.dot(work.gain[geo * size : (geo + 1) * size], spread)
    covariance = np.zeros((lifts, lifts))
    for lift in range(lifts):
        covariance[lift, lift] = data.lift_error[lift] ** 2
    for cell in range(cells):
        geo, row, lift = data.cell_place[cell, 0], data.cell_place[cell, 1] + 1, data.cell_place[cell, 2]
        covariance[lift] += work.effect[cell] * work.width[row] * with_units[geo, row]
    return covariance, with_units, -spread


@inner_compiled
def lift_surprise(data: KernelData, work: Work, unit: FloatArray) -> FloatArray:
    """Readout minus the model's own lift, given unit coefficients (G, J); shape (I,)."""
    gap = data.lift_value.copy()
    for cell in range(len(work.effect)):
        geo, row, lift = data.cell_place[cell, 0], data.cell_place[cell, 1] + 1, data.cell_place[cell, 2]
        gap[lift] -= work.effect[cell] * (work.mean[row] + work.width[row] * unit[geo, row])
    return gap


@inner_compiled
def lift_slopes(
    data: KernelData,
    work: Work,
    lift: tuple[FloatArray, FloatArray, FloatArray],
    slopes: tuple[FloatArray, FloatArray, FloatArray],
) -> FloatArray:
    """Add the lift tests' share to the slopes by m and s; returns that by the cells' effects (N,)."""
    weight, pull, with_units = lift
    effect_slope = np.zeros(len(work.effect))
    for cell in range(len(work.effect)):
        geo, row, test = data.cell_place[cell, 0], data.cell_place[cell, 1] + 1, data.cell_place[cell, 2]
        pulled_row = np.dot(with_units[geo, row], pull[test])
        unit = work.unit_mean[geo, row]
        slopes[0][geo, row] += work.effect[cell] * weight[test]
        slopes[1][geo, row] += work.effect[cell] * (weight[test] * unit - pulled_row)
        effect_slope[cell] = weight[test] * (work.mean[row] + work.width[row] * unit) - work.width[row] * pulled_row
    return effect_slope
