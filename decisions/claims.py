"""From what a sign-in service says of a person to what that person may do here."""

from __future__ import annotations

from collections.abc import Mapping

from decisions.people import Person, checked_name
from decisions.refusal import Refusal
from measurement.settings import AccessSection

#: A sign-in is believed for as long as a password's ticket: whoever left the organisation is out by the next day.
LIFETIME_S = 12 * 3600
#: Clocks of two computers differ.
_SKEW_S = 300


def person_of_claims(claims: Mapping[str, object], access: AccessSection, now: float) -> Person | None:
    """The person an ID token is about, ``None`` where it names nobody or was issued too long ago.

    Parameters
    ----------
    claims
        ``sub``, ``iat``, ``email`` and ``email_verified`` of the token, as OpenID Connect Core 1.0 defines them.
    access
        ``[access]``: roles by e-mail address. An address counts only where the service says that it verified it
        (or ``trust_email`` says that this service always does): anything else is somebody's claim, not a name.
    now
        Seconds since 1970.
    """
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float):
        return None
    if not -_SKEW_S <= now - issued <= LIFETIME_S:
        return None
    address = _name(claims.get("email")) if _verified(claims.get("email_verified"), trusted=access.trust_email) else ""
    name = address or _name(claims.get("sub"))
    return Person(name=name, role=access.role_of(address) if address else "viewer", via="oidc") if name else None


def _verified(said: object, *, trusted: bool) -> bool:
    """Some services write the flag as text, and some leave it out."""
    if said is None:
        return trusted
    return said is True or (isinstance(said, str) and said.strip().casefold() == "true")


def _name(said: object) -> str:
    try:
        return checked_name(said) if isinstance(said, str) else ""
    except Refusal:
        return ""
