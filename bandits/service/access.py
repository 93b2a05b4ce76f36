"""Who may call, and how often."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Iterable

from measurement.errors import InputError

SHORTEST_KEY = 16


class KeyRing:
    """The API keys that are let in; only their hashes are kept.

    Parameters
    ----------
    keys
        At least one key of at least 16 characters.

    Raises
    ------
    InputError
        If there is none, or one is too short to be safe.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._hashes = tuple(hashlib.sha256(key.encode()).digest() for key in keys if _long_enough(key))
        if not self._hashes:
            raise InputError.of("there is no API key", "Set LIFTWERK_API_KEY", column="LIFTWERK_API_KEY")

    def who(self, headers: Iterable[tuple[bytes, bytes]]) -> int | None:
        """Number of the key in ``X-API-Key: KEY`` or ``Authorization: Bearer KEY``; ``None``: it is none of ours."""
        for name, value in headers:
            if name == b"x-api-key":
                return self._number(value)
            if name == b"authorization" and value[:7].lower() == b"bearer ":
                return self._number(value[7:])
        return None

    def __len__(self) -> int:
        """Number of keys."""
        return len(self._hashes)

    def _number(self, key: bytes) -> int | None:
        digest = hashlib.sha256(key).digest()
        found = None
        # comparing hashes in constant time: nothing of a key can be learnt from how long a refusal takes
        for number, known in enumerate(self._hashes):
            if hmac.compare_digest(digest, known):
                found = number
        return found


class Bucket:
    """A token bucket: ``rate`` requests a second, bursts of up to a second's worth.

    Examples
    --------
    >>> bucket = Bucket(rate=2.0, now=0.0)
    >>> [bucket.take(0.0) for _ in range(3)], bucket.take(0.5)
    ([True, True, False], True)
    """

    __slots__ = ("_last", "_left", "rate")

    def __init__(self, *, rate: float, now: float | None = None) -> None:
        if not rate > 0:
            raise InputError.of("the rate limit is not above 0", "Pass requests a second", column="rate", value=rate)
        self.rate, self._left = rate, max(rate, 1.0)
        self._last = time.monotonic() if now is None else now

    def take(self, now: float) -> bool:
        """Whether one more request fits."""
        self._left = min(self._left + (now - self._last) * self.rate, max(self.rate, 1.0))
        self._last = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


def _long_enough(key: str) -> bool:
    if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
        raise InputError.of(
            f"an API key must have at least {SHORTEST_KEY} visible ASCII characters",
            "Make one with `openssl rand -hex 24`",
            column="LIFTWERK_API_KEY",
        )
    return True
