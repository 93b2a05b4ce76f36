"""Which geo test to run next: the value of what it would teach, net of its cost.

A test of channel ``c`` returns its weekly effect at today's spend with noise: ``z = φ_c + se · ε``. The expected value
of sample information is ``E_z[max_x E(U_x | z)] − max_x E(U_x)`` over plans ``x`` with outcome ``U_x``. ``E(U_x | z)``
is a regression of ``U_x`` on ``z`` over the posterior draws (Strong, Oakley, Brennan & Breeze 2015); draws are whole,
so what a test of search teaches about social through their correlation is counted. A wide interval alone is worth
nothing: only what could change the plan is.

Plans are searched among candidates: the certified optimum given each of several possible readings of every test.
Restricting the choice can only understate the value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import Rule
from budget_optimizer.rows import FloatArray
from measurement.curves import ResponseCurves
from measurement.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDesign:
    """What a geo test of a channel can do.

    Attributes
    ----------
    standard_error
        Of the channel's weekly incremental outcome at today's spend, money a week.
    cost
        Money the test costs in all: forgone outcome, extra spend, work.
    """

    __test__ = False  # not a pytest class

    standard_error: float
    cost: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TestValue:
    """What testing one channel is worth.

    Attributes
    ----------
    channel
        Channel.
    value_of_test
        Expected gain from a better plan after the test, money over ``weeks`` (EVSI).
    value_of_certainty
        The same for a test without noise (EVPPI): no test of this channel is worth more.
    cost
        Of the test.
    net
        ``value_of_test − cost``.
    standard_error
        Assumed for the test, money a week.
    prior_sd
        Posterior standard deviation of the channel's weekly effect before the test.
    weeks
        Over which a better plan pays.
    """

    __test__ = False  # not a pytest class

    channel: str
    value_of_test: float
    value_of_certainty: float
    cost: float
    net: float
    standard_error: float
    prior_sd: float
    weeks: int


def next_test(
    curves: ResponseCurves,
    rules: Sequence[Rule],
    *,
    designs: Mapping[str, TestDesign] | None = None,
    weeks: int = 26,
    readings: int = 7,
    seed: int = 0,
) -> tuple[TestValue, ...]:
    """Rank the channels by the net value of a geo test.

    Parameters
    ----------
    curves
        Posterior draws; at least 50.
    rules
        Of the plan that the test would improve.
    designs
        Standard error and cost by channel; a channel not named is assumed to be tested to half its present
        standard deviation, free of charge.
    weeks
        For how long the better plan is used.
    readings
        Possible readings of each test for which the optimum is sought.
    seed
        Of the simulated noise.

    Returns
    -------
    tuple of TestValue
        Best first. Channels without spend today cannot be tested by changing it and are left out.

    Raises
    ------
    InputError
        Fewer than 50 draws, or a standard error that is not positive.
    """
    if curves.draws < 50:
        raise InputError.of(
            "too few posterior draws to value a test",
            "Give at least 50 draws; a single curve carries no uncertainty",
            column="draw",
            value=curves.draws,
        )
    effects = curves.outcome_at(curves.observed_spend)
    spread = effects.std(axis=0)
    tested = [c for c in range(len(curves.channels)) if curves.observed_spend[c] > 0 and spread[c] > 0]
    chosen = {curves.channels[c]: _design(curves.channels[c], spread[c], designs) for c in tested}
    plans = candidate_plans(curves, rules, tested, readings)
    worth = plan_outcomes(curves, plans)
    rng = np.random.default_rng(seed)
    result = []
    for c in tested:
        design = chosen[curves.channels[c]]
        certain = information_value(effects[:, c], worth, 0.0, rng)
        # noise can only take value away; regression error must not say otherwise
        sampled = min(information_value(effects[:, c], worth, design.standard_error, rng), certain)
        result.append(
            TestValue(
                channel=curves.channels[c],
                value_of_test=weeks * sampled,
                value_of_certainty=weeks * certain,
                cost=design.cost,
                net=weeks * sampled - design.cost,
                standard_error=design.standard_error,
                prior_sd=float(spread[c]),
                weeks=weeks,
            )
        )
    return tuple(sorted(result, key=lambda value: -value.net))


def _design(channel: str, spread: float, designs: Mapping[str, TestDesign] | None) -> TestDesign:
    design = (designs or {}).get(channel, TestDesign(standard_error=float(spread) / 2))
    if not design.standard_error > 0:
        raise InputError.of(
            "the standard error of a test must be positive",
            "Take it from the design of the geo test",
            column="standard_error",
            value=f"{channel}: {design.standard_error}",
        )
    return design


def candidate_plans(curves: ResponseCurves, rules: Sequence[Rule], tested: Sequence[int], readings: int) -> FloatArray:
    """Spend of the optimum on average and given each reading of each test, shape (K, C), without repeats."""
    effects = curves.outcome_at(curves.observed_spend)
    allocator = Allocator(rules, gap=1e-4)
    weights = [np.full(curves.draws, 1.0 / curves.draws)]
    for c in tested:
        ranks = (np.argsort(np.argsort(effects[:, c], kind="stable")) + 0.5) / curves.draws
        for centre in (np.arange(readings) + 0.5) / readings:
            near = np.exp(-0.5 * ((ranks - centre) * 2 * readings) ** 2)
            weights.append(near / near.sum())
    plans = []
    for weight in weights:
        mean = np.tensordot(weight, curves.outcome, axes=1)
        given = ResponseCurves(
            channels=curves.channels,
            spend=curves.spend,
            outcome=np.maximum.accumulate(mean, axis=1)[None],
            observed_spend=curves.observed_spend,
            currency=curves.currency,
        )
        plans.append(allocator.best_spend(given))
    return np.unique(np.round(np.array(plans), 6), axis=0)


def plan_outcomes(curves: ResponseCurves, plans: FloatArray) -> FloatArray:
    """Outcome of every draw under every plan, shape (D, K)."""
    return np.stack([curves.outcome_at(plan).sum(axis=1) for plan in plans], axis=1)


def information_value(effect: FloatArray, worth: FloatArray, error: float, rng: np.random.Generator) -> float:
    """Expected gain of choosing among plans after seeing ``effect`` with noise.

    Parameters
    ----------
    effect
        The channel's effect by draw, shape (D,).
    worth
        Outcome of every plan by draw, shape (D, K).
    error
        Standard error of the test; 0 for perfect information on the channel.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> effect = rng.normal(0.0, 1.0, 4000)
    >>> value = information_value(effect, np.stack([effect, 0 * effect], axis=1), 0.0, rng)
    >>> abs(value - 0.3989) < 0.03  # E max(φ, 0) for a standard normal φ
    True
    """
    base = worth[:, [int(worth.mean(axis=0).argmax())]]
    advantage = worth - base
    repeats = 1 if error == 0 else max(1, 8000 // len(effect))
    gains = []
    for _ in range(repeats):
        seen = effect + error * rng.standard_normal(len(effect))
        basis = _basis(seen)
        expected = basis @ np.linalg.lstsq(basis, advantage, rcond=None)[0]
        gains.append(float(expected.max(axis=1).mean() - expected.mean(axis=0).max()))
    return max(0.0, float(np.mean(gains)))


def _basis(seen: FloatArray) -> FloatArray:
    """Natural cubic spline basis with five inner knots at quantiles, shape (D, 7) (Hastie et al. 2009, 5.2.1)."""
    x = (seen - seen.mean()) / max(float(seen.std()), 1e-300)
    knots = np.quantile(x, [0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95])

    def ramp(knot: float) -> FloatArray:
        rise = np.maximum(x - knot, 0.0) ** 3 - np.maximum(x - knots[-1], 0.0) ** 3
        return np.asarray(rise / max(knots[-1] - knot, 1e-12), dtype=np.float64)

    last = ramp(float(knots[-2]))
    return np.stack([np.ones_like(x), x, *(ramp(float(knot)) - last for knot in knots[:-2])], axis=1)
