"""What each command does: call the job, show what came of it, give the exit status."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from jobs.faults import as_rows, show_problems
from jobs.screen import Screen
from jobs.session import Session
from measurement.errors import InputError
from measurement.progress import Progress
from measurement.store import RunRecord
from measurement.workspace import Workspace

if TYPE_CHECKING:
    from jobs.creatives import CreativesRequest
    from jobs.geo_design import DesignRequest

DONE, WRONG_INPUT, GATED = 0, 2, 3
PREVIEW_LEVEL = 0.9


def init(session: Session, directory: Path) -> int:
    """``liftwerk init DIR``."""
    from sample_data import copy_sample

    files = copy_sample(directory)
    session.screen.line(f"Made {directory} with the sample data: {len(files)} files.")
    session.screen.line(f"Next: liftwerk weekly --workspace {directory}")
    session.screen.result({"status": "done", "workspace": str(directory.resolve()), "files": len(files)})
    return DONE


def check(session: Session, *, deep: bool = False) -> int:
    """``liftwerk check``; ``deep`` adds what the panel can teach, which never changes the exit status."""
    from jobs.content_names import every_problem

    workspace = session.workspace()
    problems = every_problem(workspace)
    errors = [problem for problem in problems if problem.severity == "error"]
    show_problems(problems, session.screen)
    warnings = len(problems) - len(errors)
    count = f"{len(errors)} error{'s' * (len(errors) != 1)}, {warnings} warning{'s' * (warnings != 1)}"
    session.screen.line("Every input is in order." if not problems else count)
    status = WRONG_INPUT if errors else DONE
    answer = {"status": "error" if errors else "done", "exit_status": status, "problems": as_rows(problems)}
    session.screen.result({**answer, "deep": _explored(session, workspace)} if deep else answer)
    return status


def _explored(session: Session, workspace: Workspace) -> dict[str, object] | None:
    """What a look at the panel found; nothing where errors keep the panel from being read."""
    from jobs.show import show_exploration
    from measurement.readers.panel_table import load_panel
    from mmm.exploration import explore
    from mmm.spec import ModelSpec

    panel = load_panel(workspace).panel
    if panel is None:
        session.screen.line("The panel cannot be read yet, so there is nothing to look into: mend the errors first.")
        return None
    found = explore(panel, ModelSpec.from_settings(workspace.settings.mmm))
    show_exploration(session.screen, workspace, found)
    return found.to_dict()


def fit(session: Session, *, again: bool) -> int:
    """``liftwerk fit``."""
    from jobs.fit import run_fit
    from jobs.fit_change import change_since
    from jobs.show import show_fit, show_fit_change

    workspace = session.workspace()
    with session.screen.progress() as progress:
        record = run_fit(workspace, seed=session.seed, progress=progress, again=again)
    show_fit(session.screen, workspace, record)
    change = change_since(workspace, record)
    if change is None:
        return _finish(session, workspace, record)
    show_fit_change(session.screen, change)
    told = {"before": change.before, "changes": change.sentences, "channels": change.table.to_dict("records")}
    return _finish(session, workspace, record, since=told)


def preview(session: Session) -> int:
    """``liftwerk fit --preview``: nothing is written."""
    from jobs.preview import run_preview
    from jobs.show import show_preview

    workspace = session.workspace()
    with session.screen.progress() as progress:
        found = run_preview(workspace, seed=session.seed, progress=progress)
    table = found.roas_table(PREVIEW_LEVEL)
    show_preview(session.screen, workspace, table, found.label)
    answer = {
        "label": found.label,
        "pareto_k": found.pareto_k if isfinite(found.pareto_k) else None,
        "channels": table.to_dict("records"),
    }
    session.screen.result({"status": "preview", "exit_status": DONE, **answer})
    return DONE


def geo_design(session: Session, request: DesignRequest, *, again: bool) -> int:
    """``liftwerk geo design``."""
    from jobs.geo_design import run_geo_design
    from jobs.show_geo import show_designs

    return _make(session, partial(run_geo_design, request=request), show_designs, again=again)


def geo_read(session: Session, test: Path, *, again: bool) -> int:
    """``liftwerk geo read``."""
    from jobs.geo_read import run_geo_read
    from jobs.runs import read_document
    from jobs.show_geo import show_readout

    workspace = session.workspace()
    with session.screen.progress() as progress:
        record = run_geo_read(workspace, test, seed=session.seed, progress=progress, again=again)
    show_readout(session.screen, workspace, record)
    return _finish(session, workspace, record, readout=read_document(record, "readout.json"))


def creatives(session: Session, request: CreativesRequest, *, again: bool) -> int:
    """``liftwerk creatives``."""
    from jobs.creatives import run_creatives
    from jobs.show_creatives import show_creatives

    return _make(session, partial(run_creatives, request=request), show_creatives, again=again)


def attribute(session: Session, *, again: bool) -> int:
    """``liftwerk attribute``."""
    from jobs.attribute import run_attribute, show_attribution

    return _make(session, run_attribute, show_attribution, again=again)


def content(session: Session, *, again: bool, metrics_file: Path | None = None, metrics_port: int | None = None) -> int:
    """``liftwerk content``; 3 while a canary is stopped, whenever and by whichever run it was."""
    from decisions.canary_stops import CanaryStops
    from jobs.content import run_content
    from jobs.content_canary import show_stops
    from jobs.content_metrics import serve_metrics, write_metrics
    from jobs.show import show_content
    from jobs.webhook import waiting

    workspace = session.workspace()
    with session.screen.progress() as progress:
        record = run_content(workspace, seed=session.seed, progress=progress, again=again)
    show_content(session.screen, workspace, record)
    stops, left = CanaryStops.of(workspace).standing(), waiting(workspace.root)
    show_stops(session.screen, stops, left)
    told = {"stops": [stop.to_dict() for stop in stops], "webhook_waiting": left}
    if metrics_file is not None:
        write_metrics(workspace, metrics_file)
    status = _finish(session, workspace, record, stopped=bool(stops), **told)
    if metrics_port is not None:
        serve_metrics(session, metrics_port)
    return status


def plan(session: Session, curves: Path | None, *, again: bool) -> int:
    """``liftwerk plan``."""
    from jobs.plan import run_plan, source_of_file, source_of_fit
    from jobs.runs import read_document
    from jobs.show import show_plan

    workspace = session.workspace()
    source = source_of_fit(workspace) if curves is None else source_of_file(workspace, curves)
    with session.screen.progress() as progress:
        record = run_plan(workspace, seed=session.seed, progress=progress, again=again, source=source)
    show_plan(session.screen, workspace, record)
    return _finish(session, workspace, record, plan=read_document(record, "plan.json"))


def weekly(session: Session, week: str | None, *, again: bool) -> int:
    """``liftwerk weekly``."""
    from jobs.show import show_decision
    from jobs.weekly import run_weekly

    workspace = session.workspace()
    with session.screen.progress() as progress:
        result = run_weekly(workspace, seed=session.seed, progress=progress, again=again, week=week)
    show_problems(result.warnings, session.screen)
    show_decision(session.screen, workspace, result.decision, str(result.folder))
    status = DONE if result.decision.healthy else GATED
    session.screen.result(
        {
            "status": "done" if result.decision.healthy else "unhealthy",
            "exit_status": status,
            "export": str(result.folder),
            "warnings": as_rows(result.warnings),
            "decision": result.decision.to_dict(),
        }
    )
    return status


def audit_verify(session: Session) -> int:
    """``liftwerk audit verify``."""
    from decisions.anchors import verify_with_exports
    from decisions.approval import AuditLog

    workspace = session.workspace()
    found, quotes = verify_with_exports(AuditLog(workspace.audit_log), workspace.exports)
    if found.line is not None:
        raise InputError.of(
            f"the audit log is broken here: {found.fault}",
            "Restore audit/ from a backup, and find out who changed it",
            file="audit/log.jsonl",
            line=found.line,
        )
    session.screen.line(
        f"The audit log is sound. Lines: {found.entries}, quoted by exports: {quotes}, head: {found.head}"
    )
    session.screen.result({"status": "done", "entries": found.entries, "quoted": quotes, "head": found.head})
    return DONE


def demo(session: Session, directory: Path, *, port: int | None) -> int:
    """``liftwerk demo``: sample data (kept if they are there), the weekly decision, the dashboard."""
    from measurement.settings import SETTINGS_FILE
    from sample_data import copy_sample

    if not (directory / SETTINGS_FILE).is_file():
        copy_sample(directory)
    session.screen.say(f"Workspace: {session.screen.escape(str(directory.resolve()))}")
    opened = replace(session, folder=directory)
    status = weekly(opened, None, again=False)
    if port is None:
        return status
    from jobs.dashboard import dashboard

    return dashboard(opened, port) or status


class _Job(Protocol):
    def __call__(self, workspace: Workspace, *, seed: int, progress: Progress, again: bool) -> RunRecord: ...


def _make(session: Session, job: _Job, show: Callable[[Screen, Workspace, RunRecord], None], *, again: bool) -> int:
    """Make a run, show it, and answer with it."""
    workspace = session.workspace()
    with session.screen.progress() as progress:
        record = job(workspace, seed=session.seed, progress=progress, again=again)
    show(session.screen, workspace, record)
    return _finish(session, workspace, record)


def _finish(session: Session, workspace: Workspace, record: RunRecord, *, stopped: bool = False, **more: object) -> int:
    """The JSON object of a run, and 3 where its gates failed or what it measures is ``stopped``."""
    sound = record.status == "healthy"
    status = DONE if sound and not stopped else GATED
    folder = record.folder.relative_to(workspace.root)
    session.screen.result(
        {
            "status": "unhealthy" if not sound else "stopped" if stopped else "done",
            "exit_status": status,
            "run": {**record.manifest(), "folder": folder.as_posix()},
            **more,
        }
    )
    return status
