"""Ids of the settings as people write them, and text that a spreadsheet must not run as a formula."""

from __future__ import annotations

import re

_INITIALS = frozenset({"tv", "ctv", "ooh", "dooh", "seo", "sea", "crm", "pr", "dm"})
#: The signs with which a spreadsheet's formula, or a call to another program, begins; the wide ones of East Asian
#: keyboards too, and control characters that hide one.
_FORMULA = ("=", "+", "-", "@", "|", "%", "＝", "＋", "－", "＠", "\t", "\r", "\n", "\x00")


def label(name: str) -> str:
    """An id as a label.

    Examples
    --------
    >>> label("paid_social"), label("tv"), label("Nordrhein-Westfalen")
    ('Paid social', 'TV', 'Nordrhein-Westfalen')
    """
    words = name.replace("_", " ").split()
    text = " ".join(word.upper() if word.lower() in _INITIALS else word for word in words)
    return text[:1].upper() + text[1:]


def looks_like_formula(text: str) -> bool:
    """Whether a spreadsheet would try to compute the text."""
    return text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA)


def neutral(text: str) -> str:
    """Text for a CSV cell that no spreadsheet runs: an apostrophe goes before what looks like a formula.

    Examples
    --------
    >>> neutral("=1+1"), neutral("search")
    ("'=1+1", 'search')
    """
    return f"'{text}" if looks_like_formula(text) else text


def file_stem(name: str) -> str:
    """A channel's name as a file name: no folders, no reserved characters.

    Examples
    --------
    >>> file_stem("../paid social")
    'paid_social'
    """
    return re.sub(r"[^\w-]+", "_", name).strip("_")[:60] or "channel"
