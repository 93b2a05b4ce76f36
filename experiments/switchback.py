"""Switchback tests: a few markets that switch a channel on and off in turn, drawn at random, read by that very draw.

Where markets are too few to leave some untreated, time is divided instead. Blocks come in pairs, one of the two is on,
and which of them is drawn for each market; a common shock then hits both arms alike. The first periods of every block
are washed out, since what the block before caused is still decaying. The test is that of the draw (Fisher 1935): had
the coin fallen otherwise, the difference of a pair would have the other sign. Bojinov, Simchi-Levi and Zhao (2023)
treat such designs; this one restricts their draw to balanced pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from measurement.errors import InputError
from measurement.estimates import Interval

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
#: Draws of the schedule behind a p-value.
DRAWS = 1999


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Switchback:
    """A drawn schedule.

    Attributes
    ----------
    on
        Shape (U, B): whether the channel is on in unit and block; blocks 2p and 2p + 1 are a pair.
    block
        Periods of a block.
    washout
        Leading periods of every block that do not count.
    """

    on: BoolArray
    block: int
    washout: int

    def __post_init__(self) -> None:
        units, blocks = self.on.shape
        faults = (
            (blocks % 2 == 1 or blocks == 0, "on", blocks, "blocks come in pairs", "Use an even number of blocks"),
            (units == 0, "on", units, "a switchback test needs a market", "Name at least one"),
            (
                not 0 <= self.washout < self.block,
                "washout",
                self.washout,
                "washing out leaves nothing of a block",
                f"Use a washout from 0 to {self.block - 1} periods, or longer blocks",
            ),
        )
        for wrong, column, value, message, remedy in faults:
            if wrong:
                raise InputError.of(message, remedy, column=column, value=value)
        if blocks and not (self.on[:, ::2] != self.on[:, 1::2]).all():
            raise InputError.of("one block of every pair is on", "Draw the schedule with draw_schedule", column="on")

    @property
    def periods(self) -> int:
        """Length of the test."""
        return int(self.on.shape[1]) * self.block

    @property
    def signs(self) -> NDArray[np.int8]:
        """Shape (U, B / 2): 1 where the first block of the pair is on, −1 where the second is."""
        return np.where(self.on[:, ::2], 1, -1).astype(np.int8)

    def active(self) -> BoolArray:
        """Whether the channel is on, by unit and period, shape (U, T)."""
        return np.repeat(self.on, self.block, axis=1)


def draw_signs(units: int, pairs: int, rng: np.random.Generator, *, draws: int = 1) -> NDArray[np.int8]:
    """Schedules as signs (draws, U, P): in every pair, half of the units start on; an odd one tosses a coin."""
    half = np.where(np.arange(units) < units // 2, 1, -1).astype(np.int8)
    flips = np.where(rng.random((draws, 1, pairs)) < 0.5, 1, -1).astype(np.int8)
    order = rng.random((draws, units, pairs)).argsort(axis=1)
    return np.asarray(half[order] * flips, dtype=np.int8)


def draw_schedule(units: int, periods: int, *, block: int, washout: int, seed: int) -> Switchback:
    """A random schedule of at most ``periods`` periods.

    Raises
    ------
    InputError
        Where not one pair of blocks fits, or the washout leaves nothing.

    Examples
    --------
    >>> plan = draw_schedule(2, 12, block=2, washout=1, seed=1)
    >>> plan.on.shape, plan.on.sum(axis=0).tolist()
    ((2, 6), [1, 1, 1, 1, 1, 1])
    """
    pairs = periods // (2 * block)
    if pairs < 1:
        raise InputError.of(
            f"{periods} periods hold no pair of blocks of {block}", "Test longer, or use shorter blocks", column="block"
        )
    first = draw_signs(units, pairs, np.random.default_rng(seed))[0] > 0
    on = np.empty((units, 2 * pairs), dtype=np.bool_)
    on[:, ::2], on[:, 1::2] = first, ~first
    return Switchback(on=on, block=block, washout=washout)


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchbackResult:
    """What a switchback test found.

    Attributes
    ----------
    lift
        Outcome with the channel on over outcome with it off, minus 1.
    interval
        For the lift; the inversion of the test below.
    p_value
        Of no effect, never below ``1 / (1 + draws)``.
    pairs
        Number of pairs of blocks over all units.
    draws
        Schedules drawn for the test.
    """

    lift: float
    interval: Interval
    p_value: float
    pairs: int
    draws: int


def analyse(
    outcome: FloatArray, plan: Switchback, *, level: float = 0.9, draws: int = DRAWS, seed: int = 0
) -> SwitchbackResult:
    """Read a switchback test by re-drawing its schedule.

    Parameters
    ----------
    outcome
        Shape (U, T), T the plan's periods; positive on average in every unit.
    plan
        The schedule as it was run.
    level
        Of the interval.
    draws, seed
        Schedules drawn anew.

    Raises
    ------
    InputError
        Where shapes do not fit, a unit has no outcome, or there are too few schedules for the level.

    Examples
    --------
    >>> plan = draw_schedule(3, 36, block=3, washout=1, seed=4)
    >>> quiet = 100 + np.random.default_rng(0).normal(size=(3, 36))
    >>> found = analyse(quiet * (1 + 0.1 * plan.active()), plan)
    >>> round(found.lift, 2), found.p_value < 0.01
    (0.1, True)
    """
    contrast = pair_contrasts(outcome, plan)
    fresh = draw_signs(contrast.shape[0], contrast.shape[1], np.random.default_rng(seed), draws=draws)
    moved, interval, p_value = sign_test(contrast, plan.signs, fresh, level=level)
    return SwitchbackResult(
        lift=as_lift(moved),
        interval=Interval(lower=as_lift(interval[0]), upper=as_lift(interval[1]), level=level, kind="confidence"),
        p_value=p_value,
        pairs=contrast.size,
        draws=draws,
    )


def pair_contrasts(outcome: FloatArray, plan: Switchback) -> FloatArray:
    """First minus second block of every pair over the unit's mean, washout left out, shape (U, P)."""
    units, blocks = plan.on.shape
    if outcome.shape != (units, plan.periods) or not np.isfinite(outcome).all():
        raise InputError.of(
            "the outcome does not cover the schedule",
            "Pass the outcome of every unit in every period of the test",
            column="outcome",
            value=f"{outcome.shape} for {units} units and {plan.periods} periods",
        )
    kept = outcome.reshape(units, blocks, plan.block)[:, :, plan.washout :].mean(axis=2)
    size = kept.mean(axis=1, keepdims=True)
    if not (size > 0).all():
        raise InputError.of("a unit has no outcome", "Leave it out of the test", column="outcome")
    return np.asarray((kept[:, ::2] - kept[:, 1::2]) / size, dtype=np.float64)


