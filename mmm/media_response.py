"""What media bring, from posterior draws: the transforms of the compiled density as plain array functions of draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmm.channel_spec import SaturationKind
from mmm.design import Design
from mmm.parameters import Parameters
from mmm.spec import ModelSpec
from mmm.transforms import ADSTOCK_PARAMETERS, SATURATION_PARAMETERS, adstock_weights, apply_adstock, saturate

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draws:
    """Posterior draws in natural units. D draws, G geos, C media (paid, then organic), K shared columns, L lags.

    Attributes
    ----------
    weights
        Adstock weights, shape (D, C, L).
    saturation
        Half saturation and slope, shape (D, C, 2); ones where a form has none.
    course
        Factor on a channel's effect by period, shape (D, C, T), or (D, C, 1) of ones where no effect varies.
    effect
        Scaled effect of each channel in each geo, shape (D, G, C).
    intercept
        Shape (D, G).
    extra
        Coefficients of the geos' further rows, shape (D, G, E).
    shared
        Shape (D, K).
    shock
        Deviation of each period, shape (D, T), or (D, 0) without.
    noise
        Shape (D, G), scaled.
    """

    weights: FloatArray
    saturation: FloatArray
    course: FloatArray
    effect: FloatArray
    intercept: FloatArray
    extra: FloatArray
    shared: FloatArray
    shock: FloatArray
    noise: FloatArray

    def __len__(self) -> int:
        return int(self.weights.shape[0])


def collect_draws(
    natural: dict[str, FloatArray],
    coefficients: tuple[FloatArray, FloatArray],
    layout: Parameters,
    design: Design,
    spec: ModelSpec,
) -> Draws:
    """Flat draws from named parameters (D, size), geo coefficients (D, G, J) and shared ones (D, Q)."""
    by_geo, shared = coefficients
    media, count = len(design.media_names), len(by_geo)
    weights = np.zeros((count, media, design.lags))
    saturation = np.ones((count, media, 2))
    for channel, name in enumerate(design.media_names):
        form = spec.channel(name)
        adstock, curve = form.adstock or "none", form.saturation or "none"
        lags = spec.window(name)
        found = _own(layout, natural, ADSTOCK_PARAMETERS[adstock], channel, count)
        weights[:, channel, :lags] = adstock_weights(adstock, found, lags)
        for place, parameter in enumerate(SATURATION_PARAMETERS[curve]):
            saturation[:, channel, place] = layout.by_channel(natural, (parameter,), channel)[:, 0]
    columns = len(design.shared.names)
    return Draws(
        weights=weights,
        saturation=saturation,
        course=_courses(natural, design, count),
        effect=by_geo[:, :, 1 : 1 + media],
        intercept=by_geo[:, :, 0],
        extra=by_geo[:, :, 1 + media :],
        shared=shared[:, :columns],
        shock=shared[:, columns:],
        noise=natural["noise"],
    )


def _own(
    layout: Parameters, natural: dict[str, FloatArray], names: tuple[str, ...], channel: int, count: int
) -> FloatArray:
    return layout.by_channel(natural, names, channel) if names else np.empty((count, 0))


def _courses(natural: dict[str, FloatArray], design: Design, count: int) -> FloatArray:
    media, steps = len(design.media_names), len(design.path)
    if not (design.varying >= 0).any():
        return np.ones((count, media, 1))
    course = np.ones((count, media, design.periods))
    for channel, place in enumerate(design.varying):
        if place >= 0:
            walk = natural["path"][:, place * steps : (place + 1) * steps] @ design.path
            course[:, channel] = np.exp(natural["swing"][:, place, None] * walk)
    return course


def saturation_kind(spec: ModelSpec, name: str) -> SaturationKind:
    """The saturation of a channel."""
    return spec.channel(name).saturation or spec.saturation


def saturates_first(design: Design, spec: ModelSpec, channel: int) -> bool:
    """Whether a channel saturates before it is carried over."""
    name = design.media_names[channel]
    return spec.channel(name).order == "saturation_first" or name in design.panel.reach_channels


def channel_response(
    draws: Draws,
    design: Design,
    spec: ModelSpec,
    channel: int,
    paths: tuple[FloatArray, FloatArray],
    *,
    time: NDArray[np.int64] | None = None,
) -> FloatArray:
    """Transformed media of one channel along given paths, for every draw.

    Parameters
    ----------
    draws, design, spec
        The fit.
    channel
        Number among ``design.media_names``.
    paths
        Scaled media (or frequency) and reach, each of shape (…, L − 1 + W), history first.
    time
        Shape (W,): period of the panel of each of the W periods, for effects that vary; the panel's own where left out.

    Returns
    -------
    FloatArray
        Shape (D, …, W).
    """
    media, reach = paths
    lead = (slice(None), *(None,) * (media.ndim - 1))
    weights, shape = draws.weights[:, channel][lead], draws.saturation[:, channel][(*lead, None)]
    kind = saturation_kind(spec, design.media_names[channel])
    if saturates_first(design, spec, channel):
        level = apply_adstock(saturate(kind, media[None], shape) * reach[None], weights)
    else:
        level = saturate(kind, apply_adstock(media[None], weights), shape)
    course = draws.course[:, channel]
    if course.shape[1] > 1:
        level = level * (course if time is None else course[:, time])[lead]
    return np.asarray(level, dtype=np.float64)


def panel_response(draws: Draws, design: Design, spec: ModelSpec, channel: int, geo: int) -> FloatArray:
    """Transformed media of one channel in one geo of the panel, shape (D, T)."""
    return channel_response(draws, design, spec, channel, (design.media[geo, channel], design.reach[geo, channel]))
