"""Hashes of what a job read: they change with the content, and with nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from measurement.errors import InputError
from measurement.readers.inputs import input_hashes
from measurement.workspace import Workspace

EVERYTHING = ("settings", "panel", "creatives", "journeys", "content", "geo_tests")


def test_every_input_has_its_hash(small: Path) -> None:
    hashes = input_hashes(Workspace.open(small), *EVERYTHING)
    assert set(hashes) == {
        "liftwerk.toml",
        "data/panel.csv",
        "data/decisions.parquet",
        "data/rewards.csv",
        "data/touchpoints.csv",
        "data/content/",
        "geo_tests/tv_bremen.toml",
    }
    assert all(len(value) == 64 for value in hashes.values())


def test_a_hash_follows_the_content_alone(small: Path) -> None:
    workspace = Workspace.open(small)
    before = input_hashes(workspace, *EVERYTHING)
    os.utime(small / "data" / "panel.csv", (1, 1))
    assert input_hashes(workspace, *EVERYTHING) == before
    with (small / "data" / "panel.csv").open("a") as file:
        file.write("\n")
    (small / "data" / "content" / "gen_score.csv").write_text("name,value\n")
    after = input_hashes(workspace, *EVERYTHING)
    assert {name for name in after if after[name] != before[name]} == {"data/panel.csv", "data/content/"}


def test_a_database_is_hashed_by_its_rows(tmp_path: Path) -> None:
    (tmp_path / "liftwerk.toml").write_text(
        '[panel]\nurl = "duckdb://a.duckdb"\ntable = "t"\ndate = "d"\noutcome = "y"\n'
    )
    seen = []
    for statement in (
        "create table t as select 1 as d, 2 as y",
        "insert into t values (3, 4)",
        "create table u (x int)",
    ):
        with duckdb.connect(str(tmp_path / "a.duckdb")) as connection:
            connection.execute(statement)
        seen.append(input_hashes(Workspace.open(tmp_path), "panel")["duckdb:t"])
    assert seen[0] != seen[1] == seen[2]


def test_a_missing_file_is_named(small: Path) -> None:
    (small / "data" / "rewards.csv").unlink()
    with pytest.raises(InputError, match=r"rewards\.csv"):
        input_hashes(Workspace.open(small), "creatives")
