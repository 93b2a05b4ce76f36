"""How the side-by-side benchmark of media mix models grows effort, counts cost, merges results and tells them."""

import json
import sys

import numpy as np
import pytest

from benchmarks.mmm_peers import report
from benchmarks.mmm_peers.stages import Bar, Bench, Package, grow
from benchmarks.peer_environments import MissingEnvironmentError, peer_python

PEER = Package(worker="work_peer.py", draws=100, tune=50)
WORKER = """
import numpy as np
from exchange import Job
job = Job.from_command_line()
with job.phase("compile"):
    pass
with job.phase("sample"):
    rng = np.random.default_rng(job.effort["seed"])
    shift = np.arange(4)[:, None, None] if job.names("channels") == ["split"] else 0.0
    draws = rng.normal(size=(job.effort["chains"], job.effort["draws"], 1)) + shift
job.finish(draws, divergences=3, gradients=9, setting="x", versions={})
"""


def stage(**changes):
    made = {
        "cpu": 30.0,
        "imports": 10.0,
        "phases": {"compile": 12.0, "sample": 8.0},
        "r_hat": 1.001,
        "ess_bulk": 800.0,
        "ess_tail": 500.0,
        "divergences": 0,
        "chains": 4,
        "kept": 100,
        "peak_mb": 200.0,
        "draws": 100,
        "tune": 50,
        "setting": "x",
    }
    return {**made, **changes}


def test_effort_doubles_until_the_bar_is_reached():
    found = {100: (1.05, 100.0), 200: (1.005, 390.0), 400: (1.009, 401.0)}

    def run(effort):
        r_hat, ess = found[effort["draws"]]
        return {**effort, "cpu": 1.0, "r_hat": r_hat, "ess_bulk": ess}

    stages = list(grow(PEER, Bar(), run))
    assert [(made["tune"], made["draws"]) for made in stages] == [(50, 100), (100, 200), (200, 400)]
    assert [Bar().reached(made) for made in stages] == [False, False, True]


@pytest.mark.parametrize("last", [{"cpu": 601.0, "r_hat": 1.3, "ess_bulk": 9.0}, {"cpu": 1.0, "error": "ended with 1"}])
def test_no_longer_stage_after_the_limit_or_a_failure(last):
    assert len(list(grow(PEER, Bar(limit=600.0), lambda effort: {**effort, **last}))) == 1


def test_a_package_that_decides_for_itself_has_one_stage():
    stages = list(
        grow(Package(worker="x"), Bar(), lambda effort: {**effort, "cpu": 1.0, "r_hat": 2.0, "ess_bulk": 5.0})
    )
    assert len(stages) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_cannot_be_diagnosed_is_not_reached(value):
    assert not Bar().reached({"r_hat": value, "ess_bulk": 1e4})


def test_imports_are_left_out_and_compiling_is_given_apart():
    timed = {"stages": [stage()], "warm": stage(cpu=19.0)}
    assert report.costs(timed) == {"spent": 20.0, "compile": 12.0, "warm": 9.0, "sampling": 8.0}
    untimed = stage(phases={"sample": 20.0})
    assert report.costs({"stages": [untimed], "warm": stage(cpu=19.0)})["compile"] == pytest.approx(11.0)
    probed = {"stages": [untimed], "probe": stage(phases={"sample": 7.0})}
    assert report.costs(probed)["compile"] == pytest.approx(7.0)
    assert report.costs({"stages": [untimed]})["compile"] is None


def test_one_package_measured_again_leaves_the_others(tmp_path):
    path = tmp_path / "deep" / "results.json"
    report.merge(path, {("robyn", "ours"): {"stages": [stage()], "reached": True}})
    report.merge(path, {("robyn", "meridian"): {"skipped": "no wheel"}})
    report.merge(path, {("robyn", "ours"): {"stages": [stage(ess_bulk=900.0)], "reached": True}})
    stored = report.read(path)
    assert stored["robyn"]["ours"]["stages"][0]["ess_bulk"] == 900.0
    table = report.table(stored)
    assert "| robyn | liftwerk | 20.0 |" in table
    assert "skipped: no wheel" in table
    assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_table_says_where_it_stood_when_the_bar_was_not_reached():
    stopped = stage(draws=200, tune=100, cpu=1200.0, error="stopped at 1200 CPU-s")
    short = {"stages": [stage(r_hat=1.09, ess_bulk=37.0), stopped], "reached": False}
    row = report.table({"meridian": {"meridian": short, "ours": {"stages": [stopped], "reached": False}}})
    assert "not reached in 20" in row
    assert "1.090 | 37 |" in row
    assert "100 + 200: 1200, stopped at 1200 CPU-s" in row
    assert len({line.count("|") for line in row.splitlines()}) == 1


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """A worker that draws white noise, in a folder with the real exchange module."""
    from benchmarks.mmm_peers import stages

    (tmp_path / "work_peer.py").write_text(WORKER)
    (tmp_path / "exchange.py").write_text((stages.HERE / "exchange.py").read_text())
    monkeypatch.setattr(stages, "HERE", tmp_path)

    def make(channel="tv", limit=600.0):
        np.savez(tmp_path / "panel.npz", channels=np.array([channel]))
        return Bench(package=PEER, python=sys.executable, folder=tmp_path, bar=Bar(limit=limit), seed=3)

    return make


def test_a_run_reports_cost_and_convergence_of_the_draws_it_was_given(bench, tmp_path):
    found = bench().run({"draws": 250, "tune": 0}, tmp_path / "cache")
    assert found["cpu"] > found["imports"] > 0
    assert found["r_hat"] < 1.02
    assert found["ess_bulk"] == pytest.approx(1000, rel=0.3)
    assert (found["chains"], found["kept"], found["divergences"], found["gradients"]) == (4, 250, 3, 9)
    assert found["contribution_sd"][0] == pytest.approx(1.0, abs=0.1)


def test_chains_that_disagree_do_not_reach_the_bar(bench, tmp_path):
    found = bench("split").run({"draws": 250, "tune": 0}, tmp_path / "cache")
    assert found["r_hat"] > 1.1
    assert not Bar().reached(found)


def test_a_worker_that_fails_leaves_its_last_word(bench, tmp_path):
    made = bench()
    (tmp_path / "work_peer.py").write_text("raise SystemExit('tensorflow says no')")
    found = made.run({"draws": 10, "tune": 0}, tmp_path / "cache")
    assert found["error"] == "ended with 1: tensorflow says no"
    assert "r_hat" not in found


def test_a_worker_over_its_ceiling_is_ended(bench, tmp_path):
    made = bench(limit=1.0)
    (tmp_path / "work_peer.py").write_text(WORKER.replace("    pass", "    while True: pass"))
    assert made.run({"draws": 10, "tune": 0}, tmp_path / "cache")["error"] == "stopped at 2 CPU-s"


def test_a_missing_environment_says_why(tmp_path, monkeypatch):
    from benchmarks import peer_environments

    (tmp_path / "peer.txt").write_text("no-such-distribution-of-liftwerk==0\n")
    monkeypatch.setattr(peer_environments, "ROOT", tmp_path)
    monkeypatch.setattr(peer_environments.shutil, "which", lambda _: None)
    with pytest.raises(MissingEnvironmentError, match="uv is missing"):
        peer_python(tmp_path / "peer.txt", tmp_path / "environments" / "peer")


def test_results_are_plain_json(tmp_path):
    path = tmp_path / "results.json"
    report.merge(path, {("robyn", "ours"): {"stages": [stage()], "reached": True}})
    assert json.loads(path.read_text())["robyn"]["ours"]["reached"] is True
