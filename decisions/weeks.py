"""ISO weeks, as decisions and exports are named."""

from __future__ import annotations

import contextlib
import re
from datetime import date, timedelta

from measurement.errors import InputError


def parse_week(text: str) -> date:
    """Monday of an ISO week.

    Raises
    ------
    InputError
        Where the text is not a week.

    Examples
    --------
    >>> parse_week("2026-W48")
    datetime.date(2026, 11, 23)
    """
    found = re.fullmatch(r"(\d{4})-W(\d{2})", text)
    with contextlib.suppress(ValueError):
        if found is not None:
            return date.fromisocalendar(int(found[1]), int(found[2]), 1)
    raise InputError.of("this is not an ISO week", "Write it like 2026-W48", column="--week", value=text)


def week_name(day: date) -> str:
    """ISO week that holds a day.

    Examples
    --------
    >>> week_name(date(2026, 11, 22))
    '2026-W47'
    """
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02d}"


def following(week: str, count: int) -> tuple[str, ...]:
    """``count`` weeks from ``week`` on."""
    monday = parse_week(week)
    return tuple(week_name(monday + timedelta(weeks=ahead)) for ahead in range(count))
