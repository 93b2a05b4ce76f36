"""Lift studies and geo tests in a finished market: readout, panel and truth belong together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from simulation.geo_studies import StudiedMarket, run_geo_test
from simulation.lift_studies import holdout_study
from simulation.market import Market, simulate_market
from simulation.market_spec import market_spec


@pytest.fixture(scope="module")
def market() -> Market:
    spec = market_spec(n_geos=9, n_weeks=80, n_channels=3, channel_seed=2)
    return simulate_market(2, replace(spec, geo_tests=False))


def run(market: Market, **changes: object) -> StudiedMarket:
    settings = {"channel": "channel_2", "kind": "go_dark", "relative_error": 0.15, "seed": 4} | changes
    return run_geo_test(market, **settings)  # type: ignore[arg-type]


def weeks_of(market: Market, study) -> slice:
    dates = market.panel.dates
    return slice(
        dates.get_loc(pd.Timestamp(study.start)), dates.get_loc(pd.Timestamp(study.end) - pd.Timedelta(days=6)) + 1
    )


@pytest.mark.parametrize(("kind", "factor"), [("go_dark", 0.0), ("scale_up", 2.0)])
def test_only_the_tested_cells_change(market, kind, factor):
    tested = run(market, kind=kind)
    geos = [market.panel.geos.index(geo) for geo in tested.study.geos]
    weeks = weeks_of(market, tested.study)
    assert weeks.stop - weeks.start == 6
    expected = market.panel.data["spend"].to_numpy().copy()
    expected[geos, weeks, 1] *= factor
    np.testing.assert_array_equal(tested.panel.data["spend"], expected)
    change = (tested.panel.data["outcome"] - market.panel.data["outcome"]).to_numpy()
    assert (change[:, : weeks.start] == 0).all()
    untreated = [geo for geo in range(9) if geo not in geos]
    assert (change[untreated] == 0).all()
    assert (np.sign(change[geos, weeks]) == np.sign(factor - 1)).all()


def test_readout_is_the_change_in_the_panel(market):
    tested = run(market)
    study, weeks = tested.study, weeks_of(market, tested.study)
    geos = [market.panel.geos.index(geo) for geo in study.geos]
    change = (tested.panel.data["outcome"] - market.panel.data["outcome"]).to_numpy()
    assert study.true_incremental_outcome == pytest.approx(change[geos, weeks.start : weeks.stop + 2].sum(), rel=1e-9)
    spend = (tested.panel.data["spend"] - market.panel.data["spend"]).to_numpy()
    assert study.incremental_spend == pytest.approx(spend.sum())
    assert study.standard_error == pytest.approx(0.15 * abs(study.true_incremental_outcome))
    assert pd.Timestamp(study.measured_until) - pd.Timestamp(study.end) == pd.Timedelta(days=14)
    assert pd.Timestamp(study.measured_until) < market.panel.dates[-8]


def test_truth_is_that_of_the_market_with_the_test(market):
    tested = run(market, kind="scale_up")
    weeks = weeks_of(market, tested.study)
    factor = np.ones((9, 80))
    factor[[market.panel.geos.index(geo) for geo in tested.study.geos], weeks] = 2.0
    brought = (market.expected_with({"channel_2": factor}) - market.expected_with({"channel_2": 0.0})).sum()
    spend = float(tested.panel.data["spend"].sel(channel="channel_2").sum())
    assert tested.truth["roas"]["channel_2"] == pytest.approx(float(brought) / spend, rel=1e-9)
    assert tested.truth["roas"]["channel_1"] == market.truth["roas"]["channel_1"]
    assert tested.truth["total_contribution"] == pytest.approx(sum(tested.truth["contribution"].values()))
    # More spend on a curve that flattens: each euro brings less.
    assert tested.truth["roas"]["channel_2"] < market.truth["roas"]["channel_2"]


def test_geos_are_one_of_each_pair_by_population(market):
    order = np.argsort(-market.panel.data["population"].to_numpy())
    seen = set()
    for seed in range(12):
        treated = {market.panel.geos.index(geo) for geo in run(market, seed=seed).study.geos}
        assert [len(treated & set(order[place : place + 2].tolist())) for place in (0, 2, 4, 6)] == [1, 1, 1, 1]
        seen |= treated
    assert seen == set(order[:8].tolist())


def test_reading_errors_have_the_stated_size(market):
    studies = [run(market, seed=seed).study for seed in range(80)]
    distance = [(one.incremental_outcome - one.true_incremental_outcome) / one.standard_error for one in studies]
    assert np.std(distance) == pytest.approx(1.0, abs=0.25)
    assert abs(np.mean(distance)) < 0.35
    assert run(market).study == run(market).study


def test_estimate_carries_the_study(market):
    study = run(market).study
    lift = study.estimate()
    assert (lift.channel, lift.geos, lift.start, lift.end) == (study.channel, study.geos, study.start, study.end)
    assert (lift.design, lift.measured_until) == ("go_dark", study.measured_until)
    assert lift.incremental_outcome.interval.width == pytest.approx(3.29 * study.standard_error, rel=1e-3)
    wrong = study.misread(3.0 * study.standard_error)
    assert wrong.incremental_outcome == pytest.approx(study.true_incremental_outcome + 3.0 * study.standard_error)
    assert wrong.standard_error == study.standard_error


def test_holdout_counts_everything_against_nothing(market):
    study = holdout_study(market, channel="channel_1", first_week=30, weeks=6, cooldown=2, relative_error=0.15, seed=1)
    factor = np.ones(80)
    factor[30:36] = 0.0
    gap = market.expected - market.expected_with({"channel_1": factor})
    assert study.true_incremental_outcome == pytest.approx(float(gap[:, 30:38].sum()))
    lift = study.estimate()
    assert lift.geos == ()
    assert lift.incremental_spend > 0
    with pytest.raises(InputError, match="outside the panel"):
        holdout_study(market, channel="channel_1", first_week=78, weeks=6, cooldown=2, relative_error=0.1, seed=1)


def test_markets_without_room_are_refused(market):
    national = simulate_market(1, market_spec(n_geos=1, n_weeks=60, n_channels=2))
    with pytest.raises(InputError) as error:
        run(national, channel="search")
    assert error.value.problems[0].column == "n_geos"
    with pytest.raises(InputError, match="too short"):
        run(market, weeks=60)
