"""Spoilers of geo tests and event tables."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from tests.measurement.spoiling import SETTINGS, Expected, PanelFile, spoiler


def _geo_test(root: Path, text: str) -> str:
    (root / "geo_tests").mkdir(exist_ok=True)
    (root / "geo_tests" / "spoilt.toml").write_text(text, encoding="utf-8")
    return "geo_tests/spoilt.toml"


@spoiler
def geo_test_of_an_unknown_geo(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    days = panel.dates()
    text = f'channel = "{panel.channel}"\ntreated = ["Atlantis"]\nstart = {days[-9]}\nend = {days[-5]}\n'
    return Expected(place=f"{_geo_test(root, text)}:2, 'treated'", remedy="Use one of")


@spoiler
def geo_test_ends_before_it_starts(root, rng):
    panel = PanelFile(root)
    if not panel.geo:
        return None
    days = panel.dates()
    treated = panel.get(0, panel.geo)
    text = f'channel = "{panel.channel}"\ntreated = ["{treated}"]\nstart = {days[-5]}\nend = {days[-9]}\n'
    return Expected(place=f"{_geo_test(root, text)}:4, 'end'", remedy="Swap start and end")


def _frame(root: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(root / name) if name.endswith(".parquet") else pd.read_csv(root / name)


def _save_frame(frame: pd.DataFrame, root: Path, name: str) -> None:
    if name.endswith(".parquet"):
        frame.to_parquet(root / name, index=False)
    else:
        frame.to_csv(root / name, index=False)


def _spoil_events(
    root: Path, rng: np.random.Generator, table: str, edit: Callable[[pd.DataFrame, int], str], remedy: str
) -> Expected | None:
    section = tomllib.loads((root / SETTINGS).read_text(encoding="utf-8")).get("creatives")
    if section is None:
        return None
    frame = _frame(root, section[table])
    row = int(rng.integers(5, len(frame)))
    column = edit(frame, row)
    _save_frame(frame, root, section[table])
    return Expected(place=f"{section[table]}:{row + 2}, '{column}'", remedy=remedy)


@spoiler
def propensity_of_zero(root, rng):
    def edit(frame: pd.DataFrame, row: int) -> str:
        frame.loc[row, "propensity"] = 0.0
        return "propensity"

    return _spoil_events(root, rng, "decisions", edit, "probability with which")


@spoiler
def decision_logged_twice(root, rng):
    def edit(frame: pd.DataFrame, row: int) -> str:
        frame.loc[row, "decision_id"] = frame["decision_id"].iloc[0]
        return "decision_id"

    return _spoil_events(root, rng, "decisions", edit, "logged twice")


@spoiler
def reward_without_decision(root, rng):
    def edit(frame: pd.DataFrame, row: int) -> str:
        frame.loc[row, "decision_id"] = "nobody"
        return "decision_id"

    return _spoil_events(root, rng, "rewards", edit, "Export both logs")


@spoiler
def negative_duration_of_a_model_call(root, rng):
    section = tomllib.loads((root / SETTINGS).read_text(encoding="utf-8")).get("content", {})
    files = sorted((root / section["tables"]).glob("gen_call.*")) if "tables" in section else []
    if not files:
        return None
    name = files[0].relative_to(root).as_posix()
    frame = _frame(root, name)
    row = int(rng.integers(5, len(frame)))
    frame["duration_ms"] = frame["duration_ms"].astype(float)
    frame.loc[row, "duration_ms"] = -4.0
    _save_frame(frame, root, name)
    return Expected(place=f"{name}:{row + 2}, 'duration_ms'", remedy="0 or more")
