"""Results of a fit: spend paths compared, forecasts, optimal frequency, saved and loaded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from measurement.panel import Panel
from measurement.readers.holiday_calendar import read_holidays
from mmm.archive import FORMAT_VERSION, read_posterior
from mmm.baseline import random_walk_basis, shared_columns
from mmm.channel_spec import ChannelModel, Prior
from mmm.fitted import FittedMMM
from mmm.forecast import Future
from mmm.forecast_score import crps
from mmm.future_columns import future_columns, walk_beyond
from mmm.model import MMM
from mmm.spec import ModelSpec
from simulation.market import simulate_market
from simulation.market_spec import market_spec
from tests.mmm.prior_fits import prior_fit
from tests.mmm.rich_panel import lifts_of, rich_panel

PLAIN = ModelSpec(lags=4, knot_every=6)
RICH = ModelSpec(
    lags=5,
    baseline="hsgp",
    noise="student_t",
    geo_drift=10,
    channels={
        "search": ChannelModel(adstock="weibull", saturation="tanh", varying=True),
        "social": ChannelModel(adstock="none", order="saturation_first", saturation="none"),
    },
    priors={"search": Prior(mean=1.0, sd=0.5, kind="marginal_roas")},
)
SPECS = pytest.mark.parametrize("spec", [PLAIN, RICH], ids=["plain", "rich"])
GEOS = pytest.mark.parametrize("geos", [1, 3], ids=["national", "geos"])


@SPECS
@GEOS
def test_parts_of_every_kind_add_up_to_the_fit(spec, geos):
    fitted = prior_fit(rich_panel(geos), spec)
    parts, fit = fitted.decomposition(), fitted.fit_table()
    summed = parts.groupby(["geo", "date"], sort=False)["mean"].sum().to_numpy()
    np.testing.assert_allclose(summed, fit["mean"].to_numpy(), rtol=1e-9)
    national = fitted.national_fit_table()
    np.testing.assert_allclose(national["mean"], fit.groupby("date")["mean"].sum(), rtol=1e-9)
    assert {"treatment:price", "holidays", "organic:newsletter", "control:weather", "tv"} <= set(parts["component"])


@SPECS
@GEOS
@pytest.mark.parametrize("channel", ["tv", "search", "social"])
def test_spend_against_none_is_the_contribution(spec, geos, channel):
    fitted = prior_fit(rich_panel(geos), spec)
    found = fitted.incremental(None, {channel: 0.0}, after=0, history="follows")
    place = fitted.channels.index(channel)
    total = fitted.contribution.reshape(-1, 3)[:, place]
    np.testing.assert_allclose(found.draws, total, rtol=1e-9)
    np.testing.assert_allclose(found.by_geo.sum(axis=1), total, rtol=1e-9)
    np.testing.assert_allclose(found.by_date.sum(axis=1), total, rtol=1e-9)
    assert list(found.table()["channel"]) == [channel, "total"]
    assert found.table()["incremental_spend"].iloc[0] == pytest.approx(fitted.design.spend[place])


def test_equal_paths_bring_nothing_and_swapped_paths_the_opposite():
    fitted = prior_fit(rich_panel(2), PLAIN)
    assert (fitted.incremental(None, None).draws == 0).all()
    path = {"search": 50.0, "tv": np.linspace(0, 300, 40)}
    there, back = fitted.incremental(path, None), fitted.incremental(None, path)
    assert (there.draws != 0).all()
    np.testing.assert_allclose(there.draws, -back.draws)


def test_carry_over_after_the_panel_and_into_the_future_counts():
    fitted = prior_fit(rich_panel(2), PLAIN)
    spend = fitted.panel.data["spend"].to_numpy().copy()
    spend[:, -1, 1] = 0.0
    kept, cut = (fitted.incremental(None, spend, after=after) for after in (None, 0))
    assert len(kept.dates) == 40 + 3
    assert len(cut.dates) == 40
    assert (kept.draws > cut.draws)[fitted.draws.effect[:, :, 1].min(axis=1) > 0].all()
    table = pd.DataFrame({"date": [kept.dates[41]], "channel": ["search"], "spend": [1000.0]})
    later = fitted.incremental(table, None, ahead=2)
    assert (later.by_date[:, :41] == 0).all()
    assert (later.by_date[:, 41] != 0).all()
    assert later.spend[1] == pytest.approx(1000.0 - fitted.panel.data["spend"].to_numpy()[:, -8:, 1].sum() / 8)


def test_more_spend_buys_media_at_the_usual_rate_and_half_of_it_half_the_reach():
    from mmm.spend_path import horizon, media_of

    design = prior_fit(rich_panel(2), PLAIN).design
    base = horizon(design, 4)
    media, reach = media_of(base, 0.5 * base.spend)
    np.testing.assert_allclose(media[:, 0], base.media[:, 0])
    np.testing.assert_allclose(reach[:, 0, 3:], 0.5 * base.reach[:, 0, 3:])
    np.testing.assert_allclose(media[:, 1, 3:], 0.5 * base.media[:, 1, 3:])
    more = base.spend.copy()
    more[:, 12, 2] += 100.0  # social rests in this week
    rate = design.media[:, 2, 3:].sum(axis=1) / design.panel.data["spend"].to_numpy()[:, :, 2].sum(axis=1)
    np.testing.assert_allclose(media_of(base, more)[0][:, 2, 15], 100.0 * rate)


@pytest.mark.parametrize(
    ("spend", "says"),
    [
        ({"radio": 1.0}, "channel"),
        ({"tv": -1.0}, "zero or more"),
        ({"tv": np.ones(7)}, "wrong shape"),
        (np.ones((2, 3, 1)), "wrong shape"),
        (pd.DataFrame({"date": ["2025-01-06"], "spend": [1.0]}), "lacks a column"),
        (pd.DataFrame({"date": ["2031-01-06"], "channel": ["tv"], "spend": [1.0]}), "none of the periods"),
        (pd.DataFrame({"date": ["2025-01-06"] * 2, "channel": ["tv"] * 2, "spend": [1.0] * 2}), "twice"),
    ],
)
def test_spend_that_does_not_fit_is_named(spend, says):
    with pytest.raises(InputError, match=says):
        prior_fit(rich_panel(2), PLAIN).incremental(spend, None)


def test_a_walk_goes_on_where_it_was():
    known, further = walk_beyond(50, 6, 9)
    inside = random_walk_basis(50, 6)
    longer = np.concatenate([inside, known.T])
    bends = np.abs(np.diff(longer, n=2, axis=0)).max(axis=1)
    assert bends[-11:].max() < 1.1 * bends[:-11].max()  # no kink where the panel ends
    np.testing.assert_allclose(known[:-3].T, np.broadcast_to(inside[-1, :-3], (9, len(known) - 3)))
    assert further.min() >= 0
    assert (np.diff(further, axis=1) >= 0).all()
    assert further[0, -1] > 0.4


def test_columns_by_date_are_those_of_a_longer_panel():
    """Season and controls after the panel differ from those of a panel that reaches there by a constant only."""
    whole = rich_panel(2)
    short = whole.select(until=whole.dates[31])
    later = {
        "weather": whole.data["control"].to_numpy()[:, 32:, 0],
        "price": whole.data["treatment"].to_numpy()[:, 32:, 0],
    }
    days = read_holidays("DE", Path(), whole.dates)
    design = prior_fit(short, PLAIN).design
    found = future_columns(design, PLAIN, whole.dates, later, days)
    reference = shared_columns(whole, PLAIN)
    for name in ("sin:1", "cos:2", "trend", "control:weather", "treatment:price"):
        one = np.concatenate(
            [
                design.shared.values[..., design.shared.names.index(name)],
                found.shared[..., design.shared.names.index(name)],
            ],
            axis=1,
        )
        two = reference.values[..., reference.names.index(name)]
        for geo in range(2):
            fit = np.polyfit(two[geo], one[geo], 1)
            np.testing.assert_allclose(np.polyval(fit, two[geo]), one[geo], atol=1e-9)
    assert found.shared.shape == (2, 8, len(design.shared.names))


@SPECS
def test_forecast_adds_up_and_answers_to_spend(spec):
    fitted = prior_fit(rich_panel(2), spec)
    future = Future(periods=4, holidays="DE", controls={"price": 20.0})
    found = fitted.forecast(future, seed=1)
    assert found.outcome.shape == (60, 2, 4)
    np.testing.assert_allclose(found.expected, sum(found.parts.values()), rtol=1e-9)
    np.testing.assert_array_equal(found.parts["treatment:price"], 0.0)
    np.testing.assert_array_equal(found.outcome, fitted.forecast(future, seed=1).outcome)
    less = fitted.forecast(replace(future, spend={"search": 0.0}), seed=1)
    gap = found.expected - less.expected
    by_scenario = fitted.incremental(
        None, pd.DataFrame({"date": found.dates, "channel": "search", "spend": 0.0}), ahead=4, after=0
    )
    np.testing.assert_allclose(gap.sum(axis=(1, 2)), by_scenario.draws, rtol=1e-6)
    table = found.table(observed=found.outcome[0])
    assert {"date", "geo", "mean", "lower", "upper", "expected", "observed", "level"} <= set(table.columns)
    assert ((table["upper"] - table["lower"]) > 0).all()
    assert found.components()["mean"].sum() == pytest.approx(table["expected"].sum())
    assert len(found.national()) == 4
    assert 0 <= found.score(found.outcome[0])["coverage"] <= 1


def test_forecast_refuses_what_it_cannot_know():
    fitted = prior_fit(rich_panel(2), PLAIN)
    with pytest.raises(InputError, match="holidays"):
        fitted.forecast(4, seed=1)
    with pytest.raises(InputError, match="no such control"):
        fitted.forecast(Future(periods=4, holidays="DE", controls={"rain": 1.0}), seed=1)
    with pytest.raises(InputError, match="nothing to forecast"):
        fitted.forecast(0, seed=1)
    process = prior_fit(rich_panel(2), replace(PLAIN, baseline="hsgp"))
    with pytest.raises(InputError, match="does not reach"):
        process.forecast(Future(periods=30, holidays="DE"), seed=1)


def test_uncertainty_grows_with_the_distance():
    fitted = prior_fit(rich_panel(2), replace(PLAIN, knot_every=2))
    spread = fitted.forecast(Future(periods=20, holidays="DE"), seed=1).parts["baseline"]
    still = spread - spread[..., :1]
    assert still[..., -1].std() > 1.5 * still[..., 4].std()


def test_forecast_covers_what_comes():
    market = simulate_market(8, market_spec(n_geos=6, n_weeks=84, n_channels=3))
    panel: Panel = market.panel
    spec = ModelSpec(lags=6, knot_every=8, holidays="DE", draws=150, tune=100)
    fitted = MMM(spec).fit(panel.select(until=panel.dates[75]), seed=2)
    later = slice(76, None)
    spend = panel.data["spend"].to_numpy()[:, later]
    controls = {name: panel.data["control"].to_numpy()[:, later, index] for index, name in enumerate(panel.controls)}
    found = fitted.forecast(Future(periods=8, spend=spend, controls=controls), seed=3)
    score = found.score(panel.outcome_value[:, later])
    assert score["coverage"] >= 0.7
    assert abs(score["bias"]) < 0.1


def test_crps_is_that_of_a_normal_forecast():
    drawn = np.random.default_rng(1).normal(size=(4000, 2))
    np.testing.assert_allclose(crps(drawn, np.array([0.0, 1.0])), [0.2337, 0.6024], atol=0.02)


def test_optimal_frequency_of_a_threshold_lies_inside():
    fitted = prior_fit(rich_panel(2), PLAIN)
    steep = fitted.draws.saturation.copy()
    steep[:, 0] = [1.2, 3.0]
    draws = replace(fitted.draws, saturation=steep, effect=np.abs(fitted.draws.effect) + 0.01)
    found = replace(fitted, draws=draws).optimal_frequency()
    unit = fitted.design.media_unit[0, 0]
    # Response/frequency of a Hill curve with slope 3 peaks at half × (3 − 1)^(1/3).
    row = found.table().iloc[0]
    assert row["optimal"] == pytest.approx(1.2 * unit * 2 ** (1 / 3), abs=found.frequency[0, 1] - found.frequency[0, 0])
    assert row["optimal_lower"] <= row["optimal"] <= row["optimal_upper"]
    assert row["gain"] >= 0
    assert row["at_edge"] == 0
    concave = draws.saturation.copy()
    concave[:, 0] = [1.2, 0.9]
    least = replace(fitted, draws=replace(draws, saturation=concave)).optimal_frequency().table().iloc[0]
    assert least["optimal"] == 1.0
    assert least["at_edge"] == 1


@SPECS
@GEOS
def test_a_fit_saved_and_loaded_gives_the_same_tables(spec, geos, tmp_path, make_lift):
    panel = rich_panel(geos)
    fitted = prior_fit(panel, spec, lifts_of(make_lift, panel))
    fitted.save(tmp_path / "posterior.nc")
    again = FittedMMM.load(tmp_path / "posterior.nc", panel)
    for table in ("channels_table", "organic_table", "decomposition", "fit_table"):
        pd.testing.assert_frame_equal(getattr(again, table)(), getattr(fitted, table)())
    future = Future(periods=3, holidays="DE")
    np.testing.assert_allclose(again.forecast(future, seed=1).outcome, fitted.forecast(future, seed=1).outcome)
    np.testing.assert_allclose(again.predicted_lifts(), fitted.predicted_lifts())
    assert (again.spec, again.seed, again.checks) == (fitted.spec, fitted.seed, fitted.checks)
    assert again.lifts.lifts == fitted.lifts.lifts
    pd.testing.assert_frame_equal(read_posterior(tmp_path / "posterior.nc").channels_table(), fitted.channels_table())


def test_another_panel_is_refused(tmp_path):
    fitted = prior_fit(rich_panel(2), PLAIN)
    fitted.save(tmp_path / "posterior.nc")
    with pytest.raises(InputError, match="not the one"):
        FittedMMM.load(tmp_path / "posterior.nc", rich_panel(2, seed=4))
    with pytest.raises(InputError, match="no saved fit"):
        read_posterior(Path(__file__))


def test_older_versions_give_what_they_hold(tmp_path):
    fitted = prior_fit(rich_panel(2), PLAIN)
    old = fitted.posterior
    del old["constant_data"], old["observed_data"]
    old["posterior"] = old["posterior"].to_dataset().rename({"effect": "roas_prior_mean"})
    spec = {"adstock": "geometric", "saturation": "hill", "knots": 4}
    old.attrs = {"format_version": 1, "spec": json.dumps(spec), "seed": 1, "options": "{}"}
    old.to_netcdf(tmp_path / "old.nc", engine="h5netcdf")
    saved = read_posterior(tmp_path / "old.nc")
    assert "effect" in saved.tree["posterior"]
    table = saved.channels_table()
    pd.testing.assert_frame_equal(table.drop(columns="share"), fitted.channels_table().drop(columns="share"))
    assert table["share"].isna().all()
    assert "knots" in saved.notes[0]
    with pytest.raises(InputError, match="does not hold enough"):
        FittedMMM.load(tmp_path / "old.nc", fitted.panel)
    old.attrs["format_version"] = FORMAT_VERSION + 1
    old.to_netcdf(tmp_path / "new.nc", engine="h5netcdf")
    with pytest.raises(InputError, match="cannot read"):
        read_posterior(tmp_path / "new.nc")


@pytest.mark.parametrize("locale", ["en_GB", "de_DE"])
def test_every_figure_has_a_title_and_axes_with_units(locale):
    plot = prior_fit(rich_panel(2), PLAIN).plot.in_locale(locale)
    money = {"roas": "x", "contributions": "y", "decomposition": "y", "fit": "y", "curves": "xy", "frequency": "y"}
    titles = set()
    for name in (*money, "prior_posterior", "carry_over"):
        figure = getattr(plot, name)()
        titles.add(figure.layout.title.text)
        assert len(figure.data) > 0
        for axis in money.get(name, ""):
            assert "EUR" in getattr(figure.layout, f"{axis}axis").title.text
        assert figure.layout.xaxis.title.text
    assert len(titles) == 8
    assert plot.contributions().layout.separators == (",." if locale == "de_DE" else ".,")


def test_contributions_in_the_figure_are_those_of_the_table():
    fitted = prior_fit(rich_panel(2), PLAIN)
    figure = fitted.plot.contributions()
    drawn = {trace.name: float(np.sum(trace.y)) for trace in figure.data}
    for name, value in fitted.channels_table().set_index("channel")["contribution"].items():
        assert drawn[name] == pytest.approx(value)
