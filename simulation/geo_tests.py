"""Geo tests inside a market: where and when spend was changed, and what that truly did."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.market_spec import MarketSpec
from simulation.response import MediaResponse

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTest:
    """A geo test: ``factor`` × business-as-usual spend of ``channel`` (index) in ``treated`` (indices) from ``start``.

    ``start`` counts weeks from the first simulated one (warm-up included); ``weeks`` is the length of changed spend,
    ``cooldown`` the weeks after it whose outcome still counts.
    """

    name: str
    kind: str
    channel: int
    factor: float
    treated: tuple[int, ...]
    start: int
    weeks: int
    cooldown: int

    @property
    def spend_weeks(self) -> slice:
        """Weeks of changed spend."""
        return slice(self.start, self.start + self.weeks)

    @property
    def outcome_weeks(self) -> slice:
        """Weeks whose outcome counts."""
        return slice(self.start, self.start + self.weeks + self.cooldown)


def plan_tests(spec: MarketSpec) -> tuple[PlannedTest, ...]:
    """The two tests of a market, without treated geos: one channel goes dark, another is scaled up.

    The dark one is ``video`` and the pushed one ``search`` where the market has them, else the always-on channels
    with the largest and the second largest expected contribution.
    """
    if not spec.has_geo_tests:
        return ()
    names = [channel.name for channel in spec.channels]
    order = sorted(
        range(len(names)),
        key=lambda c: (spec.channels[c].flight is not None, -spec.channels[c].roas * spec.channels[c].weekly_spend),
    )
    dark = names.index("video") if "video" in names else order[0]
    push = names.index("search") if "search" in names else next((c for c in order if c != dark), dark)
    first = spec.warmup_weeks + round(0.71 * spec.n_weeks)
    second = spec.warmup_weeks + round(0.86 * spec.n_weeks)
    return (
        _unplaced(names[dark], "go_dark", channel=dark, factor=0.0, start=first),
        _unplaced(names[push], "scale_up", channel=push, factor=2.2, start=second),
    )


def _unplaced(name: str, kind: str, *, channel: int, factor: float, start: int) -> PlannedTest:
    """Six weeks of changed spend and two of cool-down, no geos yet."""
    return PlannedTest(
        name=f"{name}_{kind}", kind=kind, channel=channel, factor=factor, treated=(), start=start, weeks=6, cooldown=2
    )


def quiet_weeks(tests: tuple[PlannedTest, ...], weeks: int) -> NDArray[np.bool_]:
    """Weeks without other regional changes: the tests, three weeks before, the cool-down; shape (T,)."""
    quiet = np.zeros(weeks, dtype=bool)
    for test in tests:
        quiet[max(test.start - 3, 0) : test.outcome_weeks.stop] = True
    return quiet


def match_treated(
    tests: tuple[PlannedTest, ...], expected: FloatArray, start: int, rng: np.random.Generator
) -> tuple[PlannedTest, ...]:
    """Give each test a quarter of the geos whose sum moves like the sum of the others.

    Parameters
    ----------
    tests
        From `plan_tests`.
    expected
        Expected outcome under business as usual, shape (G, T).
    start
        First week of the window.
    rng
        Draws the 400 candidate sets.
    """
    geos, free = len(expected), set(range(len(expected))) - {int(np.argmax(expected.sum(axis=1)))}
    placed: list[PlannedTest] = []
    for test in tests:
        size = max(geos // 4, 2)
        pool = np.array(sorted(free - {geo for done in placed for geo in done.treated}))
        candidates = {tuple(sorted(rng.choice(pool, size, replace=False).tolist())) for _ in range(400)}
        treated = min(sorted(candidates), key=lambda where: _imbalance(expected[:, start : test.start], where))
        placed.append(replace(test, treated=treated))
    return tuple(placed)


def _imbalance(expected: FloatArray, where: tuple[int, ...]) -> float:
    """Root mean square distance of the treated sum's index from the others' index; a tiny test market counts as bad."""
    inside = np.isin(np.arange(len(expected)), where)
    treated, others = expected[inside].sum(axis=0), expected[~inside].sum(axis=0)
    gap = treated / treated.mean() - others / others.mean()
    share = treated.sum() / expected.sum()
    return float(np.sqrt((gap**2).mean())) + max(0.0, 0.20 - share)


def apply_tests(tests: tuple[PlannedTest, ...], usual: FloatArray) -> FloatArray:
    """Spend with the tests in it, shape (G, T, C), from business as usual of the same shape."""
    spend = usual.copy()
    for test in tests:
        for geo in test.treated:
            spend[geo, test.spend_weeks, test.channel] *= test.factor
    return np.round(spend, 2)


def true_lift(
    test: PlannedTest, response: MediaResponse, *, actual: FloatArray, usual: FloatArray, spend_change: FloatArray
) -> dict[str, float]:
    """Incremental outcome (carry-over into the cool-down included) and incremental spend of a test.

    Parameters
    ----------
    test
        The test.
    response
        The true response.
    actual, usual
        Media with the tests and under business as usual, shape (G, T, C).
    spend_change
        Spend, actual minus business as usual, shape (G, T, C).
    """
    where = list(test.treated)
    changed = response.channel_effect(actual[:, :, test.channel], test.channel)
    unchanged = response.channel_effect(usual[:, :, test.channel], test.channel)
    outcome = float((changed - unchanged)[where, test.outcome_weeks].sum())
    spend = float(spend_change[where, test.spend_weeks, test.channel].sum())
    return {"incremental_outcome": outcome, "incremental_spend": spend, "iroas": outcome / spend}


def describe_test(
    test: PlannedTest,
    lift: dict[str, float],
    *,
    geos: tuple[str, ...],
    channels: tuple[str, ...],
    mondays: pd.DatetimeIndex,
) -> dict[str, Any]:
    """The test as plain data: the contract's fields and the truth (``true_…``)."""
    return {
        "name": test.name,
        "channel": channels[test.channel],
        "treated": [geos[geo] for geo in test.treated],
        "start": mondays[test.start].date(),
        "end": _sunday(mondays, test.start + test.weeks - 1),
        "kind": test.kind,
        "cooldown_weeks": test.cooldown,
        "measured_until": _sunday(mondays, test.start + test.weeks + test.cooldown - 1),
        **{f"true_{key}": value for key, value in lift.items()},
    }


def _sunday(mondays: pd.DatetimeIndex, week: int) -> date:
    return (mondays[week] + pd.Timedelta(days=6)).date()
