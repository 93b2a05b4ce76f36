"""The published sizes of business in figures (source: see `simulation.recovery_spec`)."""

from __future__ import annotations

import numpy as np

from measurement.errors import InputError
from simulation.recovery_spec import RecoveryChannel, RecoveryControl, RecoverySpec, Series

#: Spells of the promotions and events that recur in several sizes of business: activation, shortest, longest.
_SALE, _EVENT = (0.1, 1, 4), (0.04, 3, 5)


def published_business(business: str) -> RecoverySpec:
    """A size of business with fixed figures.

    Raises
    ------
    InputError
        Where no such size is published.
    """
    made = {"small": _small, "growing": _growing, "medium": _medium}
    if business not in made:
        raise InputError.of(
            "unknown size of business", f"Use one of {', '.join(made)}, large", column="business", value=business
        )
    return made[business]()


def _trend(base: float, volatility: float, growth: float) -> Series:
    return Series(pattern="trend", base=base, volatility=volatility, growth=growth)


def _seasonal(base: float, volatility: float, amplitude: float, phase: float) -> Series:
    return Series(pattern="seasonal", base=base, volatility=volatility, amplitude=amplitude, phase=phase)


def _delayed(base: float, volatility: float, start: int, ramp: int = 4) -> Series:
    return Series(pattern="delayed_start", base=base, volatility=volatility, start=start, ramp=ramp)


def _spells(base: float, volatility: float, spells: tuple[float, int, int]) -> Series:
    activation, shortest, longest = spells
    return Series(
        pattern="on_off", base=base, volatility=volatility, activation=activation, shortest=shortest, longest=longest
    )


def _channel(name: str, spend: Series, effect: float, shape: tuple[float, float, float]) -> RecoveryChannel:
    """``shape``: retention, half-saturation, slope."""
    retention, half, slope = shape
    return RecoveryChannel(name=name, spend=spend, effect=effect, retention=retention, half=half, slope=slope)


def _control(name: str, value: Series, effect: float) -> RecoveryControl:
    return RecoveryControl(name=name, value=value, effect=effect)


def _small() -> RecoverySpec:
    return RecoverySpec(
        regions=("local",),
        n_weeks=104,
        base_sales=5_000.0,
        channels=(
            _channel("search", _trend(100.0, 0.8, 0.004), 1.5, (0.0, 1.0, 1.0)),
            _channel("social", _seasonal(500.0, 0.3, 0.4, 0.5), 1.2, (0.2, 0.8, 1.5)),
            _channel("local_ads", _spells(500.0, 0.6, (0.3, 2, 4)), 0.9, (0.4, 1.5, 1.0)),
            _channel("email", _spells(100.0, 0.5, (0.2, 1, 1)), 1.2, (0.3, 0.5, 2.0)),
        ),
        controls=(
            _control("event", _spells(100.0, 0.5, _EVENT), 0.5),
            _control("sale", _spells(50.0, 0.5, _SALE), 0.5),
        ),
    )


def _growing() -> RecoverySpec:
    return RecoverySpec(
        regions=("geo_a", "geo_b"),
        n_weeks=131,
        base_sales=5_000.0,
        channels=(
            _channel("search", _trend(300.0, 0.7, 0.002), 0.3, (0.0, 0.3, 1.0)),
            _channel("search_brand", _trend(100.0, 0.8, 0.002), 1.1, (0.2, 1.5, 1.5)),
            _channel("video", _delayed(500.0, 0.5, 25, 10), 1.4, (0.4, 0.4, 0.8)),
            _channel("social", _seasonal(500.0, 0.6, 0.4, 0.5), 0.7, (0.3, 0.5, 2.0)),
            # The published list of four retentions starts over with the fifth channel.
            _channel("display", _spells(500.0, 0.5, (0.3, 2, 4)), 0.3, (0.0, 2.0, 0.4)),
            _channel("email", _spells(100.0, 0.4, (0.2, 1, 1)), 0.4, (0.2, 1.25, 1.5)),
        ),
        controls=(
            _control("event", _spells(500.0, 0.5, _EVENT), 0.5),
            _control("sale", _spells(25.0, 0.5, _SALE), 1.5),
        ),
    )


