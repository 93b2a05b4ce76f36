"""Signing in: passwords, tickets, waiting after failures."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from decisions.passwords import NOBODY, hash_password, verify_password
from decisions.people import Person, UserFile
from decisions.refusal import Refusal
from decisions.throttle import PER_ADDRESS, PER_NAME, WINDOW_S, Throttle
from decisions.tickets import LIFETIME_S, Tickets
from measurement.errors import InputError

PASSWORD = "korrekt pferd"


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def users(tmp_path_factory) -> UserFile:
    kept = UserFile(tmp_path_factory.mktemp("access") / "users.json")
    kept.put("Paula Ä", "approver", PASSWORD)
    return kept


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_password_is_kept_as_a_salted_hash(users):
    text = users.file.read_text(encoding="utf-8")
    assert PASSWORD not in text
    assert "scrypt$32768$8$3$" in text
    assert users.file.stat().st_mode & 0o077 == 0
    assert hash_password(PASSWORD) != hash_password(PASSWORD)


def test_the_right_password_is_known_and_no_other(users):
    assert users.check("paula ä", PASSWORD).name == "Paula Ä"
    assert users.check("Paula Ä", PASSWORD + " ") is None
    assert users.check("nobody", PASSWORD) is None
    assert not verify_password("anything", NOBODY)


@pytest.mark.parametrize(
    "kept", ["", "scrypt$1$2", "plain$a$b$c$d$e", "scrypt$x$8$1$AAAA$AAAA", "scrypt$3$8$1$AAAA$AAAA", "a$" * 9]
)
def test_a_broken_hash_lets_nobody_in(kept):
    assert not verify_password(PASSWORD, kept)


@pytest.mark.parametrize("password", ["", "short", "x" * 257])
def test_short_and_endless_passwords_are_refused(password):
    with pytest.raises(Refusal, match="10 to 256"):
        hash_password(password)


@pytest.mark.parametrize("name", ["", " ", "a\nb\x00", "x" * 81, "\u202egnp.exe"])
def test_names_that_would_spoil_the_log_are_refused(users, name):
    with pytest.raises(Refusal):
        users.put(name, "viewer", PASSWORD)


def test_a_broken_file_of_users_lets_nobody_in(tmp_path):
    file = tmp_path / "users.json"
    for content in ("{", "[]", '{"users": [{"name": "a"}]}', '{"users": 3}'):
        file.write_text(content)
        with pytest.raises(InputError, match="users"):
            UserFile(file).check("a", PASSWORD)


def test_roles_change_at_once_and_removed_users_are_gone(tmp_path):
    kept = UserFile(tmp_path / "users.json")
    kept.put("Ann", "approver", PASSWORD)
    kept.put("ann", "viewer", None)
    assert [user.role for user in kept.users().values()] == ["viewer"]
    kept.remove("ANN")
    assert kept.users() == {}
    with pytest.raises(Refusal):
        kept.remove("Ann")


def test_what_each_role_may_do():
    deeds = ("read", "edit", "upload", "approve", "reject")
    may = {
        role: [deed for deed in deeds if Person(name="x", role=role).may(deed)]
        for role in ("viewer", "analyst", "approver")
    }
    assert may == {"viewer": ["read"], "analyst": ["read", "edit", "upload"], "approver": list(deeds)}


def test_a_ticket_names_its_user_until_it_ends(users, clock):
    tickets = Tickets(b"k" * 32, clock)
    ticket = tickets.issue(users.get("Paula Ä"))
    assert tickets.read(ticket, users.get).name == "Paula Ä"
    clock.now += LIFETIME_S + 1
    assert tickets.read(ticket, users.get) is None


def test_every_changed_character_voids_a_ticket(users, clock):
    tickets = Tickets(b"k" * 32, clock)
    ticket = tickets.issue(users.get("Paula Ä"))
    for place, letter in enumerate(ticket):
        spoilt = ticket[:place] + ("A" if letter != "A" else "B") + ticket[place + 1 :]
        assert tickets.read(spoilt, users.get) is None, place


@pytest.mark.parametrize("ticket", ["", ".", "a.b", "é.ü", "\ud800.x", "x" * 9000, "e30=." + "0" * 64])
def test_what_is_no_ticket_is_none(users, clock, ticket):
    assert Tickets(b"k" * 32, clock).read(ticket, users.get) is None


def test_a_ticket_of_another_key_and_one_that_claims_a_role_are_void(users, clock):
    tickets = Tickets(b"k" * 32, clock)
    assert tickets.read(Tickets(b"other" * 8, clock).issue(users.get("Paula Ä")), users.get) is None
    text, _, signature = tickets.issue(users.get("Paula Ä")).partition(".")
    body = json.loads(base64.urlsafe_b64decode(text)) | {"role": "approver", "n": "root"}
    forged = base64.urlsafe_b64encode(json.dumps(body).encode()).decode()
    assert tickets.read(f"{forged}.{signature}", users.get) is None


def test_signing_out_and_a_new_password_end_every_session(tmp_path, clock):
    kept, tickets = UserFile(tmp_path / "users.json"), Tickets(b"k" * 32, clock)
    kept.put("Ann", "viewer", PASSWORD)
    ticket = tickets.issue(kept.get("Ann"))
    kept.sign_out("Ann")
    assert tickets.read(ticket, kept.get) is None
    ticket = tickets.issue(kept.get("Ann"))
    kept.put("Ann", "viewer", PASSWORD + "2")
    assert tickets.read(ticket, kept.get) is None


def fail(throttle: Throttle, name: str, address: str, times: int) -> None:
    for _ in range(times):
        throttle.admit(name, address)


def test_a_name_waits_after_failures_and_is_let_in_later(tmp_path, clock):
    throttle = Throttle(tmp_path / "failures.json", clock)
    fail(throttle, "Ann", "10.0.0.1", PER_NAME)
    with pytest.raises(Refusal, match="too many"):
        throttle.admit("aNN", "10.0.0.2")
    Throttle(tmp_path / "failures.json", clock).admit("Bert", "10.0.0.1")
    clock.now += WINDOW_S + 1
    throttle.admit("Ann", "10.0.0.1")


def test_an_address_that_tries_many_names_waits(tmp_path, clock):
    throttle = Throttle(tmp_path / "failures.json", clock)
    for number in range(PER_ADDRESS):
        throttle.admit(f"name {number}", "10.0.0.1")
    with pytest.raises(Refusal):
        throttle.admit("another", "10.0.0.1")
    throttle.admit("another", "10.0.0.2")


def test_a_right_password_is_forgiven(tmp_path, clock):
    throttle = Throttle(tmp_path / "failures.json", clock)
    for _ in range(3 * PER_ADDRESS):
        throttle.admit("Ann", "10.0.0.1")
        throttle.forgive("Ann", "10.0.0.1")


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 3}', '{"a": ["x"]}'])
def test_a_broken_count_starts_again(tmp_path, clock, content):
    file = tmp_path / "failures.json"
    file.write_text(content)
    Throttle(file, clock).admit("Ann", "10.0.0.1")
    assert "Ann" not in Path(file).read_text()
