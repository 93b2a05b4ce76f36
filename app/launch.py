"""How the dashboard is started: one command line, known here only, without importing Streamlit."""

from __future__ import annotations

import sys
from pathlib import Path

#: Environment variable naming the workspace, for servers that start the app by themselves.
WORKSPACE_VARIABLE = "LIFTWERK_WORKSPACE"
DEFAULT_PORT = 8501


def main_script() -> Path:
    """The script Streamlit runs; the theme and the server's settings lie beside it in ``.streamlit``."""
    return Path(__file__).with_name("main.py")


def command(
    workspace: Path | str,
    port: int = DEFAULT_PORT,
    *,
    address: str = "localhost",
    open_browser: bool = False,
) -> list[str]:
    """The command that serves the dashboard of a workspace; it works from any folder.

    Parameters
    ----------
    workspace
        Folder with ``liftwerk.toml``.
    port
        TCP port to listen on.
    address
        Address to bind; the default serves this machine only.
    open_browser
        Whether Streamlit opens a browser window by itself.

    Returns
    -------
    list of str
        For `subprocess.run`; nothing in it needs a shell.

    Examples
    --------
    >>> command("/srv/nordwind", 8600)[-2:]
    ['--workspace', '/srv/nordwind']
    """
    return [
        sys.executable,
        "-P",  # the current folder stays off the import path: a user's own mmm.py must not shadow ours
        "-m",
        "streamlit",
        "run",
        str(main_script()),
        f"--server.port={int(port)}",
        f"--server.address={address}",
        f"--server.headless={'false' if open_browser else 'true'}",
        # Repeated from .streamlit/config.toml, because a user's environment variables outrank that file.
        "--browser.gatherUsageStats=false",
        "--client.showErrorDetails=none",
        "--runner.magicEnabled=false",
        "--server.showEmailPrompt=false",
        "--",
        "--workspace",
        str(Path(workspace).resolve()),
    ]
