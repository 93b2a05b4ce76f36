"""The market: components add up, the stated truth is what brute force finds, seeds decide everything."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import simulation
from measurement.errors import InputError
from simulation.market import Market, simulate_market
from simulation.market_spec import (
    CHANNELS,
    PRESETS,
    ChannelSpec,
    MarketSpec,
    diverse_channels,
    market_spec,
    random_channels,
)


@pytest.fixture(scope="module")
def market() -> Market:
    return simulate_market(12)


def small(**changes: object) -> MarketSpec:
    return replace(market_spec(n_geos=3, n_weeks=40, n_channels=2), **changes)  # type: ignore[arg-type]


def test_shapes_and_columns(market):
    sizes = {"geo": 16, "date": 130, "channel": 8, "control_name": 3, "organic_name": 1}
    assert {name: size for name, size in market.panel.data.sizes.items() if size} == sizes
    assert market.table.shape == (16 * 130, 21)
    assert market.panel.dates[-1] == pd.Timestamp("2026-11-16")
    assert market.panel.period == "week"
    assert set(market.panel.geos) >= {"Bayern", "Hamburg", "Nordrhein-Westfalen"}
    assert market.table["week"].dt.day_of_week.eq(0).all()


def test_components_add_up_to_the_expected_outcome(market):
    total = sum(market.components.values())
    np.testing.assert_allclose(total, market.expected, rtol=1e-12)
    assert market.truth["expected_outcome"] == pytest.approx(total.sum())


def test_noise_is_what_the_spec_says(market):
    observed = market.panel.data["outcome"].to_numpy()
    relative = (observed - market.expected) / market.expected.mean(axis=1, keepdims=True)
    assert abs(relative.mean()) < 0.003
    assert relative.std() == pytest.approx(market.spec.noise, rel=0.06)


def test_table_and_panel_agree(market):
    wide = market.table.pivot(index="geo", columns="week", values="search_spend").loc[list(market.panel.geos)]
    np.testing.assert_array_equal(wide.to_numpy(), market.panel.data["spend"].sel(channel="search").to_numpy())
    clicks = market.table.pivot(index="geo", columns="week", values="search_clicks").loc[list(market.panel.geos)]
    np.testing.assert_array_equal(clicks.to_numpy(), market.panel.data["exposure"].sel(channel="search").to_numpy())


def test_true_roas_is_the_brute_force_counterfactual(market):
    for name in market.panel.channels:
        without = market.expected_with({name: 0.0})
        spend = float(market.panel.data["spend"].sel(channel=name).sum())
        brute = float((market.expected - without).sum())
        assert market.truth["contribution"][name] == pytest.approx(brute, rel=1e-9)
        assert market.truth["roas"][name] == pytest.approx(brute / spend, rel=1e-9)
        more = float((market.expected_with({name: 1.01}) - market.expected).sum())
        assert market.truth["marginal_roas"][name] == pytest.approx(more / (0.01 * spend), rel=1e-6)


def test_channels_do_not_interact(market):
    both = market.expected - market.expected_with({"search": 0.0, "tv": 0.0})
    total = market.truth["contribution"]["search"] + market.truth["contribution"]["tv"]
    assert float(both.sum()) == pytest.approx(total, rel=1e-9)


def test_truth_is_that_of_a_believable_advertiser(market):
    truth = market.truth
    assert 0.25 <= truth["media_share"] <= 0.36
    assert all(0.5 < value < 4.0 for value in truth["roas"].values())
    assert all(truth["marginal_roas"][name] < truth["roas"][name] for name in truth["roas"])
    weekly = market.panel.data["outcome"].sum("geo").to_numpy()
    assert 3e6 < weekly.min() < weekly.max() < 8e6
    black_week = market.panel.dates.get_loc("2025-11-24")
    assert weekly[black_week] > 1.05 * np.median(weekly[black_week - 8 : black_week - 1])


def test_curve_gives_the_recent_marginal_roas(market):
    for name, curve in market.truth["curves"].items():
        outcome, spend = np.array(curve["outcome"]), np.array(curve["spend"])
        assert outcome[0] == 0.0
        assert (np.diff(outcome) > 0).all()
        recent = float(market.panel.data["spend"].sel(channel=name)[:, -8:].sum()) / 8
        slope = np.interp(recent, (spend[1:] + spend[:-1]) / 2, np.diff(outcome) / np.diff(spend))
        assert market.truth["marginal_roas_recent"][name] == pytest.approx(slope, rel=0.06)


def test_steady_spend_reaches_the_steady_curve():
    spec = small(warmup_weeks=0)
    market = simulate_market(3, spec)
    media = np.repeat(market.delivery.media[:, -1:, 0], 80, axis=1)
    reached = market.response.channel_effect(media, 0)[:, -1:]
    np.testing.assert_allclose(reached, market.response.steady(media[:, -1:], 0), rtol=1e-9)


def test_geo_tests_hold_their_true_lift(market):
    dark, push = market.geo_tests
    assert (dark["kind"], push["kind"]) == ("go_dark", "scale_up")
    assert not set(dark["treated"]) & set(push["treated"])
    for test in (dark, push):
        part = market.panel.data.sel(date=slice(str(test["start"]), str(test["end"])), channel=test["channel"])
        treated = part["spend"].sel(geo=test["treated"]).to_numpy()
        assert treated.shape == (4, 6)
        assert (treated == 0).all() == (test["kind"] == "go_dark")
        assert test["true_iroas"] == pytest.approx(test["true_incremental_outcome"] / test["true_incremental_spend"])
    assert dark["true_incremental_spend"] < 0
    assert dark["true_incremental_outcome"] < 0
    # A scale-up to 2.2 times the usual spend: 1.2 / 2.2 of what was spent is on top.
    part = market.panel.data.sel(
        date=slice(str(push["start"]), str(push["end"])), channel="search", geo=push["treated"]
    )
    assert push["true_incremental_spend"] == pytest.approx(float(part["spend"].sum()) * 1.2 / 2.2, rel=1e-6)
    scale = np.ones((16, 130))
    geos = [market.panel.geos.index(name) for name in push["treated"]]
    dates = market.panel.dates
    inside = np.flatnonzero((dates >= str(push["start"])) & (dates <= str(push["end"])))
    counted = np.flatnonzero((dates >= str(push["start"])) & (dates <= str(push["measured_until"])))
    scale[np.ix_(geos, inside)] = 1 / 2.2
    lift = (market.expected - market.expected_with({"search": scale}))[np.ix_(geos, counted)].sum()
    # Whole clicks are bought, so the two differ by a click or two.
    assert push["true_incremental_outcome"] == pytest.approx(lift, rel=1e-3)


def test_same_seed_same_market_other_seed_another(market):
    again = simulate_market(12)
    pd.testing.assert_frame_equal(again.table, market.table)
    assert again.truth == market.truth
    other = simulate_market(13)
    assert not np.allclose(other.table["revenue"], market.table["revenue"])
    assert not np.allclose(other.table["search_spend"], market.table["search_spend"])


def test_noise_does_not_touch_the_budgets():
    quiet, loud = simulate_market(5, small(noise=0.0)), simulate_market(5, small(noise=0.08))
    np.testing.assert_array_equal(quiet.panel.data["spend"], loud.panel.data["spend"])
    np.testing.assert_allclose(quiet.panel.data["outcome"], quiet.expected, atol=0.005)


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_presets_hold_their_truth(preset):
    market = simulate_market(2, market_spec(preset, n_geos=4, n_weeks=52, n_channels=3))
    for name, contribution in market.truth["contribution"].items():
        brute = float((market.expected - market.expected_with({name: 0.0})).sum())
        assert contribution == pytest.approx(brute, rel=1e-9)
        assert contribution > 0


def test_sizes_are_free():
    national = simulate_market(1, market_spec(n_geos=1, n_weeks=60, n_channels=2))
    assert national.panel.geos == ("national",)
    assert national.geo_tests == []
    many = simulate_market(1, market_spec(n_geos=40, n_weeks=60, n_channels=11))
    assert len(set(many.panel.geos)) == 40
    assert len(many.panel.channels) == 11
    assert len(many.geo_tests) == 2


def test_random_channels_make_different_markets():
    first = simulate_market(1, market_spec(n_geos=8, n_weeks=60, n_channels=6, channel_seed=1))
    second = simulate_market(1, market_spec(n_geos=8, n_weeks=60, n_channels=6, channel_seed=2))
    assert first.truth["roas"] != second.truth["roas"]
    for seed in range(30):
        channels = random_channels(seed, 6)
        assert all(0.6 <= channel.roas <= 4.0 for channel in channels)
        assert 600e3 < sum(channel.weekly_spend for channel in channels) < 700e3


def test_diverse_channels_spread_as_widely_as_they_say():
    channels = [channel for seed in range(200) for channel in diverse_channels(seed, 6)]
    for name, low, high in (("decay", 0.29, 0.62), ("half", 1.0, 2.25), ("slope", 0.94, 1.41)):
        lower, upper = np.quantile([getattr(channel, name) for channel in channels], [0.25, 0.75])
        assert lower == pytest.approx(low, rel=0.08)
        assert upper == pytest.approx(high, rel=0.08)
    lower, upper = np.quantile([channel.roas for channel in channels], [0.05, 0.95])
    assert 18 < upper / lower < 32
    for seed in range(200):
        brought = sum(channel.weekly_spend * channel.roas for channel in diverse_channels(seed, 6)) / 4.2e6
        assert 0.019 <= brought <= 0.71
    spec = market_spec(n_geos=2, n_weeks=40, n_channels=3, channel_seed=5, diverse=True)
    assert spec.channels == diverse_channels(5, 3)


@given(
    seed=st.integers(0, 10_000),
    preset=st.sampled_from(sorted(PRESETS)),
    geos=st.integers(1, 10),
    weeks=st.integers(30, 70),
    channels=st.integers(1, 5),
    drawn=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_any_market_is_sound(seed, preset, geos, weeks, channels, drawn):
    spec = market_spec(preset, n_geos=geos, n_weeks=weeks, n_channels=channels, channel_seed=seed if drawn else None)
    market = simulate_market(seed, spec)
    data = market.panel.data
    assert float(data["spend"].min()) >= 0
    assert float(data["outcome"].min()) >= 0
    np.testing.assert_array_equal(np.round(data["spend"], 2), data["spend"])
    assert (data["spend"].isel(date=-1).sum("geo") > 0).any()
    assert all(np.isfinite(value) and value > 0 for value in market.truth["roas"].values())
    np.testing.assert_allclose(sum(market.components.values()), market.expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: MarketSpec(n_geos=0), "n_geos"),
        (lambda: MarketSpec(n_weeks=10), "n_weeks"),
        (lambda: MarketSpec(channels=()), "channels"),
        (lambda: MarketSpec(channels=(CHANNELS[0], CHANNELS[0])), "channels"),
        (lambda: MarketSpec(noise=-0.1), "noise"),
        (lambda: ChannelSpec(name="x", weekly_spend=0.0, roas=1.0), "weekly_spend"),
        (lambda: ChannelSpec(name="x", weekly_spend=1.0, roas=1.0, decay=1.0), "decay"),
        (lambda: market_spec("unknown"), "preset"),  # type: ignore[arg-type]
        (lambda: market_spec(n_channels=0), "n_channels"),
    ],
)
def test_impossible_markets_are_refused(make, field):
    with pytest.raises(InputError) as error:
        make()
    assert error.value.problems[0].column == field


@pytest.mark.parametrize("module", sorted(name for _, name, _ in pkgutil.iter_modules(simulation.__path__)))
def test_examples_in_the_documentation_hold(module):
    assert doctest.testmod(importlib.import_module(f"simulation.{module}")).failed == 0