def sign_test(
    contrast: FloatArray, signs: NDArray[np.int8], fresh: NDArray[np.int8], *, level: float
) -> tuple[float, tuple[float, float], float]:
    """Mean difference on minus off, its interval, and the p-value of none, by re-drawn signs (draws, U, P).

    For a hypothetical difference ``d`` a draw counts where it gives at least as large a mean; the set of such ``d`` is
    an interval around the estimate for every draw, so that the test is inverted exactly, without a grid.
    """
    alpha = round(1 - level, 12)
    estimate = float(np.mean(signs * contrast))
    flat = fresh.reshape(len(fresh), -1).astype(np.float64)
    drawn = flat @ contrast.ravel() / contrast.size
    agreement = flat @ signs.ravel() / contrast.size
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = (estimate - drawn) / (1 - agreement), (estimate + drawn) / (1 + agreement)
    # A draw equal to the schedule (or its mirror image) counts for every hypothesis.
    same, mirror = agreement > 1 - 1e-9, agreement < -1 + 1e-9
    low = np.where(same | mirror, -np.inf, np.minimum(one, two))
    high = np.where(same | mirror, np.inf, np.maximum(one, two))
    rank = int(np.floor(alpha * (1 + len(fresh)) + 1e-9))
    if rank < 1 or np.isinf(np.sort(low)[rank - 1]):
        raise InputError.of(
            f"{contrast.shape[1]} pairs of blocks in {contrast.shape[0]} units allow too few schedules for a "
            f"{level:.0%} interval",
            "Test longer, or use shorter blocks",
            column="weeks",
        )
    ends = float(np.sort(low)[rank - 1]), float(np.sort(high)[::-1][rank - 1])
    hits = int(((low <= 0) & (high >= 0)).sum())
    return estimate, ends, (1 + hits) / (1 + len(fresh))


def no_difference(contrasts: FloatArray, signs: NDArray[np.int8], fresh: NDArray[np.int8]) -> FloatArray:
    """p-values of no difference for many contrasts (F, U, P) under the same schedule, shape (F,): as `sign_test`."""
    flat = contrasts.reshape(len(contrasts), -1)
    observed = np.abs(flat @ signs.ravel())
    drawn = np.abs(fresh.reshape(len(fresh), -1) @ flat.T)
    return np.asarray((1 + (drawn >= observed * (1 - 1e-12)).sum(axis=0)) / (1 + len(fresh)), dtype=np.float64)


def as_lift(moved: float) -> float:
    """From a difference over the mean of both arms to one over the arm that is off."""
    return moved / (1 - moved / 2) if moved < 2 else float("inf")


def with_effect(outcome: FloatArray, plan: Switchback, *, lift: float, carry_over: float) -> FloatArray:
    """The outcome had a channel of this lift been switched by the plan; what it causes decays geometrically.

    ``carry_over`` is the share that lasts into the next period. Before the first block the channel was off.
    """
    level, running = np.zeros(outcome.shape), np.zeros(len(outcome))
    for period, active in enumerate(plan.active().T):
        running = carry_over * running + (1 - carry_over) * active
        level[:, period] = running
    return np.asarray(outcome * (1 + lift * level), dtype=np.float64)
