"""The reference: the same model written out in PyMC, every coefficient sampled.

Slower than the collapsed engine, but short and readable; tests hold the two together. The notation is that of
`mmm.collapsed_kernel`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from measurement.progress import Progress
from mmm.calibration import LiftDesign
from mmm.design import Design
from mmm.parameters import INTERCEPT_PRIOR, Parameters
from mmm.sampling import Effort, Trace, run_nutpie, trace_of
from mmm.spec import ModelSpec
from mmm.transforms import ADSTOCK_PARAMETERS, SATURATION_PARAMETERS

FloatArray = NDArray[np.float64]


def build_model(design: Design, layout: Parameters, lifts: LiftDesign, spec: ModelSpec) -> Any:  # noqa: ANN401 - pymc is untyped
    """The PyMC model.

    Free variables: one standard normal block for each entry of ``layout.names`` (suffix ``_point``), ``unit``
    (geo, row), the whitened intercepts and channel effects, and ``column`` (column), the whitened shared
    coefficients.
    """
    import pymc as pm
    import pytensor.tensor

    pt: Any = pytensor.tensor  # only in part annotated
    panel = design.panel
    coords = {
        "geo": list(panel.geos),
        "channel": list(panel.channels),
        "row": ["intercept", *panel.channels],
        "shared": list(design.shared.names),
    }
    with pm.Model(coords=coords) as model:
        natural = _parameters(layout)
        weights = _adstock_weights(spec, natural, design.lags)
        media = _saturated(spec, natural, _carried(design.media, weights[None], design.lags))
        total = (media * design.money[:, None, :]).sum(axis=(0, 2))
        national = natural["roas"] * design.spend / total
        spread = natural["geo_spread"] if design.geos > 1 else pt.zeros(design.channels)
        unit = pm.Normal("unit", 0.0, 1.0, dims=("geo", "row"))
        intercept = INTERCEPT_PRIOR[0] + INTERCEPT_PRIOR[1] * unit[:, 0]
        effect = pm.Deterministic("geo_effect", national * (1.0 + spread * unit[:, 1:]), dims=("geo", "channel"))
        pm.Deterministic("intercept", intercept, dims="geo")
        learnt = pt.concatenate([natural[name] for name in ("walk_sd", "shock_sd") if name in natural])
        group = design.shared.group
        shared_sd = pt.where(group < 0, design.shared.prior_sd, learnt[np.maximum(group, 0)])
        shared = pm.Deterministic(
            "shared_effect", shared_sd * pm.Normal("column", 0.0, 1.0, dims="shared"), dims="shared"
        )
        baseline = intercept[:, None] + pt.tensordot(pt.as_tensor(design.shared.values), shared, axes=[[2], [0]])
        expected = baseline + (effect[:, :, None] * media).sum(axis=1)
        pm.Normal("outcome", expected, natural["noise"][:, None], observed=design.outcome)
        if lifts.lifts:
            _add_lifts(design, lifts, spec, natural, weights, effect)
    return model


def _parameters(layout: Parameters) -> dict[str, Any]:
    """Standard normal blocks, and what they are in natural units."""
    import pymc as pm
    import pytensor.tensor as pt

    natural, start = {}, 0
    for name, size in zip(layout.names, layout.sizes, strict=True):
        stop = start + size
        point = pm.Normal(f"{name}_point", 0.0, 1.0, shape=size)
        value = layout.centre[start:stop] + layout.spread[start:stop] * point
        if name == "retention":
            natural[name] = pt.sigmoid(value)
        elif name == "peak":
            natural[name] = (layout.lags - 1) * pt.sigmoid(value)
        else:
            natural[name] = pt.exp(value)
        start = stop
    return natural


def _adstock_weights(spec: ModelSpec, natural: dict[str, Any], lags: int) -> Any:  # noqa: ANN401 - a tensor (C, L)
    import pytensor.tensor as pt

    lag = np.arange(lags, dtype=np.float64)[None, :]
    first, *rest = (natural[name][:, None] for name in ADSTOCK_PARAMETERS[spec.adstock])
    if spec.adstock == "geometric":
        log_weights = lag * pt.log(first)
    elif spec.adstock == "delayed":
        log_weights = (lag - rest[0]) ** 2 * pt.log(first)
    else:
        log_weights = (rest[0] - 1.0) * np.log(lag + 1.0) - ((lag + 1.0) / first) ** rest[0]
    weights = pt.exp(log_weights - log_weights.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _carried(media: FloatArray, weights: Any, lags: int) -> Any:  # noqa: ANN401 - tensors (…, L) → (…, T)
    """Carry over; ``media`` (…, L − 1 + T) and ``weights`` (…, L) share their leading axes."""
    periods = media.shape[-1] - lags + 1
    return sum(weights[..., lag, None] * media[..., lags - 1 - lag : lags - 1 - lag + periods] for lag in range(lags))


def _saturated(spec: ModelSpec, natural: dict[str, Any], media: Any, channel: int | None = None) -> Any:  # noqa: ANN401
    """Saturate media (G, C, T), or (2, W) of one channel."""
    import pytensor.tensor as pt

    def parameter(name: str) -> Any:  # noqa: ANN401 - a tensor
        return natural[name][None, :, None] if channel is None else natural[name][channel]

    ratio = media / parameter("half")
    if spec.saturation == "hill":
        positive = pt.switch(media > 0, ratio, 1.0)  # keeps the gradient finite where nothing was spent
        powered = pt.exp(parameter(SATURATION_PARAMETERS["hill"][1]) * pt.log(positive))
        return pt.switch(media > 0, powered / (1.0 + powered), 0.0)
    if spec.saturation == "michaelis_menten":
        return ratio / (1.0 + ratio)
    return pt.tanh(np.arctanh(0.5) * ratio)


def _add_lifts(
    design: Design,
    lifts: LiftDesign,
    spec: ModelSpec,
    natural: dict[str, Any],
    weights: Any,  # noqa: ANN401 - a tensor
    effect: Any,  # noqa: ANN401 - a tensor
) -> None:
    import pymc as pm
    import pytensor.tensor as pt

    predicted: list[Any] = [pt.as_tensor(0.0) for _ in lifts.lifts]
    for media, window, (geo, channel, lift) in zip(lifts.media, lifts.window, lifts.place, strict=True):
        level = _saturated(spec, natural, _carried(media, weights[channel][None, :], design.lags), int(channel))
        predicted[lift] = predicted[lift] + effect[geo, channel] * ((level[0] - level[1]) * window).sum()
    scaled = pt.stack(predicted) / lifts.error
    pm.Normal("lift", scaled, 1.0, observed=lifts.value / lifts.error)


def sample_reference(
    design: Design,
    layout: Parameters,
    lifts: LiftDesign,
    spec: ModelSpec,
    effort: Effort,
    *,
    seed: int,
    progress: Progress,
) -> tuple[Trace, FloatArray, FloatArray]:
    """Sample the reference; returns the trace, geo coefficients (chain, draw, G, 1 + C) and shared ones."""
    import nutpie

    progress(0.0, "compiling the reference model")
    compiled = nutpie.compile_pymc_model(build_model(design, layout, lifts, spec), backend="numba")
    tree = run_nutpie(compiled, effort, seed=seed, progress=progress)
    posterior = tree["posterior"]
    points = np.concatenate([posterior[f"{name}_point"].to_numpy() for name in layout.names], axis=2)
    intercept = posterior["intercept"].to_numpy()[..., None]
    by_geo = np.concatenate([intercept, posterior["geo_effect"].to_numpy()], axis=3)
    return trace_of(tree, points), by_geo, np.asarray(posterior["shared_effect"].to_numpy(), dtype=np.float64)
