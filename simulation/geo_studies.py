"""Geo tests run in a finished market: half of its geos get other spend for some weeks, and the panel shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.panel import Panel
from simulation.lift_studies import LiftStudy, sunday
from simulation.market import Market
from simulation.market_truth import RECENT_WEEKS

FloatArray = NDArray[np.float64]
Change = Literal["go_dark", "scale_up"]
#: Spend of the treated geos against business as usual.
FACTORS: dict[Change, float] = {"go_dark": 0.0, "scale_up": 2.0}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StudiedMarket:
    """A market in which a geo test was run.

    Attributes
    ----------
    panel
        The panel with the test in it.
    study
        What was read, and what was true.
    truth
        `Market.truth` of the market with the test: ``spend``, ``contribution``, ``roas`` of the tested channel and
        ``total_contribution`` are new, ``marginal_roas_recent`` holds as it was, since the test ends before the
        weeks it rests on. Only these keys are kept.
    """

    panel: Panel
    study: LiftStudy
    truth: dict[str, Any]


def run_geo_test(
    market: Market, *, channel: str, kind: Change, relative_error: float, seed: int, weeks: int = 6, cooldown: int = 2
) -> StudiedMarket:
    """Change the spend of a channel in half of the geos.

    Of each two geos next to each other by population, chance treats one. The test lies in weeks in which the channel
    is on air, in the second half of the panel and before its last `RECENT_WEEKS`. What follows is the market's own
    counterfactual (`Market.expected_with`); the noise of every geo-week stays as it was.

    Parameters
    ----------
    market
        Best without tests of its own (``MarketSpec.geo_tests`` false).
    channel
        Channel to change.
    kind
        ``go_dark``: no spend; ``scale_up``: twice the spend.
    relative_error
        Standard error of the readout over the true lift.
    seed
        Draws geos, weeks and the reading error.
    weeks, cooldown
        Weeks of changed spend, weeks after it whose outcome counts.

    Raises
    ------
    InputError
        Where there are fewer than two geos, or no room for the test.

    Examples
    --------
    >>> from simulation.market import simulate_market
    >>> from simulation.market_spec import market_spec
    >>> market = simulate_market(1, market_spec(n_geos=4, n_weeks=60, n_channels=2))
    >>> tested = run_geo_test(market, channel="search", kind="go_dark", relative_error=0.15, seed=1)
    >>> len(tested.study.geos), tested.study.true_incremental_outcome < 0
    (2, True)
    """
    rng = np.random.default_rng([seed, 42])
    treated = _half(market, rng)
    first = _first_week(market, channel, weeks, cooldown, rng)
    factor = np.ones(market.expected.shape)
    factor[treated, first : first + weeks] = FACTORS[kind]
    change = market.expected_with({channel: factor}) - market.expected
    true = float(change[treated, first : first + weeks + cooldown].sum())
    spend = market.panel.data["spend"].sel(channel=channel).to_numpy()
    error = relative_error * abs(true)
    dates = market.panel.dates
    study = LiftStudy(
        channel=channel,
        start=dates[first].date(),
        end=sunday(dates, first + weeks - 1),
        measured_until=sunday(dates, first + weeks + cooldown - 1),
        incremental_outcome=true + float(rng.normal(0.0, error)),
        standard_error=error,
        incremental_spend=float(((factor - 1.0) * spend).sum()),
        true_incremental_outcome=true,
        geos=tuple(market.panel.geos[geo] for geo in treated),
        kind=kind,
    )
    return StudiedMarket(
        panel=_panel(market, channel, factor, change), study=study, truth=_truth(market, channel, factor)
    )


def _half(market: Market, rng: np.random.Generator) -> list[int]:
    """One geo of each pair next to each other by population, sorted."""
    population = market.panel.data["population"].to_numpy()
    if len(population) < 2:
        raise InputError.of("a geo test needs two geos", "Simulate more geos", column="n_geos", value=len(population))
    order = np.argsort(-population, kind="stable")
    return sorted(int(rng.choice(order[place : place + 2])) for place in range(0, len(order) - 1, 2))


def _first_week(market: Market, channel: str, weeks: int, cooldown: int, rng: np.random.Generator) -> int:
    """A first week of a stretch on air; the stretch with the most spend where the channel is never on air so long."""
    national = market.panel.data["spend"].sel(channel=channel).sum("geo").to_numpy()
    starts = np.arange(len(national) // 2, len(national) - RECENT_WEEKS - weeks - cooldown + 1)
    if not len(starts):
        raise InputError.of("the panel is too short for the test", "Simulate more weeks", value=len(national))
    stretches = np.lib.stride_tricks.sliding_window_view(national, weeks)[starts]
    on_air = starts[(stretches > 0).all(axis=1)]
    return int(rng.choice(on_air)) if len(on_air) else int(starts[stretches.sum(axis=1).argmax()])


def _panel(market: Market, channel: str, factor: FloatArray, change: FloatArray) -> Panel:
    panel = market.panel
    data = panel.data.copy(deep=True)
    for name in ("spend", "exposure"):
        data[name].loc[{"channel": channel}] = data[name].sel(channel=channel) * factor
    data["outcome"] = (data["outcome"] + change).clip(min=0.0)
    return Panel(
        data=data, currency=panel.currency, outcome_kind=panel.outcome_kind, period=panel.period, notes=panel.notes
    )


def _truth(market: Market, channel: str, factor: FloatArray) -> dict[str, Any]:
    before = market.truth
    brought = float((market.expected_with({channel: factor}) - market.expected_with({channel: 0.0})).sum())
    spend = float((market.panel.data["spend"].sel(channel=channel).to_numpy() * factor).sum())
    contribution = before["contribution"] | {channel: brought}
    return {
        "spend": before["spend"] | {channel: spend},
        "contribution": contribution,
        "roas": before["roas"] | {channel: brought / spend},
        "marginal_roas_recent": dict(before["marginal_roas_recent"]),
        "total_contribution": sum(contribution.values()),
    }
