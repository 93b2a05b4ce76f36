"""An ASGI client without sockets, and a running endpoint on a store in a temporary folder."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

from bandits.service.access import KeyRing
from bandits.service.endpoint import Endpoint, Limits
from bandits.service.experiment import Experiment
from bandits.service.sqlite_store import SqliteStore
from bandits.service.store import Store

KEY = "k" * 24


class Answer:
    def __init__(self, status: int, headers: dict[bytes, bytes], body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


async def call(app, path: str, body: object = b"", *, method: str = "POST", key: str | None = KEY, chunks: int = 1):
    """One request; ``body`` is bytes, or anything that becomes JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    size = -(-len(content) // chunks) or 1
    parts = [content[place : place + size] for place in range(0, len(content), size)] or [b""]
    incoming = [
        {"type": "http.request", "body": part, "more_body": index < len(parts) - 1} for index, part in enumerate(parts)
    ]
    sent: list[dict] = []

    async def receive():
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    headers = [] if key is None else [(b"x-api-key", key.encode())]
    scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "headers": headers}
    await app(scope, receive, send)
    start, end = sent
    return Answer(start["status"], dict(start["headers"]), end["body"])


@contextlib.asynccontextmanager
async def serving(
    folder: Path, *, store: Store | None = None, limits: Limits | None = None, experiment: Experiment | None = None
) -> AsyncIterator[Endpoint]:
    """An endpoint with the experiment ``e`` of the arms a, b, c."""
    opened = store or SqliteStore(folder / "log.sqlite")
    opened.create(experiment or Experiment(experiment_id="e", arms=("a", "b", "c")))
    app = Endpoint(opened, seed=1, keys=KeyRing([KEY]), limits=limits)
    await app.start()
    try:
        yield app
    finally:
        await app.stop()
