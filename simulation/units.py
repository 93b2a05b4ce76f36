"""Pseudonymous people: the same ids in the creative log and in the journeys."""

from __future__ import annotations

import hashlib


def unit_ids(seed: int, count: int) -> list[str]:
    """``count`` different ids of ten hexadecimal digits behind a ``u``.

    Examples
    --------
    >>> unit_ids(1, 2) == unit_ids(1, 3)[:2]
    True
    """
    key = str(seed).encode()
    # A digest of 40 bits collides now and then among 40,000 ids; the number keeps every id single.
    names = (hashlib.blake2b(str(number).encode(), key=key, digest_size=5).hexdigest() for number in range(count * 2))
    return list(dict.fromkeys(f"u{name}" for name in names))[:count]
