"""Which geo test to run next: the value of what it would teach, net of its cost.

A test of channel ``c`` returns what its spend does between two levels, e.g. none and today's (go dark) or today's and
twice as much (scale up), with noise: ``z = φ_c + se · ε``. The expected value
of sample information is ``E_z[max_x E(U_x | z)] − max_x E(U_x)`` over plans ``x`` with outcome ``U_x``. ``E(U_x | z)``
is a regression of ``U_x`` on ``z`` over the posterior draws (Strong, Oakley, Brennan & Breeze 2015); draws are whole,
so what a test of search teaches about social through their correlation is counted. A wide interval alone is worth
nothing: only what could change the plan is.

Plans are searched among candidates: the certified optimum given each of several possible readings of every test.
Restricting the choice can only understate the value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget_optimizer.allocator import Allocator
from budget_optimizer.constraints import Rule
from budget_optimizer.rows import FloatArray
from measurement.curves import ResponseCurves
from measurement.errors import InputError

#: Simulated readings of a test, over all draws.
READINGS = 8000


@dataclass(frozen=True, slots=True, kw_only=True)
class TestDesign:
    """What a geo test of a channel can do.

    Attributes
    ----------
    standard_error
        Of the weekly outcome between the two levels over all geos, money a week.
    cost
        Money the test costs in all: forgone outcome, extra spend, work.
    levels
        Spend the test compares, as multiples of today's: (0, 1) goes dark, (1, 2) doubles.
    name
        Which design it is, for the caller.
    """

    __test__ = False  # not a pytest class

    standard_error: float
    cost: float = 0.0
    levels: tuple[float, float] = (0.0, 1.0)
    name: str = ""


Designs = Mapping[str, TestDesign | Sequence[TestDesign]]


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
        Of the test, money a week.
    prior_sd
        Posterior standard deviation of what the test measures, before the test.
    weeks
        Over which a better plan pays.
    design
        The design: of several for one channel, the one with the largest net value.
    assumed
        Whether the design was assumed, because none was given.
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
    design: TestDesign
    assumed: bool


def next_test(
    curves: ResponseCurves,
    rules: Sequence[Rule],
    *,
    designs: Designs | None = None,
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
        One or several by channel; a channel not named is assumed to go dark and to be tested to half its present
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
    tested = [channel for channel, at in curves.members.items() if curves.observed_spend[list(at)].sum() > 0]
    offers = {channel: _offers(curves, channel, designs) for channel in tested}
    offers = {channel: found for channel, found in offers.items() if found}
    plans = candidate_plans(curves, rules, list(offers), readings)
    worth = plan_outcomes(curves, plans)
    rng = np.random.default_rng(seed)
    best = []
    for channel, found in offers.items():
        assumed = channel not in (designs or {})
        values = _valued(curves, channel, found, worth, rng)
        best.append(_chosen(channel, values, weeks, found, assumed=assumed))
    return tuple(sorted(best, key=lambda value: -value.net))


def _valued(
    curves: ResponseCurves, channel: str, designs: Sequence[TestDesign], worth: FloatArray, rng: np.random.Generator
) -> list[_Weekly]:
    """Value of every design of one channel."""
    certain: dict[tuple[float, float], _Weekly] = {}
    found = []
    for design in designs:
        effect = effect_of(curves, channel, design.levels)
        if design.levels not in certain:
            value = information_value(effect, worth, 0.0, rng)
            certain[design.levels] = _Weekly(sampled=value, certain=value, spread=float(effect.std()))
        known = certain[design.levels]
        # noise can only take value away; regression error must not say otherwise
        sampled = min(information_value(effect, worth, design.standard_error, rng), known.certain)
        found.append(replace(known, sampled=sampled))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Weekly:
    """Value of one design by week of use."""

    sampled: float
    certain: float
    spread: float


def _chosen(
    channel: str, values: Sequence[_Weekly], weeks: int, designs: Sequence[TestDesign], *, assumed: bool
) -> TestValue:
    """The design of one channel with the largest net value."""
    net = [weeks * value.sampled - design.cost for value, design in zip(values, designs, strict=True)]
    at = int(np.argmax(net))
    value, design = values[at], designs[at]
    return TestValue(
        channel=channel,
        value_of_test=weeks * value.sampled,
        value_of_certainty=weeks * value.certain,
        cost=design.cost,
        net=net[at],
        standard_error=design.standard_error,
        prior_sd=value.spread,
        weeks=weeks,
        design=design,
        assumed=assumed,
    )


def effect_of(curves: ResponseCurves, channel: str, levels: tuple[float, float] = (0.0, 1.0)) -> FloatArray:
    """Outcome between two levels of a channel's spend (multiples of today's) by draw, shape (D,), money a week."""
    at = list(curves.members[channel])
    low, high = (curves.outcome_at(level * curves.observed_spend)[:, at].sum(axis=1) for level in levels)
    return np.asarray(high - low, dtype=np.float64)


def _offers(curves: ResponseCurves, channel: str, designs: Designs | None) -> list[TestDesign]:
    """The designs of a channel about which the posterior is not certain."""
    given = (designs or {}).get(channel)
    if given is None:
        spread = float(effect_of(curves, channel).std())
        return [TestDesign(standard_error=spread / 2)] if spread > 0 else []
    several = [given] if isinstance(given, TestDesign) else list(given)
    for design in several:
        if not design.standard_error > 0:
            raise InputError.of(
                "the standard error of a test must be positive",
                "Take it from the design of the geo test",
                column="standard_error",
                value=f"{channel}: {design.standard_error}",
            )
    return [design for design in several if effect_of(curves, channel, design.levels).std() > 0]


def candidate_plans(curves: ResponseCurves, rules: Sequence[Rule], tested: Sequence[str], readings: int) -> FloatArray:
    """Spend of the optimum on average and given each reading of each test, shape (K, C), without repeats."""
    allocator = Allocator(rules, gap=1e-4)
    weights = [np.full(curves.draws, 1.0 / curves.draws)]
    for channel in tested:
        effect = effect_of(curves, channel)
        ranks = (np.argsort(np.argsort(effect, kind="stable")) + 0.5) / curves.draws
        for centre in (np.arange(readings) + 0.5) / readings:
            near = np.exp(-0.5 * ((ranks - centre) * 2 * readings) ** 2)
            weights.append(near / near.sum())
    plans = []
    for weight in weights:
        mean = np.tensordot(weight, curves.outcome, axes=1)
        given = replace(curves, outcome=np.maximum.accumulate(mean, axis=1)[None])
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
    advantage = worth - worth[:, [int(worth.mean(axis=0).argmax())]]
    # every draw is read with many errors at once: a regression on one reading each would find value in mere noise
    repeats = 1 if error == 0 else max(1, READINGS // len(effect))
    basis = _basis(np.tile(effect, repeats) + error * rng.standard_normal(repeats * len(effect)))
    summed = basis.reshape(repeats, len(effect), -1).sum(axis=0)
    expected = basis @ np.linalg.lstsq(basis.T @ basis, summed.T @ advantage, rcond=None)[0]
    return max(0.0, float(expected.max(axis=1).mean() - expected.mean(axis=0).max()))


def _basis(seen: FloatArray) -> FloatArray:
    """Natural cubic spline basis with five inner knots at quantiles, shape (D, 7) (Hastie et al. 2009, 5.2.1)."""
    x = (seen - seen.mean()) / max(float(seen.std()), 1e-300)
    knots = np.quantile(x, [0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.95])

    def ramp(knot: float) -> FloatArray:
        rise = np.maximum(x - knot, 0.0) ** 3 - np.maximum(x - knots[-1], 0.0) ** 3
        return np.asarray(rise / max(knots[-1] - knot, 1e-12), dtype=np.float64)

    last = ramp(float(knots[-2]))
    return np.stack([np.ones_like(x), x, *(ramp(float(knot)) - last for knot in knots[:-2])], axis=1)