def _medium() -> RecoverySpec:
    return RecoverySpec(
        regions=tuple(f"geo_{letter}" for letter in "abcdefgh"),
        n_weeks=156,
        base_sales=100_000.0,
        season=0.6,
        channels=(
            _channel("search", _trend(300.0, 0.8, 0.002), 1.1, (0.0, 1.0, 1.0)),
            _channel("search_brand", _trend(100.0, 1.1, 0.002), 1.2, (0.2, 0.4, 1.5)),
            _channel("video", _delayed(500.0, 0.9, 25, 10), 1.1, (0.4, 0.55, 0.8)),
            _channel("video_2", _delayed(1_000.0, 1.2, 75), 0.9, (0.3, 0.7, 2.0)),
            _channel("social", _seasonal(1_000.0, 1.2, 0.4, 0.5), 0.5, (0.2, 0.4, 1.0)),
            _channel("social_2", _seasonal(1_000.0, 0.9, 0.2, 0.25 * np.pi), 1.1, (0.1, 1.2, 0.8)),
            _channel("display", _spells(500.0, 0.7, (0.3, 2, 4)), 0.8, (0.05, 0.5, 0.5)),
            _channel("influencer", _spells(500.0, 1.1, (0.1, 2, 6)), 1.3, (0.1, 0.9, 1.2)),
        ),
        controls=(
            _control("event_a", _spells(500.0, 0.5, _EVENT), 0.5),
            _control("event_b", _spells(1_000.0, 0.5, (0.2, 1, 8)), 0.2),
            _control("linear", _trend(1_000.0, 1.0, 0.005), 0.8),
            _control("sale", _spells(25.0, 0.5, _SALE), 100.0),
        ),
    )


def large_business(rng: np.random.Generator) -> RecoverySpec:
    """50 regions, 208 weeks, 30 channels, 10 controls, with figures drawn from the published ranges."""
    channels = [
        *(
            _drawn(rng, f"trend_{place}", _trend(*_size(rng), growth=float(rng.uniform(0.0, 0.04))))
            for place in range(10)
        ),
        *(
            _drawn(
                rng, f"delayed_{place}", _delayed(*_size(rng), int(rng.integers(10, 104)), int(rng.integers(10, 52)))
            )
            for place in range(5)
        ),
        *(
            _drawn(
                rng,
                f"seasonal_{place}",
                _seasonal(*_size(rng), float(rng.uniform(0.2, 1.0)), float(rng.uniform(0.0, np.pi))),
            )
            for place in range(5)
        ),
        *(
            _drawn(rng, f"on_off_{place}", _spells(*_size(rng), _spell(rng, 0.05, place, 11)), least_effect=0.1)
            for place in range(10)
        ),
    ]
    small = (100.0, 1_000.0)
    controls = [
        *(
            _control(f"events_{place}", _spells(*_size(rng, small), _spell(rng, 0.01, place, 9)), rng.uniform(0.1, 2.0))
            for place in range(6)
        ),
        *(
            _control(
                f"linear_{place}", _trend(*_size(rng, small), growth=rng.uniform(0.0, 0.01)), rng.uniform(0.1, 2.0)
            )
            for place in range(3)
        ),
        _control("seasonal", _seasonal(1_000.0, 1.0, 0.3, 0.0), 0.5),
    ]
    return RecoverySpec(
        regions=tuple(f"geo_{number + 1}" for number in range(50)),
        n_weeks=208,
        base_sales=10_000.0,
        channels=tuple(channels),
        controls=tuple(controls),
    )


def _size(rng: np.random.Generator, limits: tuple[float, float] = (500.0, 5_000.0)) -> tuple[float, float]:
    """Base and volatility."""
    return float(rng.uniform(*limits)), float(rng.uniform(0.8, 1.2))


def _spell(rng: np.random.Generator, least: float, place: int, longest: int) -> tuple[float, int, int]:
    """Activation, shortest and longest spell; later places have longer spells."""
    return (
        float(rng.uniform(least, 0.1)),
        int(rng.integers(1, place + 2)),
        int(rng.integers(place + 1, longest)),
    )


def _drawn(rng: np.random.Generator, name: str, spend: Series, least_effect: float = 0.5) -> RecoveryChannel:
    effect = float(rng.uniform(least_effect, 2.0))
    shape = (float(rng.uniform(0.0, 0.5)), float(rng.uniform(0.0, 2.0)), float(rng.uniform(0.0, 2.0)))
    return _channel(name, spend, effect, shape)
