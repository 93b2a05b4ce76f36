"""``liftwerk weekly``: everything that is due, one decision, one export. Repeating it changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from decisions.approval import AuditLog
from decisions.document import WeekDecision
from decisions.export import write_export
from decisions.recommendation import Stability
from decisions.review import Review
from decisions.standing import log_recommended
from decisions.weeks import parse_week, week_name
from jobs.content import run_content
from jobs.content_names import every_problem
from jobs.creatives import run_creatives
from jobs.decide import Findings, decide, steady_plan
from jobs.fit import run_fit
from jobs.geo_read import run_geo_read
from jobs.plan import source_of_fit
from jobs.runs import last_day
from jobs.screen import part
from measurement.checks import Check
from measurement.errors import InputError, Problem
from measurement.panel import Panel
from measurement.progress import Progress, silent
from measurement.readers.inputs import geo_test_files
from measurement.readers.panel_table import read_panel
from measurement.store import RunRecord
from measurement.workspace import Workspace

#: Data that end earlier than this before the decided week are too old to decide on.
MOST_DAYS_OLD = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyResult:
    """What the weekly job did.

    Attributes
    ----------
    decision
        The decision.
    folder
        Its export.
    warnings
        What the check of the inputs found besides errors.
    """

    decision: WeekDecision
    folder: Path
    warnings: tuple[Problem, ...]


def run_weekly(
    workspace: Workspace,
    *,
    seed: int,
    progress: Progress = silent,
    again: bool = False,
    week: str | None = None,
) -> WeeklyResult:
    """Check, read finished geo tests, fit, judge creatives and content, plan, decide, export.

    Parameters
    ----------
    workspace
        The workspace.
    seed
        Of everything random.
    progress
        Told where the work stands.
    again
        Compute even what is there already.
    week
        ISO week to decide, e.g. ``"2026-W48"``; left out, the week after the last week of data. An earlier week is
        decided on the data that were known before it began.

    Raises
    ------
    InputError
        Every problem of every input; nothing is written then.
    """
    progress(0.0, "checking the inputs")
    problems = every_problem(workspace)
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        raise InputError(errors)
    panel, decided = panel_before(read_panel(workspace), week)
    readouts, unread = _read_tests(workspace, panel, seed=seed, progress=part(progress, 0.05, 0.15), again=again)
    model = run_fit(workspace, seed=seed, progress=part(progress, 0.15, 0.8), again=again, panel=panel)
    settings = workspace.settings
    creatives = content = None
    if settings.creatives is not None:
        creatives = run_creatives(workspace, seed=seed, progress=part(progress, 0.8, 0.85), again=again)
    if settings.content is not None and (settings.content.tables or settings.content.spans):
        content = run_content(workspace, seed=seed, progress=part(progress, 0.85, 0.9), again=again)
    unread += _attribute(workspace, seed=seed, again=again)
    stability = Stability.of_risk(settings.budget.risk if settings.budget is not None else "balanced")
    source = source_of_fit(workspace, model, decided)
    steady = steady_plan(workspace, source, stability, seed=seed, progress=part(progress, 0.9, 0.97), again=again)
    progress(0.97, "writing the decision")
    found = Findings(
        week=decided,
        data_until=last_day(panel),
        source=source,
        steady=steady,
        checks=[_data_age(last_day(panel), decided), *unread],
        readouts=readouts,
        creatives=creatives,
        content=content,
    )
    decision = _logged(workspace, decide(workspace, found, stability))
    folder = write_export(decision, workspace.exports, stability)
    # An approval is for what was recommended then: another recommendation takes the approved files away.
    Review.of(workspace).settled(decision.week)
    progress(1.0, "done")
    return WeeklyResult(decision=decision, folder=folder, warnings=tuple(problems))


def panel_before(panel: Panel, week: str | None) -> tuple[Panel, str]:
    """The panel as it was known before a week began, and that week.

    Raises
    ------
    InputError
        Where nothing was known before.
    """
    end = last_day(panel)
    default = week_name(end + timedelta(days=7))
    if week is None:
        return panel, default
    monday = parse_week(week)
    if monday > end:
        return panel, week
    until = pd.Timestamp(monday - timedelta(days=panel.days_per_period))
    if (panel.dates <= until).sum() < 2:
        raise InputError.of(
            "there are no data before this week",
            f"The data begin on {panel.dates[0].date()}",
            column="--week",
            value=week,
        )
    return panel.select(until=until), week


def _read_tests(
    workspace: Workspace, panel: Panel, *, seed: int, progress: Progress, again: bool
) -> tuple[list[RunRecord], list[Check]]:
    """Readouts of every geo test that has ended, and a hint for each that cannot be read."""
    from geolift.test_plan import GeoTest

    files = geo_test_files(workspace)
    records: list[RunRecord] = []
    unread: list[Check] = []
    for number, file in enumerate(files):
        progress(number / len(files), f"reading the geo test {file.name}")
        test = GeoTest.read(file)
        if test.measured_until > last_day(panel):
            continue  # still running, or not yet begun
        try:
            records.append(run_geo_read(workspace, file, seed=seed, again=again, panel=panel))
        except InputError as error:
            unread.append(_unread(file, error.problems))
    return records, unread


def _attribute(workspace: Workspace, *, seed: int, again: bool) -> list[Check]:
    """Path attribution, where there are journeys; no decision rests on it, so that a fault is a hint.

    With noise every report spends some of the privacy budget: those are left to ``liftwerk attribute``.
    """
    section = workspace.settings.journeys
    if section is None or section.epsilon is not None:
        return []
    from jobs.attribute import run_attribute

    try:
        run_attribute(workspace, seed=seed, again=again)
    except InputError as error:
        return [_unread(Path(section.touchpoints), error.problems, name="paths_attributed")]
    return []


def _unread(file: Path, problems: Sequence[Problem], *, name: str = "geo_test_read") -> Check:
    return Check(
        name=name,
        passed=False,
        value=file.name,
        limit=None,
        remedy=f"{problems[0].message}. {problems[0].remedy}",
        blocking=False,
    )


def _data_age(end: date, week: str) -> Check:
    days = (parse_week(week) - end).days - 1
    return Check(
        name="data_age_days",
        passed=days <= MOST_DAYS_OLD,
        value=float(days),
        limit=float(MOST_DAYS_OLD),
        remedy="Bring the panel up to date, then run the week again",
    )


def _logged(workspace: Workspace, decision: WeekDecision) -> WeekDecision:
    """The decision with its line in the audit log; the same decision is logged once."""
    entry = log_recommended(AuditLog(workspace.audit_log), decision)
    return replace(decision, audit={"line": entry.seq, "hash": entry.hash})
