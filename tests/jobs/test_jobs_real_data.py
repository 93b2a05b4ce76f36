"""The command line on public data: GeoLift's test, Robyn's weekly sample, Meridian's geo sample."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from tests.jobs.conftest import call, exported

WORKSPACES = Path(__file__).resolve().parents[1] / "workspaces"


def workspace(name: str, data: Path, folder: Path) -> Path:
    root = shutil.copytree(WORKSPACES / name, folder / name)
    (root / "data").mkdir(exist_ok=True)
    shutil.copy(data, root / "data" / data.name)
    return root


def check_weekly(root: Path, channels: int) -> None:
    """Status 0 or 3, with every artifact of the contract."""
    result = call("weekly", "-w", root, "--json")
    assert result.exit_code in {0, 3}, result.stderr
    answer = json.loads(result.stdout)
    decision = answer["decision"]
    assert decision["status"] == ("healthy" if result.exit_code == 0 else "unhealthy")
    assert len(decision["channels"]) == channels
    names = {f"platforms/{line['channel']}.csv" for line in decision["channels"]}
    assert exported(Path(answer["export"])) == {"budget.xlsx", "budget.csv", "report.html", "decision.json"} | names
    fit = root / "runs" / "mmm" / decision["runs"]["mmm"][0]
    files = {"channels.csv", "curves.parquet", "decomposition.parquet", "fit.csv", "posterior.nc", "manifest.json"}
    assert files <= {file.name for file in fit.iterdir()}
    before = {file: file.read_bytes() for file in Path(answer["export"]).rglob("*") if file.is_file()}
    again = call("weekly", "-w", root)
    assert again.exit_code == result.exit_code
    assert before == {file: file.read_bytes() for file in Path(answer["export"]).rglob("*") if file.is_file()}


def test_geolift_walkthrough(shared_data, tmp_path):
    root = workspace("geolift", shared_data / "geo" / "geolift_test.csv", tmp_path)
    result = call("geo", "read", "geo_tests/chicago_portland.toml", "-w", root, "--json")
    assert result.exit_code == 0, result.stderr
    readout = json.loads(result.stdout)["readout"]
    assert readout["att"] == pytest.approx(155.556, rel=1e-4)
    assert readout["incremental_outcome"]["value"] == pytest.approx(4667, rel=1e-4)
    weekly = call("weekly", "-w", root)
    assert weekly.exit_code == 2
    assert "no paid channels" in weekly.stderr


def test_robyn_weekly_sample(shared_data, tmp_path):
    check_weekly(workspace("robyn", shared_data / "mmm" / "robyn_simulated_weekly.csv", tmp_path), channels=5)


@pytest.mark.slow
def test_meridian_geo_sample(shared_data, tmp_path):
    check_weekly(workspace("meridian", shared_data / "mmm" / "meridian_geo_all_channels.csv", tmp_path), channels=5)


@pytest.mark.slow
def test_demo_on_the_sample_data(tmp_path):
    result = call("demo", tmp_path / "nordwind", "--no-app", "--json")
    assert result.exit_code in {0, 3}, result.stderr
    decision = json.loads(result.stdout)["decision"]
    assert decision["week"] == "2026-W48"
    assert len(decision["channels"]) == 8
    assert decision["runs"].keys() == {"mmm", "plan", "geo_readout", "creatives", "content"}
    assert decision["creatives"]
    again = call("demo", tmp_path / "nordwind", "--no-app", "--json")
    assert json.loads(again.stdout)["decision"] == decision


def test_geo_design_ranks_sets_and_checks_the_best(tmp_path):
    root = tmp_path / "nordwind"
    assert call("init", root).exit_code == 0
    result = call("geo", "design", "--channel", "tv", "--weeks", 6, "-w", root, "--json")
    assert result.exit_code in {0, 3}, result.stderr
    run = json.loads(result.stdout)["run"]
    assert {check["name"] for check in run["checks"]} == {"aa_rejection"}
    table = pd.read_csv(root / run["folder"] / "designs.csv")
    columns = ["rank", "treated", "weeks", "mde", "power_at_target", "holdout_share", "incremental_spend", "imbalance"]
    assert list(table.columns[:8]) == columns
    assert list(table["rank"]) == list(range(1, len(table) + 1))
    result = call("geo", "design", "--channel", "tvv", "--weeks", 6, "-w", root)
    assert result.exit_code == 2
    assert "--channel" in result.stderr
