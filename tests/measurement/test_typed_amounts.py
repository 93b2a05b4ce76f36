"""Amounts that people type: read in the page's separators, or refused with an example."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measurement.errors import InputError
from measurement.typed_amounts import read_amount
from measurement.wording import Wording

LOCALES = ("de_DE", "en_GB", "de_CH", "fr_FR")


def _words(locale: str) -> Wording:
    return Wording(locale=locale, currency="EUR", messages={})


@pytest.mark.parametrize("locale", LOCALES)
@given(cents=st.integers(min_value=0, max_value=10**13))
def test_what_the_page_writes_is_read_again(locale: str, cents: int) -> None:
    words = _words(locale)
    assert read_amount(words.number(cents / 100), words) == cents / 100
    assert read_amount(words.money(cents / 100, digits=2), words) == cents / 100


@pytest.mark.parametrize(
    ("locale", "text", "found"),
    [
        ("de_DE", "5000", 5000.0),
        ("de_DE", "1.234", 1234.0),
        ("de_DE", " 1 234,5 EUR", 1234.5),
        ("de_DE", "€ 12,30", 12.3),
        ("en_GB", "1,234", 1234.0),
        ("en_GB", "1'234.05", 1234.05),
    ],
)
def test_amounts_as_people_write_them(locale: str, text: str, found: float) -> None:
    assert read_amount(text, _words(locale)) == found


@pytest.mark.parametrize(
    "text", ["", "€", "abc", "-5", "1e5", "12.5", "1.23.456", "1,234", "1,,2", "٣", "9" * 50, "1/2"]
)
def test_what_is_no_amount_in_german_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match=r"1\.234,50"):
        read_amount(text, _words("de_DE"))


@pytest.mark.parametrize("text", ["12,5", "1.234", "1.234,50"])
def test_a_german_amount_is_not_misread_in_english(text: str) -> None:
    with pytest.raises(InputError, match=r"1,234\.50"):
        read_amount(text, _words("en_GB"))
