"""Event tables of a workspace: creative decisions and rewards, touchpoints, the content pipeline's tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from measurement.errors import InputError, Problem
from measurement.readers.event_parquet import is_sound
from measurement.readers.event_schemas import (
    CONTENT_TABLES,
    CREATIVE_DECISIONS,
    CREATIVE_REWARDS,
    TOUCHPOINT_KINDS,
    TOUCHPOINTS,
)
from measurement.readers.event_tables import read_events
from measurement.readers.findings import Findings
from measurement.readers.tables import PARQUET_ENDINGS, SHEET_ENDINGS, TEXT_ENDINGS
from measurement.workspace import Workspace

_CALL_IDS = ("trace_id", "span_id", "output_id")
_ENDINGS = TEXT_ENDINGS | SHEET_ENDINGS | PARQUET_ENDINGS


def read_creative_decisions(workspace: Workspace) -> pd.DataFrame:
    """The decisions log: columns of the contract, ``ts`` in UTC; further columns (context) are kept.

    Raises
    ------
    InputError
        Every problem of the table; also where ``[creatives]`` is not set.
    """
    return _sound(*load_creatives(workspace), index=0)


def read_creative_rewards(workspace: Workspace) -> pd.DataFrame:
    """The rewards log: ``decision_id``, ``ts`` (UTC), ``value``; raises like `read_creative_decisions`."""
    return _sound(*load_creatives(workspace), index=1)


def read_touchpoints(workspace: Workspace) -> pd.DataFrame:
    """Touchpoints: ``unit_id``, ``ts`` (UTC), ``channel``, ``kind``, ``value``, ``cost``.

    Raises
    ------
    InputError
        Every problem of the table; also where ``[journeys]`` is not set.
    """
    return _sound(*load_touchpoints(workspace), index=0)


def read_content_tables(workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Tables of the content pipeline that lie in ``content.tables``: name (``"gen_call"``, …) → rows.

    Raises
    ------
    InputError
        Every problem of every table; also where ``content.tables`` is not set.
    """
    tables, problems = load_content_tables(workspace, in_place=False)
    _raise(problems)
    return {name: table for name, table in tables.items() if isinstance(table, pd.DataFrame)}


def find_content_tables(workspace: Workspace) -> dict[str, pd.DataFrame | Path]:
    """As `read_content_tables`; a large Parquet file of calls without a fault stays where it is: its path.

    Raises
    ------
    InputError
        Every problem of every table; also where ``content.tables`` is not set.
    """
    tables, problems = load_content_tables(workspace)
    _raise(problems)
    return tables


def load_creatives(workspace: Workspace) -> tuple[list[pd.DataFrame | None], list[Problem]]:
    """Decisions and rewards with every problem found, without raising."""
    section = workspace.settings.creatives
    if section is None:
        return [None, None], [_not_set(workspace, "creatives", "decisions and rewards")]
    currency = workspace.settings.workspace.currency
    in_decisions, in_rewards = Findings(section.decisions), Findings(section.rewards)
    decisions = read_events(
        workspace.path(section.decisions), section.decisions, CREATIVE_DECISIONS, currency, in_decisions,
        table_name="creative_decisions",
    )  # fmt: skip
    rewards = read_events(
        workspace.path(section.rewards), section.rewards, CREATIVE_REWARDS, currency, in_rewards,
        table_name="creative_rewards",
    )  # fmt: skip
    if decisions is not None and rewards is not None and not (in_decisions.has_errors or in_rewards.has_errors):
        _check_rewards(decisions, rewards, in_rewards)
    return [decisions, rewards], in_decisions.problems + in_rewards.problems


