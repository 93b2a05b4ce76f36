"""A canary stopped by ``liftwerk content``: status, file, audit log, webhook; kill -9 and restart change nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from decisions.approval import AuditLog
from decisions.canary_stops import STOP_FILE, CanaryStops
from jobs import webhook
from jobs.webhook import OUTBOX, SECRET_VARIABLE, notify, signature, waiting
from measurement.errors import InputError
from measurement.workspace import Workspace
from tests.jobs.conftest import call, start

SETTINGS = """[workspace]
currency = "EUR"
[content]
tables = "data"
[content.canary]
guardrails = ["error_rate", "latency_p95"]
"""


@pytest.fixture
def root(tmp_path):
    rng, count = np.random.default_rng(1), 3000
    arm = rng.choice(["control", "canary"], count)
    begin = pd.Timestamp("2026-03-02", tz="UTC") + pd.to_timedelta(np.sort(rng.uniform(0, 5 * 86400, count)), unit="s")
    bad = rng.random(count) < np.where(arm == "canary", 0.2, 0.02)
    calls = pd.DataFrame({
        "start_ts": begin, "duration_ms": 900 * np.exp(0.5 * rng.standard_normal(count)), "team": "web", "pipeline": "ads",
        "model": "m", "arm": arm, "error_type": np.where(bad, "timeout", None),
    })  # fmt: skip
    (tmp_path / "data").mkdir()
    calls.to_parquet(tmp_path / "data" / "gen_call.parquet")
    (tmp_path / "liftwerk.toml").write_text(SETTINGS)
    return tmp_path


def stopped_lines(root):
    entries = AuditLog(root / "audit" / "log.jsonl").entries()
    return [entry for entry in entries if entry.action == "canary_stopped"]


def test_a_stop_survives_kill_9_and_restart(root):
    process = start("content", "-w", root)
    file = root / STOP_FILE
    until = time.monotonic() + 120
    while not file.is_file() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.0005)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, "the process ended before it was killed"
    (stop,) = json.loads(file.read_text())["stops"]
    again = call("content", "-w", root, "--json")
    assert again.exit_code == 3
    answer = json.loads(again.stdout)
    assert answer["status"] == "stopped"
    assert [one["id"] for one in answer["stops"]] == [stop["id"]]
    assert len(stopped_lines(root)) == 1
    assert call("audit", "verify", "-w", root).exit_code == 0
    # the evidence may go, the stop stays
    calls = pd.read_parquet(root / "data" / "gen_call.parquet")
    calls[calls["arm"] == "control"].to_parquet(root / "data" / "gen_call.parquet")
    later = call("content", "-w", root, "--json")
    assert later.exit_code == 3
    canary = json.loads((root / json.loads(later.stdout)["run"]["folder"] / "canary.json").read_text())
    assert (canary["verdict"], canary["tests"]) == ("stop", [])
    assert canary["stops"][0]["id"] == stop["id"]
    assert len(stopped_lines(root)) == 1


def test_resumed_by_a_person_with_a_reason(root):
    shown = call("content", "-w", root)
    assert shown.exit_code == 3
    assert "STOPPED: web / ads" in shown.stdout
    (stop,) = CanaryStops.of(Workspace.open(root)).standing()
    assert call("content", "-w", root, "--resume", stop.id).exit_code == 2
    assert call("content", "-w", root, "--resume", "nonsense", "--reason", "mended").exit_code == 2
    done = call("content", "-w", root, "--resume", stop.id, "--reason", "timeout raised", "--by", "Mara")
    assert done.exit_code == 0, done.stderr
    last = AuditLog(root / "audit" / "log.jsonl").entries()[-1]
    assert (last.actor, last.details["reason"]) == ("Mara", "timeout raised")
    after = call("content", "-w", root, "--json")
    assert after.exit_code == 0
    run = json.loads(after.stdout)["run"]
    canary = json.loads((root / run["folder"] / "canary.json").read_text())
    assert canary["verdict"] == "not_enough_data"  # the old calls are not held against it
    assert canary["rule"]["since"][0]["pipeline"] == "ads"


class Receiver(BaseHTTPRequestHandler):
    """Answers with the statuses it was given, then 204; keeps what came."""

    statuses: ClassVar[list[int]] = []
    got: ClassVar[list[tuple[dict[str, str], bytes]]] = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((dict(self.headers), body))
        self.send_response(self.statuses.pop(0) if self.statuses else 204)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    Receiver.statuses, Receiver.got = [], []
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_webhook_is_signed_retried_and_told_once(root, receiver, monkeypatch):
    monkeypatch.setenv(SECRET_VARIABLE, "s3cret")
    monkeypatch.setattr(webhook, "BACKOFF", (0.01, 0.01, 0.01))
    (root / "liftwerk.toml").write_text(SETTINGS + f'webhook = "{receiver}"\n')
    Receiver.statuses = [503, 429]
    assert call("content", "-w", root).exit_code == 3
    assert call("content", "-w", root).exit_code == 3
    assert len(Receiver.got) == 3  # two attempts refused, one taken, none by the second command
    headers, body = Receiver.got[-1]
    tree = json.loads(body)
    assert (tree["event"], tree["team"], tree["kpis"]) == ("canary.stopped", "web", ["error_rate"])
    assert headers["Idempotency-Key"] == tree["id"]
    moment, _, digest = headers["Liftwerk-Signature"].removeprefix("t=").partition(",v1=")
    assert abs(int(moment) - time.time()) < 60
    assert digest == hmac.new(b"s3cret", moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert "s3cret" not in "".join(file.read_text(errors="ignore") for file in root.rglob("*") if file.is_file())


@pytest.mark.parametrize(("statuses", "attempts"), [([500] * 4, 4), ([404], 1), ([302], 1)])
def test_a_refused_notice_waits_and_the_stop_stands(root, receiver, monkeypatch, statuses, attempts):
    stops = _stops(root)
    monkeypatch.setenv(SECRET_VARIABLE, "s3cret")
    Receiver.statuses, pauses = list(statuses), []
    delivery = notify(root, receiver, "w", stops, pauses.append)
    assert list(delivery.waiting) == [stops[0].id] == list(waiting(root))
    assert len(Receiver.got) == attempts
    assert pauses == [0.5, 1.0, 2.0][: attempts - 1]
    assert CanaryStops.of(Workspace.open(root)).standing() == stops
    assert notify(root, receiver, "w", stops).told == (stops[0].id,)
    assert len({headers["Idempotency-Key"] for headers, _ in Receiver.got}) == 1
    assert waiting(root) == {}
    assert notify(root, receiver, "w", stops).told == ()


def test_without_a_secret_or_a_listener_nothing_is_lost(root, monkeypatch):
    stops = _stops(root)
    monkeypatch.delenv(SECRET_VARIABLE, raising=False)
    nowhere = "http://127.0.0.1:9/"
    assert SECRET_VARIABLE in notify(root, nowhere, "w", stops).waiting[stops[0].id]
    monkeypatch.setenv(SECRET_VARIABLE, "s3cret")
    assert "refused" in notify(root, nowhere, "w", stops, lambda _: None).waiting[stops[0].id].lower()
    (root / OUTBOX).write_text("{")  # a broken outbox tells twice rather than never
    assert list(notify(root, nowhere, "w", stops, lambda _: None).waiting) == [stops[0].id]
    assert notify(root, nowhere, "w", ()).waiting == {}
    assert waiting(root) == {}  # resumed before anybody was told


def _stops(root):
    from decisions.canary_stops import Breach

    breach = Breach(team="web", pipeline="ads", kpis=("error_rate",), stopped_at="2026-03-04T10:00:00Z", facts={})
    return CanaryStops.of(Workspace.open(root)).latch([breach])


@pytest.mark.parametrize(
    "url", ["http://example.com/hook", "ftp://example.com", "example.com", "https://a:b@example.com"]
)
def test_a_webhook_that_is_not_safe_is_refused(root, url):
    (root / "liftwerk.toml").write_text(SETTINGS + f'webhook = "{url}"\n')
    with pytest.raises(InputError, match="webhook"):
        Workspace.open(root)


def test_a_signature_a_receiver_can_make_too():
    # printf '1.{}' | openssl dgst -sha256 -hmac secret
    made = subprocess.run(
        ["openssl", "dgst", "-sha256", "-hmac", "secret"], input=b"1.{}", capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("no openssl here")
    assert signature(b"{}", "secret", 1) == f"t=1,v1={made.stdout.decode().split()[-1]}"
