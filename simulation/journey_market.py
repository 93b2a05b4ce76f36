"""Journeys of the people of a market: their touches cost what makes the market's returns true of them as well."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from measurement.errors import InputError
from simulation.journey_spec import JourneySpec
from simulation.journeys import Journeys, conversion_probability, simulate_journeys, transition_table
from simulation.market import Market

#: Fewer touches sell than in `JOURNEY_CHANNELS`: most of those who buy were going to.
_PERSUASION = 1 / 3


def journeys_of_market(market: Market, seed: int, spec: JourneySpec | None = None) -> Journeys:
    """Simulate journeys whose incremental return of every paid channel is the market's.

    Two things are fitted to the market. *How many buy anyway*: the paid channels on the paths cause that share of all
    conversions which they contribute to the market's outcome in its last weeks; the rest is the shop itself, the
    season, and the media that leave no path. *What a touch costs*: a channel's true incremental value on the paths
    over the cost of its touches is its ROAS in ``market.truth``. A touch bears the cost of all contacts that left no
    trace, which is why it costs more than a click or an impression.

    Parameters
    ----------
    market
        The market.
    seed
        Of the journeys.
    spec
        By default `JourneySpec`; its costs and ``anyway`` are replaced.

    Raises
    ------
    InputError
        Where no channel of the journeys has a known ROAS.

    Examples
    --------
    >>> from simulation.market import simulate_market
    >>> market = simulate_market(1)
    >>> journeys = journeys_of_market(market, 1, JourneySpec(units=3_000))
    >>> spent = journeys.touchpoints.groupby("channel")["cost"].sum()["search"]
    >>> value = journeys.touchpoints["value"].sum() * journeys.truth["incremental_share"]["search"]
    >>> bool(abs(value / spent - market.truth["roas"]["search"]) < 0.01)
    True
    """
    spec = _calmer(spec or JourneySpec())
    roas = {name: market.truth["roas"][name] for name in spec.names if name in market.truth["roas"]}
    if not roas:
        raise InputError.of(
            "journeys and market share no channel", "Name a channel of the market", column="channels", value=spec.names
        )
    spec = replace(spec, anyway=_anyway(market, seed, spec, list(roas)))
    # Draws do not depend on costs: with touches at one euro each, the sums say what a touch must cost.
    unpriced = replace(
        spec, channels=tuple(replace(each, cost=1.0 if each.name in roas else 0.0) for each in spec.channels)
    )
    first = simulate_journeys(seed, unpriced)
    touches = first.touchpoints.groupby("channel")["cost"].sum()
    value = float(first.touchpoints["value"].sum())
    cost = {name: first.truth["incremental_share"][name] * value / each / touches[name] for name, each in roas.items()}
    priced = tuple(replace(each, cost=cost.get(each.name, 0.0)) for each in spec.channels)
    return simulate_journeys(seed, replace(spec, channels=priced))


def _calmer(spec: JourneySpec) -> JourneySpec:
    """The same population, less easily persuaded: what no longer converts ends the journey."""
    channels = tuple(
        replace(each, converts=each.converts * _PERSUASION, ends=each.ends + each.converts * (1 - _PERSUASION))
        for each in spec.channels
    )
    return replace(spec, channels=channels)


def _anyway(market: Market, seed: int, spec: JourneySpec, paid: list[str]) -> float:
    """Share of people who buy without any touch, from the share of the outcome that paid channels contribute."""
    recent = int(market.truth["window"]["recent_weeks"])
    outcome = float(market.expected[:, -recent:].sum())
    share = sum(float(market.components[name][:, -recent:].sum()) for name in paid) / outcome
    chain = transition_table(seed, spec)
    chance = conversion_probability(chain, spec.order)
    removed = [
        1.0 - conversion_probability(chain, spec.order, place) / chance
        for place, name in enumerate(spec.names)
        if name in paid
    ]
    persuaded = float(np.clip(share / sum(removed), 0.01, 0.99))
    # persuaded = (1 - a) w / ((1 - a) w + a), solved for the share of people a.
    return chance * (1.0 - persuaded) / (chance * (1.0 - persuaded) + persuaded)
