"""How long does evidence keep? The half-life under which yesterday's belief predicted today best."""

from __future__ import annotations

import numpy as np
from scipy import special

from bandits.rewards import Floats

#: Half-lives tried, in days; infinite: evidence keeps for ever.
HALF_LIVES = (7.0, 14.0, 28.0, np.inf)
#: Log predictive likelihood that forgetting must gain.
_WORTH = 3.0


def learn_half_life(shown: Floats, rewarded: Floats) -> float | None:
    """The half-life in days, ``None`` if forgetting does not predict better.

    Each day is predicted from the discounted days before it (Beta-binomial), for every half-life; the best sum of log
    likelihoods wins (prequential model choice, Dawid 1984). Creatives that keep their level keep all their evidence, so
    that their experiment can end; where one tires, its old days fade. Good and bad days make rates jump without drift:
    counts are divided by the overdispersion of day-to-day differences, which slow drift hardly touches.

    Parameters
    ----------
    shown, rewarded
        Decisions (may be fractional) and rewarded ones by day, shape (days, arms), days without gaps.

    Examples
    --------
    >>> learn_half_life(np.full((40, 2), 500.0), np.full((40, 2), 25.0)) is None
    True
    >>> falling = np.column_stack([np.full(40, 25.0), np.linspace(60.0, 5.0, 40)])
    >>> learn_half_life(np.full((40, 2), 500.0), falling)
    7.0
    """
    hits = np.minimum(rewarded, shown)
    excess = _overdispersion(shown, hits)
    scores = [_predictive(shown / excess, hits / excess, half_life) for half_life in HALF_LIVES]
    best = int(np.argmax(scores))
    return HALF_LIVES[best] if scores[best] - scores[-1] > _WORTH else None


def _overdispersion(shown: Floats, hits: Floats) -> float:
    """Variance of day-to-day differences of the rates over what chance alone gives, at least 1."""
    mean = hits.sum(axis=0) / np.maximum(shown.sum(axis=0), 1e-9)
    both = (shown[1:] >= 1.0) & (shown[:-1] >= 1.0) & (mean > 0) & (mean < 1)
    if both.sum() < 5:
        return 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        step = hits[1:] / shown[1:] - hits[:-1] / shown[:-1]
        chance = mean * (1.0 - mean) * (1.0 / shown[1:] + 1.0 / shown[:-1])
        return max(1.0, float((step**2 / chance)[both].mean()))


def _predictive(shown: Floats, rewarded: Floats, half_life: float) -> float:
    keep = 0.5 ** (1.0 / half_life)
    total = 0.0
    won, lost = np.zeros(shown.shape[1]), np.zeros(shown.shape[1])
    for today, hits in zip(shown, rewarded, strict=True):
        a, b = won + 1.0, lost + 1.0
        # the binomial coefficient is the same for every half-life and left out
        total += float((special.betaln(a + hits, b + today - hits) - special.betaln(a, b)).sum())
        won, lost = keep * (won + hits), keep * (lost + today - hits)
    return total
