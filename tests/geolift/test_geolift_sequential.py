"""A running test may be looked at every period without crying wolf more often than promised."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from geolift.sequential import watch_geo_test
from geolift.test_plan import GeoTest
from measurement.errors import InputError
from measurement.panel import Panel

START = date(2026, 4, 6)


def running(seed: int, *, seen: int, effect: float = 0.0, before: int = 60) -> Panel:
    rng = np.random.default_rng(seed)
    periods = before + seen
    factor = np.cumsum(rng.normal(size=periods))
    noise = rng.normal(size=(16, periods))
    noise[:, 1:] += 0.4 * noise[:, :-1]
    outcome = 200 + rng.uniform(0.6, 1.4, size=(16, 1)) * factor + noise
    outcome[0, before:] += effect
    dates = pd.date_range(START - timedelta(days=before), periods=periods, freq="D")
    return Panel.from_arrays(outcome=outcome, dates=dates, geos=[f"g{place}" for place in range(16)])


TEST = GeoTest(channel="tv", treated=("g0",), start=START, end=START + timedelta(days=13))


def test_looking_every_day_does_not_raise_false_alarms() -> None:
    alarms = [watch_geo_test(running(seed, seen=14), TEST, seed=1).stopped is not None for seed in range(150)]
    assert np.mean(alarms) <= 0.17  # 0.10 promised; 150 runs


def test_earlier_looks_are_the_head_of_later_ones() -> None:
    early, late = (
        watch_geo_test(running(3, seen=14).select(until=until), TEST, seed=1)
        for until in (pd.Timestamp(START + timedelta(days=4)), pd.Timestamp(START + timedelta(days=13)))
    )
    assert early.rule == "go_on"
    assert late.rule == "finished"
    assert len(early.effect) == 5
    assert late.lower[:5] == pytest.approx(early.lower)
    assert list(late.table().columns) == ["date", "effect", "lower", "upper", "level"]


def test_harm_is_seen_before_the_end() -> None:
    reading = watch_geo_test(running(5, seen=14, effect=-8.0), TEST, seed=1)
    assert reading.rule == "stop_harm"
    assert reading.stopped is not None
    assert reading.stopped < 14
    assert watch_geo_test(running(5, seen=14, effect=8.0), TEST, seed=1).rule == "stop_lift"


def test_short_history_is_refused() -> None:
    with pytest.raises(InputError, match="too little history"):
        watch_geo_test(running(1, seen=14, before=20), TEST, seed=1)
