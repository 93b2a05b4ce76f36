"""``liftwerk creatives``: which creative is best, which tires, and what to show next."""

from __future__ import annotations

from jobs.runs import existing, plain_checks, published, write_document
from measurement.errors import InputError
from measurement.progress import Progress, silent
from measurement.readers.events import read_creative_decisions, read_creative_rewards
from measurement.readers.inputs import input_hashes
from measurement.store import RunRecord, RunStore
from measurement.workspace import Workspace


def run_creatives(workspace: Workspace, *, seed: int, progress: Progress = silent, again: bool = False) -> RunRecord:
    """Judge the creatives and write a ``creatives`` run, or give the one that is there; see `jobs.fit.run_fit`.

    Raises
    ------
    InputError
        Where ``[creatives]`` is not set or a log is wrong.
    """
    if workspace.settings.creatives is None:
        raise InputError.of(
            "the creative logs are not named",
            "Add [creatives] with decisions and rewards",
            file=workspace.file.name,
            column="creatives",
        )
    inputs = input_hashes(workspace, "creatives")
    found = existing(workspace, "creatives", inputs=inputs, options={}, seed=seed, again=again)
    if found is not None:
        progress(1.0, "the creatives were judged already")
        return found
    progress(0.0, "reading the creative logs")
    decisions, rewards = read_creative_decisions(workspace), read_creative_rewards(workspace)
    from bandits.report import creative_report
    from monitoring.fatigue import detect_fatigue

    progress(0.3, "judging the creatives")
    report = creative_report(decisions, rewards, seed=seed)
    fatigue = detect_fatigue(report.daily)
    with RunStore(workspace.runs).write("creatives", seed=seed, options={}, inputs=inputs) as draft:
        report.arms(fatigue).to_csv(draft.folder / "arms.csv", index=False)
        write_document(draft.folder / "stop.json", report.stop())
        draft.check(plain_checks(report.checks))
    progress(1.0, "done")
    return published(draft.record)
