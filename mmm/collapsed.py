"""The collapsed engine: design → compiled log density → draws of every parameter and coefficient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmm.calibration import LiftDesign
from mmm.collapsed_kernel import draw_coefficients
from mmm.design import Design
from mmm.kernel_arrays import KernelData, new_work
from mmm.parameters import INTERCEPT_PRIOR, Parameters
from mmm.spec import ADSTOCKS, SATURATIONS, ModelSpec
from mmm.transforms import ADSTOCK_PARAMETERS, SATURATION_PARAMETERS

FloatArray = NDArray[np.float64]


def kernel_data(design: Design, layout: Parameters, spec: ModelSpec, lifts: LiftDesign) -> KernelData:
    """What the compiled density reads; lift tests are divided by their standard error."""
    shared, outcome = design.shared.values, design.outcome
    inverse_error = 1.0 / lifts.error
    data = KernelData(
        outcome=outcome,
        money=design.money,
        media=design.media,
        spend=design.spend,
        shared=shared,
        shared_gram=np.einsum("gtk,gtl->gkl", shared, shared, optimize=True),
        shared_outcome=np.einsum("gtk,gt->gk", shared, outcome),
        outcome_square=np.einsum("gt,gt->g", outcome, outcome),
        group=design.shared.group,
        prior_sd=design.shared.prior_sd,
        centre=layout.centre,
        spread=layout.spread,
        intercept=np.array(INTERCEPT_PRIOR),
        kinds=np.array(
            [
                ADSTOCKS.index(spec.adstock),
                len(ADSTOCK_PARAMETERS[spec.adstock]),
                SATURATIONS.index(spec.saturation),
                len(SATURATION_PARAMETERS[spec.saturation]),
                design.lags,
                int(design.shared.group.max()) + 1,
            ],
            dtype=np.int64,
        ),
        cell_media=lifts.media,
        cell_window=np.ascontiguousarray(lifts.window * inverse_error[lifts.place[:, 2]][:, None]),
        cell_place=np.ascontiguousarray(lifts.place),
        lift_value=lifts.value * inverse_error,
        lift_error=np.ones(len(lifts.value)),
    )
    # Own writable C arrays throughout: one signature, so one compilation, whatever the panel.
    return KernelData(**{name: np.array(values, order="C") for name, values in data._asdict().items()})


def draw_linear(points: FloatArray, data: KernelData, seed: int) -> tuple[FloatArray, FloatArray]:
    """Exact draws of the linear coefficients, one for each sampler point.

    Parameters
    ----------
    points
        Shape (chain, draw, n).
    data
        As the density saw it.
    seed
        Of the normal numbers.

    Returns
    -------
    tuple
        Geo coefficients (chain, draw, G, 1 + C) and shared coefficients (chain, draw, K).
    """
    chains, draws, _ = points.shape
    geos, channels, _ = data.media.shape
    columns, lifts = len(data.group), len(data.lift_value)
    rng = np.random.default_rng(seed)
    work = new_work(data)
    by_geo = np.empty((chains, draws, geos, channels + 1))
    shared = np.empty((chains, draws, columns))
    for chain in range(chains):
        for draw in range(draws):
            normals = rng.standard_normal(columns + geos * (channels + 1) + lifts)
            by_geo[chain, draw], shared[chain, draw] = draw_coefficients(points[chain, draw], data, work, normals)
    return by_geo, shared
