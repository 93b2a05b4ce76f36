"""Numbers of people: both decimal signs, thousands, currencies; doubt is told, never guessed away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from measurement.readers.numerals import FAULTS, Fault, Style, decide_style, parse_numbers


def column(*cells: str) -> pd.Series:
    return pd.Series(list(cells), dtype="str")


def grouped(value: float, style: Style, digits: int, *, thousands: bool) -> str:
    text = f"{value:,.{digits}f}" if thousands else f"{value:.{digits}f}"
    return text if style == "point" else text.translate(str.maketrans(",.", ".,"))


@given(
    values=st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=2), min_size=1, max_size=20),
    style=st.sampled_from(["point", "comma"]),
    thousands=st.booleans(),
    delimiter=st.sampled_from([";", ",", "\t"]),
)
def test_two_decimals_are_read_back_in_either_style(values, style, thousands, delimiter) -> None:
    cells = column(*(grouped(value, style, 2, thousands=thousands) for value in values))
    assert decide_style([cells], delimiter).style == style
    parsed = parse_numbers(cells, style)
    assert not parsed.faults.any()
    np.testing.assert_allclose(parsed.values, [float(value) for value in values])


@given(values=st.lists(st.integers(min_value=0, max_value=10**7), min_size=1), delimiter=st.sampled_from(";,\t"))
def test_whole_numbers_need_no_style(values: list[int], delimiter: str) -> None:
    cells = column(*map(str, values))
    style = decide_style([cells], delimiter).style
    assert style is not None
    assert parse_numbers(cells, style).values.tolist() == values


@pytest.mark.parametrize(
    ("cells", "delimiter", "style"),
    [
        (["1.234", "950", "87"], ";", "comma"),  # thousands: nothing above 999 stands unseparated
        (["1.234", "950", "87"], "\t", "comma"),
        (["1.234", "12345"], ",", "point"),  # 12345 shows that the column has no thousands separators
        (["1.234", "12345"], "\t", "point"),
        (["1,234", "12345"], ";", "comma"),
        (["1,234", "950"], ",", "point"),
        (["1.234", "1.500"], ";", "comma"),  # only the delimiter hints
        (["1.234", "1.500"], ",", "point"),
        (["1.234", "12345"], ";", None),  # hints against each other
        (["1.234", "950"], ",", None),
        (["1.234", "1.500"], "\t", None),
        (["0.998", "1.023"], ";", "point"),
        (["1.234.567"], ",", "comma"),
        (["1,234,567"], ";", "point"),
        (["12,5 €", "1.234"], ";", "comma"),
        (["1e3", "5"], ";", "point"),
    ],
)
def test_style_of_a_file(cells: list[str], delimiter: str, style: str | None) -> None:
    assert decide_style([column(*cells)], delimiter).style == style


def test_one_clear_column_decides_for_the_doubtful_ones() -> None:
    doubtful, clear = column("1.234", "2.500"), column("0,5", "0,75")
    assert decide_style([doubtful, clear], ",").style == "comma"
    assert parse_numbers(doubtful, "comma").values.tolist() == [1234.0, 2500.0]


def test_the_cell_in_doubt_is_shown() -> None:
    verdict = decide_style([column("5", "7"), column("12", "1.234", "12345")], ";")
    assert verdict.style is None
    assert verdict.example == (1, 1)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1.234,50 €", 1234.5),
        ("€ 1.234,50", 1234.5),
        ("EUR1.234,50", 1234.5),
        ("1 234,5", 1234.5),
        ("1\u00a0234,5", 1234.5),
        ("1\u202f234,5", 1234.5),
        ("1'234,5", 1234.5),
        ("−7,5", -7.5),
        ("(7,50)", -7.5),
        ("7,5-", -7.5),
        ("+7,5", 7.5),
        ("12,5 %", 0.125),
        ("1,5e3", 1500.0),
        ("  8 ", 8.0),
    ],
)
def test_dressed_numbers(cell: str, value: float) -> None:
    parsed = parse_numbers(column(cell), "comma")
    assert parsed.faults.tolist() == [Fault.NONE]
    assert parsed.values[0] == pytest.approx(value)


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("", Fault.MISSING),
        ("N/A", Fault.MISSING),
        ("-", Fault.MISSING),
        ("#REF!", Fault.EXCEL_ERROR),
        ("#DIV/0!", Fault.EXCEL_ERROR),
        ("####", Fault.EXCEL_ERROR),
        ("inf", Fault.INFINITE),
        ("1e999", Fault.INFINITE),
        ("approx. 5", Fault.TEXT),
        ("5 pieces", Fault.TEXT),
        ("12.5.2026", Fault.DATE),
        ("2026-05-12", Fault.DATE),
        ("1.234,5", Fault.OTHER_STYLE),
        ("12,34", Fault.OTHER_STYLE),
        ("1,2,3", Fault.OTHER_STYLE),
    ],
)
def test_reason_of_every_cell_that_is_no_number(cell: str, fault: Fault) -> None:
    parsed = parse_numbers(column(cell, "1.5"), "point")
    assert Fault(int(parsed.faults[0])) is fault
    assert np.isnan(parsed.values[0])
    assert fault in FAULTS


def test_a_separator_in_a_column_without_them_is_a_question() -> None:
    parsed = parse_numbers(column("12345", "1,234", "1,234.5"), "point")
    assert parsed.faults.tolist() == [Fault.NONE, Fault.UNCLEAR_GROUP, Fault.NONE]


def test_currencies_are_remembered_by_row() -> None:
    parsed = parse_numbers(column("5", "$5", "5 CHF", "5,00 zł"), "comma")
    assert parsed.currencies == {1: "USD", 2: "CHF", 3: "PLN"}


@given(cell=st.text(max_size=12), style=st.sampled_from(["point", "comma"]))
def test_no_cell_is_both_a_number_and_a_fault(cell: str, style: Style) -> None:
    parsed = parse_numbers(column(cell), style)
    assert np.isnan(parsed.values[0]) == (parsed.faults[0] != Fault.NONE)
    decide_style([column(cell)], ";")
