"""The collapsed engine: design → compiled log density → draws of every parameter and coefficient."""

from __future__ import annotations

from dataclasses import dataclass

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
    inverse_error = 1.0 / lifts.error
    degrees = float(spec.degrees) if spec.noise == "student_t" else 0.0
    shapes = _common_and_own(design, degrees)
    arrays = {
        "outcome": design.outcome,
        "money": design.money,
        "media": design.media,
        "reach": design.reach,
        "basis": design.priors.basis,
        "extra": design.extra.values,
        "extra_group": design.extra.group,
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
    writable = {name: np.array(values, order="C") for name, values in (arrays | shapes.arrays).items()}
    return KernelData(shocks=int(design.shocks), degrees=degrees, leading=shapes.leading, **writable)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Alike:
    """What all geos have alike, so that the density works it out once; names as in `mmm.kernel_arrays.KernelData`."""

    leading: int
    arrays: dict[str, FloatArray | IntArray]


def _common_and_own(design: Design, degrees: float) -> _Alike:
    """Tell rows and columns that are the same in all geos from those that are not."""
    values, extra, channels = design.shared.values, design.extra.values, len(design.media_names)
    drifts = _alike_at_first(extra.transpose(1, 0, 2))
    leading = 0 if degrees > 0.0 else 1 + drifts  # weights of Student-t noise make all cross products a geo's own
    common, shocks = _alike_at_first(values.transpose(2, 0, 1)), int(design.shocks)
    merged = common * shocks
    shared, own = values[:, :, merged:], values[:, :, common:].transpose(0, 2, 1)
    rows = np.concatenate([np.ones((1, design.periods)), extra[0, :drifts]])[:leading]
    count = own.shape[1] if leading else 0
    columns, first = shared.shape[2], common - merged
    alike = np.zeros((leading + count, columns + design.periods * shocks))
    alike[:leading, :first] = rows @ shared[0, :, :first]
    alike[leading:, first : first + count] = np.eye(count)
    basis, factor = np.linalg.qr(values[0, :, :merged])
    series, rest = np.zeros((len(factor), alike.shape[1])), np.zeros((design.periods * shocks, alike.shape[1]))
    if shocks:
        alike[:leading, columns:] = rows
        series[:, columns:] = basis.T
        rest[:, columns:] = np.eye(design.periods) - basis @ basis.T
    further = np.arange(extra.shape[1]) + 1
    further[drifts:] += channels
    fixed = np.zeros((design.geos, 1 + channels + extra.shape[1], design.periods))
    fixed[:, 0], fixed[:, further] = 1.0, extra
    arrays = {
        "order": np.concatenate([[0], 1 + drifts + np.arange(channels), further]),
        "fixed_gram": fixed @ fixed.transpose(0, 2, 1),
        "shared": shared,
        "merged": factor,
        "series_basis": series,
        "series_rest": rest,
        "own": own,
        "common_gram": shared[0, :, :first].T @ shared[0, :, :first],
        "own_gram": own @ shared,
        "alike": alike,
        "leading_own": np.einsum("ft,got->gfo", rows, own),
    }
    return _Alike(leading=leading, arrays=arrays)


def _alike_at_first(values: FloatArray) -> int:
    """How many series (n, G, T) at the beginning are the same in all geos."""
    differs = (values != values[:, :1]).any(axis=(1, 2))
    return int(np.argmax(differs)) if differs.any() else len(values)


def channel_kinds(design: Design, spec: ModelSpec) -> IntArray:
    """The forms of the media as numbers, shape (C, 6); columns as in `mmm.kernel_arrays`."""
    kinds = np.zeros((len(design.media_names), 6), dtype=np.int64)
    for index, name in enumerate(design.media_names):
        form = spec.channel(name)
        saturates_first = form.order == "saturation_first" or name in design.panel.reach_channels
        kinds[index, ADSTOCK] = ADSTOCKS.index(form.adstock or spec.adstock)
        kinds[index, SATURATION] = SATURATIONS.index(form.saturation or spec.saturation)
        kinds[index, ORDER] = int(saturates_first)
        kinds[index, LAGS] = spec.window(name)
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
