"""What a sign-in service says, and what it gives somebody here."""

from __future__ import annotations

import pytest

from decisions.claims import LIFETIME_S, person_of_claims
from measurement.settings import AccessSection

NOW = 1_800_000_000.0
ACCESS = AccessSection.model_validate(
    {"sign_in": "oidc", "roles": {"Paula@example.com": "approver", "anton@example.com": "analyst"}}
)
TRUSTING = ACCESS.model_copy(update={"trust_email": True})


def claims(**more: object) -> dict[str, object]:
    return {"sub": "u-1", "iat": NOW - 60, "email": "paula@example.com", "email_verified": True} | more


@pytest.mark.parametrize(
    ("given", "access", "name", "role"),
    [
        (claims(), ACCESS, "paula@example.com", "approver"),
        (claims(email="PAULA@Example.com"), ACCESS, "PAULA@Example.com", "approver"),
        (claims(email="anton@example.com"), ACCESS, "anton@example.com", "analyst"),
        (claims(email="vera@example.com"), ACCESS, "vera@example.com", "viewer"),
        (claims(email_verified="true"), ACCESS, "paula@example.com", "approver"),
        (claims(email_verified=False), ACCESS, "u-1", "viewer"),
        (claims(email_verified="false"), ACCESS, "u-1", "viewer"),
        (claims(email_verified=1), ACCESS, "u-1", "viewer"),
        (claims(email_verified=None), ACCESS, "u-1", "viewer"),
        (claims(email_verified=None), TRUSTING, "paula@example.com", "approver"),
        (claims(email_verified=False), TRUSTING, "u-1", "viewer"),
        (claims(email=["paula@example.com"]), ACCESS, "u-1", "viewer"),
        (claims(email="paula@example.com\u202e"), ACCESS, "u-1", "viewer"),
        (claims(email="x" * 300), ACCESS, "u-1", "viewer"),
    ],
)
def test_an_address_counts_where_it_is_verified(given, access, name, role):
    person = person_of_claims(given, access, NOW)
    assert person is not None
    assert (person.name, person.role, person.via) == (name, role, "oidc")


@pytest.mark.parametrize(
    "given",
    [
        claims(sub="", email=""),
        claims(sub=None, email=None),
        {},
        claims(iat=NOW - LIFETIME_S - 1),
        claims(iat=NOW + 3600),
        claims(iat="now"),
        claims(iat=True),
    ],
)
def test_nobody_and_a_sign_in_of_yesterday_are_nobody(given):
    assert person_of_claims(given, ACCESS, NOW) is None
