"""The dashboard as a person meets it: served as ``liftwerk app`` serves it, opened in headless Chromium.

What the speed measurement, the pictures of docs/pictures and the tests in a browser share.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

from jobs.dashboard import LOCAL_VARIABLE, WORKSPACE_VARIABLE, command

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Path of the browser, ``None`` where there is none."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def local(workspace: Path) -> dict[str, str]:
    """Environment of the server as ``liftwerk app`` sets it on a computer that nobody else can reach."""
    return {WORKSPACE_VARIABLE: str(workspace.resolve()), LOCAL_VARIABLE: "1"}


@contextlib.contextmanager
def served(
    workspace: Path, environment: Mapping[str, str] | None = None, *, seconds: float = 120.0
) -> Iterator[tuple[str, int]]:
    """Address and process id of the server of a workspace, from its first answer until the block ends.

    Raises
    ------
    RuntimeError
        It ended, or did not answer within ``seconds``.
    """
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryFile() as said:  # a pipe that nobody reads would stop a server that has much to say
        server = subprocess.Popen(
            command(workspace.resolve(), port),
            cwd=workspace.resolve().parent,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.DEVNULL,
            stderr=said,
        )
        try:
            url = f"http://localhost:{port}"
            deadline = time.monotonic() + seconds
            while not _answers(url):
                if server.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    end = "ended before it" if server.poll() is not None else f"has after {seconds:.0f} s not"
                    raise RuntimeError(f"the dashboard {end} answered:\n{said.read().decode(errors='replace')[-2000:]}")
                time.sleep(0.2)
            yield url, server.pid
        finally:
            server.terminate()
            server.wait(20)


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=2):
        return True
    return False
