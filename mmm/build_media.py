"""Media in the PyMC reference: from parameters to transformed media and national coefficients, one medium at a time.

The formulas are those of `mmm.transforms` and `mmm.media_kernel`, written for readers: no derivatives, no shortcuts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmm.channel_spec import AdstockKind, SaturationKind
from mmm.design import Design
from mmm.kernel_arrays import COEFFICIENT, MARGINAL
from mmm.media_kernel import NUDGE
from mmm.media_response import saturates_first, saturation_kind
from mmm.parameters import Parameters
from mmm.spec import ModelSpec
from mmm.transforms import ADSTOCK_PARAMETERS, SATURATION_PARAMETERS

FloatArray = NDArray[np.float64]


def tensors() -> Any:  # noqa: ANN401 - a module
    """PyTensor's array functions; they are annotated only in part."""
    import pytensor.tensor

    return pytensor.tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Medium:
    """A paid channel or organic medium of the reference; T periods, L the longest carry-over of all media.

    Attributes
    ----------
    weights
        Tensor (l,), adstock weights of its own l ≤ L lags.
    saturation, shape
        Family, and its parameters as scalar tensors.
    saturates_first
        Whether it saturates before it is carried over.
    history, lags
        L − 1, periods before the first that is answered for, and l.
    course
        Tensor (T,), factor on its effect by period; ``None`` where the effect is steady.
    """

    weights: Any
    saturation: SaturationKind
    shape: tuple[Any, ...]
    saturates_first: bool
    history: int
    lags: int
    course: Any

    def respond(self, media: FloatArray, reach: FloatArray, time: NDArray[np.int64] | None = None) -> Any:  # noqa: ANN401 - a tensor
        """Transformed media (…, W) of series (…, L − 1 + W) whose periods are ``time`` (W,) of the panel."""
        media, reach = self._lagged(media), self._lagged(reach)
        if self.saturates_first:
            level = tensors().dot(saturated(self.saturation, self.shape, media) * reach, self.weights)
        else:
            level = saturated(self.saturation, self.shape, tensors().dot(media, self.weights))
        if self.course is None:
            return level
        return level * (self.course if time is None else self.course[time])

    def _lagged(self, series: FloatArray) -> FloatArray:
        """Every period's own and earlier values: (…, L − 1 + W) → (…, W, l)."""
        periods = series.shape[-1] - self.history
        place = self.history + np.arange(periods)[:, None] - np.arange(self.lags)[None, :]
        return series[..., place]


def media_of(design: Design, layout: Parameters, spec: ModelSpec, natural: dict[str, Any]) -> list[Medium]:
    """Every medium of a design at the parameters ``natural`` (name → tensor)."""

    def own(names: tuple[str, ...], channel: int) -> tuple[Any, ...]:
        return tuple(natural[name][layout.members[name].index(channel)] for name in names)

    media = []
    for channel, name in enumerate(design.media_names):
        form = spec.channel(name)
        adstock, curve = form.adstock or "none", saturation_kind(spec, name)
        lags = spec.window(name)
        media.append(
            Medium(
                weights=adstock_weights(adstock, own(ADSTOCK_PARAMETERS[adstock], channel), lags),
                saturation=curve,
                shape=own(SATURATION_PARAMETERS[curve], channel),
                saturates_first=saturates_first(design, spec, channel),
                history=design.lags - 1,
                lags=lags,
                course=_course(design, layout, natural, channel),
            )
        )
    return media


def adstock_weights(kind: AdstockKind, parameters: tuple[Any, ...], lags: int) -> Any:  # noqa: ANN401 - a tensor (lags,)
    """Normalised weights; see `mmm.transforms.adstock_weights`."""
    pt = tensors()
    if kind == "none":
        return np.ones(1)
    lag = np.arange(lags, dtype=np.float64)
    first, *rest = parameters
    if kind == "geometric":
        log_weights = lag * pt.log(first)
    elif kind == "delayed":
        log_weights = (lag - rest[0]) ** 2 * pt.log(first)
    else:
        log_weights = (rest[0] - 1.0) * np.log(lag + 1.0) - ((lag + 1.0) / first) ** rest[0]
    weights = pt.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def saturated(kind: SaturationKind, parameters: tuple[Any, ...], media: Any) -> Any:  # noqa: ANN401 - tensors
    """Diminishing returns; see `mmm.transforms.saturate`."""
    pt = tensors()
    if kind == "none":
        return media
    ratio = media / parameters[0]
    if kind == "hill":
        positive = pt.switch(media > 0, ratio, 1.0)  # keeps the gradient finite where nothing was spent
        powered = pt.exp(parameters[1] * pt.log(positive))
        return pt.switch(media > 0, powered / (1.0 + powered), 0.0)
    if kind == "michaelis_menten":
        return ratio / (1.0 + ratio)
    # The logistic curve with its half at κ is the same: (1 − e^(−z))/(1 + e^(−z)) = tanh(z/2).
    return pt.tanh(np.arctanh(0.5) * ratio)


def _course(design: Design, layout: Parameters, natural: dict[str, Any], channel: int) -> Any:  # noqa: ANN401 - a tensor (T,)
    """Course over time of a varying effect: exp of a random walk."""
    pt = tensors()
    place = int(design.varying[channel])
    if place < 0:
        return None
    steps = len(design.path)
    swing = natural["swing"][layout.members["swing"].index(channel)]
    walk = pt.dot(natural["path"][place * steps : (place + 1) * steps], pt.as_tensor(design.path))
    return pt.exp(swing * walk)


def panel_media(design: Design, media: list[Medium]) -> Any:  # noqa: ANN401 - a tensor
    """Transformed media of the whole panel, tensor (G, C, T)."""
    pt = tensors()
    levels = [medium.respond(design.media[:, place], design.reach[:, place]) for place, medium in enumerate(media)]
    return pt.stack([pt.as_tensor(level) for level in levels], axis=1)


def national_effects(design: Design, media: list[Medium], effect: Any, level: Any) -> Any:  # noqa: ANN401 - tensors
    """National coefficients (C,): effect × basis over what one unit of coefficient brings in the panel.

    Parameters
    ----------
    design, media
        The data and their forms.
    effect
        Tensor (C,): ROAS, marginal ROAS, share or coefficient.
    level
        Tensor (G, C, T) of `panel_media`.
    """
    pt = tensors()
    totals: list[Any] = []
    for place, (medium, normaliser) in enumerate(zip(media, design.priors.normaliser, strict=True)):
        total = (design.money * level[:, place]).sum()
        if normaliser == COEFFICIENT:
            total = pt.as_tensor(1.0)
        elif normaliser == MARGINAL:
            more = medium.respond((1.0 + NUDGE) * design.media[:, place], design.reach[:, place])
            total = ((design.money * more).sum() - total) / NUDGE
        totals.append(total)
    return effect * design.priors.basis / pt.stack(totals)
