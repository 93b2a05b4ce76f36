"""Quantities of the content pipeline and of checks, written with their unit."""

from __future__ import annotations

import math
from collections.abc import Callable

from measurement.wording import Wording
from monitoring.catalogue import CATALOGUE

#: Unit of each KPI of the public contract, and those where more is better.
KPI_UNITS: dict[str, str] = {name: measure.kpi.unit for name, measure in CATALOGUE.items()}
HIGHER_IS_BETTER = frozenset(name for name, measure in CATALOGUE.items() if measure.kpi.direction == "higher")

#: Limits and suffixes of short amounts; Babel's own German short form leaves thousands as they are.
_SIZES = {
    "en": ((1e9, "bn"), (1e6, "m"), (1e3, "k")),
    "de": ((1e9, "\u00a0Mrd."), (1e6, "\u00a0Mio."), (1e3, "\u00a0Tsd.")),
}


#: Milliseconds in the units of time that KPIs use.
_TIMES = {"ms": 1.0, "hours": 3600e3}


def writer(unit: str, wording: Wording) -> Callable[[float], str]:
    """How values of a unit are written: times in a fitting unit, fractions as per cent, money with its sign."""
    scale = _TIMES.get(unit)
    digits = 0 if unit in ("count", "per_hour") else 2

    def write(value: float) -> str:
        if math.isnan(value):
            return "–"
        if scale is not None:
            return _duration(value * scale, wording)
        if unit == "fraction":
            return wording.percent(value, digits=1)
        if unit == "currency":
            return wording.money(value, digits=_decimals(value))
        return wording.number(value, digits=0 if abs(value) >= 1000 else digits)

    return write


def _decimals(amount: float) -> int:
    """Decimals that leave at least two figures of a small amount."""
    return 0 if abs(amount) >= 100 else 2 if abs(amount) >= 0.1 or amount == 0 else 4


def short_money(value: float, wording: Wording) -> str:
    """An amount for an axis or a narrow place: three figures and a word for the size.

    Examples
    --------
    >>> short_money(460_000, Wording(locale="de_DE", currency="EUR", messages={})).replace("\u00a0", " ")
    '460 Tsd. €'
    >>> short_money(-12_345_678, Wording(locale="en_GB", currency="EUR", messages={}))
    '-€12.3m'
    """
    sizes = _SIZES["de" if wording.language == "de" else "en"]
    limit, suffix = next(((limit, suffix) for limit, suffix in sizes if abs(value) >= max(limit, 1e4)), (1.0, ""))
    scaled = value / limit
    whole = suffix == "" or abs(scaled) >= 99.95 or abs(scaled - round(scaled)) < 0.05
    text = wording.money(scaled, digits=0 if whole else 1)
    last = max(place for place, sign in enumerate(text) if sign.isdigit())
    return text[: last + 1] + suffix + text[last + 1 :]


def duration_unit(top: float) -> tuple[float, str]:
    """Milliseconds in the unit an axis that reaches ``top`` should use, and that unit."""
    limits = ((2e3, 1.0, "ms"), (120e3, 1e3, "s"), (120 * 60e3, 60e3, "min"), (96 * 3600e3, 3600e3, "h"))
    return next(((size, unit) for limit, size, unit in limits if top < limit), (86400e3, "d"))


def _duration(milliseconds: float, wording: Wording) -> str:
    for limit, size, unit in ((1e3, 1.0, "ms"), (120e3, 1e3, "s"), (120 * 60e3, 60e3, "min")):
        if abs(milliseconds) < limit:
            shown = milliseconds / size
            return f"{wording.number(shown, digits=0 if unit == 'ms' or shown >= 100 else 1)} {unit}"
    if abs(milliseconds) < 96 * 3600e3:
        return f"{wording.number(milliseconds / 3600e3, digits=1)} h"
    return f"{wording.number(milliseconds / 86400e3, digits=1)} d"
