"""Lift tests in the compiled density: linear observations of the geo coefficients, as a low-rank update.

Their covariances need no more than L⁻¹ and the whitened cross products of the geos (see `mmm.geo_kernel`): with
a = L⁻¹ s d for the effects d, and spread = Σ Σ_g scaled_g' a_g, the covariance with the geo's unit coefficients is
L⁻ᵀ (a + scaled · spread), and that with the shared coefficients −spread.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmm.compilation import inner_compiled
from mmm.kernel_arrays import KernelData, Work
from mmm.linear_kernel import FIRST_TRANSPOSED, PLAIN, SECOND_TRANSPOSED, invert_positive, product

FloatArray = NDArray[np.float64]


@inner_compiled
def lift_moments(data: KernelData, work: Work) -> None:
    """Covariances of the lift tests' predictions before the readouts are used: ``work.lift_…``."""
    geos, size, _ = work.rows.shape
    shared, lifts = data.alike.shape[1], len(data.lift_value)
    for geo in range(geos):
        _clear(work.lift_load[geo])
    for cell in range(len(work.effect)):
        geo, row, lift = data.cell_place[cell, 0], data.order[data.cell_place[cell, 1] + 1], data.cell_place[cell, 2]
        for i in range(size):
            work.lift_load[geo, i, lift] += work.inverse[geo, i, row] * work.width[row] * work.effect[cell]
    loads, leading, kept = work.lift_pulled, data.leading, size - data.leading
    for geo in range(geos):
        scaled = work.scaled[geo * kept : (geo + 1) * kept]
        scale = (1.0, 0.0 if geo == 0 else 1.0)
        # L⁻¹ is lower triangular and media come after the leading rows, whose loads are therefore zero.
        product((lifts, shared, kept), scale, work.lift_load[geo, leading:], scaled, FIRST_TRANSPOSED, loads)
    product((lifts, shared, shared), (-1.0, 0.0), loads, work.shared_cov, PLAIN, work.lift_shared)
    alike = work.lift_alike
    product((len(alike), lifts, shared), (1.0, 0.0), work.alike_product, loads, SECOND_TRANSPOSED, alike)
    for geo in range(geos):
        scaled_cov = work.scaled_cov[geo * kept : (geo + 1) * kept]
        white, load = work.lift_white[geo], work.lift_load[geo]
        product((leading, lifts, len(alike)), (1.0, 0.0), work.leading[geo], alike, PLAIN, white)
        product((kept, lifts, shared), (1.0, 0.0), scaled_cov, loads, SECOND_TRANSPOSED, white[leading:])
        for row in range(size):
            for lift in range(lifts):
                white[row, lift] += load[row, lift]
        product((size, lifts, size), (1.0, 0.0), work.inverse[geo], white, FIRST_TRANSPOSED, work.lift_units[geo])
    _predict_covariance(data, work)


@inner_compiled
def _clear(matrix: FloatArray) -> None:
    for row in range(matrix.shape[0]):
        for column in range(matrix.shape[1]):
            matrix[row, column] = 0.0


@inner_compiled
def _predict_covariance(data: KernelData, work: Work) -> None:
    """Covariance of the lift tests, readout error included, from that with the units."""
    lifts = len(data.lift_value)
    for lift in range(lifts):
        for other in range(lifts):
            work.lift_cov[lift, other] = data.lift_error[lift] ** 2 if lift == other else 0.0
    for cell in range(len(work.effect)):
        geo, row, lift = data.cell_place[cell, 0], data.order[data.cell_place[cell, 1] + 1], data.cell_place[cell, 2]
        for other in range(lifts):
            work.lift_cov[lift, other] += work.effect[cell] * work.width[row] * work.lift_units[geo, row, other]


@inner_compiled
def use_lifts(data: KernelData, work: Work) -> float:
    """Turn moments before the readouts into moments after them; gives the readouts' part of the log density."""
    geos, size, _ = work.rows.shape
    lifts, shared = work.lift_shared.shape
    pull, weight, surprise = work.lift_pull, work.lift_weight, work.lift_scratch[0]
    for lift in range(lifts):
        surprise[lift] = data.lift_value[lift]
        for other in range(lifts):
            pull[lift, other] = work.lift_cov[lift, other]
    for cell in range(len(work.effect)):
        geo, row, lift = data.cell_place[cell, 0], data.order[data.cell_place[cell, 1] + 1], data.cell_place[cell, 2]
        surprise[lift] -= work.effect[cell] * (work.mean[row] + work.width[row] * work.unit_mean[geo, row])
    logp = -invert_positive(pull)
    for lift in range(lifts):
        weight[lift] = 0.0
        for other in range(lifts):
            weight[lift] += pull[lift, other] * surprise[other]
        logp -= 0.5 * weight[lift] * surprise[lift]
        for column in range(shared):
            work.shared_mean[column] += work.lift_shared[lift, column] * weight[lift]
    for geo in range(geos):
        for row in range(size):
            for lift in range(lifts):
                work.unit_mean[geo, row] += work.lift_units[geo, row, lift] * weight[lift]
    product((lifts, shared, lifts), (1.0, 0.0), pull, work.lift_shared, PLAIN, work.lift_pulled)
    product((shared, shared, lifts), (-1.0, 1.0), work.lift_pulled, work.lift_shared, FIRST_TRANSPOSED, work.shared_cov)
    return logp


@inner_compiled
def lift_slopes(data: KernelData, work: Work) -> None:
    """Add the lift tests' share to the slopes by m, and fill those by the cells' effects."""
    for cell in range(len(work.effect)):
        geo, row, test = data.cell_place[cell, 0], data.order[data.cell_place[cell, 1] + 1], data.cell_place[cell, 2]
        pulled = 0.0
        for other in range(len(work.lift_weight)):
            pulled += work.lift_units[geo, row, other] * work.lift_pull[other, test]
        weight, width = work.lift_weight[test], work.width[row]
        work.by_mean[row] += work.effect[cell] * weight
        work.by_effect[cell] = weight * (work.mean[row] + width * work.unit_mean[geo, row]) - width * pulled
