"""What a simulated market is made of: frozen settings, presets, and random channels for recovery studies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from measurement.errors import InputError

Adstock = Literal["geometric", "delayed", "weibull"]
Saturation = Literal["hill", "logistic", "michaelis_menten", "tanh"]
Noise = Literal["normal", "student_t"]
Preset = Literal[
    "plain",
    "wandering",
    "random_walk",
    "geo_drift",
    "confounded_spend",
    "delayed_adstock",
    "logistic_saturation",
    "mixed_forms",
    "shocks",
    "outliers",
    "noisy",
    "rough",
]


def _need(holds: bool, field: str, value: object, remedy: str) -> None:
    if not holds:
        raise InputError.of(f"{field} of a simulated market is out of range", remedy, column=field, value=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """A paid channel and what is true of it.

    Attributes
    ----------
    name
        Name; the panel's columns are ``<name>_spend`` and ``<name>_<exposure>``.
    weekly_spend
        Mean spend of all geos, money a week.
    roas
        Centre of the true ROAS over the window; the seed moves it by `MarketSpec.roas_spread`.
    decay
        Weekly carry-over in [0, 1): geometric retention (for ``delayed`` also, for ``weibull`` the scale
        follows from it).
    half
        Half-saturation as a multiple of the channel's mean delivered spend per head in weeks on air.
    slope
        Slope of the saturation curve; only ``hill`` reads it.
    exposure
        What delivery is counted in, e.g. ``"clicks"``; ``""``: not counted, spend acts directly.
    unit_cost
        Mean cost of one exposure in money.
    flight
        Weeks on and off air in turn, ``None`` for always on.
    season
        How strongly the budget follows demand: 1 means demand 10% up, budget 10% up.
    geo_sd
        Standard deviation of the logarithm of a geo's weekly deviation from the national plan.
    adstock, saturation
        Forms of this channel; ``None``: those of the market.
    """

    name: str
    weekly_spend: float
    roas: float
    decay: float = 0.3
    half: float = 1.5
    slope: float = 1.0
    exposure: str = ""
    unit_cost: float = 1.0
    flight: tuple[int, int] | None = None
    season: float = 1.0
    geo_sd: float = 0.18
    adstock: Adstock | None = None
    saturation: Saturation | None = None

    def __post_init__(self) -> None:
        _need(self.weekly_spend > 0, "weekly_spend", self.weekly_spend, "Give a spend above 0")
        _need(self.roas >= 0, "roas", self.roas, "Give a ROAS of 0 or more")
        _need(0 <= self.decay < 1, "decay", self.decay, "Give a weekly carry-over from 0 to below 1")
        _need(self.half > 0, "half", self.half, "Give a half-saturation above 0")
        _need(self.slope > 0, "slope", self.slope, "Give a slope above 0")
        _need(self.unit_cost > 0, "unit_cost", self.unit_cost, "Give a cost above 0")


CHANNELS: tuple[ChannelSpec, ...] = (
    ChannelSpec(name="search", weekly_spend=128e3, roas=3.1, decay=0.15, half=1.5, exposure="clicks", unit_cost=0.62),
    ChannelSpec(name="shopping", weekly_spend=92e3, roas=2.5, decay=0.10, half=1.8, exposure="clicks", unit_cost=0.41),
    ChannelSpec(
        name="social", weekly_spend=104e3, roas=2.1, decay=0.30, half=1.6, exposure="impressions", unit_cost=0.0068
    ),
    ChannelSpec(
        name="video", weekly_spend=116e3, roas=2.1, decay=0.45, half=1.4, slope=1.1, exposure="views", unit_cost=0.021
    ),
    ChannelSpec(
        name="display", weekly_spend=46e3, roas=0.9, decay=0.20, half=0.9, exposure="impressions", unit_cost=0.0024
    ),
    ChannelSpec(name="tv", weekly_spend=118e3, roas=1.5, decay=0.60, half=1.3, slope=1.3, flight=(5, 4), geo_sd=0.12),
    ChannelSpec(name="radio", weekly_spend=38e3, roas=1.2, decay=0.35, half=1.1, slope=1.1, flight=(4, 3)),
    ChannelSpec(name="out_of_home", weekly_spend=41e3, roas=0.7, decay=0.50, half=1.0, flight=(6, 6), season=0.4),
)


_SPREADS = ("noise", "walk", "geo_walk", "promotion_cv", "geo_effect_cv", "roas_spread", "cost_noise")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSpec:
    """Everything a simulated market is made of, apart from the seed.

    Attributes
    ----------
    n_geos, n_weeks
        Size. Up to 16 geos carry the names and populations of German states.
    channels
        Paid channels.
    last_week
        Monday of the last week, ISO date.
    weekly_revenue
        Centre of national revenue a week, media included.
    adstock, saturation
        Form of the true carry-over and of the true saturation, of channels that do not name their own.
    geo_effect_cv
        Coefficient of variation of a channel's effect over geos.
    roas_spread
        Standard deviation of log true ROAS around `ChannelSpec.roas`.
    noise
        Standard deviation of a geo-week relative to the geo's mean outcome.
    noise_kind
        ``normal``, or ``student_t`` with 4 degrees of freedom and the same standard deviation.
    outliers
        Share of geo-weeks with an error of 5 to 10 standard deviations on top.
    walk, geo_walk
        Weekly step of the wandering baseline, relative to it: shared by all geos, and of each geo's own.
    follow
        How strongly budgets follow the wandering shared by all geos, which no column of the panel shows: 1 means as
        they follow the season (`ChannelSpec.season`).
    reaction
        How budgets react to results: 1 means outcome of the last 4 weeks 10% above the 12 weeks before them, all
        budgets 10% up (`simulation.budget_reaction`).
    promotion_cv
        Coefficient of variation of the effect of promotions over geos.
    trend
        Growth of the baseline from the first to the last week, as a fraction.
    shocks
        Number of unexplained events of two or three weeks, each −12% to +12% of the baseline.
    cost_noise
        Standard deviation of log cost per exposure by geo and week.
    regional_pulses
        Regional pushes and pauses a channel, three to six weeks each, in a quarter of the geos.
    warmup_weeks
        Weeks simulated before the window, so that carry-over is in full swing when it opens.
    geo_tests
        Whether the two geo tests are run (needs 8 geos and 60 weeks).
    """

    n_geos: int = 16
    n_weeks: int = 130
    channels: tuple[ChannelSpec, ...] = CHANNELS
    last_week: str = "2026-11-16"
    weekly_revenue: float = 4.2e6
    adstock: Adstock = "geometric"
    saturation: Saturation = "hill"
    geo_effect_cv: float = 0.18
    roas_spread: float = 0.07
    noise: float = 0.03
    noise_kind: Noise = "normal"
    outliers: float = 0.0
    walk: float = 0.004
    geo_walk: float = 0.0007
    follow: float = 0.0
    reaction: float = 0.0
    promotion_cv: float = 0.0
    trend: float = 0.06
    shocks: int = 0
    cost_noise: float = 0.04
    regional_pulses: int = 5
    warmup_weeks: int = 16
    geo_tests: bool = True

    def __post_init__(self) -> None:
        _need(self.n_geos >= 1, "n_geos", self.n_geos, "Simulate one geo or more")
        _need(self.n_weeks >= 30, "n_weeks", self.n_weeks, "Simulate 30 weeks or more")
        _need(len(self.channels) >= 1, "channels", len(self.channels), "Give one channel or more")
        names = [channel.name for channel in self.channels]
        _need(len(set(names)) == len(names), "channels", names, "Give each channel a name of its own")
        _need(self.weekly_revenue > 0, "weekly_revenue", self.weekly_revenue, "Give a revenue above 0")
        _need(0 <= self.outliers < 1, "outliers", self.outliers, "Give a share from 0 to below 1")
        for field in (*_SPREADS, "follow", "reaction"):
            _need(getattr(self, field) >= 0, field, getattr(self, field), "Give 0 or more")
        for field in ("shocks", "regional_pulses", "warmup_weeks"):
            _need(getattr(self, field) >= 0, field, getattr(self, field), "Give a count of 0 or more")

    @property
    def has_geo_tests(self) -> bool:
        """Whether there is room for the two geo tests."""
        return self.geo_tests and self.n_geos >= 8 and self.n_weeks >= 60

    @property
    def forms(self) -> tuple[tuple[Adstock, Saturation], ...]:
        """Carry-over and saturation of each channel."""
        return tuple((one.adstock or self.adstock, one.saturation or self.saturation) for one in self.channels)


PRESETS: dict[Preset, MarketSpec] = {
    "plain": MarketSpec(),
    "wandering": MarketSpec(walk=0.012, geo_walk=0.002),
    # Every week a step of 2.5% that no knot every few weeks can follow, and budgets that see some of it coming.
    "random_walk": MarketSpec(walk=0.025, follow=2.0, geo_effect_cv=0.3),
    "geo_drift": MarketSpec(walk=0.006, geo_walk=0.006, promotion_cv=0.4),
    "confounded_spend": MarketSpec(walk=0.012, reaction=1.0),
    "delayed_adstock": MarketSpec(adstock="delayed"),
    "logistic_saturation": MarketSpec(saturation="logistic"),
    "mixed_forms": MarketSpec(),
    "shocks": MarketSpec(shocks=5, noise_kind="student_t"),
    "outliers": MarketSpec(noise_kind="student_t", noise=0.04, outliers=0.01),
    "noisy": MarketSpec(noise=0.06, cost_noise=0.10),
    "rough": MarketSpec(
        adstock="weibull", saturation="tanh", walk=0.010, geo_walk=0.002, shocks=3, noise_kind="student_t", noise=0.04
    ),
}

#: Carry-over and saturation of the channels of ``mixed_forms`` in turn.
MIXED_FORMS: tuple[tuple[Adstock, Saturation], ...] = (
    ("geometric", "hill"),
    ("delayed", "hill"),
    ("geometric", "logistic"),
    ("weibull", "tanh"),
    ("delayed", "logistic"),
    ("weibull", "michaelis_menten"),
)


def market_spec(
    preset: Preset = "plain",
    *,
    n_geos: int = 16,
    n_weeks: int = 130,
    n_channels: int = 8,
    channel_seed: int | None = None,
    diverse: bool = False,
) -> MarketSpec:
    """A preset in another size.

    Parameters
    ----------
    preset
        Name in `PRESETS`.
    n_geos, n_weeks, n_channels
        Size of the market.
    channel_seed
        Where given, all channels are drawn (`random_channels`); ``None`` takes the first of `CHANNELS`, and draws
        those beyond the eighth.
    diverse
        Whether channels that are drawn differ widely (`diverse_channels`).

    Examples
    --------
    >>> market_spec("wandering", n_geos=4, n_weeks=60, n_channels=3).channels[2].name
    'social'
    """
    if preset not in PRESETS:
        raise InputError.of(
            "unknown preset of a market", f"Use one of {', '.join(PRESETS)}", column="preset", value=preset
        )
    _need(n_channels >= 1, "n_channels", n_channels, "Simulate one channel or more")
    if channel_seed is not None:
        channels = (diverse_channels if diverse else random_channels)(channel_seed, n_channels)
    else:
        channels = (*CHANNELS, *random_channels(0, max(n_channels, 8))[8:])[:n_channels]
    return replace(PRESETS[preset], n_geos=n_geos, n_weeks=n_weeks, channels=_shaped(preset, channels))


def _shaped(preset: Preset, channels: tuple[ChannelSpec, ...]) -> tuple[ChannelSpec, ...]:
    """The channels as some presets change them: forms in turn, budgets that follow demand closely."""
    if preset == "mixed_forms":
        turns = [MIXED_FORMS[index % len(MIXED_FORMS)] for index in range(len(channels))]
        return tuple(
            replace(one, adstock=adstock, saturation=saturation)
            for one, (adstock, saturation) in zip(channels, turns, strict=True)
        )
    if preset == "confounded_spend":
        return tuple(replace(one, season=1.5) for one in channels)
    return channels


def random_channels(seed: int, count: int, *, total_spend: float = 650e3) -> tuple[ChannelSpec, ...]:
    """``count`` channels with sizes, ROAS (0.6 to 4), carry-over and saturation drawn from ``seed``.

    Spends share ``total_spend`` (money a week); ROAS are scaled so that media bring 22 to 35% of the default revenue.
    """
    rng = np.random.default_rng([seed, 71])
    share = rng.dirichlet(np.full(count, 6.0))
    roas = np.clip(rng.lognormal(0.55, 0.45, count), 0.6, 4.0)
    roas *= rng.uniform(0.22, 0.35) * 4.2e6 / float((share * total_spend * roas).sum())
    return tuple(
        _channel(
            rng, place, (float(share[place]) * total_spend, float(np.clip(roas[place], 0.6, 4.0))), _usual_shape(rng)
        )
        for place in range(count)
    )


def diverse_channels(
    seed: int, count: int, *, total_spend: float = 650e3, revenue: float = 4.2e6
) -> tuple[ChannelSpec, ...]:
    """``count`` channels that differ as widely as a careful analyst thinks possible before seeing data.

    ROAS is log-normal, its 90% range a factor of 27, around the value at which media would bring a quarter of
    ``revenue`` (money a week); half of all channels carry over 30 to 62% into the next week, half saturate at 1.0 to
    2.2 times their usual pressure, with slopes of 0.9 to 1.4. `random_channels` keeps to a narrower world, in which
    intervals that are honest here hold the truth too often. Markets whose media bring less than 2% or more than 70%
    are drawn anew.
    """
    rng = np.random.default_rng([seed, 72])
    share = rng.dirichlet(np.full(count, 6.0))
    brought = 0.0
    while not 0.02 <= brought <= 0.7:
        roas = 0.25 * revenue / total_spend * rng.lognormal(0.0, 1.0, count)
        brought = float((share * total_spend * roas).sum()) / revenue
    return tuple(
        _channel(rng, place, (float(share[place]) * total_spend, float(roas[place])), _any_shape(rng))
        for place in range(count)
    )


def _usual_shape(rng: np.random.Generator) -> tuple[float, float, float]:
    """Carry-over, half-saturation and slope within narrow bounds."""
    return float(rng.uniform(0.05, 0.65)), float(rng.uniform(0.8, 2.0)), float(rng.uniform(0.9, 1.5))


def _any_shape(rng: np.random.Generator) -> tuple[float, float, float]:
    """The same, as wide as it is thought possible."""
    decay = float(1.0 / (1.0 + np.exp(0.2 - rng.normal())))
    return decay, float(1.5 * rng.lognormal(0.0, 0.6)), float(1.15 * rng.lognormal(0.0, 0.3))


def _channel(
    rng: np.random.Generator, place: int, money: tuple[float, float], shape: tuple[float, float, float]
) -> ChannelSpec:
    """A channel of some weekly spend and ROAS, and of some shape, whose flights and plans are drawn."""
    (spend, roas), (decay, half, slope) = money, shape
    return ChannelSpec(
        name=f"channel_{place + 1}",
        weekly_spend=round(spend, -2) + 100.0,
        roas=roas,
        decay=decay,
        half=half,
        slope=slope,
        flight=(int(rng.integers(4, 7)), int(rng.integers(3, 6))) if rng.random() < 0.3 else None,
        season=float(rng.uniform(0.3, 1.4)),
        geo_sd=float(rng.uniform(0.12, 0.22)),
    )
