"""``liftwerk serve`` as a process: clean stops, kills under load, and the way from its log to the weekly job."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.jobs.conftest import call
from tests.jobs.serve_load import Service

SPEC = {"experiment_id": "e", "arms": ["a", "b", "c"]}
CONTEXTUAL = SPEC | {"features": {"device": {"type": "category", "levels": ["mobile", "desktop"]}}}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="inherited sockets")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "liftwerk.toml").write_text(
        '[creatives]\ndecisions = "serve/log.sqlite"\nrewards = "serve/log.sqlite"\n', encoding="utf-8"
    )
    return folder


def test_a_clean_stop_under_load_loses_nothing_that_was_answered(root):
    service = Service(root, "--workers", "2")
    assert service.request("POST", "/v1/experiments", SPEC)[0] == 201
    stopped: list[int] = []
    answered = service.load(2.0, then=lambda: stopped.append(service.stop()))
    assert stopped == [0]
    assert len(answered) > 100
    assert answered <= service.logged()


def _killed(root: Path, *words: str, spec: dict[str, object] = SPEC) -> None:
    service = Service(root, *words)
    assert service.request("POST", "/v1/experiments", spec)[0] in (200, 201)
    answered = service.load(1.0, then=service.kill)
    assert len(answered) > 20
    missing = answered - service.logged()
    assert not missing, f"{len(missing)} of {len(answered)} answered decisions are not in the log"


def test_kill_9_under_load_loses_nothing_that_was_answered(root):
    _killed(root)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("spec", [SPEC, CONTEXTUAL])
def test_twenty_kills_under_load_lose_nothing_that_was_answered(root, workers, spec):
    for _ in range(20):
        _killed(root, "--workers", workers, "--refresh", "0.2", spec=spec)


@pytest.mark.slow
def test_a_contextual_experiment_learns_and_goes_on_after_a_kill(root):
    service = Service(root, "--refresh", "0.2")
    service.request("POST", "/v1/experiments", CONTEXTUAL)

    def decide(number: int, device: str) -> dict[str, object]:
        body = {"experiment_id": "e", "unit_id": f"u{number}", "context": {"device": device}}
        status, answer = service.request("POST", "/v1/decide", body)
        assert status == 200
        return json.loads(answer)

    for number in range(240):
        device = ("mobile", "desktop")[number % 2]
        answer = decide(number, device)
        value = float((answer["arm_id"], device) in (("a", "mobile"), ("b", "desktop")))
        assert service.request("POST", "/v1/reward", {"decision_id": answer["decision_id"], "value": value})[0] == 200
    service.kill()
    service = Service(root, "--refresh", "0.2")  # learns from what the killed one logged
    for _ in range(300):  # the newest ten seconds are left alone
        policy = json.loads(service.request("GET", "/v1/experiments/e")[1])["policy"]
        if policy["arms"][2]["propensity"] < 0.05:
            break
        time.sleep(0.2)
    shown = {device: [decide(number, device)["arm_id"] for number in range(40)] for device in ("mobile", "desktop")}
    assert service.stop() == 0
    assert shown["mobile"].count("a") > 30
    assert shown["desktop"].count("b") > 30


def test_learning_pausing_and_the_way_to_the_weekly_job(root):
    service = Service(root, "--refresh", "0.5")
    service.request("POST", "/v1/experiments", SPEC)
    for number in range(300):
        answer = json.loads(service.request("POST", "/v1/decide", {"experiment_id": "e", "unit_id": f"u{number}"})[1])
        value = float(answer["arm_id"] == "b" and number % 2 == 0)
        assert service.request("POST", "/v1/reward", {"decision_id": answer["decision_id"], "value": value})[0] == 200
    status, page = service.request("GET", "/metrics")
    assert status == 200
    assert b"liftwerk_decisions_total 300" in page
    assert service.stop(signal.SIGINT) == 0
    answer = call("creatives", "--workspace", root, "--json")
    assert answer.exit_code in (0, 3), answer.output
    run = root / json.loads(answer.stdout)["run"]["folder"]
    arms = (run / "arms.csv").read_text(encoding="utf-8").splitlines()
    assert len(arms) == 4
    assert any(line.startswith("e,b,") for line in arms)


def test_a_taken_port_and_a_weak_key_are_told(root, monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = call("serve", "--workspace", root, "--port", taken.getsockname()[1])
    assert answer.exit_code == 2
    assert "cannot be listened on" in answer.output
    monkeypatch.setenv("LIFTWERK_API_KEY", "short")
    answer = call("serve", "--workspace", root, "--port", 0)
    assert answer.exit_code == 2
    assert "API key" in answer.output
    monkeypatch.delenv("LIFTWERK_API_KEY")
    (root / "serve").mkdir(exist_ok=True)
    (root / "serve" / "log.sqlite").write_bytes(b"this is no database at all" * 100)
    answer = call("serve", "--workspace", root, "--port", 0)
    assert answer.exit_code == 2
    assert "log.sqlite" in answer.output
    assert (root / "serve" / "api_key").stat().st_mode & 0o077 == 0
