"""``liftwerk creatives``: which creative is best, which tires, what to show next, and what others would have earned."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.runs import existing, plain_checks, published, write_document
from measurement.errors import InputError
from measurement.progress import Progress, silent
from measurement.readers.events import read_creative_decisions, read_creative_rewards
from measurement.readers.findings import Findings
from measurement.readers.inputs import input_hashes
from measurement.readers.tables import read_table
from measurement.settings import CreativesSection
from measurement.store import RunRecord, RunStore, file_hash
from measurement.workspace import Workspace

if TYPE_CHECKING:
    from bandits.policy_file import PolicyFile


@dataclass(frozen=True, slots=True, kw_only=True)
class CreativesRequest:
    """What else is asked of the log.

    Attributes
    ----------
    by
        Context columns that make segments, e.g. ``("device",)``.
    policy
        A table arm_id, share of a policy to be judged on the log.
    """

    by: tuple[str, ...] = ()
    policy: Path | None = None

    def options(self, section: CreativesSection) -> dict[str, object]:
        """What tells one run from another; nothing where all is as usual."""
        found: dict[str, object] = {}
        if section.better != "higher":
            found["better"] = section.better
        if self.by:
            found["by"] = list(self.by)
        if self.policy is not None:
            found["policy"] = file_hash(self.policy)
        return found


def run_creatives(
    workspace: Workspace,
    *,
    seed: int,
    progress: Progress = silent,
    again: bool = False,
    request: CreativesRequest | None = None,
) -> RunRecord:
    """Judge the creatives and write a ``creatives`` run, or give the one that is there; see `jobs.fit.run_fit`.

    Raises
    ------
    InputError
        Where ``[creatives]`` is not set, a log is wrong, or the request does not fit it.
    """
    section = workspace.settings.creatives
    if section is None:
        raise InputError.of(
            "the creative logs are not named",
            "Add [creatives] with decisions and rewards",
            file=workspace.file.name,
            column="creatives",
        )
    request = request or CreativesRequest()
    policy = _policy(request.policy)
    inputs, options = input_hashes(workspace, "creatives"), request.options(section)
    found = existing(workspace, "creatives", inputs=inputs, options=options, seed=seed, again=again)
    if found is not None:
        progress(1.0, "the creatives were judged already")
        return found
    progress(0.0, "reading the creative logs")
    decisions, rewards = read_creative_decisions(workspace), read_creative_rewards(workspace)
    from bandits.report import ReportOptions, creative_report
    from bandits.segment_report import segment_report
    from bandits.what_if import what_if
    from monitoring.fatigue import detect_fatigue

    progress(0.3, "judging the creatives")
    report = creative_report(decisions, rewards, seed=seed, options=ReportOptions(better=section.better))
    fatigue = detect_fatigue(report.daily)
    progress(0.6, "asking what other policies would have earned")
    policies = what_if(decisions, rewards, report, by=request.by, policy=policy, seed=seed)
    segments = segment_report(decisions, rewards, report, request.by, seed=seed) if request.by else None
    with RunStore(workspace.runs).write("creatives", seed=seed, options=options, inputs=inputs) as draft:
        report.arms(fatigue).to_csv(draft.folder / "arms.csv", index=False)
        policies.to_csv(draft.folder / "policies.csv", index=False)
        if segments is not None:
            segments.to_csv(draft.folder / "segments.csv", index=False)
        write_document(draft.folder / "stop.json", report.stop())
        draft.check(plain_checks(report.checks))
    progress(1.0, "done")
    return published(draft.record)


def _policy(file: Path | None) -> PolicyFile | None:
    """The user's own policy; read before anything else, so that a slip in it is told at once."""
    if file is None:
        return None
    from bandits.policy_file import PolicyFile

    if not file.is_file():
        raise InputError.of("there is no such policy file", "Name a table with arm_id and share", file=str(file))
    problems = Findings(file.name)
    table = read_table(file, file.name, problems)
    if table is None or problems.has_errors:
        raise InputError(problems.problems)
    return PolicyFile.of(table.frame, file.name)
