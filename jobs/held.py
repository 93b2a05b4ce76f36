"""What a workspace holds of people, table by table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from jobs.content_intake import day_store
from measurement.readers.events import (
    read_content_tables,
    read_creative_decisions,
    read_creative_rewards,
    read_touchpoints,
)
from measurement.workspace import Workspace

_TEXTS = ("prompt_text", "output_text")
_TIMES = ("ts", "start_ts", "scored_ts", "requested_ts", "opened_ts", "day")


def held_tables(workspace: Workspace) -> list[dict[str, Any]]:
    """One entry a table: ``table``, ``rows``, ``from``, ``to`` (days), ``people`` (different ids), ``text``.

    Raises
    ------
    InputError
        Where a table cannot be read.
    """
    settings, rows = workspace.settings, []
    if settings.creatives is not None:
        rows.append(_told("creative_decisions", [read_creative_decisions(workspace)]))
        rows.append(_told("creative_rewards", [read_creative_rewards(workspace)]))
    if settings.journeys is not None:
        rows.append(_told("touchpoints", [read_touchpoints(workspace)]))
    if settings.content is not None and settings.content.tables is not None:
        rows += [_told(name, [frame]) for name, frame in read_content_tables(workspace).items()]
    store = day_store(workspace)
    for name, files in (("content/calls", store.calls), ("content/scores", store.scores)):
        if files:
            rows.append(_told(name, (pq.read_table(file).to_pandas() for file in files)))
    return rows


def _told(name: str, frames: Iterable[pd.DataFrame]) -> dict[str, Any]:
    count, people, text = 0, set[str](), "no"
    days: list[pd.Timestamp] = []
    for frame in frames:
        count += len(frame)
        if "unit_id" in frame:
            people |= set(frame["unit_id"].dropna().astype(str))
        if any(column in frame and frame[column].notna().any() for column in _TEXTS):
            text = "yes"
        time = next((column for column in _TIMES if column in frame and frame[column].notna().any()), None)
        days += [] if time is None else [frame[time].min(), frame[time].max()]
    ends = (str(min(days).date()), str(max(days).date())) if days else ("–", "–")
    return {"table": name, "rows": count, "from": ends[0], "to": ends[1], "people": len(people), "text": text}
