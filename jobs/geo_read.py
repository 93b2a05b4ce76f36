"""``liftwerk geo read``: a finished geo test becomes a readout, and the readout a likelihood of the next fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jobs.runs import existing, last_day, plain_checks, published, settings_hash, write_document
from measurement.panel import Panel
from measurement.progress import Progress, silent
from measurement.readers.inputs import input_hashes
from measurement.readers.panel_table import read_panel
from measurement.store import RunRecord, RunStore, file_hash
from measurement.workspace import Workspace

if TYPE_CHECKING:  # numba and SciPy wait until a test is read
    from geolift.readout import GeoReadout
    from geolift.switchback_readout import SwitchbackReadout
    from geolift.test_plan import GeoTest


def run_geo_read(
    workspace: Workspace,
    test_file: Path,
    *,
    seed: int,
    progress: Progress = silent,
    again: bool = False,
    panel: Panel | None = None,
) -> RunRecord:
    """Read a test and write a ``geo_readout`` run, or give the one that is there.

    Parameters
    ----------
    workspace
        The workspace whose panel holds the test.
    test_file
        The contract's geo test file; looked for in the current folder, then in the workspace and its ``geo_tests``.
    seed
        For sampled placebo sets.
    progress, again, panel
        As in `jobs.fit.run_fit`.

    Raises
    ------
    InputError
        Where the test or the panel is wrong.
    """
    progress(0.0, "reading the panel")
    panel = panel if panel is not None else read_panel(workspace)
    from geolift.test_plan import GeoTest

    file = find_test(workspace, test_file)
    test = GeoTest.read(file, panel)
    name = name_of_test(workspace, file)
    options = {"test": name, "until": last_day(panel).isoformat()}
    inputs = {
        **input_hashes(workspace, "panel"),
        "liftwerk.toml [panel]": settings_hash(workspace.settings.panel),
        name: file_hash(file),
    }
    if test.schedule and (file.parent / test.schedule).is_file():
        inputs[f"{name} schedule"] = file_hash(file.parent / test.schedule)
    found = existing(workspace, "geo_readout", inputs=inputs, options=options, seed=seed, again=again)
    if found is not None:
        progress(1.0, f"{file.name} was read already")
        return found
    progress(0.2, f"reading the test {file.name}")
    readout = _readout(panel, test, file, seed=seed)
    with RunStore(workspace.runs).write("geo_readout", seed=seed, options=options, inputs=inputs) as draft:
        progress(0.9, "writing the readout")
        write_document(draft.folder / "readout.json", readout.to_dict())
        readout.series().to_csv(draft.folder / "series.csv", index=False)
        paths = readout.placebo_paths()
        if paths is not None:
            paths.to_csv(draft.folder / "placebos.csv", index=False, float_format="%.6g")
        draft.check(plain_checks(readout.checks))
    progress(1.0, "done")
    return published(draft.record)


def _readout(panel: Panel, test: GeoTest, file: Path, *, seed: int) -> GeoReadout | SwitchbackReadout:
    if test.schedule:
        from geolift.switchback_readout import read_switchback
        from geolift.switchback_schedule import read_schedule

        return read_switchback(panel, test, read_schedule(file.parent / test.schedule), seed=seed)
    from geolift.readout import read_geo_test

    return read_geo_test(panel, test, seed=seed)


def find_test(workspace: Workspace, given: Path) -> Path:
    """The test file: as given, else below the workspace, else in its ``geo_tests``; as given where nowhere."""
    places = (given, workspace.root / given, workspace.root / "geo_tests" / given)
    return next((place for place in places if place.is_file()), given)


def name_of_test(workspace: Workspace, file: Path) -> str:
    """How the run names the test: relative to the workspace where it lies inside."""
    whole = file.resolve()
    return whole.relative_to(workspace.root).as_posix() if whole.is_relative_to(workspace.root) else whole.name
