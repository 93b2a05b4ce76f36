"""Identifiers of people → keyed hashes: the same person stays the same, and nobody can be looked up without the key."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from measurement.errors import InputError
from measurement.store import make_secret

KEY_FILE = "pseudonym.key"
KEY_VARIABLE = "LIFTWERK_PSEUDONYM_KEY"
PREFIX = "p_"


class Pseudonyms:
    """Keyed hashing (HMAC-SHA-256, 128 bits kept).

    Parameters
    ----------
    key
        Secret bytes.

    Examples
    --------
    >>> Pseudonyms(b"secret").of("anna@example.org")
    'p_aba63b38a4e2ee143bcebe78504c1ce4'
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, str] = {}

    def of(self, identifier: str) -> str:
        """The pseudonym of an identifier; what is one already stays as it is."""
        if identifier.startswith(PREFIX) and len(identifier) == len(PREFIX) + 32:
            return identifier
        found = self._known.get(identifier)
        if found is None:
            digest = hmac.new(self._key, identifier.encode(), hashlib.sha256).hexdigest()
            found = self._known[identifier] = PREFIX + digest[:32]
        return found

    @classmethod
    def known(cls, folder: Path) -> Pseudonyms | None:
        """As `open`, but no key is made: without one, nobody has a pseudonym yet."""
        made = bool(os.environ.get(KEY_VARIABLE)) or (folder / KEY_FILE).is_file()
        return cls.open(folder) if made else None

    @classmethod
    def open(cls, folder: Path) -> Pseudonyms:
        """With the key from the environment (`KEY_VARIABLE`), else from ``folder``, made on first use."""
        given = os.environ.get(KEY_VARIABLE)
        if given:
            return cls(given.encode())
        file = folder / KEY_FILE
        if not file.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            make_secret(file, secrets.token_hex(32).encode() + b"\n")
        key = file.read_bytes().strip()
        if not key:
            raise InputError.of(
                "the key of the pseudonyms is empty",
                f"Put the key back from a backup, or set {KEY_VARIABLE}; with a new key nobody's old events are found",
                file=KEY_FILE,
            )
        return cls(key)
