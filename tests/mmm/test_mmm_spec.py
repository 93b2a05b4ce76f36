"""The specification, and what the design refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from measurement.panel import Panel
from measurement.settings import MmmSection
from mmm.baseline import holiday_columns, random_walk_basis
from mmm.channel_spec import ChannelModel, Prior
from mmm.design import build_design, with_history
from mmm.effect_priors import log_normal
from mmm.parameters import parameters
from mmm.spec import ModelSpec
from tests.mmm.rich_panel import rich_panel


def _panel(periods=40, geos=2, **changes):
    rng = np.random.default_rng(1)
    spend = rng.gamma(2.0, 50.0, (geos, periods, 2))
    values = {
        "outcome": 1000.0 + spend.sum(axis=2) + rng.normal(0, 10, (geos, periods)),
        "dates": pd.date_range("2025-01-06", periods=periods, freq="7D"),
        "geos": [f"g{index}" for index in range(geos)],
        "spend": spend,
        "channels": ["tv", "search"],
        **changes,
    }
    return Panel.from_arrays(**values)


def test_spec_reads_settings_and_goes_through_json():
    section = MmmSection.model_validate(
        {
            "adstock": "weibull",
            "draws": 60,
            "noise": "student_t",
            "lift_ageing": 1.3,
            "priors": {"tv": {"roas": {"mean": 2.0, "sd": 0.8}}, "newsletter": {"share": {"mean": 0.02, "sd": 0.01}}},
            "channels": {
                "tv": {"lags": 13, "varying": True, "group": "brand"},
                "radio": {"adstock": "none", "order": "saturation_first", "group": "brand"},
            },
        }
    )
    spec = ModelSpec.from_settings(section)
    assert (spec.adstock, spec.draws, spec.noise, spec.lift_ageing) == ("weibull", 60, "student_t", 1.3)
    assert spec.priors["tv"] == Prior(mean=2.0, sd=0.8)
    assert spec.priors["newsletter"] == Prior(mean=0.02, sd=0.01, kind="share")
    assert spec.channel("tv") == ChannelModel(
        adstock="weibull", saturation="hill", order="adstock_first", lags=13, varying=True, group="brand"
    )
    assert (spec.channel("radio").adstock, spec.channel("radio").lags) == ("none", spec.lags)
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_what_settings_leave_out_takes_the_default():
    spec = ModelSpec.from_settings(MmmSection())
    assert spec == ModelSpec()


@pytest.mark.parametrize("kind", ["roas", "marginal_roas", "share", "coefficient"])
def test_settings_know_every_kind_of_prior(kind):
    section = MmmSection.model_validate({"priors": {"tv": {kind: {"mean": 0.5, "sd": 0.2}}}})
    assert ModelSpec.from_settings(section).priors["tv"] == Prior(mean=0.5, sd=0.2, kind=kind)


@pytest.mark.parametrize(
    "wrong",
    [
        {"adstock": "box"},
        {"saturation": "root"},
        {"lags": 0},
        {"media_share": 1.5},
        {"chains": 1},
        {"noise": "cauchy"},
        {"baseline": "spline"},
        {"group_correlation": 1.0},
        {"lift_ageing": 0.9},
        {"order": "both"},
    ],
)
def test_spec_refuses(wrong):
    with pytest.raises(InputError, match=f"mmm.{next(iter(wrong))}"):
        ModelSpec(**wrong)


@pytest.mark.parametrize("wrong", [{"adstock": "box"}, {"saturation": "root"}, {"order": "both"}, {"lags": 0}])
def test_a_channels_form_is_refused_by_name(wrong):
    with pytest.raises(InputError, match=f"mmm.channels.{next(iter(wrong))}"):
        ChannelModel(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"mean": 0.0, "sd": 1.0}, {"mean": 1.0, "sd": -1.0}, {"mean": 1, "sd": 1, "kind": "roi"}]
)
def test_a_prior_is_refused(wrong):
    with pytest.raises(InputError, match=r"mmm\.priors"):
        Prior(**wrong)


def test_log_normal_has_the_asked_moments():
    centre, spread = log_normal(Prior(mean=2.0, sd=0.8))
    assert np.exp(centre + spread**2 / 2) == pytest.approx(2.0)
    assert np.sqrt(np.expm1(spread**2)) * 2.0 == pytest.approx(0.8)


def test_scaling_does_not_depend_on_currency_or_order():
    panel = _panel()
    design = build_design(panel, ModelSpec())
    dear = build_design(
        _panel(outcome=panel.outcome_value * 7.0, spend=panel.data["spend"].to_numpy() * 7.0), ModelSpec()
    )
    for name in ("outcome", "media", "effect_log_mean"):
        np.testing.assert_allclose(getattr(design, name), getattr(dear, name), rtol=1e-12)
    assert design.outcome.mean(axis=1) == pytest.approx([1.0, 1.0])


def test_history_is_the_mean_of_the_first_periods():
    np.testing.assert_allclose(with_history(np.array([1.0, 3.0, 8.0, 9.0]), 3), [4, 4, 1, 3, 8, 9])


def test_random_walk_basis_is_centred_and_reaches_the_steps():
    basis = random_walk_basis(60, 6)
    np.testing.assert_allclose(basis.mean(axis=0), 0.0, atol=1e-12)
    level = basis @ np.eye(basis.shape[1])[4]
    assert level[-1] - level[0] == pytest.approx(1.0, abs=1e-6)


def test_holidays_fall_into_their_week():
    dates = pd.date_range("2025-12-15", periods=3, freq="7D")
    columns = dict(holiday_columns(dates, "DE", 7))
    assert len(columns) == 3  # two days of Christmas in one week, New Year in the next
    assert sum(int(column.argmax() == 1) for column in columns.values()) == 2
    with pytest.raises(InputError, match=r"panel\.holidays"):
        holiday_columns(dates, "XX", 7)


def _never_spent(panel):
    spend = panel.data["spend"].to_numpy().copy()
    spend[:, :, 1] = 0.0
    return _panel(spend=spend)


@pytest.mark.parametrize(
    ("make", "place"),
    [
        (lambda: _never_spent(_panel()), "search"),
        (lambda: _panel(periods=10), "at least 20 periods"),
        (lambda: _panel(outcome=np.zeros((2, 40))), "g0"),
        (lambda: _panel(spend=None, channels=()), "no paid channels"),
    ],
)
def test_hopeless_panels_are_refused_with_their_place(make, place):
    with pytest.raises(InputError, match=place):
        build_design(make(), ModelSpec())


def test_priors_for_unknown_channels_are_refused():
    with pytest.raises(InputError, match="radio"):
        build_design(_panel(), ModelSpec(priors={"radio": Prior(mean=1.0, sd=1.0)}))


def test_constant_columns_are_left_out_and_named():
    panel = _panel(control=np.ones((2, 40, 1)), controls=["price"])
    design = build_design(panel, ModelSpec())
    assert design.shared.dropped == ("control:price",)
    assert np.isfinite(design.shared.values).all()


def test_named_holidays_of_the_panel_come_before_those_of_the_specification():
    design = build_design(rich_panel(2), ModelSpec(holidays="DE"))
    found = dict(zip(design.shared.names, design.shared.values[0].T, strict=True))
    assert [name for name in found if name.startswith("holiday:")] == ["holiday:Easter", "holiday:Labour Day"]
    assert found["holiday:Easter"].argmax() == 5
    assert build_design(_panel(), ModelSpec(holidays="DE")).shared.component.count("holidays") > 5


def test_treatments_count_from_their_reference():
    panel = rich_panel(2)
    design = build_design(panel, ModelSpec())
    column = design.shared.values[:, :, design.shared.names.index("treatment:price")]
    away = panel.data["treatment"].to_numpy()[..., 0] - 20.0
    np.testing.assert_allclose(column / column[0, 0], away / away[0, 0])
    assert design.shared.component[design.shared.names.index("treatment:price")] == "treatment:price"


def test_channels_with_reach_enter_by_frequency_and_reach():
    panel = rich_panel(2)
    design = build_design(panel, ModelSpec(lags=4))
    for values, unit, name in (
        (design.media, design.media_unit, "frequency"),
        (design.reach, design.reach_unit, "reach"),
    ):
        np.testing.assert_allclose(values[:, 0, 3:] * unit[:, 0, None], panel.data[name].to_numpy()[..., 0])
    np.testing.assert_array_equal(design.reach[:, 1:], 1.0)
    assert design.media_names == ("tv", "search", "social", "newsletter")


@pytest.mark.parametrize("kind", ["roas", "marginal_roas"])
def test_organic_media_have_no_return_on_spend(kind):
    with pytest.raises(InputError, match=r"mmm\.priors\.newsletter"):
        build_design(rich_panel(2), ModelSpec(priors={"newsletter": Prior(mean=1.0, sd=1.0, kind=kind)}))


def test_a_form_for_a_channel_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="radio"):
        build_design(_panel(), ModelSpec(channels={"radio": ChannelModel(lags=2)}))


def test_lags_of_channels_reach_no_further_than_their_own():
    spec = ModelSpec(lags=4, channels={"tv": ChannelModel(lags=9), "search": ChannelModel(adstock="none")})
    assert build_design(rich_panel(2), spec).lags == 9


def test_effects_of_a_group_are_correlated_and_all_have_the_prior_that_was_asked():
    spec = ModelSpec(
        group_correlation=0.7,
        channels={name: ChannelModel(group="online") for name in ("search", "social")},
        priors={"search": Prior(mean=3.0, sd=1.5), "tv": Prior(mean=2.0, sd=0.5)},
    )
    design = build_design(rich_panel(2), spec)
    layout = parameters(design, spec)
    points = np.random.default_rng(1).standard_normal((20000, len(layout.centre)))
    effect = layout.natural(points)["effect"]
    correlation = np.corrcoef(np.log(effect).T)
    expected = np.eye(4)
    expected[1, 2] = expected[2, 1] = 0.7
    np.testing.assert_allclose(correlation, expected, atol=0.03)
    np.testing.assert_allclose(effect[:, :2].mean(axis=0), [2.0, 3.0], rtol=0.03)
    np.testing.assert_allclose(effect[:, :2].std(axis=0), [0.5, 1.5], rtol=0.06)


def test_default_priors_of_paid_channels_share_the_outcome_that_media_are_thought_to_bring():
    panel = _panel()
    design = build_design(panel, ModelSpec(media_share=0.4))
    assert (np.exp(design.effect_log_mean) * design.spend).sum() == pytest.approx(0.4 * panel.outcome_value.sum())


@pytest.mark.parametrize("known", [True, False])
def test_geos_without_population_are_as_large_as_their_strong_weeks(known):
    rng = np.random.default_rng(3)
    spend = rng.gamma(4.0, 25.0, (3, 60, 1))
    spend[1:] = spend[0] * np.array([1.0, 5.0])[:, None, None]
    spend[2, 20:22] *= 4.0  # a short test with more
    spend[1] = 0.0  # nothing ran here
    panel = Panel.from_arrays(
        outcome=rng.gamma(9.0, 100.0, (3, 60)),
        dates=pd.date_range("2024-01-01", periods=60, freq="7D"),
        geos=("a", "b", "c"),
        spend=spend,
        channels=("tv",),
        population=np.array([1.0, 1.0, 2.0]) if known else None,
    )
    media = build_design(panel, ModelSpec(lags=1)).media[:, 0]
    usual = np.r_[0:20, 22:60]
    np.testing.assert_allclose(media[2, usual], media[0, usual] * (2.5 if known else 1.0), rtol=0.2)
    np.testing.assert_allclose(media[2, 20:22], 4.0 * media[0, 20:22] * (2.5 if known else 1.0), rtol=0.2)
    assert not media[1].any()
