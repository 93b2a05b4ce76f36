"""Values as JSON knows them."""

from __future__ import annotations

import math
from collections.abc import Mapping


def plain(value: object) -> object:
    """A value as JSON knows it: no NaN, no infinity, no dates, no numpy types.

    Examples
    --------
    >>> plain({"p": float("nan"), "days": (1, 2)})
    {'p': None, 'days': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)
