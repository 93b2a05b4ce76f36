"""``liftwerk content``: the KPIs of the generative pipeline, its objectives, canaries and alerts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from jobs.content_intake import day_store, intake_check, take_spans
from jobs.runs import existing, plain_checks, published, settings_hash, write_document
from jobs.screen import part
from measurement.content_settings import ContentSection
from measurement.errors import InputError
from measurement.progress import Progress, silent
from measurement.readers.events import read_content_tables
from measurement.readers.inputs import input_hashes, span_files
from measurement.store import RunRecord, RunStore, combined_hash, file_hash
from measurement.workspace import Workspace
from monitoring.intake.prometheus import is_prometheus, read_all
from monitoring.intake.store import write_aside
from monitoring.tables import Table


def run_content(workspace: Workspace, *, seed: int, progress: Progress = silent, again: bool = False) -> RunRecord:
    """Measure the pipeline and write a ``content`` run, or give the one that is there; see `jobs.fit.run_fit`.

    Raises
    ------
    InputError
        Where ``[content]`` names neither spans nor tables, or one of them is wrong.
    """
    section = workspace.settings.content
    if section is None or (section.tables is None and section.spans is None):
        raise InputError.of(
            "the content pipeline's spans or tables are not named",
            'Add [content] with spans = "data/spans/*.jsonl" or tables = "data/content/"',
            file=workspace.file.name,
            column="content.tables",
        )
    if section.spans is not None:
        take_spans(workspace, part(progress, 0.0, 0.3))
    inputs = _inputs(workspace, section)
    found = existing(workspace, "content", inputs=inputs, options={}, seed=seed, again=again)
    if found is not None:
        progress(1.0, "the pipeline was measured already")
        return found
    progress(0.3, "reading the content tables")
    tables = content_tables(workspace)
    from monitoring.canary import CanaryRule
    from monitoring.content import content_report
    from monitoring.daily import DayRollups

    progress(0.4, "measuring the content pipeline")
    report = content_report(
        tables,
        currency=workspace.settings.workspace.currency,
        objectives=section.objectives,
        rollups=DayRollups(workspace.root / "content" / "rollups"),
        canary_rule=CanaryRule() if section.canary is None else CanaryRule(**section.canary.model_dump()),
    )
    with RunStore(workspace.runs).write("content", seed=seed, options={}, inputs=inputs) as draft:
        report.kpis().to_csv(draft.folder / "kpis.csv", index=False)
        write_document(draft.folder / "canary.json", report.canary())
        report.alerts().to_csv(draft.folder / "alerts.csv", index=False)
        draft.check(plain_checks(report.checks))
        if section.spans is not None:
            _write_intake(workspace, draft.folder)
            draft.check([intake_check(day_store(workspace))])
    progress(1.0, "done")
    return published(draft.record)


def content_tables(workspace: Workspace) -> dict[str, Table]:
    """The tables of ``content.tables`` with the calls and scores of the day store beside them.

    Raises
    ------
    InputError
        Where a table is wrong, or neither holds a call.
    """
    section, store = workspace.settings.content, day_store(workspace)
    own = read_content_tables(workspace) if section is not None and section.tables is not None else {}
    tables: dict[str, Table] = {**own}
    if section is not None and section.spans is not None:
        for name, files in (("gen_call", store.calls), ("gen_score", store.scores)):
            if files:
                days = files[0].with_name("*.parquet")
                tables[name] = (own[name], days) if name in own else days
    if "gen_call" not in tables:
        raise InputError.of(
            "no model call was found in content.spans",
            "See content/ledger.json for what was set aside, and liftwerk check",
            file=workspace.file.name,
            column="content.spans",
            value=None if section is None else section.spans,
        )
    return tables


def _inputs(workspace: Workspace, section: ContentSection) -> dict[str, str]:
    inputs = {**input_hashes(workspace, "content"), "liftwerk.toml [content]": settings_hash(section)}
    if section.spans is not None:
        inputs["content/"] = combined_hash(day_store(workspace).digest())
        inputs |= {name: file_hash(path) for path, name in span_files(workspace) if is_prometheus(path)}
    return inputs


def _write_intake(workspace: Workspace, folder: Path) -> None:
    counters, aside = read_all([(path, name) for path, name in span_files(workspace) if is_prometheus(path)])
    write_aside(folder / "set_aside.csv", [*day_store(workspace).aside(), *aside])
    if len(counters):
        pd.DataFrame(counters).to_csv(folder / "counters.csv", index=False)
