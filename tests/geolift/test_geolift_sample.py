"""The two geo tests of the sample workspace: their readouts hold the simulated truth."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import sample_data
from geolift.readout import read_geo_test
from geolift.test_plan import GeoTest
from measurement.panel import Panel

WORKSPACE = Path(sample_data.__file__).parent / "workspace"


@pytest.fixture(scope="module")
def panel() -> Panel:
    return Panel.read(WORKSPACE)


@pytest.mark.parametrize("name", ["video_go_dark", "search_scale_up"])
def test_the_truth_lies_inside_the_interval(panel: Panel, name: str) -> None:
    truths = json.loads((WORKSPACE / "truth.json").read_text(encoding="utf-8"))["market"]["geo_tests"]
    truth = next(entry for entry in truths if entry["name"] == name)
    readout = read_geo_test(panel, GeoTest.read(WORKSPACE / "geo_tests" / f"{name}.toml", panel), seed=1)
    assert readout.healthy
    assert readout.verdict.rule == "lift"
    assert readout.lift.incremental_outcome.interval.contains(truth["true_incremental_outcome"])
    assert readout.lift.incremental_spend == pytest.approx(truth["true_incremental_spend"], rel=0.06)
    assert readout.lift.iroas is not None
    assert readout.lift.iroas.interval.contains(truth["true_iroas"])
