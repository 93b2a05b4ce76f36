"""The specification, and what the design refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from measurement.errors import InputError
from measurement.panel import Panel
from measurement.settings import MmmSection
from mmm.baseline import holiday_columns, random_walk_basis
from mmm.design import build_design, log_normal, with_history
from mmm.spec import ModelSpec, Prior


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
        {"adstock": "weibull", "draws": 60, "priors": {"tv": {"roas": {"mean": 2.0, "sd": 0.8}}}}
    )
    spec = ModelSpec.from_settings(section, holidays="DE")
    assert (spec.adstock, spec.draws, spec.holidays) == ("weibull", 60, "DE")
    assert spec.roas_priors == {"tv": Prior(mean=2.0, sd=0.8)}
    assert ModelSpec.from_json(spec.to_json()) == spec


def test_settings_and_spec_have_the_same_defaults():
    section, spec = MmmSection(), ModelSpec()
    assert (section.draws, section.tune, section.chains) == (spec.draws, spec.tune, spec.chains)


@pytest.mark.parametrize(
    "wrong", [{"adstock": "box"}, {"saturation": "root"}, {"lags": 0}, {"media_share": 1.5}, {"chains": 1}]
)
def test_spec_refuses(wrong):
    with pytest.raises(InputError, match=f"mmm.{next(iter(wrong))}"):
        ModelSpec(**wrong)


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
    for name in ("outcome", "media", "roas_log_mean"):
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
        build_design(_panel(), ModelSpec(roas_priors={"radio": Prior(mean=1.0, sd=1.0)}))


def test_constant_columns_are_left_out_and_named():
    panel = _panel(control=np.ones((2, 40, 1)), controls=["price"])
    design = build_design(panel, ModelSpec())
    assert design.shared.dropped == ("control:price",)
    assert np.isfinite(design.shared.values).all()
