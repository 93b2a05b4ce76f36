"""Amounts of money as people type them, in the separators of their language."""

from __future__ import annotations

import re

from babel.numbers import get_currency_symbol, get_decimal_symbol, get_group_symbol

from measurement.errors import InputError
from measurement.wording import Wording

#: Signs that part thousands in every language: nobody means a decimal by them.
_ALWAYS_GROUPS = " \u00a0\u202f'’"
_LONGEST = 40


def read_amount(text: str, words: Wording) -> float:
    """An amount ≥ 0, to the cent, written as the page writes amounts; the currency's sign and name may stand beside it.

    Raises
    ------
    InputError
        It is no amount, or one that another language's reader would take for another: ``1.5`` is not taken for one
        and a half where the comma parts decimals, nor for fifteen.

    Examples
    --------
    >>> german = Wording(locale="de_DE", currency="EUR", messages={})
    >>> read_amount("1.234,50 €", german), read_amount("1234,5", german), read_amount("1.234", german)
    (1234.5, 1234.5, 1234.0)
    >>> read_amount("1,234.50", Wording(locale="en_GB", currency="EUR", messages={}))
    1234.5
    """
    point, group = get_decimal_symbol(words.locale), get_group_symbol(words.locale)
    bare = text.strip()
    for sign in (get_currency_symbol(words.currency, locale=words.locale), words.currency):
        bare = bare.removeprefix(sign).removesuffix(sign).strip()
    groups = f"[{re.escape(group + _ALWAYS_GROUPS)}]"
    whole = rf"(?:\d{{1,3}}(?:{groups}\d{{3}})+|\d{{1,15}})"
    if len(text) > _LONGEST or not re.fullmatch(rf"{whole}(?:{re.escape(point)}\d{{1,2}})?", bare, re.ASCII):
        raise InputError.of(
            "an amount of money cannot be read",
            f"Write it like {words.number(1234.5)}",
            value=text[:_LONGEST],
        )
    return float(re.sub(groups, "", bare).replace(point, "."))
