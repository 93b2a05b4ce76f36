"""The processes behind ``liftwerk serve``: a worker that answers requests, or the learner that renews the policies."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from measurement.errors import InputError

if TYPE_CHECKING:
    from bandits.service.sql_store import SqlStore

log = logging.getLogger("liftwerk.serve")
#: API keys, separated by commas.
KEY_VARIABLE = "LIFTWERK_API_KEY"
_KEEP_ALIVE_S = 30
_LOOK_AT_PARENT_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What every process of the service is told.

    Attributes
    ----------
    store
        A file for SQLite, or ``postgresql://…``.
    fsync, seed, rate, refresh_s
        See ``liftwerk serve --help``.
    metrics
        Folder in which workers leave their counts.
    descriptor
        The listening socket, inherited.
    parent
        Process that watches over this one.
    """

    store: str
    fsync: bool
    seed: int
    rate: float
    refresh_s: float
    metrics: str
    descriptor: int
    parent: int

    def dumps(self) -> str:
        """For a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Self:
        """Inverse of `dumps`."""
        return cls(**json.loads(text))


def open_store(options: ServeOptions) -> SqlStore:
    """The store that the options name."""
    if options.store.startswith(("postgresql://", "postgres://")):
        from bandits.service.postgres_store import PostgresStore

        return PostgresStore(options.store)
    if "://" in options.store:
        raise InputError.of(
            "this kind of store is not known", "Name a file, or postgresql://user@host/database", column="store",
            value=options.store.split("://")[0] + "://…",
        )  # fmt: skip
    from bandits.service.sqlite_store import SqliteStore

    return SqliteStore(Path(options.store), fsync=options.fsync)


def work(name: str, options: ServeOptions) -> None:
    """Answer requests until told to stop or left alone."""
    import uvicorn

    from bandits.service.access import KeyRing
    from bandits.service.endpoint import Endpoint, Limits
    from bandits.service.metrics import Metrics
    from jobs.serve_direct import DirectProtocol

    keys = KeyRing(key for key in os.environ[KEY_VARIABLE].split(",") if key)
    metrics = Metrics(Path(options.metrics), name.removeprefix("worker-"))
    endpoint = Endpoint(
        open_store(options), seed=options.seed, keys=keys, limits=Limits(rate=options.rate), metrics=metrics
    )
    settings = uvicorn.Config(
        endpoint, http=DirectProtocol, loop="asyncio", ws="none", lifespan="on", access_log=False, log_config=None,
        server_header=False, date_header=False, proxy_headers=False, timeout_keep_alive=_KEEP_ALIVE_S,
        timeout_graceful_shutdown=10,
    )  # fmt: skip

    class Server(uvicorn.Server):
        """Uvicorn's server, whose end by a signal is a clean end."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, self.handle_exit)
            yield

    server = Server(settings)

    def stop() -> None:
        server.should_exit = True

    _when_orphaned(options.parent, stop)
    gc.freeze()  # what was imported stays: the collector need not go through it again and again
    with socket.socket(fileno=options.descriptor) as listener:
        asyncio.run(server.serve(sockets=[listener]))


def learn(options: ServeOptions) -> None:
    """Renew the policies until told to stop or left alone."""
    from bandits.service.learner import Learner
    from bandits.service.store import StoreError

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    _when_orphaned(options.parent, stopped.set)
    store = open_store(options)
    learner = Learner(store)
    pause = 0.0
    while not stopped.wait(pause):
        began = time.monotonic()
        try:
            for policy in learner.step():
                log.info("%s: policy version %d", policy.experiment_id, policy.version)
        except StoreError as error:
            log.warning("the learner cannot read the log and tries again: %s", error)
        # at most a tenth of a core, however long the log
        pause = max(options.refresh_s, 9.0 * (time.monotonic() - began))
    store.close()


def _when_orphaned(parent: int, end: Callable[[], None]) -> None:
    """Call ``end`` once the process that started this one is gone: nothing is left listening after a kill."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_AT_PARENT_S)
        end()

    threading.Thread(target=watch, name="parent", daemon=True).start()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    role, told = sys.argv[1], ServeOptions.loads(sys.argv[2])
    if role == "learner":
        learn(told)
    else:
        work(role, told)
