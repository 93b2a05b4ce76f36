"""Money to the cent: rounding that keeps the total, and weeks split into days."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction


def to_cents(amounts: Mapping[str, float], total: float | None = None) -> dict[str, float]:
    """Amounts rounded to cents so that they add up to the rounded total (largest remainder).

    Parameters
    ----------
    amounts
        Money by name, each ≥ 0.
    total
        What they add up to; left out, their own sum.

    Returns
    -------
    dict
        Each amount is its own value rounded down or up to the cent (further only where ``total`` is another sum).

    Examples
    --------
    >>> to_cents({"a": 0.333333, "b": 0.333333, "c": 0.333334})
    {'a': 0.33, 'b': 0.33, 'c': 0.34}
    """
    exact = {name: Fraction(value) * 100 for name, value in amounts.items()}
    # A solver's 79 999.999 999 99 is 80 000: what is within a millionth of a cent is that cent.
    exact = {
        name: Fraction(near) if abs(value - (near := round(value))) < 1e-6 else value for name, value in exact.items()
    }
    whole = {name: math.floor(value) for name, value in exact.items()}
    goal = round(Fraction(total) * 100 if total is not None else sum(exact.values(), Fraction(0)))
    missing = goal - sum(whole.values())
    order = sorted(exact, key=lambda name: exact[name] - whole[name], reverse=missing > 0)
    for place in range(abs(missing)):
        whole[order[place % len(order)]] += 1 if missing > 0 else -1
    return {name: whole[name] / 100 for name in amounts}


def by_day(week: float, days: int = 7) -> tuple[float, ...]:
    """A week's money as equal days that add up to it to the cent; the odd cents go to the first days.

    Examples
    --------
    >>> by_day(100.0)
    (14.29, 14.29, 14.29, 14.29, 14.28, 14.28, 14.28)
    """
    cents = round(week * 100)
    each, odd = divmod(cents, days)
    return tuple((each + (1 if day < odd else 0)) / 100 for day in range(days))


def total_of(amounts: Sequence[float]) -> float:
    """Sum of amounts in cents, free of floating-point dust."""
    return sum(round(amount * 100) for amount in amounts) / 100
