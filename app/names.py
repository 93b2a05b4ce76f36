"""Names of channels, geos and ids as people write them."""

from __future__ import annotations

_INITIALS = frozenset({"tv", "ctv", "ooh", "dooh", "seo", "sea", "crm", "pr", "dm", "ott", "uk", "us"})


def readable(name: str) -> str:
    """An id of the settings as a label.

    Examples
    --------
    >>> readable("paid_social"), readable("tv"), readable("gift-guide-4"), readable("Nordrhein-Westfalen")
    ('Paid social', 'TV', 'Gift guide 4', 'Nordrhein-Westfalen')
    """
    plain = str(name).replace("_", " ")
    # Ids are all small letters; a hyphen in a proper name stays.
    words = (plain.replace("-", " ") if plain.islower() else plain).split()
    shown = [word.upper() if word.lower() in _INITIALS else word for word in words]
    text = " ".join(shown)
    return text[:1].upper() + text[1:]


def listed(names: list[str], conjunction: str) -> str:
    """Names as a phrase, ``A, B and C``.

    Examples
    --------
    >>> listed(["A", "B", "C"], "and")
    'A, B and C'
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} {conjunction} {names[-1]}"
