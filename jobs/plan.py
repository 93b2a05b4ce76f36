"""``liftwerk plan``: the best budget under the rules of ``[budget]``, with its certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from decisions.amounts import to_cents
from decisions.evidence import ChannelEvidence
from decisions.weeks import following, week_name
from jobs.known import evidence_of, model_roas
from jobs.runs import existing, plain_checks, published, settings_hash, write_document
from measurement.checks import Check
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.plans import Allocation
from measurement.progress import Progress, silent
from measurement.readers.curves_table import read_curves, read_run_curves
from measurement.settings import BudgetSection, FixedRule
from measurement.store import RunRecord, RunStore, file_hash
from measurement.workspace import Workspace

if TYPE_CHECKING:
    from budget_optimizer.constraints import Rule

ALL_GEOS = "all"
#: A better plan pays for half a year; fewer draws than this say nothing about the value of knowing more.
TEST_PAYS_WEEKS, FEWEST_DRAWS = 26, 50
#: A test must be worth at least this share of the budget of these weeks.
LEAST_TEST_VALUE = 0.0005


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """What is not to be moved, and what the free plan knows already.

    Attributes
    ----------
    spend
        Money a week by channel that stays.
    next_test
        ``next_test`` of the plan without holds: an experiment is worth what it is worth to the free plan.
    """

    spend: Mapping[str, float]
    next_test: Mapping[str, object] | None


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
    from budget_optimizer.constraints import rules_from_settings

    progress(0.2, "searching the best budget")
    kept = {} if holds is None else holds.spend
    fixed = tuple(FixedRule(kind="fixed", channel=channel, value=value) for channel, value in kept.items())
    rules = rules_from_settings(budget.model_copy(update={"rules": (*budget.rules, *fixed)}), source.curves)
    allocation = Allocator(rules, risk=budget.risk).allocate(source.curves)
    progress(0.5, "valuing the next test")
    test = best_test(source.curves, rules, seed) if holds is None else holds.next_test
    spend = to_cents(allocation.spend)
    with RunStore(workspace.runs).write("plan", seed=seed, options=options, inputs=inputs) as draft:
        table = _allocation_table(allocation, spend, source, following(source.first_week, budget.weeks))
        table.to_csv(draft.folder / "allocation.csv", index=False)
        write_document(
            draft.folder / "plan.json", _plan_document(allocation, spend, source, budget) | {"next_test": test}
        )
        draft.check(plain_checks([*allocation.checks, *_model_checks(source.model)]))
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


def best_test(curves: ResponseCurves, rules: Sequence[Rule], seed: int) -> dict[str, object] | None:
    """The geo test whose outcome would improve the plan most (money a week), ``None`` where none is worth it."""
    from budget_optimizer.next_test import next_test

    if curves.draws < FEWEST_DRAWS:
        return None
    ranked = next_test(curves, rules, weeks=TEST_PAYS_WEEKS, seed=seed)
    least = LEAST_TEST_VALUE * float(curves.observed_spend.sum()) * TEST_PAYS_WEEKS
    if not ranked or ranked[0].net <= least:
        return None
    best = ranked[0]
    return {
        "channel": best.channel,
        "value": best.value_of_test / best.weeks,
        "value_of_certainty": best.value_of_certainty / best.weeks,
        "weeks": best.weeks,
        "standard_error": best.standard_error,
        "ranking": [{"channel": one.channel, "value": one.value_of_test / one.weeks} for one in ranked],
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
