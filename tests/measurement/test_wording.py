"""German and English: messages, amounts, shares and dates."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from measurement.wording import Wording, read_catalogue


def wording(locale: str, currency: str = "EUR") -> Wording:
    return Wording(locale=locale, currency=currency, messages={"hold": "{channel}: hold"})


def plain(text: str) -> str:
    return text.replace("\u00a0", " ").replace("\u202f", " ")


@pytest.mark.parametrize(
    ("locale", "amount", "signed", "share", "day"),
    [
        ("de_DE", "12.346 €", "+12.346 €", "12,5 %", "23.11.2026"),
        ("en_GB", "€12,346", "+€12,346", "12.5%", "23 Nov 2026"),
        ("en_US", "€12,346", "+€12,346", "12.5%", "Nov 23, 2026"),
    ],
)
def test_numbers_of_a_locale(locale: str, amount: str, signed: str, share: str, day: str) -> None:
    words = wording(locale)
    assert plain(words.money(12345.6)) == amount
    assert plain(words.money(12345.6, signed=True)) == signed
    assert plain(words.percent(0.125, digits=1)) == share
    assert plain(words.date(dt.date(2026, 11, 23))) == day


def test_a_zero_has_no_sign() -> None:
    words = wording("en_GB")
    assert words.money(0.4, signed=True) == "€0"
    assert words.number(0.001, signed=True) == "0.00"
    assert words.percent(0.0004, signed=True) == "0%"
    assert words.money(-5.0, signed=True) == "-€5"


def test_language_falls_back_to_english() -> None:
    assert [wording(locale).language for locale in ("de_AT", "en_US", "fr_FR")] == ["de", "en", "en"]


def test_messages_take_named_facts() -> None:
    assert wording("en_GB").text("hold", channel="tv") == "tv: hold"
    with pytest.raises(KeyError):
        wording("en_GB").text("absent")


def test_catalogues_are_flattened(tmp_path: Path) -> None:
    file = tmp_path / "de.toml"
    file.write_text('[rule.scale]\ntitle = "Mehr für {channel}"\n[rule]\nnote = "Ü"\n', encoding="utf-8")
    assert read_catalogue(file) == {"rule.scale.title": "Mehr für {channel}", "rule.note": "Ü"}
