"""Hurdle-lognormal revenue: exactness, merging, recovery on simulated orders, and the report that uses it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from bandits.fourier import log_gamma_ratio
from bandits.order_values import HurdleLognormal, fits_lognormal
from bandits.propensity import best_arm
from bandits.report import ReportOptions, creative_report
from measurement.errors import InputError

ARMS = ("a", "b", "c")


def _orders(rng, n, *, chance=(0.05, 0.05, 0.04), centre=(3.0, 3.1, 3.0), spread=0.8):
    arm = rng.integers(0, 3, n)
    sold = rng.random(n) < np.array(chance)[arm]
    return arm, sold * rng.lognormal(np.array(centre)[arm], spread)


def test_batches_in_any_split_and_order_give_the_same():
    arm, value = _orders(np.random.default_rng(1), 900)
    whole = HurdleLognormal.empty(ARMS).update(arm, value)
    order = np.random.default_rng(2).permutation(900)
    parts = HurdleLognormal.empty(ARMS)
    for piece in np.array_split(order, 5):
        parts = parts.merge(HurdleLognormal.empty(ARMS).update(arm[piece], value[piece]))
    for name in ("exposure", "orders", "logs", "log_squares"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12)
    np.testing.assert_allclose(best_arm(parts).p_best, best_arm(whole).p_best, atol=1e-10)


@pytest.mark.parametrize("n", [30, 3_000, 300_000])
def test_p_best_is_exact_and_what_draws_say(n):
    rng = np.random.default_rng(n)
    posterior = HurdleLognormal.empty(ARMS).update(*_orders(rng, n))
    low, high = posterior.support()
    for arm in range(3):
        x = np.linspace(low[arm], high[arm], 20_001)
        density = posterior.density(x)[arm]
        assert np.trapezoid(density, x) == pytest.approx(1.0, abs=1e-10)
        assert np.trapezoid(density * np.exp(x), x) == pytest.approx(posterior.mean()[arm], rel=1e-6)
    draws = posterior.sample(rng, 100_000)
    for better, order in (("higher", 1.0), ("lower", -1.0)):
        found = best_arm(posterior, better=better).p_best
        x = np.linspace(low.max(), high.max(), 20_001) if order > 0 else np.linspace(low.min(), high.min(), 20_001)
        beaten = posterior.below_each(x) if order > 0 else 1.0 - posterior.below_each(x)
        others = [np.prod(np.delete(beaten, arm, axis=0), axis=0) for arm in range(3)]
        dense = np.trapezoid(posterior.density(x) * np.array(others), x, axis=1)
        np.testing.assert_allclose(found, dense, atol=1e-8)
        drawn = np.bincount((order * draws).argmax(axis=1), minlength=3) / 100_000
        np.testing.assert_allclose(found, drawn, atol=0.006)
    lower, upper = posterior.interval(0.9)
    assert ((draws > lower) & (draws < upper)).mean(axis=0) == pytest.approx(0.9, abs=0.005)


def test_intervals_hold_the_mean_revenue_they_were_simulated_with():
    truth = np.array([0.05, 0.05, 0.04]) * np.exp(np.array([3.0, 3.1, 3.0]) + 0.32)
    hits = []
    for seed in range(150):
        posterior = HurdleLognormal.empty(ARMS).update(*_orders(np.random.default_rng(seed), 6_000))
        lower, upper = posterior.interval(0.9)
        hits.append((lower < truth) & (truth < upper))
    assert 0.86 < np.mean(hits) < 0.94


def test_orders_of_one_price_and_no_orders_at_all_are_no_trouble():
    same = HurdleLognormal.empty(("a", "b")).update(
        [0] * 100 + [1] * 100, [0.0, 9.99] * 50 + [0.0, 0.0, 0.0, 9.99] * 25
    )
    assert same.mean() == pytest.approx([5.0, 2.6], abs=0.15)
    assert best_arm(same).p_best[0] > 0.99
    assert best_arm(HurdleLognormal.empty(("a", "b"))).p_best == pytest.approx([0.5, 0.5])


def test_the_ratio_of_gamma_functions_keeps_its_digits():
    t = np.array([0.0, 0.3, 5.0])
    for z in (1.0, 19.0, 21.0, 400.0):
        np.testing.assert_allclose(
            log_gamma_ratio(z, t), special.loggamma(z + 1j * t) - special.loggamma(z), rtol=1e-10, atol=1e-11
        )


@pytest.mark.parametrize(
    "spoil",
    [
        lambda: HurdleLognormal.empty(()),
        lambda: HurdleLognormal.empty(("a",), prior=(0.1, 1.0)),
        lambda: HurdleLognormal.empty(("a",)).update([0], [-1.0]),
        lambda: HurdleLognormal.empty(("a",)).update([1], [1.0]),
        lambda: HurdleLognormal.empty(("a",)).merge(HurdleLognormal.empty(("b",))),
        lambda: HurdleLognormal(
            arms=("a",), exposure=np.ones(1), orders=np.full(1, 2.0), logs=np.ones(1), log_squares=np.ones(1)
        ),
    ],
)
def test_impossible_input_is_refused(spoil):
    with pytest.raises(InputError):
        spoil()


def _report(values, arm, **options):
    n = len(values)
    ts = pd.Timestamp("2026-09-01", tz="UTC") + pd.to_timedelta(np.linspace(0, 20 * 24, n), unit="h")
    decisions = pd.DataFrame(
        {"decision_id": [f"d{k}" for k in range(n)], "ts": ts, "experiment_id": "x",
         "arm_id": np.array(ARMS)[arm], "propensity": 1 / 3}
    )  # fmt: skip
    rewards = decisions[["decision_id", "ts"]].assign(value=values)[np.asarray(values) != 0]
    return creative_report(decisions, rewards, seed=1, options=ReportOptions(half_life_days=None, **options))


def test_the_report_reads_revenue_as_revenue_and_says_when_it_is_none():
    rng = np.random.default_rng(5)
    arm, value = _orders(rng, 6_000, centre=(3.0, 3.6, 3.0))
    report = _report(value, arm)
    assert report.kinds == {"x": "revenue"}
    seen = [value[arm == number].mean() for number in range(3)]
    assert report.table["mean"].to_numpy() == pytest.approx(seen, rel=0.12)
    assert report.table["p_best"].idxmax() == 1
    assert _report(value, arm, better="lower").table["p_best"].idxmax() == 2
    assert _report(np.round(value), arm).kinds == {"x": "revenue"}  # prices without cents are no counts
    assert _report(value - 0.5, arm).kinds == {"x": "amount"}
    two_prices = (value > 0) * np.where(rng.random(6_000) < 0.03, 5_000.0, 1.5)
    away, chance = fits_lognormal(two_prices[two_prices > 0])
    assert abs(away) > chance
    assert _report(two_prices, arm).kinds == {"x": "amount"}
