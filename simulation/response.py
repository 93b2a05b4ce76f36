"""The true effect of media by geo and week, and what follows from it: ROAS, marginal ROAS, response curves."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulation.market_spec import Adstock, MarketSpec, Saturation
from simulation.media import carry_over, saturate

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MediaResponse:
    """effect = scale · population · geo_effect · saturate(carry_over(media / population)), by geo, week and channel.

    Attributes
    ----------
    scale
        Money per head and week at full saturation, shape (C,).
    geo_effect
        Factor around 1, shape (G, C).
    decay, half, slope
        True parameters, shape (C,); ``half`` in euros per head and week.
    population
        Shape (G,).
    forms
        Carry-over and saturation, one pair a channel.
    """

    scale: FloatArray
    geo_effect: FloatArray
    decay: FloatArray
    half: FloatArray
    slope: FloatArray
    population: FloatArray
    forms: tuple[tuple[Adstock, Saturation], ...]

    def effect(self, media: FloatArray) -> FloatArray:
        """Incremental outcome, money, of media of shape (G, T, C) whose first week follows silence."""
        return np.stack([self.channel_effect(media[:, :, c], c) for c in range(len(self.scale))], axis=2)

    def channel_effect(self, media: FloatArray, channel: int) -> FloatArray:
        """The same for one channel's media, shape (G, T)."""
        head = carry_over(media / self.population[:, None], float(self.decay[channel]), self.forms[channel][0])
        return self._level(head, channel)

    def steady(self, media: FloatArray, channel: int) -> FloatArray:
        """Outcome a week of ``media`` (G, P) held for ever, shape (G, P)."""
        return self._level(media / self.population[:, None], channel)

    def _level(self, head: FloatArray, channel: int) -> FloatArray:
        share = saturate(head, float(self.half[channel]), float(self.slope[channel]), self.forms[channel][1])
        factor = self.scale[channel] * self.population * self.geo_effect[:, channel]
        return np.asarray(factor[:, None] * share, dtype=np.float64)


def true_response(
    spec: MarketSpec, media: FloatArray, spend: FloatArray, population: FloatArray, rng: np.random.Generator
) -> MediaResponse:
    """Draw geo effects and set every channel's scale so that its ROAS under ``media`` is what the market asks for.

    Parameters
    ----------
    spec
        The market.
    media, spend
        Business as usual, shape (G, T, C), warm-up included.
    population
        Shape (G,).
    rng
        Source of chance of this part alone.
    """
    geos, channels = len(population), len(spec.channels)
    sd = float(np.sqrt(np.log1p(spec.geo_effect_cv**2)))
    effect = np.exp(rng.normal(0.0, 1.0, (geos, channels)) * sd - 0.5 * sd**2) if geos > 1 else np.ones((1, channels))
    head = media / population[:, None, None]
    on_air = np.array([float(head[:, :, c][head[:, :, c] > 0].mean()) for c in range(channels)])
    unscaled = MediaResponse(
        scale=np.ones(channels),
        geo_effect=effect,
        decay=np.array([channel.decay for channel in spec.channels]),
        half=on_air * np.array([channel.half for channel in spec.channels]),
        slope=np.array([channel.slope for channel in spec.channels]),
        population=population,
        forms=spec.forms,
    )
    window = slice(spec.warmup_weeks, None)
    roas = np.array([channel.roas for channel in spec.channels])
    roas = roas * np.exp(rng.normal(0.0, 1.0, channels) * spec.roas_spread)
    raw = unscaled.effect(media)[:, window].sum(axis=(0, 1))
    return replace(unscaled, scale=roas * spend[:, window].sum(axis=(0, 1)) / raw)
