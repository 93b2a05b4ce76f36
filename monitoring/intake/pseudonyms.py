"""Identifiers of people → keyed hashes: the same person stays the same, and nobody can be looked up without the key."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from measurement.errors import InputError

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
    def open(cls, folder: Path) -> Pseudonyms:
        """With the key from the environment (`KEY_VARIABLE`), else from ``folder``, made on first use."""
        given = os.environ.get(KEY_VARIABLE)
        if given:
            return cls(given.encode())
        file = folder / KEY_FILE
        if not file.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            _make_key(file)
        key = file.read_bytes().strip()
        if not key:
            raise InputError.of(
                "the key of the pseudonyms is empty",
                f"Put the key back from a backup, or set {KEY_VARIABLE}; with a new key nobody's old events are found",
                file=KEY_FILE,
            )
        return cls(key)


def _make_key(file: Path) -> None:
    """A new key that nobody else can read at any moment; where another job makes one at the same time, one of both."""
    beside = file.with_name(f".{file.name}.{os.getpid()}-{secrets.token_hex(3)}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            stream.write(secrets.token_hex(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(beside, file)  # unlike a rename, this never puts one key in the place of another
    finally:
        beside.unlink()
