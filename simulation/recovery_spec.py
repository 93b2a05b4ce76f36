"""Settings of the published parameter-recovery markets: regions, spend patterns, and sizes of business.

The family of markets follows the description and the figures of PyMC Labs' benchmark of media mix libraries
(github.com/pymc-labs/mmm-param-recovery, 2025, Apache-2.0; "PyMC-Marketing vs. Google Meridian", pymc-labs.com). The
code here is our own; the draws therefore differ from theirs, the distribution of the markets does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from measurement.errors import InputError

Pattern = Literal["trend", "seasonal", "delayed_start", "on_off"]
Business = Literal["small", "growing", "medium", "large"]
#: Length of the published carry-over, weeks.
LAGS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """How a spend or a control moves over the weeks of one region.

    Attributes
    ----------
    pattern
        ``trend``: second-order autoregression cut at zero, times linear growth · ``seasonal``: the same times a cosine
        with two summits a year, cut at zero · ``delayed_start``: nothing, a ramp, then the same · ``on_off``: spells
        at ``base``.
    base
        Size, money a week; for all but ``on_off`` the size of the weekly shocks is ``base · volatility``.
    volatility
        Standard deviation of the weekly shocks over ``base``.
    growth
        Linear growth a week, as a fraction; read by ``trend`` only.
    amplitude, phase
        Of the cosine (phase in radians); read by ``seasonal`` only.
    start, ramp
        First week, and weeks until full size; read by ``delayed_start`` only.
    activation, shortest, longest
        Chance that a spell begins in an idle week, and its length in weeks; read by ``on_off`` only.
    """

    pattern: Pattern
    base: float
    volatility: float
    growth: float = 0.0
    amplitude: float = 0.3
    phase: float = 0.0
    start: int = 0
    ramp: int = 4
    activation: float = 0.4
    shortest: int = 2
    longest: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryChannel:
    """A channel: contribution = effect · base sales · Hill(Σ_l retention^l · spend_{t−l} / region's largest spend).

    Attributes
    ----------
    name
        Name.
    spend
        Its pattern.
    effect
        Contribution at full saturation over the base sales of a region.
    retention
        Weekly carry-over; the weights of its `LAGS` lags are not normalised.
    half, slope
        Half-saturation as a multiple of the region's largest weekly spend, and slope.
    """

    name: str
    spend: Series
    effect: float
    retention: float
    half: float
    slope: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryControl:
    """A control whose column times ``effect`` is money in the outcome."""

    name: str
    value: Series
    effect: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverySpec:
    """Everything such a market is made of, apart from the seed.

    Attributes
    ----------
    regions
        Names.
    n_weeks
        Weeks from 5 January 2020; before them nothing was spent.
    channels, controls
        What moves the outcome besides the baseline.
    base_sales
        Sales a week and region without media.
    season
        Amplitude of the yearly sine in the baseline, over it.
    growth
        Linear growth of the baseline a week, as a fraction.
    noise
        Standard deviation of an observation over the region's base sales.
    region_variation
        Base sales, and all figures of a series but its weeks, lie up to this fraction off in a region.
    effect_variation
        The same for a channel's effect. The published markets have 0: they draw one and leave it out of the sales;
        effects a euro differ between regions all the same, as saturation is relative to the region's largest spend.
    linked_controls
        Whether the k-th control of a region is drawn from the same chance as its k-th channel, as the published
        markets have it. Where both follow the same process (``medium``: Video and the control Linear) the two
        columns are all but proportional, and data alone cannot tell them apart.
    """

    regions: tuple[str, ...]
    n_weeks: int
    channels: tuple[RecoveryChannel, ...]
    controls: tuple[RecoveryControl, ...]
    base_sales: float
    season: float = 0.2
    growth: float = 0.0
    noise: float = 0.1
    region_variation: float = 0.1
    effect_variation: float = 0.0
    linked_controls: bool = True

    def __post_init__(self) -> None:
        for field in ("regions", "channels"):
            if not getattr(self, field):
                raise InputError.of("a recovery market needs at least one", f"Name {field}", column=field, value=0)
        for field in ("noise", "region_variation", "effect_variation"):
            if not 0 <= getattr(self, field) < 1:
                remedy = "Give a fraction from 0 to below 1"
                raise InputError.of("out of range", remedy, column=field, value=getattr(self, field))


def recovery_spec(business: Business, seed: int) -> RecoverySpec:
    """Figures of a published size of business.

    ``small``: 1 region, 104 weeks, 4 channels, 2 controls · ``growing``: 2, 131, 6, 2 · ``medium``: 8, 156, 8, 4 ·
    ``large``: 50, 208, 30, 10, its figures drawn from ``seed``; the others have fixed figures.

    Examples
    --------
    >>> [len(recovery_spec(size, 1).channels) for size in ("small", "growing", "medium", "large")]
    [4, 6, 8, 30]
    """
    from simulation.recovery_presets import large_business, published_business

    if business == "large":
        return large_business(np.random.default_rng([seed, 80]))
    return published_business(business)
