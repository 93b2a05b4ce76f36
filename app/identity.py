"""Who looks at the dashboard: the signed cookie, the sign-in service or this computer say so at every run of a page."""

from __future__ import annotations

import getpass
import os
import time
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from decisions.claims import person_of_claims
from decisions.people import Person, UserFile
from decisions.throttle import Throttle
from decisions.tickets import COOKIE, Tickets, server_key
from measurement.workspace import Workspace

#: Set by ``liftwerk app`` where the server listens to this computer alone.
LOCAL_VARIABLE = "LIFTWERK_LOCAL"
SignIn = Literal["file", "oidc", "machine", "closed"]


def user_file(workspace: Workspace) -> UserFile:
    """The workspace's file of users."""
    return UserFile(_folder(workspace) / "users.json")


def throttle(workspace: Workspace) -> Throttle:
    """The workspace's count of failed sign-ins."""
    return Throttle(_folder(workspace) / "failures.json")


def _folder(workspace: Workspace) -> Path:
    return workspace.root / "access"


def sign_in_of(workspace: Workspace) -> SignIn:
    """How people sign in; ``"closed"`` where a server that others can reach has no way to."""
    chosen = workspace.settings.access.sign_in
    if chosen != "auto":
        return chosen
    if user_file(workspace).file.is_file():
        return "file"
    return "machine" if os.environ.get(LOCAL_VARIABLE) else "closed"


def person_of_ticket(workspace: Workspace, ticket: str) -> Person | None:
    """The person of a cookie, with the role that the file of users gives now."""
    user = Tickets(server_key()).read(ticket, user_file(workspace).get)
    return None if user is None else Person(name=user.name, role=user.role, via="file")


def current_person(workspace: Workspace) -> Person | None:
    """Who is on the other end of this session, ``None`` where nobody signed in."""
    way = sign_in_of(workspace)
    if way == "machine":
        return Person(name=machine_user(), role="approver", via="machine")
    if way == "file":
        return person_of_ticket(workspace, str(st.context.cookies.get(COOKIE, "")))
    if way == "oidc":
        return _oidc_person(workspace)
    return None


def machine_user() -> str:
    """The name this computer's user has; a container may have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "this computer's user"


def _oidc_person(workspace: Workspace) -> Person | None:
    user: Any = st.user
    return person_of_claims(user.to_dict(), workspace.settings.access, time.time()) if user.is_logged_in else None
