"""``liftwerk users``: the file of people who may sign in to the dashboard."""

from __future__ import annotations

import getpass
import sys

from decisions.people import UserFile
from jobs.session import Session
from measurement.errors import InputError
from measurement.workspace import Workspace


def _file(workspace: Workspace) -> UserFile:
    return UserFile(workspace.root / "access" / "users.json")


def add_user(session: Session, name: str, role: str, *, keep_password: bool) -> int:
    """``liftwerk users add``."""
    kept = _file(session.workspace())
    password = None if keep_password else _asked_password()
    user = kept.put(name, role, password)
    session.screen.line(f"{session.screen.escape(user.name)} is {user.role}.")
    session.screen.result({"status": "done", "name": user.name, "role": user.role})
    return 0


def list_users(session: Session) -> int:
    """``liftwerk users list``."""
    found = sorted(_file(session.workspace()).users().values(), key=lambda one: one.name)
    for user in found:
        session.screen.line(f"{session.screen.escape(user.name)}: {user.role}")
    if not found:
        session.screen.line("There are no users yet: the dashboard serves this computer alone.")
    session.screen.result({"status": "done", "users": [{"name": one.name, "role": one.role} for one in found]})
    return 0


def remove_user(session: Session, name: str) -> int:
    """``liftwerk users remove``."""
    _file(session.workspace()).remove(name)
    session.screen.line(f"{session.screen.escape(name)} is gone; open sessions have ended.")
    session.screen.result({"status": "done", "name": name})
    return 0


def _asked_password() -> str:
    """Typed twice on a terminal without being shown; the first line of a pipe otherwise."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Password: ")
    if first != getpass.getpass("Again: "):
        raise InputError.of("the two passwords differ", "Type the same one twice", column="password")
    return first
