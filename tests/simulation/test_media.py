"""Carry-over, saturation, calendar: against their formulas."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.demand import promotion_depth
from simulation.germany import easter_sunday, holidays_in_week, public_holidays
from simulation.media import carry_over, lag_weights, saturate

KINDS = ("geometric", "delayed", "weibull")
FORMS = ("hill", "logistic", "michaelis_menten", "tanh")


@pytest.mark.parametrize("kind", KINDS)
@given(decay=st.floats(0.02, 0.8), level=st.floats(0.0, 100.0))
@settings(max_examples=20, deadline=None)
def test_steady_spend_passes_unchanged(kind, decay, level):
    steady = carry_over(np.full((2, 120), level), decay, kind)
    np.testing.assert_allclose(steady[:, -1], level, rtol=1e-6, atol=1e-9)
    assert (steady >= 0).all()


def test_geometric_matches_the_recursion():
    media = np.random.default_rng(1).gamma(1.0, 1.0, 30)
    expected, before = [], 0.0
    for value in media:
        before = 0.7 * value + 0.3 * before
        expected.append(before)
    np.testing.assert_allclose(carry_over(media, 0.3), expected)


@pytest.mark.parametrize("kind", ["delayed", "weibull"])
def test_other_forms_match_a_plain_convolution(kind):
    media = np.random.default_rng(2).gamma(1.0, 1.0, 40)
    expected = np.convolve(media, lag_weights(0.4, kind))[:40]
    np.testing.assert_allclose(carry_over(media, 0.4, kind), expected, atol=1e-12)


def test_delayed_carry_over_peaks_after_a_week():
    assert int(np.argmax(lag_weights(0.5, "delayed"))) == 1


@pytest.mark.parametrize("kind", FORMS)
def test_saturation_is_half_at_half_and_rises_to_one(kind):
    grid = np.linspace(0.0, 50.0, 200)
    curve = saturate(grid, 2.0, 1.4, kind)
    assert saturate(np.array([2.0]), 2.0, 1.4, kind)[0] == pytest.approx(0.5)
    assert curve[0] == 0.0
    assert (np.diff(curve[curve < 1.0 - 1e-12]) > 0).all()
    assert 0.9 < curve[-1] <= 1.0


def test_easter_of_known_years():
    known = {2000: (4, 23), 2019: (4, 21), 2024: (3, 31), 2025: (4, 20), 2026: (4, 5), 2038: (4, 25)}
    assert {year: (easter_sunday(year).month, easter_sunday(year).day) for year in known} == known


def test_holidays_of_2026():
    assert public_holidays(2026) == tuple(
        dt.date(2026, month, day)
        for month, day in ((1, 1), (4, 3), (4, 6), (5, 1), (5, 14), (5, 25), (10, 3), (12, 25), (12, 26))
    )
    weeks = holidays_in_week(pd.date_range("2025-12-22", periods=3, freq="7D"))
    assert weeks.tolist() == [2.0, 1.0, 0.0]


def test_black_week_has_the_deepest_discount():
    mondays = pd.date_range("2023-01-02", periods=205, freq="7D")
    depth = pd.Series(promotion_depth(mondays, np.random.default_rng(1)), index=mondays)
    found = depth.index[depth == 0.24].strftime("%Y-%m-%d").tolist()
    assert found == ["2023-11-20", "2024-11-25", "2025-11-24", "2026-11-23"]
    assert depth.max() == 0.24
