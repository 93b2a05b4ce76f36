"""``liftwerk plan``: the best budget under the rules of ``[budget]``, with its certificate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd

from decisions.amounts import to_cents
from decisions.evidence import ChannelEvidence
from decisions.weeks import following, week_name
from jobs.known import evidence_of, model_roas
from jobs.runs import existing, published, settings_hash, write_document
from measurement.checks import Check
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.plans import Allocation
from measurement.progress import Progress, silent
from measurement.readers.curves_table import read_curves, read_run_curves
from measurement.store import RunRecord, RunStore, file_hash
from measurement.workspace import BudgetSection, FixedRule, Workspace

ALL_GEOS = "all"


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
    """

    curves: ResponseCurves
    first_week: str
    inputs: Mapping[str, str]
    model: RunRecord | None = None
    evidence: Mapping[str, ChannelEvidence] = field(default_factory=dict)


def run_plan(
    workspace: Workspace,
    *,
    seed: int,
    progress: Progress = silent,
    again: bool = False,
    source: PlanSource | None = None,
    holds: Mapping[str, float] | None = None,
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
        Channels that stay at this spend, money a week (the weekly job holds what is not worth moving).

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
        "holds": dict(sorted((holds or {}).items())),
    }
    inputs = {**source.inputs, "liftwerk.toml [budget]": settings_hash(budget)}
    found = existing(workspace, "plan", inputs=inputs, options=options, seed=seed, again=again)
    if found is not None:
        progress(1.0, "this plan is there already")
        return found
    from budget_optimizer.allocator import Allocator
    from budget_optimizer.constraints import rules_from_settings

    progress(0.2, "searching the best budget")
    fixed = tuple(FixedRule(kind="fixed", channel=channel, value=value) for channel, value in (holds or {}).items())
    rules = rules_from_settings(budget.model_copy(update={"rules": (*budget.rules, *fixed)}), source.curves)
    allocation = Allocator(rules, risk=budget.risk).allocate(source.curves)
    spend = to_cents(allocation.spend)
    with RunStore(workspace.runs).write("plan", seed=seed, options=options, inputs=inputs) as draft:
        table = _allocation_table(allocation, spend, source, following(source.first_week, budget.weeks))
        table.to_csv(draft.folder / "allocation.csv", index=False)
        write_document(draft.folder / "plan.json", _plan_document(allocation, spend, source, budget))
        draft.check([*allocation.checks, *_model_checks(source.model)])
    progress(1.0, "done")
    return published(draft.record)


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
    return PlanSource(
        curves=read_run_curves(model.file("curves.parquet")),
        first_week=first_week or week_name(until + timedelta(days=7)),
        inputs={f"mmm/{model.id}": file_hash(model.file("curves.parquet"))},
        model=model,
        evidence=evidence_of(workspace, model, model_roas(model)),
    )


def source_of_file(workspace: Workspace, file: Path) -> PlanSource:
    """Curves that the user brings; weeks are planned from next Monday on."""
    place = file if file.is_file() else workspace.root / file
    if not place.is_file():
        raise InputError.of("there is no such file", "Correct the path", column="--curves", value=file)
    curves = read_curves(place, workspace.settings.workspace.currency)
    return PlanSource(
        curves=curves,
        first_week=week_name(datetime.now(UTC).date() + timedelta(days=7)),
        inputs={place.name: file_hash(place)},
    )


def _allocation_table(
    allocation: Allocation, spend: Mapping[str, float], source: PlanSource, weeks: tuple[str, ...]
) -> pd.DataFrame:
    """``allocation.csv``: a row a channel and week, spend to the cent."""
    import numpy as np

    curves = source.curves
    outcome = curves.outcome_at(np.array([allocation.spend[channel] for channel in curves.channels])).mean(axis=0)
    expected = dict(zip(curves.channels, outcome.tolist(), strict=True))
    rows = [
        {
            "channel": channel,
            "geo": ALL_GEOS,
            "week": week,
            "current": round(allocation.current[channel], 2),
            "proposed": spend[channel],
            "change": round(spend[channel] - round(allocation.current[channel], 2), 2),
            "expected_outcome": round(expected[channel], 2),
            "marginal_roas": allocation.marginal_roas[channel],
            "evidence": source.evidence[channel].grade if channel in source.evidence else "assumption",
        }
        for channel in curves.channels
        for week in weeks
    ]
    return pd.DataFrame(rows)


def _plan_document(
    allocation: Allocation, spend: Mapping[str, float], source: PlanSource, budget: BudgetSection
) -> dict[str, object]:
    """``plan.json``."""
    return {
        "value": allocation.expected_outcome if allocation.value is None else allocation.value,
        "upper_bound": allocation.upper_bound,
        "gap": allocation.gap,
        "shadow_prices": dict(allocation.shadow_prices),
        "binding": list(allocation.binding),
        "next_test": None,
        "objective": allocation.objective,
        "risk": budget.risk,
        "expected_outcome": allocation.expected_outcome,
        "gain": allocation.gain.to_dict(),
        "chance_of_loss": allocation.chance_of_loss,
        "current": dict(allocation.current),
        "proposed": dict(spend),
        "total_current": sum(allocation.current.values()),
        "total_proposed": round(sum(spend.values()), 2),
        "marginal_roas": dict(allocation.marginal_roas),
        "currency": allocation.currency,
        "first_week": source.first_week,
        "weeks": budget.weeks,
        "curves": source.curves.run or next(iter(source.inputs)),
    }


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
