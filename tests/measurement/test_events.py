"""Event tables: types, UTC, and a problem for every cell that does not fit."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from measurement.errors import InputError
from measurement.readers.checks import check_workspace
from measurement.readers.event_schemas import CONTENT_TABLES
from measurement.readers.events import (
    read_content_tables,
    read_creative_decisions,
    read_creative_rewards,
    read_touchpoints,
)
from measurement.workspace import Workspace

UTC_NS = "datetime64[ns, UTC]"


def test_creative_logs(small: Path) -> None:
    workspace = Workspace.open(small)
    decisions, rewards = read_creative_decisions(workspace), read_creative_rewards(workspace)
    assert str(decisions["ts"].dtype) == str(rewards["ts"].dtype) == UTC_NS
    assert decisions["propensity"].dtype == float
    assert (decisions["device"] == "phone").all()  # context is kept
    joined = rewards.merge(decisions, on="decision_id", suffixes=("", "_decided"))
    assert (joined["ts"] - joined["ts_decided"] == pd.Timedelta("1h")).all()


def test_touchpoints_in_utc_with_empty_cells(small: Path) -> None:
    events = read_touchpoints(Workspace.open(small))
    assert [str(ts) for ts in events["ts"]] == [
        "2026-11-02 10:00:00+00:00",
        "2026-11-03 10:30:00+00:00",
        "2026-11-04 08:00:00+00:00",
    ]
    assert events["channel"].isna().tolist() == [False, True, False]
    assert events["value"].isna().tolist() == [True, False, True]
    assert events["cost"].iloc[0] == 0.35


def test_content_tables_have_all_columns_of_the_contract(small: Path) -> None:
    tables = read_content_tables(Workspace.open(small))
    assert list(tables) == ["gen_call"]
    assert {column.name for column in CONTENT_TABLES["gen_call"]} <= set(tables["gen_call"].columns)
    assert tables["gen_call"]["ttft_ms"].isna().all()
    assert tables["gen_call"]["error_type"].isna().all()


@pytest.mark.parametrize(
    ("column", "value", "part"),
    [
        ("propensity", 0.0, "above 0"),
        ("propensity", 1.01, "above 0"),
        ("propensity", None, "missing"),
        ("decision_id", "d0", "stands twice"),
        ("decision_id", None, "empty"),
        ("arm_id", "", "empty"),
        ("ts", "next week", "not a time"),
        ("ts", None, "missing"),
    ],
)
def test_decisions_that_do_not_fit(small: Path, column: str, value: object, part: str) -> None:
    path = small / "data" / "decisions.parquet"
    frame = pd.read_parquet(path).astype({column: object})
    if column == "ts":
        frame["ts"] = frame["ts"].astype(str)
    frame.loc[17, column] = value
    frame.to_parquet(path)
    with pytest.raises(InputError) as raised:
        read_creative_decisions(Workspace.open(small))
    problem = raised.value.problems[0]
    assert (problem.line, problem.column) == (19, column)
    assert part in problem.message


def test_a_missing_column_suggests_the_nearest(small: Path) -> None:
    path = small / "data" / "rewards.csv"
    path.write_text(path.read_text().replace("decision_id,", "decisionid,"))
    with pytest.raises(InputError, match="Did you mean 'decisionid'"):
        read_creative_rewards(Workspace.open(small))


def test_rewards_before_their_decision_are_a_warning(small: Path) -> None:
    path = small / "data" / "rewards.csv"
    frame = pd.read_csv(path)
    frame.loc[3, "ts"] = "2020-01-01T00:00:00Z"
    frame.to_csv(path, index=False)
    (problem,) = check_workspace(Workspace.open(small))
    assert (problem.severity, problem.line, problem.column) == ("warning", 5, "ts")


def test_touchpoints_of_an_unknown_kind_or_without_channel(small: Path) -> None:
    path = small / "data" / "touchpoints.csv"
    path.write_text(path.read_text().replace("tv,impression", ",impression").replace("click", "klick"))
    with pytest.raises(InputError) as raised:
        read_touchpoints(Workspace.open(small))
    assert [(problem.line, problem.column) for problem in raised.value.problems] == [(2, "kind"), (4, "channel")]


def test_content_folder_with_strangers_doubles_and_foreign_money(small: Path) -> None:
    folder = small / "data" / "content"
    (folder / "notes.csv").write_text("a\n1\n")
    (folder / "gen_call.csv").write_text("a\n1\n")
    (folder / "team_budget.csv").write_text("team,month,amount,currency\nbrand,2026-11,500,USD\n")
    told = {(problem.file, problem.severity) for problem in check_workspace(Workspace.open(small))}
    assert told == {
        ("data/content/notes.csv", "warning"),
        ("data/content/gen_call.parquet", "error"),
        ("data/content/gen_call.csv", "error"),
        ("data/content/team_budget.csv", "error"),
    }


def test_sections_that_are_not_set_say_so(small: Path) -> None:
    settings = small / "liftwerk.toml"
    settings.write_text(settings.read_text(encoding="utf-8").split("[creatives]")[0], encoding="utf-8")
    workspace = Workspace.open(small)
    for read in (read_creative_decisions, read_touchpoints, read_content_tables):
        with pytest.raises(InputError, match=r"liftwerk\.toml"):
            read(workspace)
    assert check_workspace(workspace) == []  # what is not named is not a problem
