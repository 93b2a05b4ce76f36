"""The decision endpoint under load: decisions a second, latency, CPU a decision, and what is in the log.

``python benchmarks/bandits_service.py --seconds 20 --connections 16 --workers 1``: a service of its own in a temporary
folder, clients on loopback that send the next request when the last is answered; at most 60 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

KEY = "benchmark-key-benchmark-key"
LIFTWERK = [sys.executable, "-c", "from jobs.cli import main; main()"]


class Client(asyncio.Protocol):
    """One connection: the next request goes out when the last is answered."""

    def __init__(self, number, until, latencies, ids):
        self.number, self.until, self.latencies, self.ids = number, until, latencies, ids
        self.count, self.began, self.buffer = 0, 0.0, b""

    def connection_made(self, transport):
        self.transport = transport
        self.ask()

    def ask(self):
        self.count += 1
        body = b'{"experiment_id":"e","unit_id":"u%d-%d","context":{"device":"mobile"}}' % (self.number, self.count)
        self.began = time.perf_counter()
        self.transport.write(
            b"POST /v1/decide HTTP/1.1\r\nhost: x\r\nx-api-key: %s\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\n\r\n%s" % (KEY.encode(), len(body), body)
        )

    def data_received(self, data):
        self.buffer += data
        if not self.buffer.endswith(b"}"):
            return
        if b" 200 OK" not in self.buffer[:20]:
            raise SystemExit(self.buffer.decode())
        now = time.perf_counter()
        self.latencies.append(now - self.began)
        self.ids.append(self.buffer[-self.buffer[::-1].index(b"{") :][15:31])
        self.buffer = b""
        if now < self.until:
            self.ask()
        else:
            self.transport.close()


async def drive(port, seconds, connections):
    latencies, ids = [], []
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    for number in range(connections):
        await loop.create_connection(lambda number=number: Client(number, until, latencies, ids), "127.0.0.1", port)
    await asyncio.sleep(seconds + 0.5)
    return latencies, ids


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--connections", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--arms", type=int, default=10)
    parser.add_argument("--fsync", action="store_true")
    asked = parser.parse_args()
    if asked.seconds * len(asked.connections) > 60:
        raise SystemExit("at most 60 s in all")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "liftwerk.toml").write_text("")
        words = ["serve", "--workspace", folder, "--port", "0", "--workers", str(asked.workers)]
        words += ["--fsync"] if asked.fsync else []
        service = subprocess.Popen(
            [*LIFTWERK, *words], stderr=subprocess.PIPE, text=True, env={**os.environ, "LIFTWERK_API_KEY": KEY}
        )
        port = int(service.stderr.readline().split("127.0.0.1:")[1].split("/")[0])
        arms = [f"creative {number}" for number in range(asked.arms)]
        request(port, "/v1/experiments", {"experiment_id": "e", "arms": arms})
        workers = [child for child in psutil.Process(service.pid).children() if "worker-" in " ".join(child.cmdline())]
        print(f"{asked.workers} worker(s), {asked.arms} arms, fsync {'on' if asked.fsync else 'off'}")
        print("| connections | decisions/s | p50 ms | p99 ms | worker CPU µs a decision |")
        print("|---|---|---|---|---|")
        answered = []
        for connections in asked.connections:
            before = sum(sum(worker.cpu_times()[:2]) for worker in workers)
            latencies, ids = asyncio.run(drive(port, asked.seconds, connections))
            cpu = sum(sum(worker.cpu_times()[:2]) for worker in workers) - before
            answered += ids
            latencies.sort()
            n = len(latencies)
            print(
                f"| {connections} | {n / asked.seconds:,.0f} | {latencies[n // 2] * 1e3:.1f} | "
                f"{latencies[int(n * 0.99)] * 1e3:.1f} | {cpu / n * 1e6:.0f} |",
                flush=True,
            )
        service.terminate()
        service.wait(30)
        connection = sqlite3.connect(root / "serve" / "log.sqlite")
        logged = {row[0].encode() for row in connection.execute("SELECT decision_id FROM creative_decisions")}
        missing = len(set(answered) - logged)
        print(f"\nafter a clean stop: {len(answered):,} answered, {len(logged):,} logged, {missing} missing")


def request(port, path, body):
    import http.client

    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("POST", path, json.dumps(body), {"x-api-key": KEY})
            answer = connection.getresponse()
            assert answer.status in (200, 201), answer.read()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the service does not get ready")


if __name__ == "__main__":
    main()