def _check_rewards(decisions: pd.DataFrame, rewards: pd.DataFrame, found: Findings) -> None:
    """Rewards must answer a logged decision, and come after it."""
    position = pd.Index(decisions["decision_id"]).get_indexer(pd.Index(rewards["decision_id"]))
    unknown = position < 0
    found.rows(
        unknown,
        "decision_id",
        "there is no such decision in the decisions log",
        "Export both logs over the same time, decisions first",
        value=lambda row: rewards["decision_id"].iloc[row],
    )
    decided = decisions["ts"].to_numpy()[np.where(unknown, 0, position)]
    found.rows(
        ~unknown & (rewards["ts"].to_numpy() < decided),
        "ts",
        "the reward came before its decision",
        "Check the clocks: times are UTC in both logs",
        value=lambda row: rewards["ts"].iloc[row],
        severity="warning",
    )


def load_touchpoints(workspace: Workspace) -> tuple[list[pd.DataFrame | None], list[Problem]]:
    """Touchpoints with every problem found, without raising."""
    section = workspace.settings.journeys
    if section is None:
        return [None], [_not_set(workspace, "journeys", "touchpoints")]
    found = Findings(section.touchpoints)
    currency = workspace.settings.workspace.currency
    events = read_events(workspace.path(section.touchpoints), section.touchpoints, TOUCHPOINTS, currency, found)
    if events is not None and not found.has_errors:
        found.rows(
            ~events["kind"].isin(TOUCHPOINT_KINDS).to_numpy(dtype=bool),
            "kind",
            "this kind of touchpoint is not known",
            f"Use one of: {', '.join(TOUCHPOINT_KINDS)}",
            value=lambda row: events["kind"].iloc[row],
        )
        nowhere = events["channel"].isna() & (events["kind"] != "conversion")
        found.rows(nowhere.to_numpy(dtype=bool), "channel", "the channel is missing", "Fill it in, or remove the row")
    return [events], found.problems


def load_content_tables(
    workspace: Workspace, *, in_place: bool = True
) -> tuple[dict[str, pd.DataFrame | Path], list[Problem]]:
    """Tables of the content pipeline with every problem found, without raising.

    Parameters
    ----------
    workspace
        Whose.
    in_place
        Whether a large Parquet file of calls without a fault is given as its path instead of its rows.
    """
    section = workspace.settings.content
    if section is None or section.tables is None:
        return {}, [_not_set(workspace, "content", "tables")]
    folder = workspace.path(section.tables)
    place = Findings(section.tables)
    if not folder.is_dir():
        place.add("there is no such folder", "Correct content.tables in liftwerk.toml", column="content.tables")
        return {}, place.problems
    tables: dict[str, pd.DataFrame | Path] = {}
    problems: list[Problem] = place.problems
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in _ENDINGS)
    for file in files:
        found = Findings(file.relative_to(workspace.root).as_posix())
        if file.stem not in CONTENT_TABLES:
            known = ", ".join(CONTENT_TABLES)
            found.add("liftwerk does not know this table", f"Use one of the names {known}", severity="warning")
        elif file.stem in tables:
            found.add("this table is there twice, with two endings", "Remove one of the files", value=file.name)
        else:
            schema, currency = CONTENT_TABLES[file.stem], workspace.settings.workspace.currency
            if in_place and file.stem == "gen_call" and is_sound(file, schema, currency, _CALL_IDS):
                tables[file.stem] = file
                continue
            frame = read_events(file, found.file, schema, currency, found)
            if frame is not None:
                tables[file.stem] = frame
        problems += found.problems
    if section.spans is None and not any(file.stem == "gen_call" for file in files):
        place.add("there is no table gen_call", "Export the model calls as gen_call.parquet or gen_call.csv")
    return tables, problems


def _not_set(workspace: Workspace, section: str, what: str) -> Problem:
    return Problem(
        message=f"[{section}] does not say where the {what} are",
        remedy=f"Add [{section}] with its files to liftwerk.toml",
        file=workspace.file.name,
        column=section,
    )


def _sound(frames: list[pd.DataFrame | None], problems: list[Problem], *, index: int) -> pd.DataFrame:
    _raise(problems)
    frame = frames[index]
    if frame is None:  # a table that cannot be read is always a problem as well
        raise AssertionError("an unreadable table without a problem")
    return frame


def _raise(problems: list[Problem]) -> None:
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InputError(errors)
