"""A/B readings against published numbers, and error rates by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from experiments.ab import ArmSummary, cuped, read_ab
from experiments.power import minimum_detectable_effect, power_of, units_needed
from experiments.sample_ratio import sample_ratio
from experiments.sequential import compare_rates, e_process
from measurement.errors import InputError


def test_the_published_t_test():
    a, b = ArmSummary.of_sums(1396.87, 52377.9767, 3407), ArmSummary.of_sums(2422.7, 134698.29, 3461)
    reading = read_ab(a, b, looks="once")
    assert reading.lift.value == pytest.approx(0.70732, abs=1e-5)
    assert reading.lift.interval.lower == pytest.approx(-0.03526, abs=3e-5)
    assert reading.lift.interval.upper == pytest.approx(1.44989, abs=3e-5)
    assert reading.p_value == pytest.approx(0.06191, abs=1e-5)
    assert reading.verdict == "no_lift_detected"


def test_the_published_sequential_reading():
    a, b = ArmSummary.of_sums(1396.87, 52377.9767, 3000), ArmSummary.of_sums(2422.7, 134698.29, 3461)
    found = read_ab(a, b, tuned_n=1000).always_valid
    assert found.value == pytest.approx(0.50336, abs=1e-5)
    assert (found.interval.lower, found.interval.upper) == pytest.approx((-0.55844, 1.56516), abs=1e-5)
    assert found.interval.kind == "always_valid"


def test_a_zero_weight_arm_adds_no_degree_of_freedom():
    """A peer counts it and finds .135."""
    assert sample_ratio([5100, 4900, 0], [1, 1, 0]).p_value == pytest.approx(0.0455, abs=5e-5)
    assert not sample_ratio([5100, 4900, 1], [1, 1, 0]).check.passed


def test_sample_ratio_may_be_looked_at_every_day():
    rng = np.random.default_rng(0)
    daily = rng.binomial(1000, 0.5, size=(500, 60)).cumsum(axis=1)
    alarms = sum(
        any(
            sample_ratio([a, n - a], [1, 1]).e_value >= 20
            for a, n in zip(row[::6], range(1000, 60_001, 6000), strict=True)
        )
        for row in daily
    )
    assert alarms <= 0.05 * 500 + 15
    assert sample_ratio([53_000, 47_000], [1, 1]).e_value > 1e3


def test_rates_at_every_look_hold_their_error():
    """4,000 null streams, rates of .1% to 5%, days that shift both arms, 30 looks: false alarms at any look."""
    rng = np.random.default_rng(1)
    rates = np.exp(rng.uniform(np.log(0.001), np.log(0.05), size=(4000, 1)))
    shock = np.exp(0.2 * rng.normal(size=(4000, 30)))
    shown = rng.integers(200, 3000, size=(4000, 30, 2))
    rewarded = rng.binomial(shown, np.minimum(rates * shock, 0.5)[:, :, None])
    alarms = [e_process(bad, n).max() >= 20.0 for bad, n in zip(rewarded, shown, strict=True)]
    assert np.mean(alarms) <= 0.05


def test_a_real_difference_is_found_and_the_interval_holds_it_at_every_look():
    rng = np.random.default_rng(2)
    found = held = 0
    for _ in range(30):
        shown = np.full((20, 2), 1000)
        rewarded = rng.binomial(shown, [0.02, 0.03])
        results = [compare_rates(rewarded[:look], shown[:look]) for look in (5, 12, 20)]
        found += results[-1].significant
        held += all(one.interval.lower <= 1.5 <= one.interval.upper for one in results)
    assert found >= 27
    assert held >= 27


def test_peeking_with_the_always_valid_interval_holds_its_error():
    rng = np.random.default_rng(3)
    alarms = {"once": 0, "any": 0}
    for _ in range(300):
        y = rng.exponential(size=(2, 10_000))
        for looks in alarms:
            alarms[looks] += any(
                read_ab(ArmSummary.of_units(y[0, :n]), ArmSummary.of_units(y[1, :n]), looks=looks).significant
                for n in range(500, 10_001, 500)
            )
    assert alarms["any"] <= 0.05 * 300 + 8
    assert alarms["once"] > 0.12 * 300  # the reason for the other one


def test_cuped_takes_out_what_was_there_before():
    rng = np.random.default_rng(4)
    errors, plain, covered = [], [], 0
    for _ in range(200):
        before = rng.gamma(2.0, 5.0, size=(2, 2000))
        after = 0.8 * before + rng.normal(10.0, 3.0, size=(2, 2000))
        after[1] *= 1.03
        a, b = cuped(after[0], after[1], before[0], before[1])
        reading = read_ab(a, b, looks="once")
        errors.append(reading.lift.value)
        plain.append(read_ab(ArmSummary.of_units(after[0]), ArmSummary.of_units(after[1]), looks="once").lift.value)
        covered += reading.lift.interval.contains(0.03)
    assert np.mean(errors) == pytest.approx(0.03, abs=0.002)
    assert np.var(errors) < 0.4 * np.var(plain)
    assert 180 <= covered <= 199


def test_ratio_metrics_count_units_not_clicks():
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(200):
        arms = []
        for _ in range(2):
            clicks = 1 + rng.poisson(3.0, size=1500)
            price = rng.gamma(4.0, 0.5, size=1500)  # a unit's own level: clicks of a unit are alike
            arms.append(ArmSummary.of_ratio(clicks * price, clicks))
        covered += read_ab(*arms, looks="once").lift.interval.contains(0.0)
    assert 182 <= covered <= 199


def test_power_and_size_agree_with_each_other_and_with_the_textbook():
    sd = np.sqrt(0.05 * 0.95)
    n = units_needed(0.1, mean=0.05, sd=sd)
    textbook = 2 * 2 * (stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) ** 2 * sd**2 / 0.005**2
    assert n == pytest.approx(textbook, rel=1e-3)
    assert power_of(0.1, mean=0.05, sd=sd, n=n) == pytest.approx(0.8, abs=1e-4)
    assert minimum_detectable_effect(mean=0.05, sd=sd, n=n) == pytest.approx(0.1, rel=1e-4)
    assert 1.2 * n < units_needed(0.1, mean=0.05, sd=sd, anytime=True) < 2.5 * n


def test_too_little_data_is_a_verdict_of_its_own_and_bad_input_an_error():
    tiny = ArmSummary.of_units([0.0, 1.0, 0.0])
    assert read_ab(tiny, ArmSummary.of_units([1.0, 1.0, 1.0]), looks="once").verdict == "not_enough_data"
    with pytest.raises(InputError, match="control"):
        read_ab(ArmSummary.of_units([0.0, 0.0]), tiny)
    with pytest.raises(InputError, match="two units"):
        ArmSummary.of_sums(1.0, 1.0, 1)
    with pytest.raises(InputError, match="above its decisions"):
        compare_rates([[3, 1]], [[2, 2]])
    with pytest.raises(InputError, match="weight"):
        sample_ratio([1, 2], [1, 0])
