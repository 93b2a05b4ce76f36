"""Fitting: recovery, tables that add up, determinism, curves, lift tests, every form at once."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from mmm.channel_spec import ChannelModel, Prior
from mmm.engines import Sampled, end_to_end
from mmm.lift_fit import conflict
from mmm.model import MMM
from mmm.spec import ModelSpec
from simulation.market import simulate_market
from simulation.market_spec import market_spec
from tests.mmm.rich_panel import lifts_of, rich_panel

SMALL = ModelSpec(lags=8, knot_every=8, draws=300, tune=150, holidays="DE")
TINY = replace(SMALL, draws=60, tune=60, chains=2)


@pytest.fixture(scope="module")
def lifted_fit(small_market, make_lift_of):
    """The small market with a good go-dark test on video."""
    test = next(test for test in small_market.geo_tests if test["channel"] == "video")
    return MMM(SMALL).fit(small_market.panel, [make_lift_of(test, 0.1)], seed=3)


def test_truth_is_recovered(small_fit, small_market):
    assert small_fit.healthy, [check for check in small_fit.checks if not check.passed]
    roas, truth = small_fit.roas(0.95), small_market.truth
    assert sum(roas[name].interval.contains(truth["roas"][name]) for name in roas) >= 3
    assert small_fit.total_contribution().value == pytest.approx(truth["total_contribution"], rel=0.2)


def test_channels_table_has_the_contract_columns(small_fit):
    table = small_fit.channels_table(0.9)
    names = ["contribution", "roas", "marginal_roas"]
    ends = [f"{name}_{end}" for name in names for end in ("lower", "upper")]
    assert set(table.columns) == {"channel", "spend", "share", "level", *names, *ends}
    np.testing.assert_allclose(table["contribution"] / table["spend"], table["roas"])
    for name in names:
        assert (table[f"{name}_lower"] < table[name]).all()
        assert (table[name] < table[f"{name}_upper"]).all()


def test_decomposition_adds_up_to_the_fit(small_fit, small_market):
    parts, fit = small_fit.decomposition(), small_fit.fit_table()
    summed = parts.groupby(["geo", "date"], sort=False)["mean"].sum().to_numpy()
    np.testing.assert_allclose(summed, fit["mean"].to_numpy(), rtol=1e-9)
    np.testing.assert_allclose(fit["observed"], small_market.panel.outcome_value.ravel())
    inside = ((fit["observed"] >= fit["lower"]) & (fit["observed"] <= fit["upper"])).mean()
    assert 0.8 < inside < 0.98
    assert {"baseline", "season", "control:price_index", "organic:newsletter"} <= set(parts["component"])


def test_curves_start_at_nothing_and_agree_with_marginal_roas(small_fit):
    curves = small_fit.response_curves()
    assert curves.spend.shape == (4, 60)
    assert curves.draws <= 400
    np.testing.assert_allclose(curves.outcome[:, :, 0], 0.0)
    state_spend = small_fit.panel.data["spend"].to_numpy()[:, -8:].sum(axis=0).mean(axis=0)
    slope = curves.marginal_at(state_spend).mean(axis=0)
    stated = [small_fit.marginal_roas()[name].value for name in small_fit.channels]
    np.testing.assert_allclose(slope, stated, rtol=0.1)


def test_posterior_is_saved_and_read(small_fit, tmp_path):
    import xarray as xr

    small_fit.save(tmp_path / "posterior.nc")
    with xr.open_datatree(tmp_path / "posterior.nc", engine="h5netcdf") as tree:
        roas = tree["posterior"]["roas"]
        assert roas.dims == ("chain", "draw", "channel")
        np.testing.assert_allclose(roas.to_numpy().reshape(-1, 4), small_fit.roas_draws)
        assert ModelSpec.from_json(tree.attrs["spec"]) == small_fit.spec
        assert json.loads(tree.attrs["options"]) == small_fit.options


def test_same_seed_same_result_and_progress_is_told():
    told: list[float] = []
    model = MMM(ModelSpec(lags=4, knot_every=10, harmonics=1, draws=20, tune=20, chains=2))
    first = model.fit(rich_panel(2), seed=9, progress=lambda done, doing: told.append(done))
    second = model.fit(rich_panel(2), seed=9)
    np.testing.assert_array_equal(first.contribution, second.contribution)
    assert told[-1] == 1.0


def test_the_number_of_blas_threads_changes_no_digit():
    """Matrices are large enough here for BLAS to share them out, where it may."""
    panel = simulate_market(5, market_spec(n_geos=8, n_weeks=80, n_channels=4)).panel
    model = MMM(ModelSpec(draws=20, tune=20, chains=2))
    found = []
    for threads in (1, 2):
        with threadpool_limits(limits=threads, user_api="blas"):
            found.append(model.fit(panel, seed=3))
    np.testing.assert_array_equal(found[0].contribution, found[1].contribution)
    assert found[0].channels_table().equals(found[1].channels_table())


def test_too_few_draws_are_retried_and_never_healthy(small_market):
    fitted = MMM(replace(TINY, draws=20, tune=20)).fit(small_market.panel, seed=1)
    assert "ess_bulk" in fitted.options["retried_after"]
    assert fitted.options["draws"] == 40
    assert "sampled_twice" in {check.name for check in fitted.checks}
    assert not fitted.healthy


def test_chains_that_were_nearly_enough_get_company_of_half_their_length(small_market):
    spec = replace(TINY, draws=101, tune=60, chains=3)
    fitted = MMM(spec).fit(small_market.panel, seed=1)
    assert fitted.options["retried_after"]
    # Four chains of 51 draws a set: two of 101 draws each.
    assert fitted.options["chains"] in (5, 7, 9)
    assert fitted.diverging.shape == (fitted.options["chains"], 101)


def test_two_chains_end_to_end_keep_their_order():
    values = np.arange(4 * 3 * 2.0).reshape(4, 3, 2)
    flat = values[..., 0]
    sampled = Sampled(
        points=values, by_geo=values, shared=values, contribution=values, diverging=flat > 3, energy=flat, gradients=7
    )
    joined = end_to_end(sampled, 5)
    assert joined.energy.shape == (2, 5)
    assert joined.energy[1].tolist() == [12.0, 14.0, 16.0, 18.0, 20.0]
    assert joined.points[0, 4].tolist() == values[1, 1].tolist()
    assert joined.gradients == 7


def test_a_good_lift_test_sharpens_its_channel_and_moves_it_to_the_truth(small_fit, lifted_fit, small_market):
    channel, truth = small_fit.channels.index("video"), small_market.truth["roas"]["video"]
    before, after = small_fit.roas_draws[:, channel], lifted_fit.roas_draws[:, channel]
    assert after.std() < 0.87 * before.std()
    assert abs(np.median(after) - truth) < 0.8 * abs(np.median(before) - truth)
    predicted = lifted_fit.predicted_lifts()[:, 0]
    readout = lifted_fit.lifts.lifts[0]
    assert abs(predicted.mean() - readout.incremental_outcome.value) < 2 * readout.standard_error
    assert next(check for check in lifted_fit.checks if check.name == "lift_conflict").passed
    row = lifted_fit.channels_table().set_index("channel").loc["video"]
    assert row["roas_without_tests_lower"] < row["roas_without_tests"] < row["roas_without_tests_upper"]
    assert row["roas_without_tests"] == pytest.approx(np.median(before), abs=0.5 * before.std())
    assert "roas_without_tests" not in small_fit.channels_table()
    assert len(lifted_fit.plot.roas().data) == 1 + len(small_fit.plot.roas().data)


def test_a_wrong_lift_test_is_reported_as_a_conflict(small_fit, small_market, make_lift_of):
    from mmm.calibration import lift_design

    test = next(test for test in small_market.geo_tests if test["channel"] == "video")
    honest, wrong = make_lift_of(test, 0.1), make_lift_of(test, 0.1, shift=9.0)
    laid = lift_design(small_fit.design, [honest, wrong])
    p_honest, p_wrong = conflict(replace(small_fit, lifts=laid).predicted_lifts(), laid)
    assert p_honest > 0.05
    assert p_wrong < 0.01
    alone = lift_design(small_fit.design, [honest])
    assert conflict(replace(small_fit, lifts=alone).predicted_lifts(), alone)[0] > 0.05


def test_predictive_p_values_of_readouts_are_uniform_where_the_model_is_right():
    """Skewed predictions, one test at a time and beside another: a right readout is flagged as often as stated."""
    rng = np.random.default_rng(8)
    predicted = np.exp(rng.normal(0.0, 0.5, (4000, 2)) + rng.normal(0.0, 0.3, (4000, 1)))
    truth = np.exp(rng.normal(0.0, 0.5, (500, 2)) + rng.normal(0.0, 0.3, (500, 1)))
    found = []
    for lift in truth:
        value = lift + rng.normal(0.0, 0.3, 2)
        found.append(conflict(predicted, SimpleNamespace(value=value, error=np.full(2, 0.3))))
    p = np.array(found)
    for limit in (0.05, 0.1, 0.5):
        assert abs((p < limit).mean() - limit) < 4 * np.sqrt(limit * (1 - limit) / p.size)


def test_a_user_prior_pulls_where_data_are_silent():
    panel = simulate_market(1, market_spec(n_geos=1, n_weeks=60, n_channels=2)).panel
    spec = ModelSpec(lags=4, draws=60, tune=60, chains=2, priors={"search": Prior(mean=9.0, sd=0.3)})
    roas = MMM(spec).fit(panel, seed=1).roas()
    assert roas["search"].value == pytest.approx(9.0, rel=0.15)


@pytest.fixture(scope="module")
def rich_fit(make_lift):
    """Every part of the model at once, sampled too briefly to be healthy."""
    spec = ModelSpec(
        lags=4,
        knot_every=10,
        harmonics=1,
        draws=30,
        tune=40,
        chains=2,
        noise="student_t",
        channels={"search": ChannelModel(varying=True, adstock="none"), "social": ChannelModel(saturation="none")},
        priors={
            "search": Prior(mean=2.0, sd=0.5, kind="marginal_roas"),
            "newsletter": Prior(mean=0.02, sd=0.01, kind="share"),
        },
    )
    panel = rich_panel(2)
    return MMM(spec).fit(panel, lifts_of(make_lift, panel), seed=4)


def test_every_component_is_named_and_all_add_up(rich_fit):
    parts, fit = rich_fit.decomposition(), rich_fit.fit_table()
    assert set(parts["component"]) == {
        "baseline", "season", "holidays", "control:weather", "treatment:price", "organic:newsletter", "tv", "search",
        "social",
    }  # fmt: skip
    summed = parts.groupby(["geo", "date"], sort=False)["mean"].sum().to_numpy()
    np.testing.assert_allclose(summed, fit["mean"].to_numpy(), rtol=1e-9)


def test_contributions_are_those_of_the_decomposition(rich_fit):
    whole = rich_fit.decomposition().groupby("component")["mean"].sum()  # all draws: fewer than it thins to
    mean = rich_fit.contribution.reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(whole[["tv", "search", "social"]], mean, rtol=1e-9)
    assert rich_fit.organic.shape[2] == 1
    assert rich_fit.organic.mean() == pytest.approx(whole["organic:newsletter"], rel=1e-9)
    assert rich_fit.parameters["weight"].shape[2] == 2 * 40
    assert list(rich_fit.channels_table()["channel"]) == ["tv", "search", "social"]


def test_a_varying_effect_varies_and_the_others_do_not(rich_fit):
    course = rich_fit.draws.course
    assert course.shape[2] == 40
    assert (course[:, 1].std(axis=1) > 0).all()
    np.testing.assert_array_equal(course[:, [0, 2, 3]], 1.0)


def test_the_posterior_of_every_form_is_written(rich_fit, tmp_path):
    rich_fit.save(tmp_path / "posterior.nc")
    assert (tmp_path / "posterior.nc").stat().st_size > 0
