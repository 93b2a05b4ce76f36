"""The decision endpoint under load: decisions a second, latency, CPU a decision, and what is in the log.

``python benchmarks/bandits_service.py --seconds 20 --connections 16 --workers 1``: a service of its own in a temporary
folder, clients on loopback that send the next request when the last is answered; at most 60 s. With ``--features`` the
policy is contextual (device, customer, age in 12 steps: 78 kinds of person) and has learnt before the load begins; with
``--kinds`` people are all different (a basket in 1,000 steps as well): shares are worked out for every decision.
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

from benchmarks.bandits_contextual import FEATURES

KEY = "benchmark-key-benchmark-key"
LIFTWERK = [sys.executable, "-c", "from jobs.cli import main; main()"]


class Client(asyncio.Protocol):
    """One connection: the next request goes out when the last is answered."""

    def __init__(self, number, until, latencies, ids, context):
        self.number, self.until, self.latencies, self.ids, self.context = number, until, latencies, ids, context
        self.count, self.began, self.buffer = 0, 0.0, b""

    def connection_made(self, transport):
        self.transport = transport
        self.ask()

    def ask(self):
        self.count += 1
        told = self.context(self.count)
        body = b'{"experiment_id":"e","unit_id":"u%d-%d","context":%s}' % (self.number, self.count, told)
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


def plain(_number):
    return b'{"device":"mobile"}'


def person(number):
    """One of many, as like as not to have come before."""
    device, customer = (b"mobile", b"desktop", b"tablet")[number % 3], (b"true", b"false")[number // 3 % 2]
    told = b'"device":"%s","customer":%s,"age":%d.%d' % (device, customer, 18 + number * 7 % 60, number % 10)
    return b'{%s,"basket":%d}' % (told, (number * 7919 + number // 3000) % 1000)


async def drive(port, seconds, connections, context):
    latencies, ids = [], []
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    for number in range(connections):
        await loop.create_connection(
            lambda number=number: Client(number, until, latencies, ids, context), "127.0.0.1", port
        )
    await asyncio.sleep(seconds + 0.5)
    return latencies, ids


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--connections", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--arms", type=int, default=10)
    parser.add_argument("--fsync", action="store_true")
    parser.add_argument("--features", action="store_true", help="a contextual policy")
    parser.add_argument("--kinds", action="store_true", help="the same, people all different")
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
        spec = {"experiment_id": "e", "arms": arms}
        context = plain
        if asked.features or asked.kinds:
            context = person
            teach(port, spec | {"features": FEATURES | ({"basket": BASKET} if asked.kinds else {})})
        else:
            request(port, "/v1/experiments", spec)
        workers = [child for child in psutil.Process(service.pid).children() if "worker-" in " ".join(child.cmdline())]
        told = "78 kinds of person, " if asked.features else "people all different, " if asked.kinds else ""
        print(f"{asked.workers} worker(s), {asked.arms} arms, {told}fsync {'on' if asked.fsync else 'off'}")
        print("| connections | decisions/s | p50 ms | p99 ms | worker CPU µs a decision |")
        print("|---|---|---|---|---|")
        answered = []
        for connections in asked.connections:
            before = sum(sum(worker.cpu_times()[:2]) for worker in workers)
            latencies, ids = asyncio.run(drive(port, asked.seconds, connections, context))
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


BASKET = {"type": "number", "low": 0, "high": 1000, "steps": 1000}


def teach(port, spec):
    """Register, decide and reward some, and wait until a policy that has learnt is served."""
    request(port, "/v1/experiments", spec)
    for number in range(400):
        answer = request(
            port, "/v1/decide", {"experiment_id": "e", "unit_id": f"t{number}", "context": json.loads(person(number))}
        )
        value = int(answer["arm_id"].endswith("3") or number % 5 == 0)
        request(port, "/v1/reward", {"decision_id": answer["decision_id"], "value": value})
    for _ in range(300):
        if request(port, "/v1/experiments/e", None)["policy"]["model"] is not None:
            return
        time.sleep(0.2)
    raise SystemExit("the service does not learn")


def request(port, path, body):
    import http.client

    for _ in range(300):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            method = "GET" if body is None else "POST"
            connection.request(method, path, None if body is None else json.dumps(body), {"x-api-key": KEY})
            answer = connection.getresponse()
            told = answer.read()
            assert answer.status in (200, 201), told
        except OSError:
            time.sleep(0.1)
        else:
            return json.loads(told)
    raise SystemExit("the service does not get ready")


if __name__ == "__main__":
    main()
