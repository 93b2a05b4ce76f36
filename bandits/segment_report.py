"""The creative report for each segment of the audience: who prefers which creative."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from bandits.context import segments
from bandits.report import CreativeReport, ReportOptions, creative_report
from measurement.errors import InputError

SEGMENT_COLUMNS = (
    "experiment_id", "segment", "arm_id", "decisions", "rewards", "mean", "lower", "upper", "p_best", "expected_loss",
    "level",
)  # fmt: skip
#: Of a part of the log with fewer decisions than this in all nothing can be said.
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
        table = table_of_part(decisions[number == segment], rewards, report.options, seed)
        if table is None:
            continue
        tables.append(table.assign(segment=", ".join(label or "(unknown)" for label in labels)))
    if not tables:
        return pd.DataFrame(columns=list(SEGMENT_COLUMNS))
    found = pd.concat(tables, ignore_index=True)[list(SEGMENT_COLUMNS)]
    return found.sort_values(["experiment_id", "segment", "arm_id"], ignore_index=True)


def table_of_part(
    decisions: pd.DataFrame, rewards: pd.DataFrame, options: ReportOptions, seed: int
) -> pd.DataFrame | None:
    """The report's table of a part of the log; ``None`` where the part is too small to learn from.

    Parameters
    ----------
    decisions
        The part.
    rewards
        Of the whole log.
    options, seed
        As in `bandits.report.creative_report`.
    """
    if len(decisions) < FEWEST:
        return None
    mine = rewards[rewards["decision_id"].isin(decisions["decision_id"])]
    try:
        return creative_report(decisions, mine, seed=seed, options=options).table
    except InputError:  # too few decisions of an arm, though the whole log has enough
        return None
