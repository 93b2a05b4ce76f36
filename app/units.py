"""Quantities of the content pipeline and of checks, written with their unit."""

from __future__ import annotations

import math
from collections.abc import Callable

from measurement.wording import Wording

#: Unit of each KPI id of the public contract; ids not listed are plain numbers.
KPI_UNITS: dict[str, str] = {
    **dict.fromkeys(("latency_p50", "latency_p95", "latency_p99", "ttft_p95"), "ms"),
    **dict.fromkeys(("time_to_publish", "time_to_recovery", "time_to_resolution"), "ms"),
    **dict.fromkeys(
        (
            "error_rate",
            "context_utilisation",
            "cache_hit_share",
            "hallucination_rate",
            "fact_score",
            "coverage",
            "entity_consistency",
            "brand_fit",
            "conversion_lift",
            "lead_quality",
            "ticket_reduction",
        ),
        "fraction",
    ),
    **dict.fromkeys(("cost_per_output", "cost_per_1k_tokens", "clv_shift", "aov"), "currency"),
    **dict.fromkeys(("tokens", "moderation_hits", "policy_violations", "audit_findings", "data_leaks"), "count"),
    "throughput_per_hour": "per_hour",
}

#: KPIs where more is better; for all others less is.
HIGHER_IS_BETTER = frozenset(
    {
        "throughput_per_hour",
        "cache_hit_share",
        "fact_score",
        "coverage",
        "readability",
        "entity_consistency",
        "brand_fit",
        "conversion_lift",
        "roas_delta",
        "lead_quality",
        "ticket_reduction",
        "clv_shift",
        "aov",
    }
)


#: Limits and suffixes of short amounts; Babel's own German short form leaves thousands as they are.
_SIZES = {
    "en": ((1e9, "bn"), (1e6, "m"), (1e3, "k")),
    "de": ((1e9, "\u00a0Mrd."), (1e6, "\u00a0Mio."), (1e3, "\u00a0Tsd.")),
}


def writer(unit: str, wording: Wording) -> Callable[[float], str]:
    """How values of a unit are written: ``ms`` as ms, s, min or h, fractions as per cent, money with its sign."""

    def write(value: float) -> str:
        if value is None or math.isnan(value):
            return "–"
        if unit == "ms":
            return _duration(value, wording)
        if unit == "fraction":
            return wording.percent(value, digits=1)
        if unit == "currency":
            return wording.money(value, digits=2 if abs(value) < 100 else 0)
        if unit in ("count", "per_hour") or abs(value) >= 1000:
            return wording.number(value, digits=0)
        return wording.number(value, digits=2)

    return write


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
    limits = ((2e3, 1.0, "ms"), (120e3, 1e3, "s"), (120 * 60e3, 60e3, "min"))
    return next(((size, unit) for limit, size, unit in limits if top < limit), (3600e3, "h"))


def _duration(milliseconds: float, wording: Wording) -> str:
    for limit, size, unit in ((1e3, 1.0, "ms"), (120e3, 1e3, "s"), (120 * 60e3, 60e3, "min")):
        if abs(milliseconds) < limit:
            shown = milliseconds / size
            return f"{wording.number(shown, digits=0 if unit == 'ms' or shown >= 100 else 1)} {unit}"
    return f"{wording.number(milliseconds / 3600e3, digits=1)} h"
