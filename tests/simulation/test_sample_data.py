"""The shipped workspace: what its seed gives, small, readable by liftwerk, never written over a user's files."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sample_data
from geolift.test_plan import GeoTest
from measurement.errors import InputError
from measurement.panel import Panel
from measurement.readers.checks import check_workspace
from measurement.readers.event_schemas import CONTENT_TABLES
from measurement.readers.events import (
    read_content_tables,
    read_creative_decisions,
    read_creative_rewards,
    read_touchpoints,
)
from measurement.workspace import Workspace
from sample_data import SAMPLE, SEED, copy_sample
from sample_data.build import build_sample, main, rounded, sample_contents
from sample_data.datasheet import EVENT_COLUMNS, PANEL_COLUMNS


@pytest.fixture(scope="module")
def contents() -> tuple[dict[str, str], dict[str, pd.DataFrame]]:
    return sample_contents(SEED)


def test_files_are_those_of_the_seed(contents):
    texts, tables = contents
    shipped = {path.relative_to(SAMPLE).as_posix() for path in SAMPLE.rglob("*") if path.is_file()}
    assert shipped == {*texts, *tables}


def test_texts_are_what_the_seed_gives(contents):
    for name, text in contents[0].items():
        assert (SAMPLE / name).read_bytes().decode("utf-8") == text, name


def test_tables_are_what_the_seed_gives(contents):
    for name, table in contents[1].items():
        shipped = pd.read_parquet(SAMPLE / name)
        assert list(shipped.columns) == list(table.columns), name
        for column in table.columns:
            _assert_same(shipped[column], table[column], f"{name}: {column}")


def _assert_same(shipped: pd.Series, made: pd.Series, place: str) -> None:
    assert len(shipped) == len(made), place
    assert (shipped.isna().to_numpy() == made.isna().to_numpy()).all(), place
    there = ~made.isna().to_numpy()
    assert (shipped.to_numpy()[there] == made.to_numpy()[there]).all(), place


def test_sample_is_small():
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 3_000_000


def test_liftwerk_reads_it_without_a_remark():
    workspace = Workspace.open(SAMPLE)
    assert [str(problem) for problem in check_workspace(workspace)] == []
    panel = Panel.read(SAMPLE)
    assert len(panel.geos) == 16
    assert panel.data.sizes["date"] == 130
    assert len(panel.channels) == 8
    assert panel.notes == ()
    assert len(read_creative_decisions(workspace)) > 60_000
    assert len(read_creative_rewards(workspace)) > 2_000
    assert len(read_touchpoints(workspace)) > 10_000
    assert set(read_content_tables(workspace)) == set(CONTENT_TABLES)


def test_geo_tests_fit_the_panel_and_the_truth():
    panel = Panel.read(SAMPLE)
    truth = {
        test["name"]: test for test in json.loads((SAMPLE / "truth.json").read_text("utf-8"))["market"]["geo_tests"]
    }
    files = sorted((SAMPLE / "geo_tests").glob("*.toml"))
    assert [file.stem for file in files] == sorted(truth)
    for file in files:
        test = GeoTest.read(file, panel)
        assert test.channel == truth[file.stem]["channel"]
        assert test.treated == tuple(truth[file.stem]["treated"])
        assert test.measured_until.isoformat() == truth[file.stem]["measured_until"]


def test_settings_are_a_plan_that_can_be_met():
    workspace = Workspace.open(SAMPLE)
    budget, now = workspace.settings.budget, Panel.read(SAMPLE).current_spend()
    total = sum(now.values())
    assert budget.total == pytest.approx(total, rel=0.02)
    room = budget.max_change
    brand = sum(now[name] for name in ("tv", "radio", "out_of_home"))
    assert brand * (1 + room) > 0.25 * total
    assert all(value > 0 for value in now.values())


def test_settings_shown_as_comments_are_settings(tmp_path: Path):
    text = (SAMPLE / "liftwerk.toml").read_text("utf-8")
    shown = re.sub(r"(?m)^# (?=[a-z_]+ = |\[)", "", text).replace('"price_index", ', "")
    (tmp_path / "liftwerk.toml").write_text(shown, encoding="utf-8")
    settings = Workspace.open(tmp_path).settings
    assert settings.mmm.channels["tv"].lags == 30
    assert settings.mmm.priors["newsletter"].kind == "share"
    assert settings.panel.treatments["price"].reference == "mean"


def test_lift_study_lies_within_three_errors_of_its_truth():
    study = Workspace.open(SAMPLE).settings.lift_tests[0]
    truth = json.loads((SAMPLE / "truth.json").read_text("utf-8"))["market"]["lift_studies"][0]
    assert abs(study.incremental_outcome - truth["true_incremental_outcome"]) < 3 * study.standard_error
    panel = Panel.read(SAMPLE)
    spend = panel.data["spend"].sel(channel=study.channel, date=slice(str(study.start), str(study.end)))
    assert study.incremental_spend == pytest.approx(float(spend.sum()), abs=0.01)


def test_truth_belongs_to_the_shipped_panel():
    truth = json.loads((SAMPLE / "truth.json").read_text("utf-8"))["market"]
    panel = Panel.read(SAMPLE)
    for channel in panel.channels:
        spend = float(panel.data["spend"].sel(channel=channel).sum())
        assert truth["spend"][channel] == pytest.approx(spend, rel=1e-7)
        assert truth["roas"][channel] == pytest.approx(truth["contribution"][channel] / spend, rel=1e-6)
    assert truth["expected_outcome"] == pytest.approx(float(panel.data["outcome"].sum()), rel=0.005)


def test_datasheet_names_every_column(contents):
    texts, tables = contents
    assert set(EVENT_COLUMNS) == set(tables)
    for name, table in tables.items():
        assert list(EVENT_COLUMNS[name]) == list(table.columns), name
    header = texts["data/panel.csv"].splitlines()[0].split(",")
    media = [name for name in header if name.rsplit("_", 1)[-1] in {"spend", "clicks", "impressions", "views"}]
    assert len(media) == 13
    assert set(header) - set(media) <= set(PANEL_COLUMNS)
    assert str(SEED) in texts["DATASHEET.md"]


def test_copy_writes_every_file_once(tmp_path: Path):
    written = copy_sample(tmp_path / "nordwind")
    assert [path.relative_to(tmp_path / "nordwind") for path in written] == sorted(
        path.relative_to(SAMPLE) for path in SAMPLE.rglob("*") if path.is_file()
    )
    assert Workspace.open(tmp_path / "nordwind").settings.workspace.name == "Nordwind"


def test_copy_keeps_what_is_there(tmp_path: Path):
    mine = tmp_path / "data" / "panel.csv"
    mine.parent.mkdir()
    mine.write_text("mine", encoding="utf-8")
    written = copy_sample(tmp_path)
    assert mine.read_text("utf-8") == "mine"
    assert mine not in written


def test_copy_refuses_a_workspace_and_a_file(tmp_path: Path):
    (tmp_path / "liftwerk.toml").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="already") as error:
        copy_sample(tmp_path)
    assert error.value.exit_status == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "liftwerk.toml"]
    with pytest.raises(InputError, match="not a folder"):
        copy_sample(tmp_path / "liftwerk.toml")


def test_build_writes_another_seed_elsewhere(tmp_path: Path):
    assert main(["--target", str(tmp_path / "other"), "--seed", "3"]) == 0
    assert check_workspace(Workspace.open(tmp_path / "other")) == []
    here, there = SAMPLE / "data" / "panel.csv", tmp_path / "other" / "data" / "panel.csv"
    assert here.read_bytes() != there.read_bytes()


def test_building_twice_gives_the_same_bytes(tmp_path: Path):
    first, second = build_sample(tmp_path / "a", 4), build_sample(tmp_path / "b", 4)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_rounding_goes_through_lists_and_objects():
    assert rounded({"a": [1.23456789012, {"b": np.pi}], "c": "x", "d": 3}) == {
        "a": [1.2345679, {"b": 3.1415927}],
        "c": "x",
        "d": 3,
    }


def test_examples_in_the_documentation_hold():
    assert doctest.testmod(sample_data) == doctest.TestResults(failed=0, attempted=2)
