"""Dates of people: one format a column, order of day and month from all of it."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from measurement.readers.dates import AMBIGUOUS, Dates, parse_dates

FORMATS = {
    "yyyy-mm-dd": "%Y-%m-%d",
    "dd.mm.yyyy": "%d.%m.%Y",
    "yyyy/mm/dd": "%Y/%m/%d",
    "dd/mm/yyyy": "%d/%m/%Y",
    "mm/dd/yyyy": "%m/%d/%Y",
    "yyyymmdd": "%Y%m%d",
    "ISO week": "%G-W%V",
    "week/year": "KW %V/%G",
}


def parse(*cells: str) -> Dates:
    return parse_dates(pd.Series(list(cells), dtype="str"))


def days(parsed: Dates) -> list[str]:
    return [str(day) for day in parsed.values.astype("datetime64[D]")]


@given(
    start=st.dates(dt.date(2001, 1, 1), dt.date(2060, 1, 1)),
    weeks=st.integers(8, 120),
    style=st.sampled_from(sorted(FORMATS)),
)
def test_weekly_series_are_read_back_in_every_format(start: dt.date, weeks: int, style: str) -> None:
    monday = start - dt.timedelta(days=start.weekday())
    series = [monday + dt.timedelta(weeks=index) for index in range(weeks)]
    parsed = parse(*(day.strftime(FORMATS[style]) for day in series))
    assert not parsed.faults
    assert parsed.style == style
    assert days(parsed) == [day.isoformat() for day in series]


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("2026-11-16T00:00:00Z", "2026-11-16"),
        ("2026-11-16 00:00:00", "2026-11-16"),
        ("16.11.26", "2026-11-16"),
        ("6.1.2026", "2026-01-06"),
        ("2026W47", "2026-11-16"),
        ("2026-KW47", "2026-11-16"),
        ("KW47 2026", "2026-11-16"),
        ("16 Nov 2026", "2026-11-16"),
        ("16. März 2026", "2026-03-16"),
        ("16-Mai-26", "2026-05-16"),
        ("Nov 16, 2026", "2026-11-16"),
        ("2020-W53", "2020-12-28"),
    ],
)
def test_single_formats(cell: str, day: str) -> None:
    assert days(parse(cell)) == [day]


def test_the_order_of_day_and_month_comes_from_the_whole_column() -> None:
    assert days(parse("01/02/2026", "08/02/2026", "15/02/2026"))[0] == "2026-02-01"
    assert days(parse("01/02/2026", "01/09/2026", "01/16/2026"))[0] == "2026-01-02"


def test_even_steps_settle_the_order() -> None:
    parsed = parse("05/01/2026", "12/01/2026")  # a week apart as dd/mm, seven months as mm/dd
    assert parsed.style == "dd/mm/yyyy"


def test_what_cannot_be_told_apart_is_refused() -> None:
    parsed = parse("01/02/2026", "03/04/2026", "05/06/2026")
    assert parsed.faults[AMBIGUOUS].all()
    assert np.isnat(parsed.values).all()


@pytest.mark.parametrize(
    ("cell", "part"),
    [
        ("", "missing"),
        ("yesterday", "not a date"),
        ("2026-02-30", "does not exist"),
        ("2026-13-01", "does not exist"),
        ("16.03.2026", "another format"),
        ("46097", "day number"),
        ("Total", "total"),
        ("########", "error of the spreadsheet"),
    ],
)
def test_every_fault_has_its_reason(cell: str, part: str) -> None:
    parsed = parse("2026-03-02", "2026-03-09", cell)
    ((message, remedy), where) = next(iter(parsed.faults.items()))
    assert part in message
    assert remedy
    assert where.tolist() == [False, False, True]
    assert np.isnat(parsed.values).tolist() == [False, False, True]


def test_week_53_of_a_short_year_does_not_exist() -> None:
    parsed = parse("2025-W01", "2025-W53")
    assert np.isnat(parsed.values).tolist() == [False, True]


@given(cell=st.text(max_size=14))
def test_any_text_is_either_a_date_or_a_fault(cell: str) -> None:
    parsed = parse(cell)
    blamed = any(mask[0] for mask in parsed.faults.values())
    assert np.isnat(parsed.values[0]) == blamed
