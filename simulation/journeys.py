"""Touchpoint journeys from a Markov chain of known order, with its exact removal effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from measurement.errors import InputError
from simulation.units import unit_ids

FloatArray = NDArray[np.float64]
#: Journeys longer than this end without a conversion; at the default rates fewer than one in a million does.
LONGEST = 40

CHANNELS = ("search", "shopping", "social", "video", "display", "email", "direct")
#: First touch, conversion and end of journey by channel, in the order of `CHANNELS`; cost of a touch in euros.
ENTRY = (0.20, 0.12, 0.22, 0.16, 0.18, 0.05, 0.07)
CONVERTS = (0.075, 0.085, 0.022, 0.016, 0.008, 0.060, 0.095)
ENDS = (0.42, 0.44, 0.50, 0.52, 0.58, 0.40, 0.46)
COST = (0.62, 0.41, 0.012, 0.021, 0.0024, 0.0, 0.0)
#: Share of a channel's touches that are clicks; the rest are impressions.
CLICKS = (1.0, 1.0, 0.18, 0.08, 0.03, 1.0, 1.0)
#: Pull towards each channel when a journey goes on.
PULL = (0.30, 0.16, 0.12, 0.08, 0.08, 0.10, 0.16)


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneySpec:
    """A population of journeys.

    Attributes
    ----------
    units
        People; each makes one journey.
    order
        Touches the next step depends on (1 to 3).
    memory
        How much a step depends on touches before the last (order 2 and 3): standard deviation of the log odds.
    last_day, days
        Journeys start in the ``days`` days up to ``last_day``; what happens after it is not seen.
    gap_days
        Mean time between touches.
    mean_value, value_cv
        Conversion value in euros: mean, and coefficient of variation of its log-normal.
    """

    units: int = 9_000
    order: int = 1
    memory: float = 0.6
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
    >>> journeys = simulate_journeys(1, JourneySpec(units=200))
    >>> sorted(journeys.touchpoints["kind"].unique())
    ['click', 'conversion', 'impression']
    """
    spec = spec or JourneySpec()
    chain = transition_table(seed, spec)
    rng = np.random.default_rng([seed, 31])
    paths, converted = _walk(rng, chain, spec)
    table = _touchpoints(rng, seed, spec, paths, converted)
    return Journeys(seed=seed, spec=spec, touchpoints=table, truth=_truth(spec, chain, table))


def transition_table(seed: int, spec: JourneySpec) -> FloatArray:
    """Next-step probabilities, shape ((C+1)^order, C+2).

    A row is a history of ``order`` touches in base C+1, the newest in the lowest digit, 0 meaning "no touch yet";
    columns are the C channels, then conversion, then end without conversion.
    """
    base, count = len(CHANNELS) + 1, len(CHANNELS)
    going_on = np.outer(np.ones(count), PULL) + 0.12 * np.eye(count)
    going_on /= going_on.sum(axis=1, keepdims=True)
    stop = np.array(CONVERTS) + np.array(ENDS)
    first = np.zeros((base, count + 2))
    first[0, :count] = np.array(ENTRY) / sum(ENTRY)
    first[1:, :count] = (1.0 - stop)[:, None] * going_on
    first[1:, count] = CONVERTS
    first[1:, count + 1] = ENDS
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
    >>> chain = transition_table(1, JourneySpec())
    >>> whole = conversion_probability(chain, 1)
    >>> all(conversion_probability(chain, 1, c) < whole for c in range(len(CHANNELS)))
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
    clicked = rng.random(len(channel)) < np.array(CLICKS)[channel]
    cost = np.round(np.array(COST)[channel] * rng.lognormal(0.0, 0.15, len(channel)), 4)
    names = np.array(unit_ids(seed, spec.units))
    start = pd.Timestamp(spec.last_day, tz="UTC") - pd.Timedelta(days=spec.days - 1)
    seconds = np.concatenate([second[unit, step], bought])
    table = pd.DataFrame(
        {
            "unit_id": np.concatenate([names[unit], names[buyers]]),
            "ts": start + pd.to_timedelta(pd.Series(seconds), unit="s"),
            # A conversion happens in the shop: it has no channel.
            "channel": pd.Series([*np.array(CHANNELS)[channel].tolist(), *[None] * len(buyers)], dtype="str"),
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
        name: 1.0 - conversion_probability(chain, spec.order, index) / whole for index, name in enumerate(CHANNELS)
    }
    total = sum(removal.values())
    truth: dict[str, Any] = {
        "order": spec.order,
        "conversion_probability": whole,
        "removal_effect": removal,
        "credit_share": {name: effect / total for name, effect in removal.items()},
        "mean_value": spec.mean_value,
        "conversions_seen": int((table["kind"] == "conversion").sum()),
    }
    if spec.order == 1:
        columns = [*CHANNELS, "(conversion)", "(end)"]
        rows = ["(start)", *CHANNELS]
        truth["transitions"] = {
            row: dict(zip(columns, chain[index].tolist(), strict=True)) for index, row in enumerate(rows)
        }
    return truth
