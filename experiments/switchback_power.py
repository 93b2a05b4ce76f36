"""What a switchback test can see: simulated in past windows, schedules drawn anew each time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.switchback import (
    as_lift,
    draw_schedule,
    draw_signs,
    no_difference,
    pair_contrasts,
    sign_test,
    with_effect,
)
from measurement.errors import InputError

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchbackPower:
    """What a kind of schedule can see.

    Attributes
    ----------
    block, washout
        Periods.
    mde
        Smallest lift found in the wanted share of the simulated tests, ``None`` where none tried is.
    power
        Share at each of ``effects``; the first is 0, so that its power is the A/A rejection rate.
    effects
        Lifts tried.
    bias
        Mean estimate over the largest lift tried, minus 1: what the carry-over past the washout eats.
    tests
        Simulated tests a lift.
    """

    block: int
    washout: int
    mde: float | None
    power: tuple[float, ...]
    effects: tuple[float, ...]
    bias: float
    tests: int


def switchback_power(
    history: FloatArray,
    *,
    periods: int,
    block: int,
    washout: int,
    carry_over: float = 0.0,
    effects: tuple[float, ...] = (0.0, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5),
    alpha: float = 0.1,
    power: float = 0.8,
    tests: int = 200,
    seed: int = 0,
) -> SwitchbackPower:
    """Simulate a switchback test in past windows, schedules drawn anew each time.

    Parameters
    ----------
    history
        Shape (U, T): outcome without tests, at least ``periods`` long.
    periods
        Length of the test.
    carry_over
        Share of an effect that lasts into the next period.
    tests
        Simulated tests a lift.

    Raises
    ------
    InputError
        Where the history is shorter than the test, or the plan allows too few schedules.
    """
    if history.shape[1] < periods:
        raise InputError.of(
            f"{history.shape[1]} periods of history are too few to plan a test of {periods}",
            "Bring more history, or plan a shorter test",
            column="weeks",
            value=periods,
        )
    rng = np.random.default_rng(seed)
    found = np.empty((tests, len(effects)))
    largest = []
    for test in range(tests):
        plan = draw_schedule(len(history), periods, block=block, washout=washout, seed=int(rng.integers(2**31)))
        first = int(rng.integers(history.shape[1] - plan.periods + 1))
        window = history[:, first : first + plan.periods]
        fresh = draw_signs(plan.signs.shape[0], plan.signs.shape[1], rng, draws=399)
        contrasts = np.array(
            [pair_contrasts(with_effect(window, plan, lift=effect, carry_over=carry_over), plan) for effect in effects]
        )
        if test == 0:  # refuses plans with too few schedules
            sign_test(contrasts[0], plan.signs, fresh, level=1 - alpha)
        found[test] = no_difference(contrasts, plan.signs, fresh)
        largest.append(as_lift(float(np.mean(plan.signs * contrasts[-1]))))
    shares = (found <= alpha + 1e-12).mean(axis=0)
    enough = [place for place in range(len(effects)) if effects[place] > 0 and (shares[place:] >= power).all()]
    mde = None
    if enough:
        place = enough[0]
        low, high = shares[place - 1], shares[place]
        share = 1.0 if high <= low else float(np.clip((power - low) / (high - low), 0.0, 1.0))
        mde = effects[place - 1] + share * (effects[place] - effects[place - 1])
    return SwitchbackPower(
        block=block,
        washout=washout,
        mde=mde,
        power=tuple(shares.tolist()),
        effects=tuple(effects),
        bias=float(np.mean(largest)) / effects[-1] - 1,
        tests=tests,
    )
