"""The reference: the same model written out in PyMC, every coefficient sampled.

Slower than the collapsed engine, but short and readable; tests hold the two together. The notation is that of
`mmm.collapsed_kernel`; media are in `mmm.build_media`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from measurement.progress import Progress
from mmm.baseline import PROCESS, WALK
from mmm.build_media import Medium, media_of, national_effects, panel_media, tensors
from mmm.calibration import LiftDesign
from mmm.design import Design
from mmm.parameters import INTERCEPT_PRIOR, Parameters
from mmm.sampling import Effort, Trace, run_nutpie, trace_of
from mmm.spec import ModelSpec

FloatArray = NDArray[np.float64]
#: Keeps the high frequencies of a long-ranging Gaussian process from a standard deviation of nothing.
LEAST_WAVE = 1e-9


def build_model(design: Design, layout: Parameters, lifts: LiftDesign, spec: ModelSpec) -> Any:  # noqa: ANN401 - pymc is untyped
    """The PyMC model.

    Free variables: one standard normal block for each entry of ``layout.names`` (suffix ``_point``), save the weights
    λ of Student-t noise, which are Gamma variables ``weight`` (entry); ``unit`` (geo, row), the whitened coefficients
    of the geos; and ``column`` (shared), the whitened shared coefficients and shocks.
    """
    import pymc as pm

    pt = tensors()
    shocks = [f"shock:{time}" for time in range(design.periods)] if design.shocks else []
    coords = {
        "geo": list(design.panel.geos),
        "row": ["intercept", *design.media_names, *(f"row:{row}" for row in range(len(design.extra.group)))],
        "shared": [*design.shared.names, *shocks],
    }
    with pm.Model(coords=coords) as model:
        natural = _parameters(layout, spec)
        media = media_of(design, layout, spec, natural)
        level = panel_media(design, media)
        national = national_effects(design, media, natural["effect"], level)
        mean, width = _geo_moments(design, natural, national)
        unit = pm.Normal("unit", 0.0, 1.0, dims=("geo", "row"))
        own = pm.Deterministic("coefficient", mean + width * unit, dims=("geo", "row"))
        whitened = pm.Normal("column", 0.0, 1.0, dims="shared")
        shared = pm.Deterministic("shared_effect", _shared_sd(design, natural) * whitened, dims="shared")
        ones = np.ones((design.geos, 1, design.periods))
        rows = pt.concatenate([ones, level, design.extra.values], axis=1)
        columns = len(design.shared.names)
        expected = (own[:, :, None] * rows).sum(axis=1)
        expected += pt.tensordot(pt.as_tensor(design.shared.values), shared[:columns], axes=[[2], [0]])
        if design.shocks:
            expected += shared[None, columns:]
        pm.Normal("outcome", expected, _noise_sd(design, natural), observed=design.outcome)
        if lifts.lifts:
            _add_lifts(lifts, media, own)
    return model


def _parameters(layout: Parameters, spec: ModelSpec) -> dict[str, Any]:
    """Whitened blocks, and what they are in natural units."""
    import pymc as pm

    pt = tensors()
    natural, start, media = {}, 0, len(layout.mix)
    for name, size in zip(layout.names, layout.sizes, strict=True):
        stop = start + size
        centre, spread = layout.centre[start:stop], layout.spread[start:stop]
        start = stop
        if name == "weight":
            half = spec.degrees / 2.0
            natural[name] = pm.Gamma(name, alpha=half, beta=half, shape=size)
            continue
        point = pm.Normal(f"{name}_point", 0.0, 1.0, shape=size)
        if name == "effect":
            natural[name] = pt.exp(layout.centre[:media] + pt.dot(pt.as_tensor(layout.mix), point))
        elif name in {"retention", "peak"}:
            reach = layout.peak_reach if name == "peak" else 1.0
            natural[name] = reach * pt.sigmoid(centre + spread * point)
        elif name == "path":
            natural[name] = centre + spread * point
        else:
            natural[name] = pt.exp(centre + spread * point)
    return natural


def _geo_moments(design: Design, natural: dict[str, Any], national: Any) -> tuple[Any, Any]:  # noqa: ANN401 - tensors
    """Prior means and standard deviations (J,) of a geo's coefficients: intercept, media, further rows."""
    pt = tensors()
    further = len(design.extra.group)
    mean = pt.concatenate([[INTERCEPT_PRIOR[0]], national, np.zeros(further)])
    spread = national * natural["geo_spread"] if design.geos > 1 else np.zeros(len(design.media_names))
    extra = natural["extra_sd"][design.extra.group] if further else np.zeros(0)
    return mean, pt.concatenate([[INTERCEPT_PRIOR[1]], spread, extra])


def _shared_sd(design: Design, natural: dict[str, Any]) -> Any:  # noqa: ANN401 - a tensor
    """Prior standard deviations (Q,) of the shared columns, then the shocks."""
    pt = tensors()
    group = design.shared.group
    sd: Any = pt.as_tensor(design.shared.prior_sd)
    if (group == WALK).any():
        sd = pt.where(group == WALK, natural["walk_sd"], sd)
    if (group == PROCESS).any():
        length = natural["gp_length"]
        power = pt.sqrt(np.sqrt(2.0 * np.pi) * length) * pt.exp(-0.25 * (length * design.shared.frequency) ** 2)
        sd = pt.where(group == PROCESS, natural["gp_sd"] * power + LEAST_WAVE, sd)
    if not design.shocks:
        return sd
    return pt.concatenate([sd, natural["shock_sd"] * np.ones(design.periods)])


def _noise_sd(design: Design, natural: dict[str, Any]) -> Any:  # noqa: ANN401 - a tensor, (G, T) or (G, 1)
    """Standard deviation of the noise; σ/√λ with Gamma-distributed λ is Student-t noise of scale σ."""
    pt = tensors()
    sigma = natural["noise"][:, None]
    return sigma / pt.sqrt(natural["weight"].reshape(design.outcome.shape)) if "weight" in natural else sigma


def _add_lifts(lifts: LiftDesign, media: list[Medium], own: Any) -> None:  # noqa: ANN401 - a tensor
    """Readouts as observations of the model's own lift."""
    import pymc as pm

    pt = tensors()
    predicted: list[Any] = [pt.as_tensor(0.0) for _ in lifts.lifts]
    for cell, (geo, channel, lift) in enumerate(lifts.place):
        level = media[channel].respond(lifts.media[cell], lifts.reach[cell], lifts.time[cell])
        missing = ((level[0] - level[1]) * lifts.window[cell]).sum()
        predicted[lift] = predicted[lift] + own[geo, channel + 1] * missing
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
    """Sample the reference.

    Returns
    -------
    tuple
        The trace, geo coefficients (chain, draw, G, J) and shared ones (chain, draw, Q: columns, then shocks).
    """
    import nutpie

    progress(0.0, "compiling the reference model")
    compiled = nutpie.compile_pymc_model(build_model(design, layout, lifts, spec), backend="numba")
    tree = run_nutpie(compiled, effort, seed=seed, progress=progress)
    posterior = tree["posterior"]
    points = []
    for name in layout.names:
        if name == "weight":  # centred at 0 on the log scale
            points.append(np.log(posterior[name].to_numpy()) / layout.spread[-layout.sizes[-1] :])
        else:
            points.append(posterior[f"{name}_point"].to_numpy())
    by_geo = np.asarray(posterior["coefficient"].to_numpy(), dtype=np.float64)
    shared = np.asarray(posterior["shared_effect"].to_numpy(), dtype=np.float64)
    return trace_of(tree, np.concatenate(points, axis=2)), by_geo, shared
