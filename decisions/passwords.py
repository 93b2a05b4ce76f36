"""Passwords: kept as scrypt hashes, compared in constant time.

Parameters follow the OWASP password storage cheat sheet (N = 2^15, r = 8, p = 3: 32 MB and some tenths of a second a
guess). Each hash carries its parameters and its salt, so that stronger ones can be set later without losing anybody.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import unicodedata

from decisions.refusal import Refusal

SHORTEST = 10
LONGEST = 256
_COST, _BLOCK, _LANES, _BYTES = 2**15, 8, 3, 32
_MEMORY = 64 * 2**20


def hash_password(password: str, *, salt: bytes | None = None) -> str:
    """``scrypt$N$r$p$salt$hash``.

    Raises
    ------
    Refusal
        Where the password is shorter than `SHORTEST` or longer than `LONGEST`.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise Refusal.by("password_length", shortest=str(SHORTEST), longest=str(LONGEST))
    salt = secrets.token_bytes(16) if salt is None else salt
    digest = _scrypt(password, salt, _COST, _BLOCK, _LANES)
    return f"scrypt${_COST}${_BLOCK}${_LANES}${_text(salt)}${_text(digest)}"


def verify_password(password: str, kept: str) -> bool:
    """Whether a password belongs to a kept hash; ``False`` for hashes that cannot be read.

    Examples
    --------
    >>> verify_password("correct horse", hash_password("correct horse"))
    True
    """
    try:
        kind, cost, block, lanes, salt, digest = kept.split("$")
        known = base64.b64decode(digest, validate=True)
        if kind != "scrypt" or len(password) > LONGEST:
            return False
        found = _scrypt(password, base64.b64decode(salt, validate=True), int(cost), int(block), int(lanes))
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(found, known)


#: Checked where there is no such user, so that a guess of names takes as long as a guess of passwords.
NOBODY = f"scrypt${_COST}${_BLOCK}${_LANES}${'AAAA' * 5}AA==${'AAAA' * 10}AAA="


def _scrypt(password: str, salt: bytes, cost: int, block: int, lanes: int) -> bytes:
    # The same letters typed on another keyboard may be other code points: one form counts.
    typed = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
    return hashlib.scrypt(typed, salt=salt, n=cost, r=block, p=lanes, maxmem=_MEMORY, dklen=_BYTES)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
