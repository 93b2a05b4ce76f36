"""Tickets: the signed cookie of a person who signed in. It carries a name, never a role."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Callable
from functools import cache

from decisions.people import User
from measurement.errors import InputError

SECRET_VARIABLE = "LIFTWERK_SECRET"  # noqa: S105 - its name, not its value
COOKIE = "liftwerk_session"
LIFETIME_S = 12 * 3600
_SHORTEST_SECRET = 32
_LONGEST_TICKET = 2048


class Tickets:
    """Issues and reads tickets.

    Parameters
    ----------
    key
        Secret of this workspace's servers.
    clock
        Seconds since 1970.
    """

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key, self._clock = key, clock

    def issue(self, user: User) -> str:
        """A ticket for `LIFETIME_S`, void once the user signs out or gets another password."""
        body = {"n": user.name, "e": int(self._clock()) + LIFETIME_S, "s": stamp(user)}
        text = base64.urlsafe_b64encode(json.dumps(body, ensure_ascii=False).encode("utf-8")).decode("ascii")
        return f"{text}.{self._sign(text)}"

    def read(self, ticket: str, users: Callable[[str], User | None]) -> User | None:
        """The user of a ticket, ``None`` for anything that is not a ticket of ours, whole, in time and not void."""
        text, _, signature = ticket[:_LONGEST_TICKET].partition(".")
        if not hmac.compare_digest(self._sign(text).encode(), signature.encode("utf-8", "surrogatepass")):
            return None
        try:
            body = json.loads(base64.urlsafe_b64decode(text))
            user = users(str(body["n"]))
            in_time = float(body["e"]) > self._clock()
        except (ValueError, KeyError, TypeError, binascii.Error):
            return None
        return user if in_time and user is not None and body.get("s") == stamp(user) else None

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def stamp(user: User) -> str:
    """Changes with the password and with every sign-out."""
    return hashlib.sha256(f"{user.password}|{user.epoch}".encode()).hexdigest()[:16]


@cache
def server_key() -> bytes:
    """``LIFTWERK_SECRET``; left out, a key of this process: a restart then asks everybody to sign in again.

    Raises
    ------
    InputError
        Where it is too short to be a secret.
    """
    given = os.environ.get(SECRET_VARIABLE, "")
    if not given:
        return secrets.token_bytes(32)
    if len(given) < _SHORTEST_SECRET:
        raise InputError.of(
            "this secret is too short to sign with",
            f"Set {SECRET_VARIABLE} to {_SHORTEST_SECRET} random characters or more, e.g. from `openssl rand -hex 32`",
            column=SECRET_VARIABLE,
        )
    return hashlib.sha256(given.encode()).digest()
