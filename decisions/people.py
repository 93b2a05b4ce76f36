"""Who may do what: roles, and the small file of users for teams without a sign-in service.

The file ``access/users.json`` holds names, roles, password hashes and a count of sign-outs; ``liftwerk users`` writes
it. Roles are read from it at every action: taking one away works at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from decisions.locking import locked
from decisions.passwords import NOBODY, hash_password, verify_password
from decisions.refusal import Refusal
from measurement.errors import InputError
from measurement.store import write_atomically

Role = Literal["viewer", "analyst", "approver"]
Deed = Literal["read", "edit", "upload", "approve", "reject"]
ROLES: tuple[Role, ...] = get_args(Role)
_DEEDS: Mapping[Role, frozenset[Deed]] = {
    "viewer": frozenset({"read"}),
    "analyst": frozenset({"read", "edit", "upload"}),
    "approver": frozenset({"read", "edit", "upload", "approve", "reject"}),
}
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who acts, as the server knows it: never what the browser says.

    Attributes
    ----------
    name
        As it stands in the audit log.
    role
        ``viewer``, ``analyst`` or ``approver``.
    via
        How the name is known: ``"file"``, ``"oidc"`` or ``"machine"`` (the user of this computer, no sign-in).
    """

    name: str
    role: Role
    via: Literal["file", "oidc", "machine"] = "file"

    def may(self, deed: Deed) -> bool:
        """Whether the role allows it."""
        return deed in _DEEDS[self.role]

    def must(self, deed: Deed) -> None:
        """Refuse what the role does not allow.

        Raises
        ------
        Refusal
            ``role``.
        """
        if not self.may(deed):
            raise Refusal.by("role", name=self.name, role=self.role, deed=deed)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A line of the file. ``epoch`` counts sign-outs: tickets of earlier ones are void."""

    name: str
    role: Role
    password: str
    epoch: int = 0


class UserFile:
    """``access/users.json`` of a workspace.

    Parameters
    ----------
    file
        Made by the first `put`.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    def users(self) -> dict[str, User]:
        """Users by name.

        Raises
        ------
        InputError
            Where the file cannot be read: nobody gets in then.
        """
        if not self.file.is_file():
            return {}
        try:
            tree = json.loads(self.file.read_text(encoding="utf-8"))
            found = [User(**entry) for entry in tree["users"]]
        except (OSError, ValueError, KeyError, TypeError) as broken:
            raise InputError.of(
                "the file of users cannot be read",
                "Restore it from a backup, or remove it and add the users anew with `liftwerk users add`",
                file=f"access/{self.file.name}",
                value=broken,
            ) from broken
        return {user.name: user for user in found if user.role in ROLES}

    def get(self, name: str) -> User | None:
        """A user; names are compared without regard to case."""
        return next((user for known, user in self.users().items() if known.casefold() == name.casefold()), None)

    def put(self, name: str, role: str, password: str | None) -> User:
        """Add a user, or change the role (and, where given, the password) of one.

        Raises
        ------
        Refusal
            A name, role or password that cannot be.
        """
        name = checked_name(name)
        if role not in ROLES:
            raise Refusal.by("unknown_role", role=role)
        with locked(self._lock):
            users, known = self.users(), self.get(name)
            if known is None and password is None:
                raise Refusal.by("password_needed", name=name)
            kept = known.password if password is None and known is not None else hash_password(password or "")
            epoch = 0 if known is None else known.epoch + (password is not None)
            user = User(name=name if known is None else known.name, role=role, password=kept, epoch=epoch)
            self._write(users | {user.name: user})
        return user

    def remove(self, name: str) -> None:
        """Take a user away; open sessions end with it.

        Raises
        ------
        Refusal
            Where there is none of this name.
        """
        with locked(self._lock):
            known = self.get(name)
            if known is None:
                raise Refusal.by("unknown_user", name=name)
            self._write({key: user for key, user in self.users().items() if key != known.name})

    def sign_out(self, name: str) -> None:
        """End every session of a user."""
        with locked(self._lock):
            known = self.get(name)
            if known is not None:
                ended = User(name=known.name, role=known.role, password=known.password, epoch=known.epoch + 1)
                self._write(self.users() | {ended.name: ended})

    def check(self, name: str, password: str) -> User | None:
        """The user whose password this is; an unknown name takes as long as a wrong password."""
        user = self.get(name)
        fits = verify_password(password, NOBODY if user is None else user.password)
        return user if fits else None

    @property
    def _lock(self) -> Path:
        return self.file.with_name(".lock")

    def _write(self, users: Mapping[str, User]) -> None:
        rows = [
            {"name": one.name, "role": one.role, "password": one.password, "epoch": one.epoch}
            for one in sorted(users.values(), key=lambda one: one.name)
        ]
        write_atomically(self.file, json.dumps({"users": rows}, indent=1, ensure_ascii=False) + "\n")
        self.file.chmod(0o600)


def checked_name(name: str) -> str:
    """A name as it may stand in the log: one line, printable, not too long.

    Raises
    ------
    Refusal
        ``name``.
    """
    cleaned = " ".join(name.split())
    if not cleaned or len(cleaned) > _LONGEST_NAME or not cleaned.isprintable():
        raise Refusal.by("name", longest=str(_LONGEST_NAME))
    return cleaned
