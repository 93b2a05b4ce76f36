"""Words and numbers for people: message catalogues (TOML, one a language) and Babel's number and date formats."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from types import MappingProxyType

from babel import Locale
from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

LANGUAGES = ("en", "de")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """Messages of one room in one language, with number formats of one locale.

    Attributes
    ----------
    locale
        E.g. ``"de_DE"``.
    currency
        ISO code used by `money`.
    messages
        Dotted key → text with ``{named}`` fields.

    Examples
    --------
    >>> Wording(locale="de_DE", currency="EUR", messages={}).number(1234.5, digits=1)
    '1.234,5'
    """

    locale: str
    currency: str
    messages: Mapping[str, str]

    @property
    def language(self) -> str:
        """``"de"`` or ``"en"``: other languages read English."""
        spoken = Locale.parse(self.locale).language
        return spoken if spoken in LANGUAGES else "en"

    def text(self, key: str, **facts: object) -> str:
        """The message ``key`` with its fields filled in.

        Raises
        ------
        KeyError
            For a key no catalogue has (a bug: tests compare the catalogues).
        """
        return self.messages[key].format(**facts)

    def money(self, value: float, *, digits: int = 0, signed: bool = False) -> str:
        """An amount with its currency, ``12.300 €``."""
        pattern = Locale.parse(self.locale).currency_formats["standard"].pattern
        whole = pattern.replace("0.00", "0" + ("." + "0" * digits if digits else ""))
        text = str(format_currency(value, self.currency, whole, locale=self.locale, currency_digits=False))
        return f"+{text}" if signed and round(value, digits) > 0 else text

    def number(self, value: float, *, digits: int = 2, signed: bool = False) -> str:
        """A plain number with ``digits`` decimals."""
        text = str(format_decimal(value, "#,##0" + ("." + "0" * digits if digits else ""), locale=self.locale))
        return f"+{text}" if signed and round(value, digits) > 0 else text

    def percent(self, value: float, *, digits: int = 0, signed: bool = False) -> str:
        """A fraction as per cent."""
        pattern = Locale.parse(self.locale).percent_formats[None].pattern
        text = str(
            format_percent(
                value, pattern.replace("0", "0." + "0" * digits, 1) if digits else pattern, locale=self.locale
            )
        )
        return f"+{text}" if signed and round(value, digits + 2) > 0 else text

    def date(self, value: date, *, style: str = "medium") -> str:
        """A date, ``23.11.2026``."""
        return str(format_date(value, style, locale=self.locale))


def load_wording(package: str, locale: str, currency: str) -> Wording:
    """The catalogue ``wording/<language>.toml`` of a package, English for languages without one."""
    spoken = Locale.parse(locale).language
    language = spoken if spoken in LANGUAGES else "en"
    return Wording(
        locale=locale,
        currency=currency,
        messages=_catalogue(package, language),
    )


@cache
def _catalogue(package: str, language: str) -> Mapping[str, str]:
    """Catalogues are part of the program: read once a process, for a page asks for two of them at every click."""
    return MappingProxyType(read_catalogue(resources.files(package) / "wording" / f"{language}.toml"))


def read_catalogue(file: Traversable) -> dict[str, str]:
    """A TOML catalogue flattened to dotted keys."""
    return dict(_flatten(tomllib.loads(file.read_text(encoding="utf-8")), ""))


def _flatten(tree: Mapping[str, object], prefix: str) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in tree.items():
        rows += _flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(prefix + key, str(value))]
    return rows
