"""Geo tests on the command line: rules, cells, switchback plans, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.jobs.conftest import call

GEOS = ("Bremen", "Hamburg", "Hessen", "Kiel", "Köln", "Mainz", "München", "Trier", "Ulm", "Wismar")
SETTINGS = """[workspace]
name = "Test"
currency = "EUR"
locale = "de_DE"
[panel]
file = "panel.csv"
date = "week"
geo = "geo"
outcome = "revenue"
[panel.channels.tv]
spend = "tv_spend"
"""
RULES = """sizes = [1, 2]
must_exclude = ["Köln"]
holdout_share = [0.6, 1.0]
[neighbours]
Hamburg = ["Kiel"]
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("geo") / "work"
    folder.mkdir()
    rng = np.random.default_rng(4)
    weeks = pd.date_range("2025-01-06", periods=90, freq="7D")
    season = 1 + 0.2 * np.sin(np.arange(90) / 6) + 0.03 * rng.normal(size=90)
    rows = [
        pd.DataFrame(
            {
                "week": weeks,
                "geo": geo,
                "revenue": (size * season * (1 + 0.03 * rng.normal(size=90))).round(2),
                "tv_spend": round(0.1 * size, 2),
            }
        )
        for geo, size in zip(GEOS, rng.uniform(4e4, 1e5, len(GEOS)), strict=True)
    ]
    pd.concat(rows).to_csv(folder / "panel.csv", index=False)
    (folder / "liftwerk.toml").write_text(SETTINGS, encoding="utf-8")
    (folder / "rules.toml").write_text(RULES, encoding="utf-8")
    return folder


def design(root: Path, *options: object) -> Path:
    result = call("geo", "design", "--channel", "tv", "--weeks", 4, *options, "-w", root, "--json")
    assert result.exit_code in {0, 3}, result.stderr
    return root / json.loads(result.stdout)["run"]["folder"]


def test_rules_bind_and_go_dark_saves_money(root: Path) -> None:
    table = pd.read_csv(design(root, "--rules", "rules.toml", "--kind", "go_dark", "--include", "Ulm") / "designs.csv")
    treated = [set(row.split(";")) for row in table["treated"]]
    assert all("Ulm" in geos and "Köln" not in geos and len(geos) <= 2 for geos in treated)
    assert (table["incremental_spend"] < 0).all()
    result = call("geo", "design", "--channel", "tv", "--weeks", 4, "--rules", "rules.toml", "-w", root)
    assert "the test finds" in result.stdout
    assert "€" in result.stdout


def test_cells_are_written_beside_the_designs(root: Path) -> None:
    folder = design(root, "--rules", "rules.toml", "--cells", 2)
    cells = pd.read_csv(folder / "cells.csv")
    assert len(cells) == 2
    first, second = (set(row.split(";")) for row in cells["treated"])
    assert not first & second
    assert not ("Hamburg" in first and "Kiel" in second)
    assert not ("Kiel" in first and "Hamburg" in second)
    assert (folder / "designs.csv").is_file()


def test_a_switchback_plan_goes_from_design_to_readout(root: Path) -> None:
    result = call("geo", "design", "--channel", "tv", "--weeks", 24, "--switchback", "-w", root, "--json")
    assert result.exit_code == 0, result.stderr
    folder = root / json.loads(result.stdout)["run"]["folder"]
    schedule = pd.read_csv(folder / "schedule.csv")
    assert set(schedule["geo"]) == set(GEOS)
    # The weeks of the plan happen: the panel grows, and outcome rises by a tenth where the channel was raised.
    panel = pd.read_csv(root / "panel.csv")
    weeks = (pd.Timestamp(schedule["end"].max()) - pd.Timestamp(schedule["start"].min())).days // 7 + 1
    later = panel.groupby("geo").tail(weeks).copy()
    later["week"] = (pd.to_datetime(later["week"]) + pd.Timedelta(weeks=weeks)).dt.date.astype(str)
    for row in schedule[schedule["on"]].to_dict("records"):
        inside = (later["geo"] == row["geo"]) & later["week"].between(row["start"], row["end"])
        later.loc[inside, "revenue"] *= 1.1
        later.loc[inside, "tv_spend"] *= 2
    grown = root.parent / "grown"
    grown.mkdir()
    pd.concat([panel, later]).to_csv(grown / "panel.csv", index=False)
    (grown / "liftwerk.toml").write_text(SETTINGS, encoding="utf-8")
    schedule.to_csv(grown / "schedule.csv", index=False)
    test = (
        f'channel = "tv"\ntreated = {json.dumps(list(GEOS), ensure_ascii=False)}\nschedule = "schedule.csv"\n'
        f"start = {schedule['start'].min()}\nend = {schedule['end'].max()}\n"
    )
    (grown / "test.toml").write_text(test, encoding="utf-8")
    read = call("geo", "read", "test.toml", "-w", grown, "--json")
    assert read.exit_code == 0, read.stderr
    readout = json.loads(read.stdout)["readout"]
    assert readout["lift_percent"] == pytest.approx(10, abs=3)
    assert readout["verdict"]["rule"] == "lift"
    assert readout["incremental_spend"] > 0
    (grown / "schedule.csv").unlink()
    gone = call("geo", "read", "test.toml", "-w", grown)
    assert gone.exit_code == 2
    assert "no such schedule" in gone.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--kind", "dark"), "go_dark, scale_up, new"),
        (("--switchback", "--cells", "2"), "has no cells"),
        (("--rules", "none.toml"), "no such file of rules"),
        (("--include", "Kyiv"), "not a geo of the panel"),
        (("--cells", "9"), "do not fit"),
    ],
)
def test_requests_that_make_no_sense_are_refused(root: Path, options: tuple[str, ...], words: str) -> None:
    result = call("geo", "design", "--channel", "tv", "--weeks", 4, *options, "-w", root)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("size = [1]\n", "Did you mean 'sizes'?"),
        ("sizes = 2\n", "has the wrong type"),
        ("holdout_share = [0.5]\n", "has the wrong type"),
        ("sizes = [1\n", "not valid TOML"),
        ("most_per_region = true\n", "has the wrong type"),
    ],
)
def test_spoilt_rules_name_the_rule(root: Path, text: str, words: str) -> None:
    (root / "spoilt.toml").write_text(text, encoding="utf-8")
    result = call("geo", "design", "--channel", "tv", "--weeks", 4, "--rules", "spoilt.toml", "-w", root)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
