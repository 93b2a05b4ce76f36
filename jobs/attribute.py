"""``liftwerk attribute``: credit on the paths to a purchase, and what lift tests and the mix model say of it."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from jobs.known import model_roas
from jobs.lift_tests import known_lifts
from jobs.runs import existing, plain_checks, published, read_document, write_document
from jobs.screen import Screen
from jobs.show import show_run, words_of
from measurement.checks import Check
from measurement.errors import InputError
from measurement.estimates import Estimate, Interval, LiftEstimate
from measurement.progress import Progress, silent
from measurement.readers.events import read_touchpoints
from measurement.readers.inputs import input_hashes
from measurement.store import RunRecord, RunStore
from measurement.workspace import Workspace

if TYPE_CHECKING:
    from attribution.privacy import Ledger, Release
    from attribution.reconcile import Proof

KIND = "attribution"
#: The method that is held against proof: the one that uses every path, also those that led nowhere.
RECONCILED = "markov"
LEDGER = "private_ledger.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Report:
    """What a run publishes before reconciliation."""

    credit: pd.DataFrame
    transitions: pd.DataFrame
    release: dict[str, object]


def run_attribute(workspace: Workspace, *, seed: int, progress: Progress = silent, again: bool = False) -> RunRecord:
    """Work out path credit and write an ``attribution`` run, or give the one that is there; see `jobs.fit.run_fit`.

    Raises
    ------
    InputError
        Where ``[journeys]`` is not set, or the touchpoints are wrong or too few to be published.
    """
    if workspace.settings.journeys is None:
        raise InputError.of(
            "the touchpoints are not named",
            'Add [journeys] with touchpoints = "data/touchpoints.parquet"',
            file=workspace.file.name,
            column="journeys",
        )
    proofs = _known_roas(workspace)
    inputs = {
        **input_hashes(workspace, "journeys"),
        **{f"roas/{name}/{source}": estimate.run for name, (estimate, source) in proofs.items()},
    }
    found = existing(workspace, KIND, inputs=inputs, options=_options(), seed=seed, again=again)
    if found is not None:
        progress(1.0, "the paths were attributed already")
        return found
    progress(0.0, "reading the touchpoints")
    touchpoints = read_touchpoints(workspace)
    progress(0.2, "building the paths")
    store = RunStore(workspace.runs)
    previous = store.latest(KIND)
    released = _release(workspace, touchpoints, previous)
    progress(0.6, "working out the credit")
    report = _report(released, touchpoints, previous, seed)
    with store.write(KIND, seed=seed, options=_options(), inputs=inputs) as draft:
        report.credit.to_csv(draft.folder / "credit.csv", index=False)
        report.transitions.to_csv(draft.folder / "transitions.csv", index=False)
        write_document(draft.folder / "release.json", report.release)
        if released.paths is None and previous is not None:
            shutil.copyfile(previous.file(LEDGER), draft.folder / LEDGER)
        else:
            released.ledger.table.to_parquet(draft.folder / LEDGER, index=False)
        draft.check(_release_checks(released))
        draft.check(plain_checks(_reconcile(report, proofs, draft.folder / "reconcile.csv", seed)))
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


def _options() -> dict[str, object]:
    from dataclasses import asdict

    from attribution.journeys import JourneyOptions
    from attribution.privacy import DEFAULT_K

    return {**asdict(JourneyOptions()), "k": DEFAULT_K, "reconciled": RECONCILED}


def _release(workspace: Workspace, touchpoints: pd.DataFrame, previous: RunRecord | None) -> Release:
    from attribution.journeys import build_paths
    from attribution.privacy import release

    ledger = None if previous is None else _ledger(previous)
    return release(build_paths(touchpoints), key=_key(workspace), previous=ledger)


def _ledger(record: RunRecord) -> Ledger | None:
    """Ledger of an earlier run; ``None`` where forgetting a person has removed it."""
    from attribution.privacy import Ledger

    file = record.file(LEDGER)
    return Ledger(table=pd.read_parquet(file)) if file.is_file() else None


def _key(workspace: Workspace) -> bytes:
    """The workspace's secret for digests: made once, readable by its owner only."""
    file = workspace.runs / KIND / ".digest-key"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with file.open("xb") as stream:
                file.chmod(0o600)
                stream.write(secrets.token_bytes(32))
        except FileExistsError:
            pass  # another job was quicker
    return file.read_bytes()


