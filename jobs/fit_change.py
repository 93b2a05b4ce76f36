"""What moved since the fit before, and why: the two saved posteriors side by side."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from measurement.errors import InputError
from measurement.store import RunRecord, RunStore
from measurement.workspace import Workspace

POSTERIOR = "posterior.nc"
#: The language of the command line.
SPOKEN = "en_GB"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitChange:
    """A fit beside the one before it.

    Attributes
    ----------
    before
        Id of the earlier run.
    sentences
        What differs between the fits, then which channels' returns moved.
    table
        As `mmm.comparison.Comparison.table`, without what only fits at hand whole can tell.
    """

    before: str
    sentences: tuple[str, ...]
    table: pd.DataFrame


def change_since(workspace: Workspace, record: RunRecord) -> FitChange | None:
    """Compare a fit with the newest one before it; ``None`` for the first fit of a workspace.

    Parameters
    ----------
    workspace
        The workspace, for its runs and its currency.
    record
        An ``mmm`` run.
    """
    every = RunStore(workspace.runs).runs("mmm")  # oldest first
    earlier = [run for run in every if run.id < record.id and run.file(POSTERIOR).is_file()]
    if not earlier:
        return None
    from mmm.archive import read_posterior
    from mmm.comparison import compare

    before = earlier[-1]
    try:
        earlier_fit = read_posterior(before.file(POSTERIOR))
    except InputError as unreadable:  # this fit is sound: an older file that is not is told, no more
        return FitChange(before=before.id, sentences=(str(unreadable),), table=pd.DataFrame())
    found = compare(earlier_fit, read_posterior(record.file(POSTERIOR)))
    table = found.table.drop(columns=["other_weeks", "other_belief"])
    sentences = found.in_words(SPOKEN, workspace.settings.workspace.currency)
    return FitChange(before=before.id, sentences=sentences, table=table)
