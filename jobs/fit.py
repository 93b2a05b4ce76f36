"""``liftwerk fit``: the media mix model on the panel with every known lift test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jobs.flight import CARRY_OVER
from jobs.lift_tests import known_lifts
from jobs.runs import existing, last_day, plain_checks, published, settings_hash
from measurement.errors import InputError
from measurement.panel import Panel
from measurement.progress import Progress, silent
from measurement.readers.curves_table import write_curves
from measurement.readers.holiday_calendar import read_holidays
from measurement.readers.inputs import input_hashes
from measurement.readers.panel_table import read_panel
from measurement.store import RunRecord, RunStore
from measurement.workspace import Workspace

if TYPE_CHECKING:
    from mmm.fitted import FittedMMM

LEVEL = 0.9
FORECAST_WEEKS = 8


def run_fit(
    workspace: Workspace,
    *,
    seed: int,
    progress: Progress = silent,
    again: bool = False,
    panel: Panel | None = None,
) -> RunRecord:
    """Fit the model and write an ``mmm`` run, or give the one that is there for the same data, options and seed.

    Parameters
    ----------
    workspace
        The workspace.
    seed
        Of the sampler.
    progress
        Told where the sampler stands.
    again
        Fit even if the run is there.
    panel
        The panel where it was read already (and perhaps cut at a week).

    Raises
    ------
    InputError
        Where the panel or a setting is wrong, or there is no channel with spend.
    """
    progress(0.0, "reading the panel")
    panel = panel if panel is not None else read_panel(workspace)
    if not panel.channels:
        raise InputError.of(
            "the panel has no paid channels, so there is nothing to fit",
            'Name them under [panel.channels.NAME] with spend = "column"',
            file=workspace.file.name,
            column="panel.channels",
        )
    settings = workspace.settings
    lifts = known_lifts(workspace, panel.channels, last_day(panel))
    options = {
        **settings.mmm.model_dump(mode="json"),
        "until": last_day(panel).isoformat(),
        "lift_tests": [lift.label for lift in lifts],
    }
    inputs = {
        **input_hashes(workspace, "panel"),
        "liftwerk.toml [panel] [mmm]": settings_hash(settings.panel, settings.mmm),
        **{lift.label: lift.sha256 for lift in lifts},
    }
    found = existing(workspace, "mmm", inputs=inputs, options=options, seed=seed, again=again)
    if found is not None:
        progress(1.0, "this fit is there already")
        return found
    from mmm.model import MMM
    from mmm.spec import ModelSpec

    model = MMM(ModelSpec.from_settings(settings.mmm))
    fitted = model.fit(panel, [lift.estimate for lift in lifts], seed=seed, progress=progress)
    with RunStore(workspace.runs).write("mmm", seed=seed, options=options, inputs=inputs) as draft:
        progress(1.0, "writing the tables of the fit")
        fitted.channels_table(LEVEL).to_csv(draft.folder / "channels.csv", index=False)
        write_curves(fitted.response_curves(), draft.folder / "curves.parquet", level=LEVEL)
        fitted.decomposition(LEVEL).to_parquet(draft.folder / "decomposition.parquet", index=False)
        fitted.fit_table(LEVEL).to_csv(draft.folder / "fit.csv", index=False)
        _write_further(fitted, workspace, draft.folder, seed)
        fitted.save(draft.folder / "posterior.nc")
        draft.check(plain_checks(fitted.checks))
    return published(draft.record)


def carry_over_table(fitted: FittedMMM) -> pd.DataFrame:
    """Columns channel, retention: of the geometric carry-over with the same mean delay, a week, posterior mean."""
    draws = fitted.draws.weights[:, : len(fitted.channels)]
    delay = (draws * np.arange(draws.shape[2])).sum(axis=2).mean(axis=0) * fitted.panel.days_per_period / 7.0
    return pd.DataFrame({"channel": list(fitted.channels), "retention": delay / (1.0 + delay)})


def _write_further(fitted: FittedMMM, workspace: Workspace, folder: Path, seed: int) -> None:
    """What only some panels have (curves by geo, organic media, frequency), and the weeks to come at recent spend."""
    if len(fitted.panel.geos) > 1:
        write_curves(fitted.geo_response_curves(), folder / "curves_by_geo.parquet", level=LEVEL)
    carry_over_table(fitted).to_csv(folder / CARRY_OVER, index=False)
    if fitted.panel.organic:
        fitted.organic_table(LEVEL).to_csv(folder / "organic.csv", index=False)
    if fitted.panel.reach_channels:
        fitted.optimal_frequency().table(LEVEL).to_csv(folder / "frequency.csv", index=False)
    from mmm.forecast import Future

    panel, setting = fitted.panel, workspace.settings.panel.holidays
    periods = min(FORECAST_WEEKS * (7 // panel.days_per_period), fitted.longest_forecast)
    later = pd.date_range(panel.dates[0], periods=len(panel.dates) + periods, freq=f"{panel.days_per_period}D")
    holidays = None if setting is None else read_holidays(setting, workspace.root, later)
    future = Future(periods=periods, holidays=holidays)
    fitted.forecast(future, seed=seed).table(LEVEL).to_csv(folder / "forecast.csv", index=False)
