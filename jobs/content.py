"""``liftwerk content``: the KPIs of the generative pipeline, its objectives, canaries and alerts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from jobs.content_canary import Resumed, canary_rule, latch, resumed_hash, resumptions, tell, with_stops
from jobs.content_intake import day_store, intake_check, take_spans
from jobs.runs import existing, plain_checks, published, read_document, settings_hash, write_document
from jobs.screen import part
from measurement.content_settings import ContentSection
from measurement.errors import InputError
from measurement.progress import Progress, silent
from measurement.readers.events import find_content_tables, read_creative_decisions, read_creative_rewards
from measurement.readers.inputs import input_hashes, span_files
from measurement.store import RunRecord, RunStore, combined_hash, file_hash
from measurement.workspace import Workspace
from monitoring.intake.prometheus import is_prometheus, read_all
from monitoring.intake.store import write_aside
from monitoring.tables import Table

if TYPE_CHECKING:
    from monitoring.error_budgets import ErrorBudget
    from monitoring.generators import GeneratorReport


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
    resumed = resumptions(workspace)
    rule = canary_rule(workspace, resumed)
    inputs = _inputs(workspace, section, resumed)
    found = existing(workspace, "content", inputs=inputs, options={}, seed=seed, again=again)
    if found is not None:
        tell(workspace, latch(workspace, read_document(found, "canary.json")))
        progress(1.0, "the pipeline was measured already")
        return found
    progress(0.3, "reading the content tables")
    tables = content_tables(workspace)
    from monitoring.content import content_report
    from monitoring.daily import DayRollups

    progress(0.4, "measuring the content pipeline")
    report = content_report(
        tables,
        currency=workspace.settings.workspace.currency,
        objectives=section.objectives,
        canary_rule=rule,
        budget=error_budget(section),
        rollups=DayRollups(workspace.root / "content" / "rollups"),
    )
    # before anything else is written: whatever happens to this process, the canary stays stopped
    stops = latch(workspace, report.canary())
    generators = ranked_generators(workspace, tables)
    with RunStore(workspace.runs).write("content", seed=seed, options={}, inputs=inputs) as draft:
        report.kpis().to_csv(draft.folder / "kpis.csv", index=False)
        write_document(draft.folder / "canary.json", with_stops(report.canary(), stops))
        if generators is not None:
            generators.table.to_csv(draft.folder / "generators.csv", index=False)
            draft.check(plain_checks(generators.checks))
        report.budgets().to_csv(draft.folder / "error_budgets.csv", index=False)
        report.judges().to_csv(draft.folder / "judges.csv", index=False)
        report.forecast().to_csv(draft.folder / "cost_forecast.csv", index=False)
        report.alerts().to_csv(draft.folder / "alerts.csv", index=False)
        draft.check(plain_checks(report.checks))
        if section.spans is not None:
            _write_intake(workspace, draft.folder)
            draft.check([intake_check(day_store(workspace))])
    tell(workspace, stops)
    progress(1.0, "done")
    return published(draft.record)


def error_budget(section: ContentSection) -> ErrorBudget:
    """``[content.error_budget]`` as the rules of `monitoring.error_budgets`."""
    from monitoring.error_budgets import BURN_ALERTS, BurnAlert, ErrorBudget

    own = section.error_budget
    if own is None:
        return ErrorBudget()
    alerts = BURN_ALERTS if own.alerts is None else [BurnAlert(**one.model_dump()) for one in own.alerts]
    return ErrorBudget(window_days=own.window_days, minimum_bad=own.minimum_bad, alerts=tuple(alerts))


def ranked_generators(workspace: Workspace, tables: Mapping[str, Table]) -> GeneratorReport | None:
    """Generated pieces followed to creative tests; ``None`` where there is nothing to follow."""
    section = workspace.settings.content
    if workspace.settings.creatives is None or section is None or "creative_variant" not in tables:
        return None
    from monitoring.generators import JoinRule, rank_generators
    from monitoring.tables import open_tables

    rule = JoinRule() if section.join is None else JoinRule(**section.join.model_dump())
    wanted = ("gen_call", "creative_variant", "business_outcome")
    connection = open_tables(
        {name: tables[name] for name in wanted if name in tables}, workspace.settings.workspace.currency
    )
    try:
        decisions, rewards = read_creative_decisions(workspace), read_creative_rewards(workspace)
        return rank_generators(connection, decisions, rewards, rule)
    finally:
        connection.close()


def content_tables(workspace: Workspace) -> dict[str, Table]:
    """The tables of ``content.tables`` with the calls and scores of the day store beside them.

    Raises
    ------
    InputError
        Where a table is wrong, or neither holds a call.
    """
    section, store = workspace.settings.content, day_store(workspace)
    own = find_content_tables(workspace) if section is not None and section.tables is not None else {}
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


def _inputs(workspace: Workspace, section: ContentSection, resumed: Resumed) -> dict[str, str]:
    inputs = {
        **input_hashes(workspace, "content"),
        "liftwerk.toml [content]": settings_hash(section),
        **resumed_hash(resumed),
        **(input_hashes(workspace, "creatives") if workspace.settings.creatives is not None else {}),
    }
    if section.spans is not None:
        store = day_store(workspace)
        # what was set aside is part of the report, also where no day has changed
        aside = {f"{one.file}:{one.line}:{number}": one.reason for number, one in enumerate(store.aside())}
        inputs["content/"] = combined_hash({**store.digest(), **aside})
        inputs |= {name: file_hash(path) for path, name in span_files(workspace) if is_prometheus(path)}
    return inputs


def _write_intake(workspace: Workspace, folder: Path) -> None:
    counters, aside = read_all([(path, name) for path, name in span_files(workspace) if is_prometheus(path)])
    write_aside(folder / "set_aside.csv", [*day_store(workspace).aside(), *aside])
    if len(counters):
        pd.DataFrame(counters).to_csv(folder / "counters.csv", index=False)
