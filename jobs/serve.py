"""``liftwerk serve``: the creative decision endpoint. This process watches over its workers and the learner."""

from __future__ import annotations

import errno
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.serve_process import KEY_VARIABLE, ServeOptions, open_store
from jobs.session import Session
from measurement.errors import InputError
from measurement.store import make_secret

FOLDER = "serve"
KEY_FILE = "api_key"
LOG_FILE = "log.sqlite"
#: A worker that ends is started again, but not more often than this a minute.
_RESTARTS = 5
_GRACE_S = 20.0
_PORT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRequest:
    """What the command line asked for; see ``liftwerk serve --help``."""

    host: str = "127.0.0.1"
    port: int = 8700
    workers: int = 1
    store: str | None = None
    fsync: bool = False
    rate: float = 20_000.0
    refresh_s: float = 10.0


def serve(session: Session, request: ServeRequest) -> int:
    """Serve decisions for a workspace until stopped; a stop by Ctrl-C or SIGTERM is clean and ends with 0.

    Raises
    ------
    InputError
        If the port is taken, the API key is too weak, or the store cannot be opened.
    """
    workspace = session.workspace()
    folder = workspace.root / FOLDER
    folder.mkdir(exist_ok=True)
    keys, where = api_keys(folder)
    for left in folder.glob("worker-*.json"):
        left.unlink()
    with _listen(request.host, request.port) as listener:
        options = ServeOptions(
            store=request.store or str(folder / LOG_FILE), fsync=request.fsync, seed=session.seed, rate=request.rate,
            refresh_s=request.refresh_s, metrics=str(folder), descriptor=listener.fileno(), parent=os.getpid(),
        )  # fmt: skip
        # opened here first: what is wrong with it is said once and plainly, not by every worker
        open_store(options).close()
        port = listener.getsockname()[1]
        session.screen.say(f"Decisions at http://{request.host}:{port}/v1/decide; the API key is {where}.")
        session.screen.say("Ctrl-C stops it; what was answered is in the log.")
        return _watch(options, listener, request.workers, {**os.environ, KEY_VARIABLE: ",".join(keys)})


def api_keys(folder: Path) -> tuple[list[str], str]:
    """The keys that are let in, and where a person finds them: the environment, else a file made at the first start."""
    from bandits.service.access import KeyRing

    given = [key.strip() for key in os.environ.get(KEY_VARIABLE, "").split(",") if key.strip()]
    where = f"that of {KEY_VARIABLE}"
    if not given:
        file = folder / KEY_FILE
        if not file.exists():
            make_secret(file, secrets.token_hex(24).encode() + b"\n")
        given = file.read_text(encoding="utf-8").split()
        where = f"in {FOLDER}/{KEY_FILE}"
    KeyRing(given)
    return given, where


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    deadline = time.monotonic() + _PORT_S
    while True:
        try:
            listener.bind((host, port))
            break
        except OSError as error:
            # after a kill the last workers need a moment to notice and to let go of the port
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(0.2)
                continue
            listener.close()
            raise InputError.of(
                "the address cannot be listened on", "Choose another --host or --port, or stop what runs there",
                column="port", value=f"{host}:{port}, {error}",
            ) from error  # fmt: skip
    listener.listen(1024)
    listener.set_inheritable(True)
    return listener


def _watch(options: ServeOptions, listener: socket.socket, workers: int, environment: dict[str, str]) -> int:
    """Start workers and learner, start anew what ends by itself, and stop all of them cleanly when asked to."""
    stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    roles = [f"worker-{index}" for index in range(workers)] + ["learner"]
    running = {role: _start(role, options, listener, environment) for role in roles}
    restarts: list[float] = []
    try:
        while not stopping:
            time.sleep(0.2)
            for role, process in running.items():
                if process.poll() is None or stopping:
                    continue
                restarts = [moment for moment in restarts if moment > time.monotonic() - 60.0] + [time.monotonic()]
                if len(restarts) > _RESTARTS:
                    raise InputError.of(
                        f"the {role} of the service keeps ending", "Read what it wrote above", column="serve",
                        value=f"exit status {process.returncode}",
                    )  # fmt: skip
                running[role] = _start(role, options, listener, environment)
    finally:
        _stop_all(list(running.values()))
    return 0


def _start(
    role: str, options: ServeOptions, listener: socket.socket, environment: dict[str, str]
) -> subprocess.Popen[bytes]:
    # -P: the current folder stays off the import path. The command is liftwerk's own, options are one argument.
    words = [sys.executable, "-P", "-m", "jobs.serve_process", role, options.dumps()]
    passed = (listener.fileno(),) if role != "learner" else ()
    # a session of its own: Ctrl-C reaches this process alone, which then stops the others in order
    return subprocess.Popen(words, env=environment, pass_fds=passed, start_new_session=True)  # noqa: S603


def _stop_all(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + _GRACE_S
    for process in processes:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
