"""The creative report for each segment of the audience: who prefers which creative."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bandits.context import segments
from bandits.report import CreativeReport, creative_report
from measurement.errors import InputError

SEGMENT_COLUMNS = (
    "experiment_id", "segment", "arm_id", "decisions", "rewards", "mean", "lower", "upper", "p_best", "expected_loss",
    "level",
)  # fmt: skip
#: Segments with fewer decisions than this in all are left out: nothing can be said of them.
FEWEST = 100


def segment_report(
    decisions: pd.DataFrame, rewards: pd.DataFrame, report: CreativeReport, by: Sequence[str], *, seed: int
) -> pd.DataFrame:
    """Posteriors and P(best) by segment, columns `SEGMENT_COLUMNS`; each segment for itself, without pooling.

    Parameters
    ----------
    by
        Context columns, e.g. ``["device"]``; the segments are called "mobile" or "mobile, evening".
    report
        Of the same tables; its options hold here too.

    Raises
    ------
    InputError
        If the log has no such column.
    """
    number, values = segments(decisions, by)
    tables = []
    for segment, labels in enumerate(values.itertuples(index=False)):
        chosen = decisions[number == segment]
        if len(chosen) < FEWEST:
            continue
        mine = rewards[rewards["decision_id"].isin(chosen["decision_id"])]
        try:
            table = creative_report(chosen, mine, seed=seed, options=report.options).table
        except InputError:  # too few decisions of an arm to say anything
            continue
        tables.append(table.assign(segment=", ".join(label or "(unknown)" for label in labels)))
    if not tables:
        return pd.DataFrame(columns=list(SEGMENT_COLUMNS))
    found = pd.concat(tables, ignore_index=True)[list(SEGMENT_COLUMNS)]
    return found.sort_values(["experiment_id", "segment", "arm_id"], ignore_index=True)
