"""A running ``liftwerk serve`` and clients that note every answer they got, until the server is gone."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import psutil

LIFTWERK = [sys.executable, "-c", "from jobs.cli import main; main()"]
KEY = "test-key-test-key-test-key"
HEADERS = {"x-api-key": KEY}


class Service:
    """One service on a free port; ``store`` is an SQLite file."""

    def __init__(self, root: Path, *words: str):
        self.root, self.store = root, root / "serve" / "log.sqlite"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "LIFTWERK_API_KEY": KEY}
        self.process = subprocess.Popen(
            [*LIFTWERK, "serve", "--workspace", str(root), "--port", "0", *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        line = self.process.stderr.readline()
        assert "http://127.0.0.1:" in line, line + self.process.stderr.read()
        self.port = int(line.split("127.0.0.1:")[1].split("/")[0])
        self._until_ready()

    def _until_ready(self) -> None:
        # tries, not seconds: on a machine that stands still for a while the service stands still too
        for _ in range(300):
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                if self.request("GET", "/readyz")[0] == 200:
                    return
            time.sleep(0.2)
        self.kill_all()
        raise AssertionError(f"the service does not get ready: {self.process.stderr.read()}")

    def request(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), HEADERS)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def kill(self) -> None:
        """SIGKILL for every process of the service at once."""
        self.kill_all()
        self.process.stderr.close()

    def kill_all(self) -> None:
        everyone = [*psutil.Process(self.process.pid).children(recursive=True), psutil.Process(self.process.pid)]
        for one in everyone:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        psutil.wait_procs(everyone, timeout=10)
        self.process.wait(10)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """A clean stop; exit status."""
        self.process.send_signal(number)
        self.process.communicate(timeout=40)
        return self.process.returncode

    def load(self, seconds: float, connections: int = 8, then=None) -> set[str]:
        """Ids of the decisions that were answered within ``seconds``; after half of them ``then`` is called."""
        return asyncio.run(_load(self.port, seconds, connections, then))

    def logged(self) -> set[str]:
        connection = sqlite3.connect(self.store)
        try:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return {row[0] for row in connection.execute("SELECT decision_id FROM creative_decisions")}
        finally:
            connection.close()


async def _load(port: int, seconds: float, connections: int, then) -> set[str]:
    answered: set[str] = set()
    end = time.monotonic() + seconds

    async def client(number: int) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            count = 0
            try:
                while time.monotonic() < end:
                    body = b'{"experiment_id":"e","unit_id":"u%d-%d","context":{"device":"%s"}}' % (
                        number, count, (b"mobile", b"desktop")[count % 2],
                    )  # fmt: skip
                    count += 1
                    writer.write(
                        b"POST /v1/decide HTTP/1.1\r\nhost: x\r\nx-api-key: %s\r\ncontent-length: %d\r\n\r\n%s"
                        % (KEY.encode(), len(body), body)
                    )
                    head = await reader.readuntil(b"\r\n\r\n")
                    assert head.startswith(b"HTTP/1.1 200"), head
                    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    answered.add(json.loads(await reader.readexactly(size))["decision_id"])
            finally:
                writer.close()

    async def interrupt() -> None:
        await asyncio.sleep(seconds / 2)
        if then is not None:
            await asyncio.to_thread(then)

    await asyncio.wait_for(
        asyncio.gather(interrupt(), *[client(number) for number in range(connections)]), seconds + 60
    )
    return answered
