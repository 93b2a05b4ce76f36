"""Switchback tests: balanced draws, honest p-values, unbiased where the washout is long enough."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.switchback import (
    Switchback,
    analyse,
    draw_schedule,
    draw_signs,
    no_difference,
    pair_contrasts,
    sign_test,
    with_effect,
)
from experiments.switchback_power import switchback_power
from measurement.errors import InputError


def history(seed: int, units: int = 4, periods: int = 60) -> np.ndarray:
    """Markets that share shocks and drift."""
    rng = np.random.default_rng(seed)
    common = 0.05 * rng.normal(size=periods).cumsum() / np.sqrt(10) + 0.04 * rng.normal(size=periods)
    own = 0.03 * rng.normal(size=(units, periods))
    return rng.uniform(500, 1500, (units, 1)) * (1 + common + own + 0.1 * np.sin(np.arange(periods) / 8))


def test_every_pair_switches_and_half_of_the_markets_start_on() -> None:
    plan = draw_schedule(6, 50, block=4, washout=1, seed=3)
    assert plan.on.shape == (6, 12)
    assert (plan.on[:, ::2] != plan.on[:, 1::2]).all()
    assert (plan.on.sum(axis=0) == 3).all()
    assert (plan.active().sum(axis=1) == 24).all()
    odd = draw_signs(3, 400, np.random.default_rng(0))[0]
    assert set(np.unique(odd.sum(axis=0))) == {-1, 1}
    assert abs(odd.mean()) < 0.1


def test_false_alarms_and_coverage_are_as_promised() -> None:
    rejected, covered, count = 0, 0, 300
    for seed in range(count):
        plan = draw_schedule(3, 48, block=4, washout=1, seed=seed)
        quiet = history(seed, units=3)[:, :48]
        idle = analyse(quiet, plan, draws=399, seed=seed + 1)
        assert (idle.p_value <= 0.1) != idle.interval.contains(0.0)
        rejected += idle.p_value <= 0.1
        raised = with_effect(quiet, plan, lift=0.08, carry_over=0.0)
        covered += analyse(raised, plan, draws=399, seed=seed + 1).interval.contains(0.08)
    assert rejected / count <= 0.14
    assert 0.85 <= covered / count <= 0.96


def test_the_interval_inverts_the_test_exactly() -> None:
    rng = np.random.default_rng(5)
    plan = draw_schedule(2, 40, block=2, washout=0, seed=5)
    contrast = pair_contrasts(history(5, units=2)[:, :40], plan)
    fresh = draw_signs(2, 10, rng, draws=399)
    estimate, (lower, upper), p_value = sign_test(contrast, plan.signs, fresh, level=0.9)

    def p_of(moved: float) -> float:
        rest = plan.signs * contrast - moved
        observed = abs(rest.mean())
        drawn = np.abs((fresh * plan.signs[None] * rest[None]).mean(axis=(1, 2)))
        return (1 + int((drawn >= observed - 1e-12).sum())) / 400

    assert p_of(0.0) == pytest.approx(p_value)
    assert no_difference(contrast[None], plan.signs, fresh)[0] == pytest.approx(p_value)
    assert lower < estimate < upper
    assert p_of(lower + 1e-9) > 0.1 >= p_of(lower - 1e-9)
    assert p_of(upper - 1e-9) > 0.1 >= p_of(upper + 1e-9)


def test_washing_out_takes_the_carry_over_away() -> None:
    quiet = np.full((4, 72), 1000.0) + np.random.default_rng(1).normal(size=(4, 72))
    short = draw_schedule(4, 72, block=6, washout=0, seed=1)
    long = Switchback(on=short.on, block=6, washout=4)
    raised = with_effect(quiet, short, lift=0.1, carry_over=0.5)
    assert analyse(raised, short).lift < 0.085
    assert analyse(raised, long).lift == pytest.approx(0.1, abs=0.004)


def test_power_rises_and_its_start_is_the_false_alarm_rate() -> None:
    found = switchback_power(history(2), periods=24, block=2, washout=0, tests=80, seed=1)
    assert found.power[0] <= 0.2
    assert found.power[-1] == 1.0
    assert found.mde is not None
    assert 0.005 < found.mde < 0.2
    shortened = switchback_power(history(2), periods=24, block=2, washout=0, carry_over=0.6, tests=20, seed=1)
    assert shortened.bias < -0.3


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: draw_schedule(2, 5, block=3, washout=0, seed=1), "no pair of blocks"),
        (lambda: draw_schedule(2, 12, block=3, washout=3, seed=1), "leaves nothing"),
        (lambda: Switchback(on=np.ones((1, 4), dtype=bool), block=2, washout=0), "of every pair"),
        (lambda: analyse(np.ones((1, 5)), draw_schedule(1, 4, block=1, washout=0, seed=1)), "does not cover"),
        (lambda: analyse(np.ones((1, 4)), draw_schedule(1, 4, block=1, washout=0, seed=1)), "too few schedules"),
        (lambda: analyse(np.zeros((2, 40)), draw_schedule(2, 40, block=1, washout=0, seed=1)), "no outcome"),
        (lambda: switchback_power(np.ones((2, 10)), periods=20, block=2, washout=0), "too few to plan"),
    ],
)
def test_plans_that_cannot_be_read_are_refused(make: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()  # type: ignore[operator]
