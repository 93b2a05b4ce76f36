"""Published parameter-recovery markets: the outcome is what the formulas say, and the figures are the published ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from simulation.recovery_markets import RecoveryMarket, carried, simulate_recovery_market
from simulation.recovery_presets import published_business
from simulation.recovery_series import draw_series, regional
from simulation.recovery_spec import LAGS, Business, RecoverySpec, Series, recovery_spec

WEEKS = pd.date_range("2020-01-05", periods=400, freq="7D")


def made(business: Business, seed: int = 1, **changes: object) -> RecoveryMarket:
    spec = replace(recovery_spec(business, seed), **changes)  # type: ignore[arg-type]
    return simulate_recovery_market(seed, spec)


def values(seed: int = 1, **settings: object) -> np.ndarray:
    return draw_series(Series(**settings), WEEKS, np.random.default_rng(seed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("business", "shape"), [("small", (1, 104, 4, 2)), ("growing", (2, 131, 6, 2)), ("medium", (8, 156, 8, 4))]
)
def test_sizes_are_the_published_ones(business, shape):
    panel = made(business).panel
    sizes = panel.data.sizes
    assert (sizes["geo"], sizes["date"], sizes["channel"], sizes["control_name"]) == shape
    assert panel.period == "week"
    assert panel.dates[0] == pd.Timestamp("2020-01-05")


def test_large_business_has_its_own_figures_by_seed():
    first, second = recovery_spec("large", 1), recovery_spec("large", 2)
    assert (len(first.regions), first.n_weeks, len(first.channels), len(first.controls)) == (50, 208, 30, 10)
    assert first != second
    assert first == recovery_spec("large", 1)
    assert all(0 <= one.retention < 0.5 and 0 <= one.half < 2 and 0 <= one.slope < 2 for one in first.channels)
    for one in (*(channel.spend for channel in first.channels), *(control.value for control in first.controls)):
        assert 1 <= one.shortest <= one.longest


def test_contribution_is_the_formula_week_by_week():
    market = made("growing")
    spend = market.panel.data["spend"].to_numpy()
    for region in range(2):
        for place, channel in enumerate(market.spec.channels):
            path = spend[region, :, place] / spend[region, :, place].max()
            for week in (0, 3, 60, 130):
                stock = sum(channel.retention**lag * path[week - lag] for lag in range(LAGS) if lag <= week)
                hill = stock**channel.slope / (stock**channel.slope + channel.half**channel.slope)
                expected = 5_000.0 * channel.effect * hill
                assert market.contribution[region, week, place] == pytest.approx(expected, rel=1e-9)


def test_truth_is_the_sum_over_all_regions():
    market = made("medium")
    spend = market.panel.data["spend"].to_numpy()
    for place, name in enumerate(market.panel.channels):
        total = market.contribution[:, :, place].sum()
        assert market.truth["contribution"][name] == pytest.approx(total)
        assert market.truth["roas"][name] == pytest.approx(total / spend[:, :, place].sum())
    assert market.truth["total_contribution"] == pytest.approx(market.contribution.sum())
    outcome = market.panel.data["outcome"].to_numpy()
    np.testing.assert_allclose(outcome, market.baseline + market.contribution.sum(axis=2))


def test_marginal_roas_is_the_slope_of_steady_spend():
    market = made("growing")
    spend = market.panel.data["spend"].to_numpy()
    for place, (name, channel) in enumerate(zip(market.panel.channels, market.spec.channels, strict=True)):
        now = spend[:, -8:, place].mean(axis=1)
        now = now if now.sum() > 0 else spend[:, :, place].mean(axis=1)
        reached = []
        for factor in (1.0, 1.01):
            steady = np.repeat((factor * now / spend[:, :, place].max(axis=1))[:, None], 30, axis=1)
            stock = carried(steady, channel.retention)[:, -1]
            hill = stock**channel.slope / (stock**channel.slope + channel.half**channel.slope)
            reached.append(float((5_000.0 * channel.effect * hill).sum()))
        slope = (reached[1] - reached[0]) / (0.01 * now.sum())
        assert market.truth["marginal_roas_recent"][name] == pytest.approx(slope, rel=1e-9)


def test_baseline_noise_season_and_growth():
    quiet = made("medium", noise=0.0, growth=0.002, controls=(), region_variation=0.0)
    week = np.arange(156)
    expected = 100_000.0 * (1.0 + 0.002 * week + 0.6 * np.sin(2 * np.pi * week / 52))
    np.testing.assert_allclose(quiet.baseline, np.tile(expected, (8, 1)))
    noisy = made("medium", growth=0.002, controls=(), region_variation=0.0)
    assert ((noisy.baseline - quiet.baseline) / 100_000.0).std() == pytest.approx(0.1, rel=0.1)


def test_controls_move_the_outcome_by_their_effect():
    with_controls, without = made("small"), made("small", controls=())
    column = with_controls.panel.data["control"].to_numpy()
    effect = np.array([one.effect for one in with_controls.spec.controls])
    np.testing.assert_allclose(with_controls.baseline - without.baseline, column @ effect, atol=1e-9)


def test_linked_controls_are_drawn_like_their_channel():
    def likeness(*, linked: bool) -> float:
        data = made("medium", linked_controls=linked).panel.data
        channel = data["spend"].sel(channel="video").to_numpy()[:, 40:]
        control = data["control"].sel(control_name="linear").to_numpy()[:, 40:]
        return float(np.mean([np.corrcoef(*pair)[0, 1] for pair in zip(channel, control, strict=True)]))

    assert likeness(linked=True) > 0.9
    assert abs(likeness(linked=False)) < 0.5


def test_autoregression_is_cut_at_zero_and_scales_with_its_size():
    one, two = (values(pattern="trend", base=base, volatility=0.5) for base in (100.0, 200.0))
    np.testing.assert_allclose(two, 2 * one)
    assert 0.1 < (one == 0).mean() < 0.4
    grown = values(pattern="trend", base=100.0, volatility=0.5, growth=0.01)
    np.testing.assert_allclose(grown[-1], one[-1] * (1 + 0.01 * 400))


def test_seasonal_rests_where_its_cosine_is_negative():
    path = values(pattern="seasonal", base=100.0, volatility=0.5, amplitude=0.4, phase=0.5)
    wave = np.cos(0.5 + 4 * np.pi * WEEKS.day_of_year.to_numpy() / 365.25)
    assert (path[2:][wave[2:] < 0] == 0).all()
    plain = values(pattern="trend", base=100.0, volatility=0.5)
    np.testing.assert_allclose(path[2:], np.maximum(0.4 * wave * plain, 0.0)[2:])


def test_delayed_start_is_silent_then_ramps():
    path = values(pattern="delayed_start", base=100.0, volatility=0.5, start=30, ramp=11)
    plain = values(pattern="trend", base=100.0, volatility=0.5)
    assert (path[:31] == 0).all()
    np.testing.assert_allclose(path[35], 0.5 * plain[35])
    np.testing.assert_allclose(path[40:], plain[40:])


def test_spells_keep_their_lengths_and_are_apart():
    path = values(pattern="on_off", base=100.0, volatility=0.05, activation=0.5, shortest=2, longest=4)
    edges = np.diff(np.concatenate([[0], (path > 0).astype(int), [0]]))
    lengths = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    assert set(lengths[:-1].tolist()) == {2, 3, 4}
    assert path[path > 0].mean() == pytest.approx(100.0, rel=0.03)


def test_regions_differ_within_the_variation():
    base = Series(pattern="trend", base=100.0, volatility=1.0, growth=0.01)
    drawn = [regional(base, 0.1, np.random.default_rng(seed)) for seed in range(50)]
    assert 90 <= min(one.base for one in drawn) < 95
    assert 105 < max(one.base for one in drawn) <= 110
    assert {one.start for one in drawn} == {0}
    even, varied = made("medium"), made("medium", effect_variation=0.1)
    ratio = (varied.contribution.sum(axis=1) / even.contribution.sum(axis=1)).ravel()
    assert 0.9 <= ratio.min() < 0.95
    assert 1.05 < ratio.max() <= 1.1


@pytest.mark.parametrize(("business", "share", "roas"), [("small", 0.393, 37.0), ("growing", 0.461, 5.35)])
def test_markets_look_like_the_published_ones(business, share, roas):
    # Means over 150 and 80 markets of the published generator: share of media in sales, ROAS of email.
    markets = [made(business, seed) for seed in range(60)]
    found = [one.truth["total_contribution"] / float(one.panel.data["outcome"].sum()) for one in markets]
    assert np.mean(found) == pytest.approx(share, abs=0.02)
    assert np.mean([one.truth["roas"]["email"] for one in markets]) == pytest.approx(roas, rel=0.08)


def test_same_seed_same_market_other_seed_another():
    first, again, other = made("small", 4), made("small", 4), made("small", 5)
    np.testing.assert_array_equal(first.panel.data["outcome"], again.panel.data["outcome"])
    assert not np.allclose(first.panel.data["spend"], other.panel.data["spend"])
    loud = made("small", 4, noise=0.3)
    np.testing.assert_array_equal(first.panel.data["spend"], loud.panel.data["spend"])


def test_a_region_that_never_spends_has_no_effect():
    spec = recovery_spec("small", 1)
    silent = replace(spec.channels[3], spend=replace(spec.channels[3].spend, activation=0.0), name="silent")
    with pytest.raises(InputError) as error:
        simulate_recovery_market(1, replace(spec, channels=(spec.channels[0], silent)))
    assert error.value.problems[0].column == "silent"


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: published_business("tiny"), "business"),
        (lambda: recovery_spec("tiny", 1), "business"),  # type: ignore[arg-type]
        (lambda: replace(recovery_spec("small", 1), regions=()), "regions"),
        (lambda: replace(recovery_spec("small", 1), channels=()), "channels"),
        (lambda: replace(recovery_spec("small", 1), noise=-0.1), "noise"),
    ],
)
def test_impossible_markets_are_refused(make, field):
    with pytest.raises(InputError) as error:
        make()
    assert error.value.problems[0].column == field


def test_spec_is_frozen():
    assert isinstance(recovery_spec("small", 1), RecoverySpec)
    with pytest.raises(AttributeError):
        recovery_spec("small", 1).noise = 0.2  # type: ignore[misc]
