"""Adstock and saturation: known values, shape, and the compiled twins with their derivatives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmm import kernels
from mmm.channel_spec import ADSTOCKS, SATURATIONS
from mmm.compilation import with_entry
from mmm.plausibility import cut_off
from mmm.transforms import ADSTOCK_PARAMETERS, SATURATION_PARAMETERS, adstock_weights, apply_adstock, saturate

carry_back = with_entry(kernels.carry_back)
carry_into = with_entry(kernels.carry_into)
saturate_into = with_entry(kernels.saturate_into)
weight_slopes = with_entry(kernels.weight_slopes)
weights_with_slopes = with_entry(kernels.weights_with_slopes)
shares = st.floats(0.02, 0.95)
scales = st.floats(0.2, 6.0)


def test_geometric_weights_by_hand():
    weights = adstock_weights("geometric", np.array([0.5]), 3)
    np.testing.assert_allclose(weights, np.array([4, 2, 1]) / 7)


def test_delayed_weights_peak_at_the_peak():
    weights = adstock_weights("delayed", np.array([0.5, 2.0]), 6)
    assert weights.argmax() == 2
    np.testing.assert_allclose(weights[1], weights[3])


def test_weibull_of_shape_one_is_exponential():
    weights = adstock_weights("weibull", np.array([2.0, 1.0]), 8)
    np.testing.assert_allclose(weights[1:] / weights[:-1], np.exp(-0.5))


@given(first=shares, second=scales, kind=st.sampled_from(ADSTOCKS), lags=st.integers(1, 14))
def test_weights_are_a_distribution(first, second, kind, lags):
    weights = adstock_weights(kind, np.array([first, second]), lags)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1.0)


def test_adstock_keeps_a_steady_level_and_the_total():
    weights = adstock_weights("geometric", np.array([0.6]), 5)
    np.testing.assert_allclose(apply_adstock(np.full(12, 3.0), weights), 3.0)
    pulse = np.zeros(20)
    pulse[6] = 2.0
    carried = apply_adstock(pulse, weights)
    np.testing.assert_allclose(carried[2:7], 2.0 * weights)
    assert carried.sum() == pytest.approx(2.0)


CURVES = [kind for kind in SATURATIONS if kind != "none"]


def test_none_changes_nothing():
    media = np.array([0.0, 0.3, 7.0])
    np.testing.assert_array_equal(saturate("none", media, np.empty(0)), media)
    np.testing.assert_array_equal(adstock_weights("none", np.empty((2, 0)), 3), [[1, 0, 0], [1, 0, 0]])


@pytest.mark.parametrize("kind", CURVES)
def test_half_is_the_level_of_half_the_maximum(kind):
    parameters = np.array([1.7, 1.4])
    assert saturate(kind, np.array(1.7), parameters) == pytest.approx(0.5)
    assert saturate(kind, np.array(0.0), parameters) == 0.0
    assert saturate(kind, np.array(1e7), parameters) == pytest.approx(1.0, abs=1e-5)


@given(half=scales, slope=st.floats(0.5, 3.0), kind=st.sampled_from(CURVES))
def test_saturation_rises(half, slope, kind):
    values = saturate(kind, np.linspace(0.0, 5.0 * half, 200), np.array([half, slope]))
    assert (np.diff(values) >= 0).all()
    assert (values >= 0).all()
    assert (values <= 1).all()


def test_hill_by_hand():
    assert saturate("hill", np.array(3.0), np.array([2.0, 2.0])) == pytest.approx(9 / 13)
    assert saturate("michaelis_menten", np.array(3.0), np.array([2.0])) == pytest.approx(0.6)


def _natural(kind, first, second, lags):
    if kind == "weibull":
        return np.array([np.exp(first), np.exp(second)])
    sigmoid = 1 / (1 + np.exp(-np.array([first, second])))
    return sigmoid * np.array([1.0, lags - 1.0])


@pytest.mark.parametrize("kind", ADSTOCKS)
def test_compiled_adstock_is_the_same_with_true_slopes(kind):
    lags, first, second, step = 7, 0.3, -0.4, 1e-6
    out = np.full((3, lags), 9.0)
    weights_with_slopes(ADSTOCKS.index(kind), lags, first, second, out)

    def plain(one, two):
        return adstock_weights(kind, _natural(kind, one, two, lags)[: len(ADSTOCK_PARAMETERS[kind])], lags)

    np.testing.assert_allclose(out[0], plain(first, second), rtol=1e-12)
    by_first = (plain(first + step, second) - plain(first - step, second)) / (2 * step)
    np.testing.assert_allclose(out[1], by_first, atol=1e-8)
    if len(ADSTOCK_PARAMETERS[kind]) == 2:
        by_second = (plain(first, second + step) - plain(first, second - step)) / (2 * step)
        np.testing.assert_allclose(out[2], by_second, atol=1e-8)
    media, carried = np.random.default_rng(0).gamma(1.0, 1.0, 30), np.zeros(24)
    carry_into(media, out[0], lags, carried)
    np.testing.assert_allclose(carried, apply_adstock(media, out[0]), rtol=1e-12)


@pytest.mark.parametrize("kind", SATURATIONS)
def test_compiled_saturation_is_the_same_with_true_slopes(kind):
    half, slope, step = 0.4, 0.3, 1e-6
    media = np.array([0.0, 0.2, 1.0, 1.5, 6.0])
    out = np.zeros((4, 5))
    saturate_into(SATURATIONS.index(kind), half, slope, media, out)

    def plain(level, one, two):
        return saturate(kind, level, np.exp(np.array([one, two]))[: len(SATURATION_PARAMETERS[kind])])

    np.testing.assert_allclose(out[0], plain(media, half, slope), rtol=1e-12)
    by_half = (plain(media, half + step, slope) - plain(media, half - step, slope)) / (2 * step)
    np.testing.assert_allclose(out[2], by_half, atol=1e-8)
    by_media = (plain(media[1:] + step, half, slope) - plain(media[1:] - step, half, slope)) / (2 * step)
    np.testing.assert_allclose(out[1, 1:], by_media, atol=1e-8)
    if kind == "hill":
        by_slope = (plain(media, half, slope + step) - plain(media, half, slope - step)) / (2 * step)
        np.testing.assert_allclose(out[3], by_slope, atol=1e-8)


def test_carry_back_and_weight_slopes_are_the_chain_rule_of_carry_into():
    rng, lags = np.random.default_rng(1), 3
    media, weights, by_carried = rng.normal(size=16), rng.normal(size=5), rng.normal(size=12)
    carried, back, slopes = np.zeros(12), np.full(16, 9.0), np.ones(5)
    carry_into(media, weights, lags, carried)
    carry_back(by_carried, weights, lags, back)
    weight_slopes(media, by_carried, lags, slopes)
    assert media @ back == pytest.approx(by_carried @ carried)
    assert weights[:lags] @ (slopes - 1.0)[:lags] == pytest.approx(by_carried @ carried)
    np.testing.assert_array_equal(slopes[lags:], 1.0)  # lags beyond this channel's own


def test_what_comes_after_the_window_is_what_geometric_weights_leave_out():
    retention = np.array([0.2, 0.8, 0.95])
    weights = adstock_weights("geometric", retention[:, None], 10)
    np.testing.assert_allclose(cut_off(weights), retention**10, rtol=1e-9)
    np.testing.assert_array_equal(cut_off(np.array([[1.0], [1.0]])), 0.0)  # a window of one says nothing of later
    assert cut_off(np.array([0.2, 0.3, 0.5])) == 1.0  # still rising at its end


def test_delays_end_within_the_window_and_by_nine_periods():
    out = np.empty((3, 20))
    weights_with_slopes(ADSTOCKS.index("delayed"), 20, 0.0, 40.0, out)
    assert out[0].argmax() == 9
    weights_with_slopes(ADSTOCKS.index("delayed"), 20, 0.3, -0.4, out)
    peak = 9.0 / (1.0 + np.exp(0.4))
    np.testing.assert_allclose(out[0], adstock_weights("delayed", np.array([1 / (1 + np.exp(-0.3)), peak]), 20))
