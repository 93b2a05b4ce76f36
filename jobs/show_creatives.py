"""A run of ``liftwerk creatives`` on the terminal."""

from __future__ import annotations

import pandas as pd

from jobs.screen import Screen
from jobs.show import show_run, words_of
from measurement.store import RunRecord
from measurement.wording import Wording
from measurement.workspace import Workspace

#: What the policies are called.
_POLICIES = {
    "logged": "as it was shown",
    "equal": "all alike",
    "next": "the next shares",
    "leader": "the leader alone",
    "yours": "your policy",
}
_SHOWN = ("mean", "dr")


def show_creatives(screen: Screen, workspace: Workspace, record: RunRecord) -> None:
    """Every creative with its chance to be best, segments where asked for, and what others would have earned."""
    words, table = words_of(workspace), pd.read_csv(record.file("arms.csv"))
    rows = [
        (
            str(row["experiment_id"]),
            str(row["arm_id"]),
            words.number(row["decisions"], digits=0),
            words.number(row["mean"], digits=4),
            words.percent(row["p_best"]),
            words.percent(row["next_propensity"]),
            str(row["fatigue"]),
        )
        for row in table.to_dict("records")
    ]
    screen.title("Creatives")
    screen.table(("experiment", "creative", "shown", "mean", "best", "next share", "fatigue"), rows, right=(2, 3, 4, 5))
    if (record.folder / "segments.csv").exists():
        _segments(screen, pd.read_csv(record.file("segments.csv")), words)
    if (record.folder / "policies.csv").exists():  # runs of earlier versions have none
        _policies(screen, pd.read_csv(record.file("policies.csv"), keep_default_na=False), words)
    show_run(screen, workspace, record)


def _segments(screen: Screen, table: pd.DataFrame, words: Wording) -> None:
    rows = [
        (
            str(row["experiment_id"]), str(row["segment"]), str(row["arm_id"]),
            words.number(row["decisions"], digits=0), words.number(row["mean"], digits=4), words.percent(row["p_best"]),
        )
        for row in table.to_dict("records")
    ]  # fmt: skip
    screen.title("By segment")
    screen.table(("experiment", "segment", "creative", "shown", "mean", "best"), rows, right=(3, 4, 5))


def _policies(screen: Screen, table: pd.DataFrame, words: Wording) -> None:
    shown = table[table["estimator"].isin(_SHOWN)]
    if shown.empty:
        return
    rows = []
    for row in shown.to_dict("records"):
        label = str(row["policy"])
        name = _POLICIES.get(label, f"the leader of each {label.removeprefix('leader_by_')}")
        ends = [words.number(float(row[end]), digits=4) for end in ("lower", "upper")]
        weak = "thin: read the interval" if row["warnings"] else ""
        rows.append(
            (
                str(row["experiment_id"]), name, words.number(float(row["value"]), digits=4),
                f"{ends[0]} to {ends[1]}", words.number(float(row["effective_n"]), digits=0), weak,
            )
        )  # fmt: skip
    level = words.percent(float(shown["level"].iloc[0]))
    screen.title(f"What other policies would have earned a decision ({level} intervals)")
    screen.table(("experiment", "policy", "reward", "interval", "worth decisions", ""), rows, right=(2, 4))
