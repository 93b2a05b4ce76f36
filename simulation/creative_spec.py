"""What a set of creative tests is made of: the creatives, their true rates, and the traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from measurement.errors import InputError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSpec:
    """A creative and what is true of it.

    Attributes
    ----------
    arm_id, experiment_id
        Names.
    rate
        Conversions per impression while fresh.
    tires_from, decay
        Day (0-based, from the start of the log) from which the rate falls by the fraction ``decay`` a day; ``None``:
        never.
    starts
        First day in rotation.
    attributes
        Format, message, generator model and prompt version.
    """

    arm_id: str
    experiment_id: str
    rate: float
    tires_from: int | None = None
    decay: float = 0.0
    starts: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < self.rate < 0.5:
            raise InputError.of(
                "a conversion rate must lie between 0 and 0.5", "Give 0.03 for 3%", column="rate", value=self.rate
            )
        if not 0 <= self.decay < 1:
            raise InputError.of(
                "a daily decay must lie between 0 and 1", "Give 0.04 for 4% a day", column="decay", value=self.decay
            )

    def fresh_share(self, days: int) -> FloatArray:
        """Rate of each day over the fresh rate, shape (days,)."""
        tired = 0 if self.tires_from is None else np.maximum(np.arange(days) - self.tires_from, 0)
        return np.asarray((1.0 - self.decay) ** (tired * np.ones(days)), dtype=np.float64)


def _arm(experiment: str, number: int, rate: float, about: str, **more: Any) -> ArmSpec:  # noqa: ANN401
    names = ("format", "message", "generator_model", "prompt_version")
    attributes = dict(zip(names, about.split(), strict=True))
    return ArmSpec(arm_id=f"{experiment}-{number}", experiment_id=experiment, rate=rate, attributes=attributes, **more)


#: Three experiments of four creatives: one with a clear winner, one where two are alike, one whose leader tires.
ARMS: tuple[ArmSpec, ...] = (
    _arm("winter-jackets", 1, 0.034, "static price lumen-large v7"),
    _arm("winter-jackets", 2, 0.047, "video comfort lumen-large v8"),
    _arm("winter-jackets", 3, 0.029, "static comfort lumen-small v7"),
    _arm("winter-jackets", 4, 0.031, "carousel price lumen-small v7"),
    _arm("gift-guide", 1, 0.040, "carousel gift lumen-large v8"),
    _arm("gift-guide", 2, 0.040, "video gift lumen-large v7"),
    _arm("gift-guide", 3, 0.031, "static gift atlas-2 v8"),
    _arm("gift-guide", 4, 0.038, "video price atlas-2 v8", starts=28),
    _arm("running", 1, 0.052, "video comfort lumen-large v7", tires_from=24, decay=0.045),
    _arm("running", 2, 0.040, "static comfort lumen-small v8"),
    _arm("running", 3, 0.036, "carousel price atlas-2 v7", tires_from=34, decay=0.03),
    _arm("running", 4, 0.033, "static price lumen-small v7"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreativeSpec:
    """A set of creative tests.

    Attributes
    ----------
    arms
        All creatives; those of one experiment share its traffic.
    last_day
        Last day of the log, ISO date.
    days
        Length of the log.
    decisions_per_day
        Mean impressions an experiment and day.
    floor
        Least propensity of an arm in rotation.
    day_shock, own_noise
        Standard deviation of log rate by day: shared by all arms, and of each arm's own.
    delay_days, delay_sigma
        Median delay of a conversion in days, and standard deviation of its logarithm.
    mobile_lift
        Rate on mobile over rate on desktop.
    """

    arms: tuple[ArmSpec, ...] = ARMS
    last_day: str = "2026-11-22"
    days: int = 56
    decisions_per_day: int = 430
    floor: float = 0.05
    day_shock: float = 0.10
    own_noise: float = 0.08
    delay_days: float = 0.9
    delay_sigma: float = 1.1
    mobile_lift: float = 1.15

    @property
    def experiments(self) -> tuple[str, ...]:
        """Experiments in order of first mention."""
        return tuple(dict.fromkeys(arm.experiment_id for arm in self.arms))
