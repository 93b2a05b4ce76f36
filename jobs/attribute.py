"""``liftwerk attribute``: credit on the paths to a purchase, and what lift tests and the mix model say of it."""

from __future__ import annotations

import pandas as pd

from jobs.attribute_memory import KIND, drop_removed_ledger
from jobs.attribute_proof import RECONCILED, known_roas, proof_inputs, reconciled
from jobs.attribute_report import AttributionReport, attribution_report, journeys_section
from jobs.runs import existing, plain_checks, published, write_document
from jobs.screen import Screen
from jobs.show import show_run, words_of
from measurement.checks import Check
from measurement.progress import Progress, silent
from measurement.readers.events import read_touchpoints
from measurement.readers.inputs import input_hashes
from measurement.settings import JourneysSection
from measurement.store import RunDraft, RunRecord, RunStore
from measurement.workspace import Workspace


def run_attribute(workspace: Workspace, *, seed: int, progress: Progress = silent, again: bool = False) -> RunRecord:
    """Work out path credit and write an ``attribution`` run, or give the one that is there; see `jobs.fit.run_fit`.

    Raises
    ------
    InputError
        Where ``[journeys]`` is not set, or the touchpoints are wrong or too few to be published.
    """
    section = journeys_section(workspace)
    known = known_roas(workspace)
    inputs = {**input_hashes(workspace, "journeys"), **proof_inputs(known)}
    found = existing(workspace, KIND, inputs=inputs, options=_options(section), seed=seed, again=again)
    if found is not None:
        progress(1.0, "the paths were attributed already")
        return found
    progress(0.0, "reading the touchpoints")
    touchpoints = read_touchpoints(workspace)
    progress(0.2, "building the paths and working out the credit")
    store = RunStore(workspace.runs)
    previous = store.latest(KIND)
    report = attribution_report(workspace, section, touchpoints, previous, seed)
    progress(0.9, "holding credit against proof")
    table, checks = reconciled(report.credit, report.release, known, groups=section.groups, seed=seed)
    with store.write(KIND, seed=seed, options=_options(section), inputs=inputs) as draft:
        report.write(draft.folder)
        write_document(draft.folder / "release.json", report.release)
        table.to_csv(draft.folder / "reconcile.csv", index=False)
        _write_campaigns(draft, report, table)
        draft.check(_release_checks(report))
        draft.check(plain_checks(checks))
    drop_removed_ledger(workspace)
    progress(1.0, "done")
    return published(draft.record)


def show_attribution(screen: Screen, workspace: Workspace, record: RunRecord) -> None:
    """Credit on paths beside what is proven."""
    words = words_of(workspace)
    table = pd.read_csv(record.file("reconcile.csv")).reindex(columns=["channel", "credit", "proof", "calibrated"])
    rows = [
        (str(channel), *("–" if pd.isna(money) else words.money(float(money)) for money in amounts))
        for channel, *amounts in table.itertuples(index=False)
    ]
    screen.title("Credit on paths: credit, not cause")
    screen.table(("channel", "credit", "proven", "calibrated"), rows, right=(1, 2, 3))
    show_run(screen, workspace, record)


def _options(section: JourneysSection) -> dict[str, object]:
    return {**section.model_dump(mode="json", exclude={"touchpoints"}), "reconciled": RECONCILED}


def _write_campaigns(draft: RunDraft, report: AttributionReport, table: pd.DataFrame) -> None:
    """``campaigns.csv``, where the touchpoints name campaigns."""
    parts = report.tables.get("campaign_shares.csv")
    if parts is not None:
        from attribution.campaigns import campaign_credit

        campaign_credit(parts, table).to_csv(draft.folder / "campaigns.csv", index=False)


def _release_checks(report: AttributionReport) -> list[Check]:
    """Hints on what privacy held back; the number of people waiting is not told, it may be one."""
    return [
        Check(
            name="attribution_released",
            passed=not report.stands,
            value=None,
            limit=None,
            remedy="Too few people differ from the last report on some channel, so it stands; run again with more data",
            blocking=False,
        )
    ]