def _report(released: Release, touchpoints: pd.DataFrame, previous: RunRecord | None, seed: int) -> _Report:
    """Credit of the released people, or the last report where it must stand."""
    from attribution.journeys import touch_cost
    from attribution.privacy import DEFAULT_K, person_transitions, publishable_transitions
    from attribution.report import credit_report

    if released.paths is None and previous is not None:
        return _Report(
            credit=pd.read_csv(previous.file("credit.csv")),
            transitions=pd.read_csv(previous.file("transitions.csv")),
            release={**read_document(previous, "release.json"), "stands": True},
        )
    if released.paths is None:
        raise AssertionError("a first release always has paths")
    found = credit_report(released.paths, seed=seed)
    cost = touch_cost(touchpoints, released.paths)
    return _Report(
        credit=found.credit,
        transitions=publishable_transitions(person_transitions(released.paths), k=DEFAULT_K),
        release={
            "stands": False,
            "k": DEFAULT_K,
            "people": released.people,
            "order": found.order.order,
            "log_likelihood": list(found.order.log_likelihood),
            "conversions": found.conversions,
            "value": found.value,
            "cost": dict(zip(released.paths.channels, cost.tolist(), strict=True)),
        },
    )


def _release_checks(released: Release) -> list[Check]:
    """Hints on what privacy held back; the number of people waiting is not told, it may be one."""
    return [
        Check(
            name="attribution_released",
            passed=released.paths is not None,
            value=None,
            limit=None,
            remedy="Too few people differ from the last report on some channel, so it stands; run again with more data",
            blocking=False,
        )
    ]


def _known_roas(workspace: Workspace) -> dict[str, tuple[Estimate, str]]:
    """Incremental ROAS by channel: a geo test where one was read, else the latest healthy fit."""
    model = RunStore(workspace.runs).latest("mmm")
    found: dict[str, tuple[Estimate, str]] = {}
    if model is not None and model.status == "healthy":
        found = {name: (estimate, "mmm") for name, estimate in model_roas(model).items()}
    section = workspace.settings.panel_section
    if section is None:
        return found
    until = pd.Timestamp.max.date()
    for lift in known_lifts(workspace, list(section.channels), until):
        estimate = _iroas(lift.estimate)
        if estimate is not None:
            found[lift.estimate.channel] = estimate, "geo_lift"
    return found


def _iroas(lift: LiftEstimate) -> Estimate | None:
    """Incremental return of a test per euro, where money was changed."""
    if lift.incremental_spend == 0:
        return None
    value = lift.incremental_outcome.value / lift.incremental_spend
    half = 1.645 * lift.standard_error / abs(lift.incremental_spend)
    return Estimate(
        value=value,
        interval=Interval(lower=value - half, upper=value + half, level=0.9, kind="confidence"),
        unit="ratio",
        method="geo lift",
        run=lift.run or f"{lift.start}",
    )


def _reconcile(report: _Report, known: Mapping[str, tuple[Estimate, str]], file: Path, seed: int) -> list[Check]:
    """Write ``reconcile.csv``; without proof it says so by an empty proof column."""
    from attribution.reconcile import reconcile

    rows = report.credit[report.credit["method"] == RECONCILED]
    proofs = _proofs(report, known, rows)
    if not proofs:
        frame = rows[["channel", "value", "lower", "upper", "level"]]
        frame.rename(columns={"value": "credit", "lower": "credit_lower", "upper": "credit_upper"}).to_csv(
            file, index=False
        )
        return [_check("attribution_proven", "no proof", "Read a geo test or fit the mix model first", passed=False)]
    total = float(str(report.release["value"]))
    found = reconcile(rows, proofs, total=total, level=float(rows["level"].iloc[0]), seed=seed)
    found.table.to_csv(file, index=False)
    warnings = found.warnings()
    return [
        _check("attribution_proven", f"{len({proof.channel for proof in proofs})} channels", "", passed=True),
        _check(
            "attribution_agrees",
            "; ".join(warnings) or "all channels",
            "Steer by the calibrated column of reconcile.csv: credit on paths is not cause",
            passed=not warnings,
        ),
    ]


def _proofs(report: _Report, known: Mapping[str, tuple[Estimate, str]], rows: pd.DataFrame) -> list[Proof]:
    """Incremental value of what the paths cost: return per euro times the cost of the touches."""
    from attribution.reconcile import Proof

    costs = report.release["cost"]
    cost = {str(name): float(value) for name, value in costs.items()} if isinstance(costs, dict) else {}
    credited = dict(zip(rows["channel"], rows["value"], strict=True))
    proofs = []
    for name, (estimate, source) in known.items():
        spent = cost.get(name, 0.0)
        if spent > 0 and credited.get(name, 0.0) > 0:
            ends = estimate.interval
            scaled = Interval(lower=ends.lower * spent, upper=ends.upper * spent, level=ends.level, kind=ends.kind)
            value = Estimate(value=estimate.value * spent, interval=scaled, unit="money", method=estimate.method)
            proofs.append(Proof(channel=name, incremental=value, source=source))
    return proofs


def _check(name: str, value: str, remedy: str, *, passed: bool) -> Check:
    return Check(name=name, passed=passed, value=value, limit=None, remedy=remedy, blocking=False)
