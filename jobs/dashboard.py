"""``liftwerk app``: the dashboard as a process of its own.

The dashboard stands on the same floor as the jobs, so nothing of it is imported here: its script is started by path.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from jobs.session import Session
from measurement.errors import InputError

#: Names the workspace to the dashboard.
WORKSPACE_VARIABLE = "LIFTWERK_WORKSPACE"


def dashboard(session: Session, port: int) -> int:
    """Serve the dashboard of a workspace on this machine until it is stopped."""
    workspace = session.workspace()
    session.screen.say(
        f"Dashboard of {session.screen.escape(workspace.settings.workspace.name)}: http://localhost:{port}"
    )
    session.screen.say("Ctrl-C stops it.")
    environment = {**os.environ, WORKSPACE_VARIABLE: str(workspace.root)}
    words = command(workspace.root, port)
    # The command is liftwerk's own; the one text of a user in it, the workspace's path, is a single argument.
    if os.name == "posix":
        # The server takes this process's place: whoever stops liftwerk stops the server, and no orphan is left.
        sys.stdout.flush()
        sys.stderr.flush()
        os.execve(words[0], words, environment)  # noqa: S606
    return subprocess.run(words, env=environment, check=False).returncode  # noqa: S603


def command(workspace: Path, port: int) -> list[str]:
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
        str(Path(spec.origin).with_name("main.py")),
        f"--server.port={port}",
        "--server.address=localhost",
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
