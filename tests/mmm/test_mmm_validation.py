"""Scores against closed forms, and the model on data that it has not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from measurement.errors import InputError
from measurement.wording import load_wording
from mmm.forecast_score import crps
from mmm.geo_holdout import GeoHoldout, geo_holdout
from mmm.plain_forecast import covered, seasonal_naive
from mmm.spec import ModelSpec
from mmm.validation import ALL, TimeSlices, known_lifts, refit_stability, time_slices
from mmm.validation_figures import holdout_figure, skill_figure, slices_figure
from simulation.market import simulate_market
from simulation.market_spec import market_spec

TINY = ModelSpec(lags=4, knot_every=8, harmonics=1, draws=60, tune=60, chains=2)


@pytest.fixture(scope="module")
def market():
    return simulate_market(4, market_spec(n_geos=4, n_weeks=78, n_channels=2))


def test_the_fair_score_is_that_of_the_normal_on_average_even_from_few_draws():
    """Closed form: σ (z (2Φ(z) − 1) + 2φ(z) − 1/√π) with z = (y − μ)/σ."""
    mean, sd, observed = 3.0, 2.0, 4.5
    z = (observed - mean) / sd
    exact = sd * (z * (2.0 * norm.cdf(z) - 1.0) + 2.0 * norm.pdf(z) - 1.0 / np.sqrt(np.pi))
    drawn = np.random.default_rng(1).normal(mean, sd, (5, 40_000))
    found = crps(drawn, np.full(40_000, observed))
    assert found.mean() == pytest.approx(exact, abs=4.0 * found.std() / 200.0)


def test_intervals_cover_what_they_say():
    rng = np.random.default_rng(2)
    inside = covered(rng.standard_normal((2000, 3000)), rng.standard_normal(3000), 0.8)
    assert inside.mean() == pytest.approx(0.8, abs=0.03)


def test_the_plain_forecast_is_a_year_ago_with_its_own_errors():
    history = np.tile(np.arange(52.0), 3)[None] + np.repeat([0.0, 1.0, 3.0], 52)
    drawn = seasonal_naive(history, 4, season=52, draws=4000, rng=np.random.default_rng(0))
    assert drawn.shape == (4000, 1, 4)
    np.testing.assert_allclose(np.unique(drawn[:, 0, 0] - 3.0), [1.0, 2.0])  # what each year was above the one before
    short = seasonal_naive(np.ones((2, 20)), 4, season=52, draws=5, rng=np.random.default_rng(0))
    np.testing.assert_allclose(short, 1.0)


@pytest.fixture(scope="module")
def sliced(market):
    return time_slices(market.panel, TINY, horizon=4, slices=1, seed=1)


@pytest.mark.parametrize("locale", ["en_GB", "de_DE"])
def test_figures_have_titles_and_units_in_both_languages(locale):
    words = load_wording("mmm", locale, "EUR")
    dates = pd.date_range("2026-01-05", periods=4, freq="7D")
    rows = {"mean": 9.0, "lower": 7.0, "upper": 11.0, "crps": 0.8, "plain_crps": 1.6, "inside": True, "slice": 0}
    frames = [pd.DataFrame({"geo": geo, "date": dates, "observed": [8.0, 9.0, 10.0, 9.0]}) for geo in ("a", ALL)]
    slices = TimeSlices(
        forecasts=pd.concat(frames, ignore_index=True).assign(**rows), level=0.9, currency="EUR", healthy={0: True}
    )
    assert slices.table()["skill"].tolist() == pytest.approx([0.5, 0.5])
    table = pd.DataFrame({"geo": ["a", "b"], "crps": [0.04, 0.05], "plain_crps": [0.06, 0.05]})
    held = GeoHoldout(geos=("a", "b"), predicted=np.zeros((2, 2, 3)), observed=np.zeros((2, 3)), table=table)
    for figure in (slices_figure(words, slices), skill_figure(words, slices), holdout_figure(words, held)):
        assert len(figure.layout.title.text) > 10
        assert figure.layout.xaxis.title.text
        assert ("EUR" if figure.data[0].type == "scatter" else "CRPS") in figure.layout.yaxis.title.text
    np.testing.assert_allclose(slices_figure(words, slices).data[-1].y, [8.0, 9.0, 10.0, 9.0])


def test_time_slices_score_a_forecast_of_what_was_not_fitted(sliced, market):
    found = sliced
    assert set(found.forecasts["geo"]) == {*market.panel.geos, ALL}
    first, later = found.forecasts["date"].min(), market.panel.dates[-4]
    assert first == later
    table = found.table()
    assert list(table["slice"]) == ["0", "all"]
    assert table["coverage"].between(0.5, 1.0).all()
    assert (table["crps"] < 0.15).all()
    whole = found.forecasts[found.forecasts["geo"] == ALL]
    np.testing.assert_allclose(whole["observed"], market.panel.outcome_value[:, -4:].sum(axis=0))
    assert np.abs(table["bias"]).max() < 0.15


def test_a_future_that_is_changed_changes_the_score_and_not_the_forecast(sliced, market):
    """What is scored was not seen: the forecast is the same whatever the last weeks held."""
    panel = market.panel
    outcome = panel.data["outcome"].copy()
    outcome[:, -4:] *= 3.0
    other = replace(panel, data=panel.data.assign(outcome=outcome))
    one, two = sliced, time_slices(other, TINY, horizon=4, slices=1, seed=1)
    np.testing.assert_allclose(one.forecasts["mean"], two.forecasts["mean"])
    assert two.table()["crps"].iloc[0] > 3.0 * one.table()["crps"].iloc[0]


def test_slices_that_leave_too_little_are_refused(market):
    with pytest.raises(InputError, match="slices"):
        time_slices(market.panel, TINY, horizon=20, slices=3, seed=1)


def test_only_tests_measured_before_the_cut_are_known(market, make_lift):
    end = market.panel.dates[40].date()
    test = make_lift(
        channel="search",
        geos=(),
        start=market.panel.dates[36].date(),
        end=end,
        value=1.0,
        standard_error=1.0,
        incremental_spend=1.0,
        weeks=2,
    )
    assert not known_lifts([test], market.panel.select(until=market.panel.dates[41]))
    assert known_lifts([test], market.panel.select(until=market.panel.dates[42]))


def test_an_unseen_geo_is_predicted_better_than_by_the_course_of_the_others(market):
    held = market.panel.geos[0]
    found = geo_holdout(market.panel, TINY, [held], seed=2)
    row = found.table.iloc[0]
    assert found.predicted.shape[1:] == (1, 78)
    np.testing.assert_allclose(found.predicted.mean(axis=2)[:, 0], market.panel.outcome_value[0].mean())
    assert row["correlation"] > 0.5
    assert row["crps"] < 1.1 * row["plain_crps"]
    assert 0.7 < row["coverage"] <= 1.0


@pytest.mark.parametrize("left_out", [[], ["Atlantis"], "all but one"])
def test_a_hold_out_needs_geos_on_both_sides(market, left_out):
    left_out = market.panel.geos[1:] if left_out == "all but one" else left_out
    with pytest.raises(InputError, match="left_out"):
        geo_holdout(market.panel, TINY, left_out, seed=2)


def test_one_more_week_is_told_by_channel(market):
    table = refit_stability(market.panel, TINY, seed=1)
    assert list(table["channel"]) == list(market.panel.channels)
    np.testing.assert_allclose(table["move"], (table["after"] - table["before"]) / table["width"])
    assert isinstance(table, pd.DataFrame)
    assert table["steady"].all()
