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
    key, names = str(seed).encode(), dict[str, None]()
    # A digest of 40 bits hardly ever meets another; should it, the next number stands in.
    number = 0
    while len(names) < count:
        names[f"u{hashlib.blake2b(str(number).encode(), key=key, digest_size=5).hexdigest()}"] = None
        number += 1
    return list(names)
