"""What a population of journeys is made of: channels, memory, and people who would have bought anyway."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from measurement.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyChannel:
    """A channel in journeys.

    Attributes
    ----------
    name
        Name.
    entry, pull
        Weight of the channel as first touch, and as next touch when a journey goes on.
    converts, ends
        Probability that a touch is followed by a conversion, and by the end of the journey.
    clicks
        Share of touches that are clicks; the rest are impressions.
    cost
        Cost of a touch, euros.
    intent
        Factor on ``entry`` and ``pull`` for people who would buy anyway: above 1 for channels they use to get there.
    """

    name: str
    entry: float
    pull: float
    converts: float
    ends: float
    clicks: float = 1.0
    cost: float = 0.0
    intent: float = 1.0

    def __post_init__(self) -> None:
        if not (self.converts > 0 and self.ends > 0 and self.converts + self.ends < 1):
            raise InputError.of(
                "a touch must sometimes convert, sometimes end the journey and sometimes neither",
                "Give converts and ends above 0 that sum to less than 1",
                column=self.name,
                value=f"{self.converts}, {self.ends}",
            )
        if not (self.entry > 0 and self.pull > 0 and self.intent > 0):
            raise InputError.of("weights must be positive", "Give entry, pull and intent above 0", column=self.name)


JOURNEY_CHANNELS: tuple[JourneyChannel, ...] = (
    JourneyChannel(name="search", entry=0.20, pull=0.30, converts=0.075, ends=0.42, cost=0.62, intent=3.0),
    JourneyChannel(name="shopping", entry=0.12, pull=0.16, converts=0.085, ends=0.44, cost=0.41, intent=2.0),
    JourneyChannel(name="social", entry=0.22, pull=0.12, converts=0.022, ends=0.50, clicks=0.18, cost=0.012),
    JourneyChannel(name="video", entry=0.16, pull=0.08, converts=0.016, ends=0.52, clicks=0.08, cost=0.021),
    JourneyChannel(name="display", entry=0.18, pull=0.08, converts=0.008, ends=0.58, clicks=0.03, cost=0.0024),
    JourneyChannel(name="email", entry=0.05, pull=0.10, converts=0.060, ends=0.40, intent=1.5),
    JourneyChannel(name="direct", entry=0.07, pull=0.16, converts=0.095, ends=0.46, intent=4.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneySpec:
    """A population of journeys.

    Attributes
    ----------
    channels
        Channels people meet.
    units
        People; each makes one journey.
    order
        Touches the next step depends on (1 to 3).
    memory
        How much a step depends on touches before the last (order 2 and 3): standard deviation of the log odds.
    anyway
        Share of people who would have bought without any touch: their paths earn credit, no channel earned them.
    last_day, days
        Journeys start in the ``days`` days up to ``last_day``; what happens after it is not seen.
    gap_days
        Mean time between touches.
    mean_value, value_cv
        Conversion value in euros: mean, and coefficient of variation of its log-normal.
    """

    channels: tuple[JourneyChannel, ...] = JOURNEY_CHANNELS
    units: int = 9_000
    order: int = 1
    memory: float = 0.6
    anyway: float = 0.0
    last_day: str = "2026-11-22"
    days: int = 56
    gap_days: float = 1.3
    mean_value: float = 86.0
    value_cv: float = 0.6

    def __post_init__(self) -> None:
        if self.order not in (1, 2, 3):
            raise InputError.of("the order of a journey must be 1, 2 or 3", "Use 1", column="order", value=self.order)
        if self.units < 1:
            raise InputError.of("journeys need people", "Give 1 unit or more", column="units", value=self.units)
        if not 0 <= self.anyway < 1:
            raise InputError.of("anyway is a share", "Give 0 to below 1", column="anyway", value=self.anyway)
        if len(self.channels) < 1 or len({channel.name for channel in self.channels}) < len(self.channels):
            raise InputError.of(
                "journeys need channels with names of their own", "Give each channel its own name", column="channels"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the channels."""
        return tuple(channel.name for channel in self.channels)


def random_journey_channels(seed: int, count: int) -> tuple[JourneyChannel, ...]:
    """``count`` channels with weights, conversion and intent drawn from ``seed``.

    Examples
    --------
    >>> [channel.name for channel in random_journey_channels(1, 3)]
    ['channel_1', 'channel_2', 'channel_3']
    """
    rng = np.random.default_rng([seed, 33])
    return tuple(
        JourneyChannel(
            name=f"channel_{index + 1}",
            entry=float(rng.uniform(0.02, 0.25)),
            pull=float(rng.uniform(0.02, 0.3)),
            converts=float(rng.uniform(0.005, 0.10)),
            ends=float(rng.uniform(0.35, 0.6)),
            clicks=float(rng.uniform(0.02, 1.0)),
            cost=float(rng.uniform(0.0, 0.6)),
            intent=float(rng.lognormal(0.0, 0.6)),
        )
        for index in range(count)
    )
