"""Money to the cent, weeks, and the rules of the recommendation."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decisions.amounts import by_day, to_cents, total_of
from decisions.weeks import following, parse_week, week_name
from measurement.errors import InputError

MONEY = st.floats(min_value=0, max_value=1e9, allow_nan=False)


@given(st.dictionaries(st.text(min_size=1, max_size=5), MONEY, min_size=1, max_size=12))
def test_cents_keep_the_total_and_stay_within_a_cent(amounts):
    rounded = to_cents(amounts)
    cents = [value * 100 for value in rounded.values()]
    assert sum(round(value) for value in cents) == pytest.approx(
        sum(amounts.values()) * 100, abs=0.51 + 1e-5 * len(cents)
    )
    assert all(abs(rounded[name] - amounts[name]) < 0.01 + 1e-6 for name in amounts)
    assert all(value >= 0 for value in rounded.values())


@given(st.integers(0, 10**9), st.integers(1, 10))
def test_cents_of_shares_add_up_to_a_given_total(total_cents, parts):
    total = total_cents / 100
    rng = np.random.default_rng(parts)
    shares = rng.dirichlet(np.ones(parts)) * total
    rounded = to_cents({str(number): float(share) for number, share in enumerate(shares)}, total)
    assert sum(round(value * 100) for value in rounded.values()) == total_cents


def test_dust_of_a_solver_does_not_cost_a_cent():
    assert to_cents({"a": 79999.99999999999, "b": 20000.00000000001}) == {"a": 80000.0, "b": 20000.0}


@given(st.integers(0, 10**10), st.integers(1, 31))
def test_days_add_up_to_the_week(cents, days):
    parts = by_day(cents / 100, days)
    assert sum(round(part * 100) for part in parts) == cents
    assert max(parts) - min(parts) < 0.0101
    assert total_of(parts) == pytest.approx(cents / 100)


@given(st.dates(min_value=date(1990, 1, 1), max_value=date(2200, 1, 1)))
def test_a_week_is_read_as_it_is_written(day):
    monday = parse_week(week_name(day))
    assert monday.weekday() == 0
    assert timedelta(0) <= day - monday < timedelta(days=7)


def test_weeks_follow_each_other_over_the_year():
    assert following("2026-W52", 3) == ("2026-W52", "2026-W53", "2027-W01")


@pytest.mark.parametrize("text", ["2026-W00", "2025-W53", "2026-48", "W48", ""])
def test_what_is_no_week_is_refused(text):
    with pytest.raises(InputError, match="ISO week"):
        parse_week(text)
