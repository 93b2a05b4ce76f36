"""``liftwerk content`` for Prometheus, and names in ``[content]`` that are checked beforehand."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pandas as pd
import pytest

from jobs.content_metrics import CONTENT_TYPE, metrics_server
from measurement.errors import InputError
from measurement.workspace import Workspace
from monitoring.intake.prometheus import read_all
from tests.jobs.conftest import call
from tests.measurement.small_workspace import build_workspace

TABLES = 'tables = "data/content/"'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = build_workspace(tmp_path / "klein")
    day = pd.date_range("2026-05-01", periods=30, freq="D")
    folder = root / "data" / "content"
    for file in folder.iterdir():
        file.unlink()
    pd.DataFrame(
        {"start_ts": day, "duration_ms": range(100, 130), "team": 'we "b"', "model": "m", "cost": 2.0, "error_type": ""}
    ).to_csv(folder / "gen_call.csv", index=False)
    write(root, f"{TABLES}\nobjectives.error_rate = 0.05")
    return root


def write(root: Path, instead: str, end: str = "") -> str:
    """Put something in the place of the line that names the tables; gives the whole text."""
    file = root / "liftwerk.toml"
    text = file.read_text(encoding="utf-8").replace(TABLES, instead) + end
    file.write_text(text, encoding="utf-8")
    return text


def test_a_file_for_the_node_exporter_and_an_endpoint(root: Path, tmp_path: Path):
    file = tmp_path / "content.prom"
    assert call("content", "-w", root, "--metrics-file", file).exit_code == 0
    text = file.read_text(encoding="utf-8")
    total = 'liftwerk_content_kpi{kpi="latency_p50",team="(all)",model="(all)"} 129.0'
    assert total in text
    assert 'team="we \\"b\\""' in text
    assert 'liftwerk_content_month_end_cost{team="(all)",month="2026-05"} 62.0' in text
    assert "hallucination_rate" not in text  # not judged is not zero
    _, aside = read_all([(file, file.name)])  # our own reader of the format finds nothing wrong
    assert not aside
    server = metrics_server(Workspace.open(root), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_address[1]}"
        with urllib.request.urlopen(f"{address}/metrics") as answer:
            assert answer.headers["Content-Type"] == CONTENT_TYPE
            assert answer.read().decode() == text
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{address}/other")
        with pytest.raises(InputError, match="port is taken"):
            metrics_server(Workspace.open(root), server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def test_a_file_that_cannot_be_written_is_told(root: Path, tmp_path: Path):
    result = call("content", "-w", root, "--metrics-file", tmp_path / "nowhere" / "a.prom")
    assert result.exit_code == 2
    assert "metrics" in result.stderr


def test_names_that_are_no_kpi_are_found_by_check(root: Path):
    assert call("check", "-w", root).exit_code == 0
    canary = '\n[content.canary]\nguardrails = ["eror_rate", "throughput_per_hour"]\n'
    text = write(root, f"{TABLES}\nobjectives.latncy_p95 = 1.0", canary)
    result = call("check", "-w", root, "--json")
    assert result.exit_code == 2
    problems = json.loads(result.stdout)["problems"]
    assert [one["value"] for one in problems] == ["latncy_p95", "eror_rate", "throughput_per_hour"]
    assert "latency_p95" in problems[0]["remedy"]
    assert "error_rate" in problems[1]["remedy"]
    lines = text.splitlines()
    assert "latncy_p95" in lines[problems[0]["line"] - 1]
    assert "guardrails" in lines[problems[1]["line"] - 1]
