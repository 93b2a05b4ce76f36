"""``liftwerk content``: the KPIs of the generative pipeline, its objectives, canaries and alerts."""

from __future__ import annotations

from jobs.runs import existing, plain_checks, published, settings_hash, write_document
from measurement.errors import InputError
from measurement.progress import Progress, silent
from measurement.readers.events import read_content_tables
from measurement.readers.inputs import input_hashes
from measurement.store import RunRecord, RunStore
from measurement.workspace import Workspace


def run_content(workspace: Workspace, *, seed: int, progress: Progress = silent, again: bool = False) -> RunRecord:
    """Measure the pipeline and write a ``content`` run, or give the one that is there; see `jobs.fit.run_fit`.

    Raises
    ------
    InputError
        Where ``[content]`` names no tables or a table is wrong.
    """
    section = workspace.settings.content
    if section is None or section.tables is None:
        raise InputError.of(
            "the content pipeline's tables are not named",
            'Add [content] with tables = "data/content/"',
            file=workspace.file.name,
            column="content.tables",
        )
    inputs = {**input_hashes(workspace, "content"), "liftwerk.toml [content]": settings_hash(section)}
    found = existing(workspace, "content", inputs=inputs, options={}, seed=seed, again=again)
    if found is not None:
        progress(1.0, "the pipeline was measured already")
        return found
    progress(0.0, "reading the content tables")
    tables = read_content_tables(workspace)
    from monitoring.content import content_report

    progress(0.3, "measuring the content pipeline")
    currency = workspace.settings.workspace.currency
    report = content_report(tables, currency=currency, objectives=section.objectives)
    with RunStore(workspace.runs).write("content", seed=seed, options={}, inputs=inputs) as draft:
        report.kpis().to_csv(draft.folder / "kpis.csv", index=False)
        write_document(draft.folder / "canary.json", report.canary())
        report.alerts().to_csv(draft.folder / "alerts.csv", index=False)
        draft.check(plain_checks(report.checks))
    progress(1.0, "done")
    return published(draft.record)
