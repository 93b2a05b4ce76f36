"""Touchpoint journeys from a Markov chain of known order, with its exact removal effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from simulation.journey_spec import JourneySpec
from simulation.units import unit_ids

FloatArray = NDArray[np.float64]
#: Journeys longer than this end without a conversion; at the default rates fewer than one in a million does.
LONGEST = 40


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Journeys:
    """``touchpoints`` in the columns of the event table, and the ``truth`` behind them."""

    seed: int
    spec: JourneySpec
    touchpoints: pd.DataFrame
    truth: dict[str, Any]


def simulate_journeys(seed: int, spec: JourneySpec | None = None) -> Journeys:
    """Simulate journeys and work out the exact removal effect of every channel.

    Parameters
    ----------
    seed
        Non-negative.
    spec
        By default `JourneySpec`.

    Examples
    --------
    >>> from simulation.journey_spec import JourneySpec
    >>> journeys = simulate_journeys(1, JourneySpec(units=200))
    >>> sorted(journeys.touchpoints["kind"].unique())
    ['click', 'conversion', 'impression']
    """
    spec = spec or JourneySpec()
    chain = transition_table(seed, spec)
    rng = np.random.default_rng([seed, 31])
    paths, converted = _walk(rng, chain, spec)
    if spec.anyway > 0:
        others = np.random.default_rng([seed, 32])
        decided = others.random(spec.units) < spec.anyway
        paths[decided] = _walk(others, transition_table(seed, spec, decided=True), spec)[0][decided]
        converted |= decided
    table = _touchpoints(rng, seed, spec, paths, converted)
    return Journeys(seed=seed, spec=spec, touchpoints=table, truth=_truth(spec, chain, table))


def transition_table(seed: int, spec: JourneySpec, *, decided: bool = False) -> FloatArray:
    """Next-step probabilities, shape ((C+1)^order, C+2).

    A row is a history of ``order`` touches in base C+1, the newest in the lowest digit, 0 meaning "no touch yet";
    columns are the C channels, then conversion, then end without conversion. ``decided``: of the people who would buy
    anyway, who choose their channels by `JourneyChannel.intent` too, and whose conversion ends the path either way.
    """
    count = len(spec.channels)
    base = count + 1
    converts, ends, entry, pull, intent = (
        np.array([getattr(channel, field) for channel in spec.channels])
        for field in ("converts", "ends", "entry", "pull", "intent")
    )
    if decided:
        entry, pull = entry * intent, pull * intent
    going_on = np.outer(np.ones(count), pull) + 0.12 * np.eye(count)
    going_on /= going_on.sum(axis=1, keepdims=True)
    stop = converts + ends
    first = np.zeros((base, count + 2))
    first[0, :count] = entry / entry.sum()
    first[1:, :count] = (1.0 - stop)[:, None] * going_on
    first[1:, count] = converts
    first[1:, count + 1] = ends
    table = first[np.arange(base**spec.order) % base]
    if spec.order > 1:
        # The last touch sets the base line; longer histories tilt the odds, except for the very first step.
        rng = np.random.default_rng([seed, 30])
        tilt = np.exp(rng.normal(0.0, spec.memory, table.shape))
        older = np.arange(base**spec.order) >= base
        table[older] = table[older] * tilt[older]
        table /= table.sum(axis=1, keepdims=True)
    return np.asarray(table, dtype=np.float64)


def conversion_probability(chain: FloatArray, order: int, removed: int | None = None) -> float:
    """P(conversion) of a journey from its start, exactly; touches of the channel ``removed`` end the journey.

    Solves p = P p + r over the transient histories (absorbing Markov chain; Anderl et al. 2016).

    Examples
    --------
    >>> from simulation.journey_spec import JourneySpec
    >>> chain = transition_table(1, JourneySpec())
    >>> whole = conversion_probability(chain, 1)
    >>> all(conversion_probability(chain, 1, c) < whole for c in range(7))
    True
    """
    states, count = len(chain), chain.shape[1] - 2
    base = count + 1
    matrix = np.zeros((states, states))
    history = np.arange(states)
    for channel in range(count):
        if channel != removed:
            following = (history * base + channel + 1) % base**order
            matrix[history, following] += chain[:, channel]
    solution = np.linalg.solve(np.eye(states) - matrix, chain[:, count])
    return float(solution[0])


def _walk(
    rng: np.random.Generator, chain: FloatArray, spec: JourneySpec
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Paths as channel numbers, −1 where over, shape (units, LONGEST); and who converted, shape (units,)."""
    count = chain.shape[1] - 2
    cumulative = chain.cumsum(axis=1)
    paths = np.full((spec.units, LONGEST), -1, dtype=np.int64)
    converted = np.zeros(spec.units, dtype=bool)
    history, alive = np.zeros(spec.units, dtype=np.int64), np.ones(spec.units, dtype=bool)
    for step in range(LONGEST):
        draw = rng.random(spec.units)
        following = (draw[:, None] > cumulative[history]).sum(axis=1).clip(max=count + 1)
        converted |= alive & (following == count)
        alive &= following < count
        paths[alive, step] = following[alive]
        history = np.where(alive, (history * (count + 1) + following + 1) % (count + 1) ** spec.order, history)
    return paths, converted


