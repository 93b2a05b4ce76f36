"""The collapsed engine: design → compiled log density → draws of every parameter and coefficient."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmm.calibration import LiftDesign
from mmm.channel_spec import ADSTOCKS, SATURATIONS
from mmm.collapsed_kernel import draw_coefficients
from mmm.design import Design
from mmm.kernel_arrays import ADSTOCK, BASIS, LAGS, ORDER, SATURATION, VARYING, IntArray, KernelData, new_work
from mmm.parameters import INTERCEPT_PRIOR, Parameters
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]


def kernel_data(design: Design, layout: Parameters, spec: ModelSpec, lifts: LiftDesign) -> KernelData:
    """What the compiled density reads; lift tests are divided by their standard error."""
    shared = design.shared.values
    inverse_error = 1.0 / lifts.error
    arrays = {
        "outcome": design.outcome,
        "money": design.money,
        "media": design.media,
        "reach": design.reach,
        "basis": design.priors.basis,
        "extra": design.extra.values,
        "extra_group": design.extra.group,
        "shared": shared,
        "shared_gram": np.einsum("gtk,gtl->gkl", shared, shared, optimize=True),
        "group": design.shared.group,
        "prior_sd": design.shared.prior_sd,
        "frequency": design.shared.frequency,
        "path": design.path,
        "centre": layout.centre,
        "spread": layout.spread,
        "mix": layout.mix,
        "intercept": np.array(INTERCEPT_PRIOR),
        "kinds": channel_kinds(design, spec),
        "slots": layout.slots,
        "blocks": layout.blocks,
        "cell_media": lifts.media,
        "cell_reach": lifts.reach,
        "cell_window": lifts.window * inverse_error[lifts.place[:, 2]][:, None],
        "cell_time": lifts.time,
        "cell_place": lifts.place,
        "lift_value": lifts.value * inverse_error,
        "lift_error": np.ones(len(lifts.value)),
    }
    # Own writable C arrays throughout: one signature, so one compilation, whatever the panel.
    own = {name: np.array(values, order="C") for name, values in arrays.items()}
    degrees = float(spec.degrees) if spec.noise == "student_t" else 0.0
    return KernelData(shocks=int(design.shocks), degrees=degrees, **own)


def channel_kinds(design: Design, spec: ModelSpec) -> IntArray:
    """The forms of the media as numbers, shape (C, 6); columns as in `mmm.kernel_arrays`."""
    kinds = np.zeros((len(design.media_names), 6), dtype=np.int64)
    for index, name in enumerate(design.media_names):
        form = spec.channel(name)
        saturates_first = form.order == "saturation_first" or name in design.panel.reach_channels
        kinds[index, ADSTOCK] = ADSTOCKS.index(form.adstock or spec.adstock)
        kinds[index, SATURATION] = SATURATIONS.index(form.saturation or spec.saturation)
        kinds[index, ORDER] = int(saturates_first)
        kinds[index, LAGS] = 1 if form.adstock == "none" else form.lags or spec.lags
        kinds[index, BASIS] = design.priors.normaliser[index]
        kinds[index, VARYING] = design.varying[index]
    return kinds


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
        Geo coefficients (chain, draw, G, J) and shared coefficients (chain, draw, Q).
    """
    chains, draws, _ = points.shape
    rng = np.random.default_rng(seed)
    work = new_work(data)
    geos, rows, _ = work.rows.shape
    columns, lifts = len(work.shared_sd), len(data.lift_value)
    by_geo = np.empty((chains, draws, geos, rows))
    shared = np.empty((chains, draws, columns))
    for chain in range(chains):
        for draw in range(draws):
            normals = rng.standard_normal(columns + geos * rows + lifts)
            by_geo[chain, draw], shared[chain, draw] = draw_coefficients(points[chain, draw], data, work, normals)
    return by_geo, shared
