"""A market with known truth: a panel as an advertiser would have it, and what every euro in it really did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.panel import NATIONAL, Panel
from simulation.budget_reaction import reacting_plan
from simulation.demand import Demand, simulate_demand
from simulation.geo_tests import (
    PlannedTest,
    apply_tests,
    describe_test,
    match_treated,
    plan_tests,
    quiet_weeks,
    true_lift,
)
from simulation.germany import STATES
from simulation.market_spec import MarketSpec
from simulation.market_truth import market_truth
from simulation.newsletter import Newsletter, simulate_newsletter
from simulation.noise import observed
from simulation.response import MediaResponse, true_response
from simulation.spend import Delivery, deliver, national_plan, spread_over_geos, unit_cost

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """A simulated market: G geos, T weeks of the window, C channels.

    Attributes
    ----------
    seed, spec
        What it was made from.
    table
        One row per geo and week, the columns of ``data/panel.csv``.
    panel
        The same as a `Panel`.
    components
        Name → money, shape (G, T): baseline parts, ``newsletter``, and one entry a channel. They add up to
        `expected`.
    expected
        Outcome before noise, shape (G, T).
    truth
        True values as plain data, see `simulation.market_truth.market_truth`.
    geo_tests
        The tests run inside the window: the fields of a geo test file, ``name`` and ``true_…`` values.
    response
        The true media response.
    delivery
        Spend and media, weeks of the warm-up included (shape (G, W + T, C)).
    """

    seed: int
    spec: MarketSpec
    table: pd.DataFrame
    panel: Panel
    components: dict[str, FloatArray]
    expected: FloatArray
    truth: dict[str, Any]
    geo_tests: list[dict[str, Any]]
    response: MediaResponse
    delivery: Delivery

    def expected_with(self, scale: Mapping[str, FloatArray | float]) -> FloatArray:
        """Expected outcome, shape (G, T), had the spend of some channels in the window been multiplied.

        Parameters
        ----------
        scale
            Channel → factor, a number or an array that broadcasts to (G, T). Cost per exposure and the weeks
            before the window stay as they were.

        Examples
        --------
        >>> from simulation.market_spec import market_spec
        >>> market = simulate_market(1, market_spec(n_geos=2, n_weeks=40, n_channels=2))
        >>> bool((market.expected_with({"search": 0.0}) < market.expected).all())
        True
        """
        names = [channel.name for channel in self.spec.channels]
        result = self.expected.copy()
        for name, factor in scale.items():
            index = names.index(name)
            media = self.delivery.media[:, :, index].copy()
            media[:, self.spec.warmup_weeks :] *= factor
            effect = self.response.channel_effect(media, index)[:, self.spec.warmup_weeks :]
            result += effect - self.components[name]
        return result


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _World:
    """The parts of a market over warm-up and window, before truth and tables are drawn up."""

    geos: tuple[str, ...]
    population: FloatArray
    mondays: pd.DatetimeIndex
    demand: Demand
    newsletter: Newsletter
    delivery: Delivery
    usual: Delivery
    response: MediaResponse
    tests: tuple[PlannedTest, ...]


def simulate_market(seed: int, spec: MarketSpec | None = None) -> Market:
    """Simulate a market.

    Outcome of a geo-week = baseline × (1 + trend + seasonality + holidays + controls + wandering) + newsletter
    + Σ channels `MediaResponse.effect` + noise. The chance of each part has a stream of its own, so that changing the
    noise leaves the budgets as they are.

    Parameters
    ----------
    seed
        Non-negative; the same seed and spec give the same market.
    spec
        Size and kind, by default `MarketSpec` (see `simulation.market_spec.market_spec` for presets).

    Examples
    --------
    >>> from simulation.market_spec import market_spec
    >>> market = simulate_market(1, market_spec(n_geos=2, n_weeks=40, n_channels=2))
    >>> market.panel.channels, market.table.shape
    (('search', 'shopping'), (80, 12))
    >>> sorted(market.truth["roas"])
    ['search', 'shopping']
    """
    spec = spec or MarketSpec()
    world = _build(seed, spec)
    window = slice(spec.warmup_weeks, None)
    names = [channel.name for channel in spec.channels]
    effect = world.response.effect(world.delivery.media)[:, window]
    components = {name: values[:, window] for name, values in world.demand.components.items()}
    components["newsletter"] = world.newsletter.effect[:, window]
    components |= {name: effect[:, :, index] for index, name in enumerate(names)}
    expected = np.asarray(sum(components.values()), dtype=np.float64)
    outcome = observed(spec, expected, seed)
    tests = [_described(test, world, spec) for test in world.tests]
    return Market(
        seed=seed,
        spec=spec,
        table=_table(spec, world, outcome),
        panel=_panel(spec, world, outcome),
        components=components,
        expected=expected,
        truth=market_truth(spec, seed, world.response, world.delivery, components, tests, geos=world.geos),
        geo_tests=tests,
        response=world.response,
        delivery=world.delivery,
    )


def _stream(seed: int, part: int) -> np.random.Generator:
    return np.random.default_rng([seed, part])


def _build(seed: int, spec: MarketSpec) -> _World:
    weeks = spec.warmup_weeks + spec.n_weeks
    mondays = pd.date_range(end=spec.last_week, periods=weeks, freq="7D")
    geos, population = _geos(seed, spec)
    demand = simulate_demand(spec, mondays, population, _stream(seed, 1))
    promotion = demand.controls["promotion"][0]
    newsletter = simulate_newsletter(spec, population, promotion, _stream(seed, 2))
    foreseen = demand.season + spec.follow * demand.walk if spec.follow else demand.season
    plan = national_plan(spec, foreseen, promotion, _stream(seed, 3))
    tests = plan_tests(spec)
    cost = unit_cost(spec, demand.season, len(geos), _stream(seed, 5))
    quiet = quiet_weeks(tests, weeks)

    def deliver_plan(national: FloatArray) -> Delivery:
        return deliver(spec, spread_over_geos(spec, national, population, quiet, _stream(seed, 4)), cost)

    usual = deliver_plan(plan)
    response = true_response(spec, usual.media, usual.spend, population, _stream(seed, 6))
    without = demand.total + newsletter.effect
    if spec.reaction:

        def outcome_of(national: FloatArray) -> FloatArray:
            return _national_outcome(spec, seed, without + response.effect(deliver_plan(national).media).sum(axis=2))

        usual = deliver_plan(reacting_plan(plan, outcome_of, spec.reaction))
    if tests:
        expected = without + response.effect(usual.media).sum(axis=2)
        tests = match_treated(tests, expected, spec.warmup_weeks, _stream(seed, 7))
    return _World(
        geos=geos,
        population=population,
        mondays=mondays,
        demand=demand,
        newsletter=newsletter,
        delivery=deliver(spec, apply_tests(tests, usual.spend), cost),
        usual=usual,
        response=response,
        tests=tests,
    )


def _national_outcome(spec: MarketSpec, seed: int, expected: FloatArray) -> FloatArray:
    """What the planners see week by week, shape (T,): in the window the outcome that the panel will show."""
    window = observed(spec, expected[:, spec.warmup_weeks :], seed)
    return np.concatenate([expected[:, : spec.warmup_weeks], window], axis=1).sum(axis=0)


def _geos(seed: int, spec: MarketSpec) -> tuple[tuple[str, ...], FloatArray]:
    """Names and populations: German states as far as they go, then invented regions; one geo is the country."""
    if spec.n_geos == 1:
        return (NATIONAL,), np.array([float(sum(STATES.values()))])
    names, people = list(STATES)[: spec.n_geos], list(STATES.values())[: spec.n_geos]
    extra = spec.n_geos - len(names)
    names += [f"Region {index + 1:03d}" for index in range(extra)]
    people += np.rint(_stream(seed, 8).lognormal(14.6, 0.8, extra)).astype(int).tolist()
    return tuple(names), np.array(people, dtype=np.float64)


def _described(test: PlannedTest, world: _World, spec: MarketSpec) -> dict[str, Any]:
    change = world.delivery.spend - world.usual.spend
    lift = true_lift(test, world.response, actual=world.delivery.media, usual=world.usual.media, spend_change=change)
    names = tuple(channel.name for channel in spec.channels)
    return describe_test(test, lift, geos=world.geos, channels=names, mondays=world.mondays)


def _table(spec: MarketSpec, world: _World, outcome: FloatArray) -> pd.DataFrame:
    """The panel as a table sorted by geo and week, in the columns of ``data/panel.csv``."""
    window, (geos, weeks) = slice(spec.warmup_weeks, None), outcome.shape
    columns: dict[str, Any] = {
        "week": np.tile(world.mondays[window].to_numpy(), geos),
        "geo": np.repeat(world.geos, weeks),
        "revenue": outcome.ravel(),
        "population": np.repeat(world.population.astype(np.int64), weeks),
    }
    for index, channel in enumerate(spec.channels):
        columns[f"{channel.name}_spend"] = world.delivery.spend[:, window, index].ravel()
        if channel.exposure:
            exposure = world.delivery.exposure[:, window, index].ravel()
            columns[f"{channel.name}_{channel.exposure}"] = exposure.astype(np.int64)
    columns |= {name: values[:, window].ravel() for name, values in world.demand.controls.items()}
    columns["newsletter"] = world.newsletter.sends[:, window].ravel().astype(np.int64)
    return pd.DataFrame(columns)


def _panel(spec: MarketSpec, world: _World, outcome: FloatArray) -> Panel:
    window = slice(spec.warmup_weeks, None)
    return Panel.from_arrays(
        outcome=outcome,
        dates=world.mondays[window],
        geos=world.geos,
        spend=world.delivery.spend[:, window],
        channels=[channel.name for channel in spec.channels],
        exposure=world.delivery.exposure[:, window],
        control=np.stack([values[:, window] for values in world.demand.controls.values()], axis=2),
        controls=list(world.demand.controls),
        organic=world.newsletter.sends[:, window, None],
        organics=["newsletter"],
        population=world.population,
    )
