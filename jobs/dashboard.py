"""``liftwerk app``: the dashboard as a process of its own.

The dashboard stands on the same floor as the jobs, so nothing of it is imported here: its script is started by path.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from decisions.people import UserFile
from decisions.tickets import server_key
from jobs.session import Session
from measurement.errors import InputError
from measurement.workspace import Workspace

#: Names the workspace to the dashboard.
WORKSPACE_VARIABLE = "LIFTWERK_WORKSPACE"
#: Tells the dashboard that this computer alone can reach it.
LOCAL_VARIABLE = "LIFTWERK_LOCAL"
LOCAL = "localhost"


def dashboard(session: Session, port: int, address: str = LOCAL) -> int:
    """Serve the dashboard of a workspace until it is stopped.

    Raises
    ------
    InputError
        Where others could reach it and nobody would have to sign in.
    """
    workspace = session.workspace()
    if workspace.settings.access.sign_in == "oidc":
        _must_know_its_service()
    if address != LOCAL:
        _must_be_locked(workspace, address)
    server_key()  # a secret that is too short is said here, not in the middle of a page
    session.screen.say(
        f"Dashboard of {session.screen.escape(workspace.settings.workspace.name)}: http://{address}:{port}"
    )
    session.screen.say("Ctrl-C stops it.")
    environment = {**os.environ, WORKSPACE_VARIABLE: str(workspace.root)}
    environment.pop(LOCAL_VARIABLE, None)
    if address == LOCAL:
        environment[LOCAL_VARIABLE] = "1"
    words = command(workspace.root, port, address)
    # The command is liftwerk's own; the one text of a user in it, the workspace's path, is a single argument.
    if os.name == "posix":
        # The server takes this process's place: whoever stops liftwerk stops the server, and no orphan is left.
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(words[0], words, environment)  # noqa: S606
    return subprocess.run(words, env=environment, check=False).returncode  # noqa: S603


#: What ``st.login`` needs to know, from the environment alone.
OIDC_VARIABLES = (
    "LIFTWERK_OIDC_CLIENT_ID",
    "LIFTWERK_OIDC_CLIENT_SECRET",
    "LIFTWERK_OIDC_METADATA_URL",
    "LIFTWERK_OIDC_REDIRECT_URI",
    "LIFTWERK_SECRET",
)

#: What ``st.login`` imports when somebody signs in, and ``liftwerk[oidc]`` brings.
OIDC_LIBRARIES = ("authlib", "httpx")


def _must_know_its_service() -> None:
    missing = [name for name in OIDC_VARIABLES if not os.environ.get(name)]
    if missing:
        raise InputError.of(
            "the sign-in service is not set up",
            f"Set {', '.join(missing)} (docs/deploy.md)",
            column="access.sign_in",
            value="oidc",
        )
    if any(find_spec(library) is None for library in OIDC_LIBRARIES):
        raise InputError.of(
            "the libraries for sign-in services are not installed",
            'Run `pip install "liftwerk[oidc]"`',
            column="access.sign_in",
            value="oidc",
        )


def _must_be_locked(workspace: Workspace, address: str) -> None:
    if workspace.settings.access.sign_in == "oidc" or UserFile(workspace.root / "access" / "users.json").users():
        return
    raise InputError.of(
        "others could open this dashboard without signing in",
        "Add a user with `liftwerk users add NAME --role approver`, or set up OIDC (docs/deploy.md)",
        column="--address",
        value=address,
    )


def command(workspace: Path, port: int, address: str = LOCAL) -> list[str]:
    """The command line of the dashboard's server, for `subprocess.run`.

    Raises
    ------
    InputError
        Where the dashboard is not installed.
    """
    spec = find_spec("app")
    if spec is None or spec.origin is None:
        raise InputError.of("the dashboard is not installed", "Install liftwerk anew", column="app")
    return [
        sys.executable,
        "-P",  # the current folder stays off the import path: a user's own mmm.py must not shadow ours
        "-m",
        "streamlit",
        "run",
        str(Path(spec.origin).with_name("serve.py")),
        f"--server.port={port}",
        f"--server.address={address}",
        "--server.headless=true",
        # Repeated from app/.streamlit/config.toml, because a user's environment variables outrank that file.
        "--browser.gatherUsageStats=false",
        "--client.showErrorDetails=none",
        "--runner.magicEnabled=false",
        "--server.showEmailPrompt=false",
        "--",
        "--workspace",
        str(workspace),
    ]
