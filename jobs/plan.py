"""``liftwerk plan``: the best budget under the rules of ``[budget]``, with its certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from decisions.amounts import to_cents
from decisions.evaluation import spread
from decisions.evidence import ChannelEvidence
from decisions.weeks import following, week_name
from jobs.flight import CARRY_OVER, FLIGHT, flight_of, read_carry_over
from jobs.known import evidence_of, model_roas
from jobs.next_test import next_tests
from jobs.outlook import Outlook, copied_outlook, outlook_of
from jobs.plan_change import CURVES, change_since, curves_file, plan_before
from jobs.plan_tables import allocation_table, plan_document
from jobs.runs import existing, plain_checks, published, settings_hash, write_document
from measurement.checks import Check
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.panel import Panel
from measurement.plans import Allocation
from measurement.progress import Progress, silent
from measurement.readers.curves_robyn import read_robyn
from measurement.readers.curves_table import read_curves, read_run_curves, write_curves
from measurement.readers.panel_table import read_panel
from measurement.settings import BudgetSection, FixedRule
from measurement.store import RunRecord, RunStore, file_hash
from measurement.workspace import Workspace

if TYPE_CHECKING:
    from budget_optimizer.constraints import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSource:
    """Where the curves come from.

    Attributes
    ----------
    curves
        Response by channel.
    first_week
        First week that is planned.
    inputs
        What the plan rests on, with hashes.
    model
        The fit, ``None`` for curves from a file.
    evidence
        What is known of each channel; empty for curves from a file.
    carry
        Share of adstock left a week later by channel, empty where it is not known.
    """

    curves: ResponseCurves
    first_week: str
    inputs: Mapping[str, str]
    model: RunRecord | None = None
    evidence: Mapping[str, ChannelEvidence] = field(default_factory=dict)
    carry: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """What is not to be moved, and what the free plan knows already.

    Attributes
    ----------
    spend
        Money a week by channel that stays.
    free
        The plan without holds: an experiment is worth what it is worth to it, and so are other budgets.
    """

    spend: Mapping[str, float]
    free: RunRecord


def run_plan(
    workspace: Workspace,
    *,
    seed: int,
    progress: Progress = silent,
    again: bool = False,
    source: PlanSource | None = None,
    holds: Holds | None = None,
) -> RunRecord:
    """Find the optimum and write a ``plan`` run, or give the one that is there.

    Parameters
    ----------
    workspace
        The workspace; ``[budget]`` has the rules.
    seed
        For the record: the optimum is exact.
    progress, again
        As in `jobs.fit.run_fit`.
    source
        Curves; left out, those of the latest fit.
    holds
        Channels that stay (the weekly job holds what is not worth moving).

    Raises
    ------
    InputError
        Where there is no fit yet, or the rules clash.
    """
    progress(0.0, "reading the response curves")
    source = source or source_of_fit(workspace)
    budget = workspace.settings.budget or BudgetSection()
    options: dict[str, object] = {
        "risk": budget.risk,
        "weeks": budget.weeks,
        "first_week": source.first_week,
        "holds": {} if holds is None else dict(sorted(holds.spend.items())),
    }
    inputs = {**source.inputs, "liftwerk.toml [budget]": settings_hash(budget)}
    found = existing(workspace, "plan", inputs=inputs, options=options, seed=seed, again=again)
    if found is not None:
        progress(1.0, "this plan is there already")
        return found
    from budget_optimizer.allocator import Allocator
    from budget_optimizer.written_rules import rules_from_settings

    progress(0.2, "searching the best budget")
    fixed = () if holds is None else _fixed(source.curves, holds)
    rules = rules_from_settings(budget.model_copy(update={"rules": (*budget.rules, *fixed)}), source.curves)
    allocation = Allocator(rules, risk=budget.risk).allocate(source.curves)
    spend = _in_cents(source.curves, allocation.spend)
    around = None if holds is not None else _surroundings(workspace, source, rules, allocation, seed, progress)
    with RunStore(workspace.runs).write("plan", seed=seed, options=options, inputs=inputs) as draft:
        if around is not None:
            parts = dict(around.document)
            around.write(draft.folder)
        elif holds is not None:
            parts = copied_outlook(holds.free, draft.folder)
        weeks = following(source.first_week, budget.weeks)
        allocation_table(allocation, spend, source, weeks).to_csv(draft.folder / "allocation.csv", index=False)
        write_document(draft.folder / "plan.json", plan_document(allocation, spend, source, budget) | parts)
        if source.model is None:
            write_curves(source.curves, draft.folder / CURVES)  # the file may be gone when the next plan looks back
        draft.check(plain_checks([*allocation.checks, *_model_checks(source.model)]))
    progress(1.0, "done")
    return published(draft.record)


def _fixed(curves: ResponseCurves, holds: Holds) -> tuple[FixedRule, ...]:
    """What is held stays in every geo: money that changed its geo would be a move too."""
    spend = dict(zip(curves.cells, spread(curves, holds.spend).tolist(), strict=True))
    return tuple(
        FixedRule(kind="fixed", channel=cell, value=spend[cell])
        for channel, cell in zip(curves.channels, curves.cells, strict=True)
        if channel in holds.spend
    )


def _in_cents(curves: ResponseCurves, spend: Mapping[str, float]) -> dict[str, float]:
    """Money by cell to the cent, channel by channel: the geos of a channel that stays add up to what it was."""
    own = {channel: {curves.cells[c]: spend[curves.cells[c]] for c in at} for channel, at in curves.members.items()}
    totals = to_cents({channel: sum(money.values()) for channel, money in own.items()})
    return {cell: cents for channel, money in own.items() for cell, cents in to_cents(money, totals[channel]).items()}


def _surroundings(
    workspace: Workspace,
    source: PlanSource,
    rules: Sequence[Rule],
    allocation: Allocation,
    seed: int,
    progress: Progress,
) -> Outlook:
    """The next test, other budgets and risks, and what changed since the plan before."""
    budget = workspace.settings.budget or BudgetSection()
    progress(0.4, "valuing the next test")
    tests = next_tests(source.curves, rules, seed, _panel_behind(workspace, source))
    progress(0.6, "spreading the budget over the weeks")
    weeks = following(source.first_week, budget.weeks)
    flight = flight_of(source.curves, rules, allocation, carry=source.carry, weeks=weeks)
    progress(0.7, "looking at other budgets")
    before = plan_before(workspace, source.first_week)
    changed = None if before is None else change_since(before, source.curves, budget, source.model, workspace)
    around = outlook_of(source.curves, rules, allocation, budget, changed)
    tables = around.tables if flight is None or flight.table is None else {**around.tables, FLIGHT: flight.table}
    timed = {"flight": None if flight is None else flight.document}
    return replace(around, tables=tables, document={**around.document, **tests, **timed})


def _panel_behind(workspace: Workspace, source: PlanSource) -> Panel | None:
    """The history a fit has seen: a geo test is designed on it."""
    if source.model is None or workspace.settings.panel_section is None:
        return None
    return read_panel(workspace).select(until=pd.Timestamp(str(source.model.options["until"])))


def source_of_fit(workspace: Workspace, model: RunRecord | None = None, first_week: str | None = None) -> PlanSource:
    """Curves of a fit, the latest where none is given.

    Raises
    ------
    InputError
        Where the workspace has no fit.
    """
    model = model or RunStore(workspace.runs).latest("mmm")
    if model is None:
        raise InputError.of(
            "there is no fitted model to plan from",
            "Run `liftwerk fit` first, or pass --curves FILE",
            file="runs/mmm/",
        )
    until = date.fromisoformat(str(model.options["until"]))
    file = curves_file(model, workspace.settings.budget or BudgetSection())
    return PlanSource(
        curves=read_run_curves(file),
        first_week=first_week or week_name(until + timedelta(days=7)),
        inputs={f"mmm/{model.id}": file_hash(file)},
        model=model,
        evidence=evidence_of(workspace, model, model_roas(model)),
        carry=read_carry_over(model.file(CARRY_OVER)),
    )


def source_of_file(workspace: Workspace, file: Path) -> PlanSource:
    """Curves that the user brings, a table or a ``RobynModel-*.json``; weeks are planned from next Monday on."""
    place = file if file.is_file() else workspace.root / file
    if not place.is_file():
        raise InputError.of("there is no such file", "Correct the path", column="--curves", value=file)
    currency = workspace.settings.workspace.currency
    robyn = place.suffix.lower() == ".json"
    curves = read_robyn(place, currency) if robyn else read_curves(place, currency)
    return PlanSource(
        curves=curves,
        first_week=week_name(datetime.now(UTC).date() + timedelta(days=7)),
        inputs={place.name: file_hash(place)},
    )


def _model_checks(model: RunRecord | None) -> list[Check]:
    """A plan from a model whose gates failed is itself not to be acted on."""
    if model is None:
        return []
    failed = [str(check["name"]) for check in model.checks if not check["passed"] and check.get("blocking", True)]
    return [
        Check(
            name="model_healthy",
            passed=not failed,
            value=", ".join(failed) or "healthy",
            limit="healthy",
            remedy="Mend what the checks of the fit name, then fit and plan again",
        )
    ]