def _touchpoints(
    rng: np.random.Generator,
    seed: int,
    spec: JourneySpec,
    paths: NDArray[np.int64],
    converted: NDArray[np.bool_],
) -> pd.DataFrame:
    """One row a touch or conversion, sorted by time; rows after the last day are left out."""
    length = (paths >= 0).sum(axis=1)
    unit, step = np.nonzero(paths >= 0)
    channel = paths[unit, step]
    begin = np.floor(rng.random(spec.units) * spec.days * 86_400.0)
    gaps = np.ceil(rng.exponential(spec.gap_days * 86_400.0, (spec.units, LONGEST)))
    gaps[:, 0] = 0.0
    second = begin[:, None] + gaps.cumsum(axis=1)
    buyers = np.flatnonzero(converted)
    bought = second[buyers, length[buyers] - 1] + np.ceil(rng.exponential(2_400.0, len(buyers)))
    sigma = np.sqrt(np.log1p(spec.value_cv**2))
    value = np.round(spec.mean_value * np.exp(rng.normal(0.0, 1.0, len(buyers)) * sigma - sigma**2 / 2), 2)
    clicked = rng.random(len(channel)) < np.array([each.clicks for each in spec.channels])[channel]
    cost = np.round(
        np.array([each.cost for each in spec.channels])[channel] * rng.lognormal(0.0, 0.15, len(channel)), 4
    )
    names = np.array(unit_ids(seed, spec.units))
    start = pd.Timestamp(spec.last_day, tz="UTC") - pd.Timedelta(days=spec.days - 1)
    seconds = np.concatenate([second[unit, step], bought])
    table = pd.DataFrame(
        {
            "unit_id": np.concatenate([names[unit], names[buyers]]),
            "ts": start + pd.to_timedelta(pd.Series(seconds), unit="s"),
            # A conversion happens in the shop: it has no channel.
            "channel": pd.Series([*np.array(spec.names)[channel].tolist(), *[None] * len(buyers)], dtype="str"),
            "kind": np.concatenate([np.where(clicked, "click", "impression"), np.full(len(buyers), "conversion")]),
            "value": np.concatenate([np.zeros(len(channel)), value]),
            "cost": np.concatenate([cost, np.zeros(len(buyers))]),
        }
    )
    seen = table[table["ts"] < start + pd.Timedelta(days=spec.days)]
    return seen.sort_values(["ts", "unit_id", "kind"], ignore_index=True)


def _truth(spec: JourneySpec, chain: FloatArray, table: pd.DataFrame) -> dict[str, Any]:
    whole = conversion_probability(chain, spec.order)
    removal = {
        name: 1.0 - conversion_probability(chain, spec.order, index) / whole for index, name in enumerate(spec.names)
    }
    total = sum(removal.values())
    truth: dict[str, Any] = {
        "order": spec.order,
        "conversion_probability": (1.0 - spec.anyway) * whole + spec.anyway,
        "removal_effect": removal,
        "credit_share": {name: effect / total for name, effect in removal.items()},
        "mean_value": spec.mean_value,
        "conversions_seen": int((table["kind"] == "conversion").sum()),
    }
    if spec.anyway > 0:
        # Of all conversions: those truly lost without the channel, and those nothing could lose.
        persuaded = (1.0 - spec.anyway) * whole / truth["conversion_probability"]
        truth["incremental_share"] = {name: persuaded * effect for name, effect in removal.items()}
        truth["not_incremental_share"] = spec.anyway / truth["conversion_probability"]
    if spec.order == 1:
        columns = [*spec.names, "(conversion)", "(end)"]
        rows = ["(start)", *spec.names]
        truth["transitions"] = {
            row: dict(zip(columns, chain[index].tolist(), strict=True)) for index, row in enumerate(rows)
        }
    return truth
