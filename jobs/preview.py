"""``liftwerk fit --preview``: a quick look at what a fit would say; writes no run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobs.lift_tests import known_lifts
from jobs.runs import last_day
from measurement.progress import Progress, silent
from measurement.readers.panel_table import read_panel

if TYPE_CHECKING:
    from measurement.workspace import Workspace
    from mmm.preview import Preview


def run_preview(workspace: Workspace, *, seed: int, progress: Progress = silent) -> Preview:
    """Preview the fit that `jobs.fit.run_fit` would write.

    Raises
    ------
    InputError
        Where the panel, a lift test or a setting is wrong, or there is no channel with spend.
    """
    progress(0.0, "reading the panel")
    panel = read_panel(workspace)
    lifts = known_lifts(workspace, panel.channels, last_day(panel))
    from mmm.model import MMM
    from mmm.spec import ModelSpec

    model = MMM(ModelSpec.from_settings(workspace.settings.mmm))
    return model.preview(panel, [lift.estimate for lift in lifts], seed=seed, progress=progress)
