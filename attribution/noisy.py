"""A report under ε-differential privacy: noise on order-1 transition counts, everything else follows from them.

Every person is cut down to `PER_PERSON` steps (their newest journeys whole, one longer than that to its newest
touches), counts get two-sided geometric noise for nine tenths of ε, the total value, cut at a public bound a person,
gets it for the rest. Markov credit and last-touch credit are functions of the noisy table and cost no more privacy
(post-processing). The channels must be given from outside: a list made from the data would tell who is in it. What is
promised holds for one report; the ε of successive reports add up. Neighbours differ by one person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from attribution.markov import effects_of_draws, scaled
from attribution.paths import FloatArray, IntArray, PathTable
from attribution.privacy import noisy_counts
from attribution.transitions import Transitions
from attribution.uncertainty import ends
from measurement.errors import InputError

#: Steps (from the start to a touch, from touch to touch, from the last touch to the outcome) of one person that count.
PER_PERSON = 10
_FOR_COUNTS = 0.9
METHODS = ("markov", "last")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NoisyReport:
    """What may be published.

    Attributes
    ----------
    credit
        channel, method (`METHODS`), conversions, conversions_lower, conversions_upper, value, lower, upper, level;
        intervals hold sampling and noise.
    transitions
        ``from``, ``to``, ``count``, ``probability`` of noisy counts above 0.
    conversions, value
        Noisy totals.
    epsilon
        Of this report.
    """

    credit: pd.DataFrame
    transitions: pd.DataFrame
    conversions: float
    value: float
    epsilon: float


def noisy_report(
    table: PathTable,
    *,
    channels: tuple[str, ...],
    epsilon: float,
    largest_value: float,
    seed: int | None,
    draws: int = 1_000,
    level: float = 0.9,
) -> NoisyReport:
    """Work out a report that satisfies ε-differential privacy.

    Parameters
    ----------
    table
        Paths that name people.
    channels
        Public list; touches on others are left out.
    epsilon
        Privacy budget of this report, above 0.
    largest_value
        Bound of one person's value, in money, public.
    seed
        ``None`` for a publication; a number is for tests, as whoever knows it can take the noise off.
    draws, level
        Of the intervals.

    Raises
    ------
    InputError
        For a budget or bound that is not positive, or where the noise has drowned every conversion.
    """
    if not (epsilon > 0 and largest_value > 0 and channels):
        raise InputError.of(
            "noise needs ε and largest_value above 0, and a list of channels", "Use ε = 1", value=epsilon
        )
    width = len(channels)
    counts, cents_of_all = bounded_counts(table, channels, largest_value)
    rng = np.random.default_rng(seed)
    seeds = [None, None] if seed is None else [int(each) for each in rng.integers(0, 2**31, 2)]
    noisy = noisy_counts(counts.astype(np.float64), epsilon=_FOR_COUNTS * epsilon, per_person=PER_PERSON, seed=seeds[0])
    cents = noisy_counts(
        np.array([cents_of_all], dtype=np.float64),
        epsilon=(1 - _FOR_COUNTS) * epsilon,
        per_person=max(int(100 * largest_value), 1),
        seed=seeds[1],
    )
    positive = np.maximum(noisy, 0).astype(np.float64)
    conversions, total = float(positive[:, width].sum()), max(float(cents[0]) / 100, 0.0)
    points = {method: _credit(positive[None], method)[0] for method in METHODS}
    if conversions <= 0 or points["markov"].sum() <= 0:  # also where no journey begins any more
        raise InputError.of(
            "the noise is larger than all conversions", "Raise epsilon or take more data", column="epsilon"
        )
    each = total / conversions
    redrawn = rng.poisson(positive, (draws, *positive.shape)) + _noise(rng, epsilon, (draws, *positive.shape))
    drawn = np.maximum(redrawn, 0).astype(np.float64)
    frames = []
    for method in METHODS:
        lower, upper = ends(_credit(drawn, method), level)
        frames.append(_frame(channels, method, points[method], lower, upper, each, level))
    return NoisyReport(
        credit=pd.concat(frames, ignore_index=True),
        transitions=_transitions(channels, positive),
        conversions=conversions,
        value=total,
        epsilon=epsilon,
    )


def bounded_counts(table: PathTable, channels: tuple[str, ...], largest_value: float) -> tuple[IntArray, int]:
    """Steps of everybody cut to `PER_PERSON`, shape (C + 1, C + 2), and the sum of their values, cut too, in cents.

    Values are rounded person by person: a rounded sum could move by a cent more than the bound.

    Rows: start, channels; columns: channels, conversion, end.
    """
    if table.people is None:
        raise InputError.of("these paths name no people", "Build them from touchpoints", column="people")
    number = {name: place for place, name in enumerate(channels)}
    known = np.array([number.get(name, -1) for name in table.channels])
    width = len(channels)
    counts = np.zeros((width + 1, width + 2), dtype=np.int64)
    left: dict[int, int] = {}
    money: dict[int, float] = {}
    for path in range(table.count - 1, -1, -1):  # a person's paths are in the order of time: the newest first
        person = int(table.people[path])
        money[person] = money.get(person, 0.0) + float(table.value[path])
        room = left.get(person, PER_PERSON)
        walk = known[table.touches[table.offsets[path] : table.offsets[path + 1]]]
        walk = walk[walk >= 0][-max(room - 1, 0) :] if room > 1 else walk[:0]
        if not len(walk):
            continue
        left[person] = room - len(walk) - 1
        np.add.at(counts, (np.concatenate([[0], walk[:-1] + 1]), walk), 1)
        counts[walk[-1] + 1, width + int(table.conversions[path] <= 0)] += 1
    most = max(int(100 * largest_value), 1)
    return counts, sum(min(max(round(100 * each), 0), most) for each in money.values())


def _noise(rng: np.random.Generator, epsilon: float, shape: tuple[int, ...]) -> IntArray:
    chance = 1.0 - np.exp(-_FOR_COUNTS * epsilon / PER_PERSON)
    return np.asarray(rng.geometric(chance, shape) - rng.geometric(chance, shape), dtype=np.int64)


def _credit(tables: FloatArray, method: str) -> FloatArray:
    """Conversions by channel, shape (B, C), of step tables (B, C + 1, C + 2)."""
    width = tables.shape[1] - 1
    converted = tables[:, :, width]
    if method == "last":
        return converted[:, 1:]
    source, target = np.divmod(np.arange((width + 1) * width), width)
    # Noise may leave a channel without any way out. Every journey ends: half a step is less than could be counted.
    ended = np.where(converted + tables[:, :, width + 1] > 0, tables[:, :, width + 1], 0.5)
    flat = tables[:, :, :width].reshape(len(tables), -1)
    counts = Transitions(
        channels=tuple(str(each) for each in range(width)),
        order=1,
        history=np.arange(width + 1, dtype=np.int64),
        source=source,
        target=target + 1,
        steps=flat.T,
        conversions=converted.T,
        nulls=ended.T,
        value=np.zeros((width + 1, len(tables))),
    )
    effects = effects_of_draws(counts, np.eye(len(tables)))[:, :, 0]
    return scaled(np.maximum(effects, 0.0), converted.sum(axis=1))


def _frame(
    channels: tuple[str, ...],
    method: str,
    point: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    each: float,
    level: float,
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "channel": channels,
            "method": method,
            "conversions": point,
            "conversions_lower": lower,
            "conversions_upper": upper,
            "value": point * each,
            "lower": lower * each,
            "upper": upper * each,
            "level": level,
        }
    )


def _transitions(channels: tuple[str, ...], positive: FloatArray) -> pd.DataFrame:
    names = ["(start)", *channels], [*channels, "(conversion)", "(end)"]
    row, column = np.nonzero(positive)
    frame = pd.DataFrame(
        {
            "from": np.array(names[0], dtype=object)[row],
            "to": np.array(names[1], dtype=object)[column],
            "count": positive[row, column],
        }
    )
    frame["probability"] = frame["count"] / frame.groupby("from")["count"].transform("sum")
    return frame
