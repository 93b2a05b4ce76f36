"""From data to a decision through the command line, and everything the contract promises on the way."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from tests.jobs.conftest import EXPORTED, call, exported, fingerprint, start

ARTIFACTS = {
    "mmm": {"channels.csv", "curves.parquet", "decomposition.parquet", "fit.csv", "posterior.nc"},
    "geo_readout": {"readout.json", "series.csv"},
    "creatives": {"arms.csv", "stop.json"},
    "content": {"kpis.csv", "canary.json", "alerts.csv"},
    "plan": {"allocation.csv", "plan.json"},
    "attribution": {"credit.csv", "transitions.csv", "reconcile.csv"},
}
ALLOCATION = [
    "channel",
    "geo",
    "week",
    "current",
    "proposed",
    "change",
    "expected_outcome",
    "marginal_roas",
    "evidence",
]


def answer(result) -> dict:
    lines = result.stdout.splitlines()
    assert len(lines) == 1, result.stdout
    return json.loads(lines[0])


def latest(root: Path, kind: str) -> Path:
    return root / "runs" / kind / json.loads((root / "runs" / kind / "latest.json").read_text())["id"]


def test_weekly_writes_every_artifact_of_the_contract(finished):
    for kind, files in ARTIFACTS.items():
        folder = latest(finished, kind)
        assert files <= {file.name for file in folder.iterdir()}, kind
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["kind"] == kind
        assert all({"name", "passed", "value", "limit", "remedy"} <= set(check) for check in manifest["checks"])
    assert list(pd.read_csv(latest(finished, "plan") / "allocation.csv").columns) == ALLOCATION
    assert exported(finished / "exports" / "2026-W48") == EXPORTED


def test_weekly_again_changes_nothing(copy):
    before = fingerprint(copy, "runs", "exports", "audit")
    result = call("weekly", "-w", copy, "--json")
    assert result.exit_code == 0, result.stderr
    assert answer(result)["decision"]["week"] == "2026-W48"
    assert fingerprint(copy, "runs", "exports", "audit") == before


def test_the_export_equals_the_plan_to_the_cent(finished):
    week = finished / "exports" / "2026-W48"
    with (week / "budget.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["channel"]: row for row in csv.DictReader(stream)}
    plan = pd.read_csv(latest(finished, "plan") / "allocation.csv").groupby("channel").first()
    assert {name: float(row["proposed"]) for name, row in rows.items()} == plan["proposed"].to_dict()
    cents = sum(round(float(row["proposed"]) * 100) for row in rows.values())
    assert cents == 60_000_00
    for name, row in rows.items():
        assert round(float(row["current"]) * 100) + round(float(row["change"]) * 100) == round(
            float(row["proposed"]) * 100
        )
        days = pd.read_csv(week / "platforms" / f"{name}.csv")
        assert len(days) == 7
        assert round(days["daily_budget"].sum() * 100) == round(float(row["proposed"]) * 100)
    sheet = openpyxl.load_workbook(week / "budget.xlsx", data_only=True).worksheets[0]
    found = {str(row[0]).lower(): row for row in sheet.iter_rows(values_only=True) if row[0]}
    for name, row in rows.items():
        assert [round(float(value), 2) for value in found[name][2:5]] == [
            float(row[key]) for key in ("current", "proposed", "change")
        ]


def test_the_decision_is_logged_and_the_log_verifies(copy):
    result = call("audit", "verify", "-w", copy, "--json")
    assert result.exit_code == 0
    assert answer(result)["entries"] == 1
    decision = json.loads((copy / "exports" / "2026-W48" / "decision.json").read_text())
    assert decision["audit"]["hash"] == answer(result)["head"]
    log = copy / "audit" / "log.jsonl"
    log.write_text(log.read_text().replace('"total":60000.0', '"total":60001.0'))
    result = call("audit", "verify", "-w", copy)
    assert result.exit_code == 2
    assert "audit/log.jsonl:1" in result.stderr


def test_reasons_evidence_and_runs_stand_in_the_decision(finished):
    decision = json.loads((finished / "exports" / "2026-W48" / "decision.json").read_text())
    assert decision["schema"] == "liftwerk.decision/1"
    assert decision["state"] in {"act", "hold"}
    for line in decision["channels"]:
        assert line["action"] in {"scale", "hold", "cut", "test"}
        assert set(line["reasons"]) == {"de", "en"}
        assert line["reason"] == line["reasons"]["en"] != line["reasons"]["de"]
        assert line["grade"] in {"experiment", "model", "assumption"}
    search = next(line for line in decision["channels"] if line["channel"] == "search")
    assert [reading["method"] for reading in search["evidence"]] == [
        "media_mix_model", "media_mix_model_without_tests", "lift_test",
    ]  # fmt: skip
    tv = next(line for line in decision["channels"] if line["channel"] == "tv")
    assert [(reading["method"], reading["healthy"]) for reading in tv["evidence"]] == [
        ("media_mix_model", True), ("geo_test", False),  # a test whose gates failed is in no fit: nothing to leave out
    ]  # fmt: skip
    for kind, ids in decision["runs"].items():
        for run in ids:
            assert (finished / "runs" / kind / run / "manifest.json").is_file()


def test_a_changed_budget_makes_a_new_plan_but_no_new_fit(copy):
    settings = copy / "liftwerk.toml"
    settings.write_text(settings.read_text().replace("total = 60000.0", "total = 61000.0"))
    fits = fingerprint(copy, "runs/mmm")
    result = call("weekly", "-w", copy, "--json")
    assert result.exit_code == 0, result.stderr
    assert answer(result)["decision"]["total_proposed"] == 61000.0
    assert fingerprint(copy, "runs/mmm") == fits
    assert len((copy / "audit" / "log.jsonl").read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (("check",), 0),
        (("creatives",), 0),
        (("content",), 0),
        (("plan",), 0),
        (("fit",), 0),
        (("geo", "read", "tv_bremen.toml"), 3),  # 60 weeks of four geos are too little to trust a readout
    ],
)
def test_each_job_by_itself_reuses_its_run_and_speaks_json(copy, command, status):
    before = fingerprint(copy, "runs")
    result = call(*command, "-w", copy, "--json")
    assert result.exit_code == status, result.stderr
    assert answer(result)["status"] == ("unhealthy" if status else "done")
    assert fingerprint(copy, "runs") == before
    assert call(*command, "-w", copy).exit_code == status


def test_plan_from_curves_needs_no_panel_and_no_fit(tmp_path):
    (tmp_path / "liftwerk.toml").write_text("[budget]\ntotal = 100.0\nweeks = 2\n")
    rows = [
        (channel, draw, spend, outcome * (1 + draw / 10))
        for channel, responses in {"search": (0, 200, 250), "tv": (0, 20, 180)}.items()
        for draw in range(2)
        for spend, outcome in zip((0, 50, 100), responses, strict=True)
    ]
    pd.DataFrame(rows, columns=["channel", "draw", "spend", "outcome"]).to_csv(tmp_path / "curves.csv", index=False)
    result = call("plan", "--curves", tmp_path / "curves.csv", "-w", tmp_path, "--json")
    assert result.exit_code == 0, result.stderr
    plan = answer(result)["plan"]
    assert plan["proposed"] == {"search": 100.0, "tv": 0.0}
    assert plan["value"] == pytest.approx(250.0 * 1.05)
    assert plan["gap"] <= 1e-4
    assert {"upper_bound", "shadow_prices", "binding", "next_test"} <= set(plan)
    table = pd.read_csv(latest(tmp_path, "plan") / "allocation.csv")
    assert len(table) == 4
    result = call("fit", "-w", tmp_path)
    assert result.exit_code == 2
    assert "'panel' is missing" in result.stderr


def test_an_unhealthy_fit_moves_no_money(copy):
    folder = latest(copy, "mmm")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["status"] = "unhealthy"
    manifest["checks"][0] |= {"passed": False, "value": 1.2, "blocking": True}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert call("plan", "-w", copy, "--again").exit_code == 3
    result = call("weekly", "-w", copy, "--json", "--week", "2026-W49")
    assert result.exit_code == 3
    decision = answer(result)["decision"]
    assert (decision["state"], decision["status"], decision["moved"]) == ("do_not_act", "unhealthy", 0.0)
    assert {line["action"] for line in decision["channels"]} == {"hold"}
    assert exported(copy / "exports" / "2026-W49") == EXPORTED
    report = (copy / "exports" / "2026-W49" / "report.html").read_text()
    assert "Diese Woche nicht danach handeln" in report
    sheet = openpyxl.load_workbook(copy / "exports" / "2026-W49" / "budget.xlsx").worksheets[0]
    assert sheet["A1"].value == "Diese Woche nicht danach handeln"


def test_a_week_long_after_the_data_is_not_decided(copy):
    result = call("weekly", "-w", copy, "--week", "2027-W10", "--json")
    assert result.exit_code == 3
    failed = [
        check["name"] for check in answer(result)["decision"]["checks"] if check["blocking"] and not check["passed"]
    ]
    assert failed == ["data_age_days"]


@pytest.mark.parametrize("week", ["2026W48", "2026-W60", "next", "1999-W01"])
def test_an_impossible_week_is_refused(copy, week):
    before = fingerprint(copy, "runs", "exports")
    result = call("weekly", "-w", copy, "--week", week)
    assert result.exit_code == 2
    assert "--week" in result.stderr
    assert fingerprint(copy, "runs", "exports") == before


def test_init_makes_a_workspace_once(tmp_path):
    target = tmp_path / "brand"
    assert answer(call("init", target, "--json"))["files"] > 5
    assert call("check", "-w", target).exit_code == 0
    result = call("init", target)
    assert result.exit_code == 2
    assert "workspace here already" in result.stderr


def test_no_workspace_is_said_with_the_remedy(tmp_path):
    result = call("weekly", "-w", tmp_path, "--json")
    assert result.exit_code == 2
    assert answer(result)["problems"][0]["remedy"].startswith("Run `liftwerk init DIR`")
    assert list(tmp_path.iterdir()) == []


def test_the_nearest_workspace_is_found(finished, monkeypatch):
    monkeypatch.chdir(finished / "data")
    assert call("check").exit_code == 0


def test_a_bug_ends_with_1_and_keeps_its_traceback_in_a_file(copy, monkeypatch):
    monkeypatch.setattr("jobs.commands.check", lambda session, **_options: 1 / 0)
    result = call("check", "-w", copy, "--json")
    assert result.exit_code == 1
    log = Path(answer(result)["log"])
    assert "ZeroDivisionError" in log.read_text()
    log.unlink()
    assert "This is a bug in liftwerk" in result.stderr
    assert "Traceback" not in result.stderr + result.stdout


def test_ctrl_c_ends_with_130(copy, monkeypatch):
    def stopped(session, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.commands.check", stopped)
    result = call("check", "-w", copy)
    assert result.exit_code == 130
    assert "Stopped" in result.stderr


def test_input_errors_of_a_job_are_listed_in_json(copy):
    result = call("geo", "read", "nowhere.toml", "-w", copy, "--json")
    assert result.exit_code == 2
    assert answer(result)["problems"][0]["message"] == "there is no such geo test file"


def test_help_loads_nothing_heavy():
    code = "import sys, jobs.cli; print([name for name in ('pandas', 'pymc', 'numpy', 'cvxpy', 'streamlit') if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"
    before = time.process_time()
    assert "weekly" in call("--help").stdout
    assert time.process_time() - before < 1.0
    assert call("--version").stdout.startswith("liftwerk ")
    assert call("serve").exit_code == 2


def test_the_dashboard_is_started_for_the_workspace(finished, monkeypatch):
    from jobs import dashboard

    called = {}

    def take_over(file, command, environment):
        called.update(command=command, environment=environment)
        raise SystemExit(0)

    monkeypatch.setattr(dashboard.os, "execve", take_over)
    assert call("app", "-w", finished, "--port", 8599).exit_code == 0
    assert Path(called["command"][5]).is_file()
    assert called["environment"]["LIFTWERK_WORKSPACE"] == str(finished.resolve())
    assert {"--server.address=localhost", "--server.port=8599"} <= set(called["command"])


def test_a_stopped_process_leaves_no_traceback(copy):
    # A shell starts background jobs with Ctrl-C ignored, and children inherit that: give it back before starting one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = start("weekly", "-w", copy, "--again")
    signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err + out
    assert not list((copy / "exports").glob(".draft-*"))
