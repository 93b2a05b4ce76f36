"""Journeys: the walk follows its chain, the exact removal effects are what walks without the channel show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from simulation.journey_spec import JourneyChannel, JourneySpec, random_journey_channels
from simulation.journeys import conversion_probability, simulate_journeys, transition_table

CHANNELS = JourneySpec().names


@pytest.fixture(scope="module")
def touchpoints() -> pd.DataFrame:
    return simulate_journeys(12).touchpoints


def test_columns(touchpoints):
    assert list(touchpoints.columns) == ["unit_id", "ts", "channel", "kind", "value", "cost"]
    assert set(touchpoints["kind"]) == {"impression", "click", "conversion"}
    bought = touchpoints["kind"] == "conversion"
    assert touchpoints.loc[bought, "channel"].isna().all()
    assert touchpoints.loc[~bought, "channel"].isin(CHANNELS).all()
    assert (touchpoints.loc[bought, "value"] > 0).all()
    assert (touchpoints.loc[~bought, "value"] == 0).all()
    assert touchpoints["cost"].min() >= 0
    assert touchpoints["ts"].is_monotonic_increasing
    assert touchpoints["ts"].max() < pd.Timestamp("2026-11-23", tz="UTC")


def test_ids_are_pseudonyms(touchpoints):
    assert touchpoints["unit_id"].str.fullmatch(r"u[0-9a-f]{10}").all()


@pytest.mark.parametrize("order", [1, 2, 3])
def test_chain_is_a_probability_table(order):
    chain = transition_table(5, JourneySpec(order=order))
    assert chain.shape == ((len(CHANNELS) + 1) ** order, len(CHANNELS) + 2)
    np.testing.assert_allclose(chain.sum(axis=1), 1.0)
    assert chain[0, len(CHANNELS) :].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("order", [1, 2, 3])
def test_walks_convert_as_often_as_the_exact_solution_says(order):
    # A window far longer than any journey: nothing is cut off at its end but the last days.
    spec = JourneySpec(units=40_000, order=order, days=2_000, gap_days=0.01)
    journeys = simulate_journeys(3, spec)
    seen, exact = journeys.truth["conversions_seen"] / spec.units, journeys.truth["conversion_probability"]
    assert abs(seen - exact) < 4 * np.sqrt(exact * (1 - exact) / spec.units)


def test_transitions_of_the_walk_are_those_of_the_chain():
    spec = JourneySpec(units=40_000, days=2_000, gap_days=0.01)
    journeys = simulate_journeys(6, spec)
    touches = journeys.touchpoints.sort_values(["unit_id", "ts"], kind="stable")
    touches = touches.assign(step=touches["channel"].fillna("(conversion)"))
    following = touches.groupby("unit_id")["step"].shift(-1).fillna("(end)")
    counts = pd.crosstab(touches["step"], following)
    for channel in CHANNELS:
        total = counts.loc[channel].sum()
        for step, probability in journeys.truth["transitions"][channel].items():
            seen = counts.loc[channel].get(step, 0) / total
            assert abs(seen - probability) < 4.5 * np.sqrt(probability * (1 - probability) / total) + 1e-9


@pytest.mark.parametrize("order", [1, 2])
def test_removal_effect_is_the_conversions_lost_without_the_channel(order):
    spec = JourneySpec(order=order)
    chain = transition_table(7, spec)
    whole = conversion_probability(chain, order)
    for channel in range(len(CHANNELS)):
        without = chain.copy()
        # Sending every touch of the channel to the end by hand must give the same probability.
        without[:, -1] += without[:, channel]
        without[:, channel] = 0.0
        by_hand = conversion_probability(without, order)
        assert conversion_probability(chain, order, channel) == pytest.approx(by_hand, rel=1e-12)
        assert by_hand < whole


def test_people_who_buy_anyway_are_nobodys_conversions():
    spec = JourneySpec(units=60_000, anyway=0.1, days=2_000, gap_days=0.01)
    journeys = simulate_journeys(8, spec)
    plain = simulate_journeys(8, JourneySpec(units=60_000, days=2_000, gap_days=0.01))
    truth, exact = journeys.truth, journeys.truth["conversion_probability"]
    seen = truth["conversions_seen"] / spec.units
    assert abs(seen - exact) < 4 * np.sqrt(exact * (1 - exact) / spec.units)
    assert exact == pytest.approx(0.9 * plain.truth["conversion_probability"] + 0.1)
    assert truth["not_incremental_share"] == pytest.approx(0.1 / exact)
    for name, share in truth["incremental_share"].items():
        assert share == pytest.approx((1 - truth["not_incremental_share"]) * truth["removal_effect"][name])
    # They come by the channels of intent, so paths alone would credit those too much.
    direct = {
        key: (world.touchpoints["channel"] == "direct").sum() / world.touchpoints["channel"].notna().sum()
        for key, world in (("with", journeys), ("without", plain))
    }
    assert direct["with"] > 1.05 * direct["without"]


@pytest.mark.parametrize("count", [1, 12])
def test_channels_are_free(count):
    spec = JourneySpec(channels=random_journey_channels(2, count), units=3_000)
    journeys = simulate_journeys(2, spec)
    assert set(journeys.truth["removal_effect"]) == set(spec.names)
    assert set(journeys.touchpoints["channel"].dropna()) <= set(spec.names)
    if count == 1:
        assert journeys.truth["removal_effect"]["channel_1"] == pytest.approx(1.0)


def test_credit_shares_sum_to_one():
    truth = simulate_journeys(1, JourneySpec(units=50)).truth
    assert sum(truth["credit_share"].values()) == pytest.approx(1.0)


def test_same_seed_same_journeys(touchpoints):
    pd.testing.assert_frame_equal(simulate_journeys(12).touchpoints, touchpoints)
    assert not simulate_journeys(13).touchpoints.equals(touchpoints)


@pytest.mark.parametrize("changes", [{"order": 0}, {"order": 4}, {"units": 0}, {"anyway": 1.0}, {"channels": ()}])
def test_impossible_journeys_are_refused(changes):
    with pytest.raises(InputError):
        JourneySpec(**changes)


def test_impossible_channels_are_refused():
    with pytest.raises(InputError):
        JourneyChannel(name="x", entry=1.0, pull=1.0, converts=0.5, ends=0.5)
    with pytest.raises(InputError):
        JourneyChannel(name="x", entry=0.0, pull=1.0, converts=0.1, ends=0.5)
