"""The newsletter: media without cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.market_spec import MarketSpec
from simulation.media import carry_over, saturate

FloatArray = NDArray[np.float64]
#: True carry-over, half-saturation (multiple of mean sends per head) and share of `MarketSpec.weekly_revenue`.
DECAY, HALF, SHARE = 0.10, 1.5, 0.03


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Newsletter:
    """``sends`` (whole mails) and ``effect`` (money), both of shape (G, T)."""

    sends: FloatArray
    effect: FloatArray


def simulate_newsletter(
    spec: MarketSpec, population: FloatArray, promotion: FloatArray, rng: np.random.Generator
) -> Newsletter:
    """Mails by geo and week, more in promotion weeks (``promotion``: depth, shape (T,)), and their effect."""
    geos, weeks = len(population), len(promotion)
    wave = np.exp(rng.normal(0.0, 0.30, weeks)) * (1.0 + 2.0 * promotion)
    # Every other week or so has no mailing at all or a small one, which tells its effect from the baseline.
    wave *= np.where(rng.random(weeks) < 0.25, 0.15, 1.0)
    subscribers = 0.011 * population[:, None] * np.exp(rng.normal(0.0, 0.10, (geos, 1)))
    sends = np.rint(subscribers * wave * np.exp(rng.normal(0.0, 0.06, (geos, weeks))))
    head = sends / population[:, None]
    share = saturate(carry_over(head, DECAY), HALF * float(head.mean()))
    effect = population[:, None] * share
    window = effect[:, spec.warmup_weeks :]
    return Newsletter(sends=sends, effect=effect * (SHARE * spec.weekly_revenue * spec.n_weeks / float(window.sum())))
