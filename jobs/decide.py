"""From finished runs to the week's decision: which moves are made, and everything the exports say."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import pandas as pd

from decisions.amounts import to_cents
from decisions.document import ChannelAdvice, State, WeekDecision
from decisions.evidence import channel_evidence
from decisions.recommendation import Context, Move, Stability, holds, moves, recommend, total_changes
from decisions.sentences import reason, wordings
from jobs.known import model_roas
from jobs.plan import Holds, PlanSource, run_plan
from jobs.runs import read_document
from measurement.checks import Check
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.estimates import Estimate, Interval
from measurement.plans import Allocation
from measurement.progress import Progress
from measurement.store import RunRecord
from measurement.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyPlan:
    """The plan that is advised.

    Attributes
    ----------
    record, allocation
        Its run and content.
    plan
        What it does to each channel.
    held
        Channels that are held (or would be, were it not for the rules), with the reason's id.
    rejected
        The moves of held channels that were not worth making.
    """

    record: RunRecord
    allocation: Allocation
    plan: tuple[Move, ...]
    held: Mapping[str, str]
    rejected: Mapping[str, Move] = field(default_factory=dict)


def steady_plan(
    workspace: Workspace, source: PlanSource, stability: Stability, *, seed: int, progress: Progress, again: bool
) -> SteadyPlan:
    """The optimum, and then the optimum among plans that leave alone what is not worth moving.

    Where the rules of ``[budget]`` do not allow every hold at once (the total has to be met), the moves that are
    most likely a gain are released first.
    """
    record = run_plan(workspace, seed=seed, progress=progress, again=again, source=source)
    best = _read(record, source.curves, stability)
    held: dict[str, str] = {}
    rejected: dict[str, Move] = {}
    for _ in range(len(best.plan)):
        new = {channel: rule for channel, rule in best.held.items() if channel not in held}
        if not new:
            break
        rejected = {move.channel: move for move in best.plan if move.channel in new} | rejected
        found = _with_holds(workspace, source, stability, (best, record), {**held, **new}, seed=seed, again=again)
        if found is None:
            break
        best, held = found
    return replace(best, held={**best.held, **held}, rejected={name: rejected[name] for name in held})


def _with_holds(
    workspace: Workspace,
    source: PlanSource,
    stability: Stability,
    plans: tuple[SteadyPlan, RunRecord],
    wanted: Mapping[str, str],
    *,
    seed: int,
    again: bool,
) -> tuple[SteadyPlan, dict[str, str]] | None:
    """The best plan with as many of the ``wanted`` holds as the rules allow, and these holds.

    ``plans`` are the best so far, and the run of the one without holds.
    """
    best, free = plans
    chance = {move.channel: move.chance for move in best.plan}
    order = sorted(wanted, key=lambda channel: chance[channel])
    still = {move.channel: move.share if total_changes(best.plan) else move.current for move in best.plan}
    for count in range(len(order), 0, -1):
        held = {channel: wanted[channel] for channel in order[:count]}
        amounts = {channel: round(still[channel], 2) for channel in held}
        kept = Holds(spend=amounts, free=free)
        try:
            record = run_plan(workspace, seed=seed, again=again, source=source, holds=kept)
        except InputError:
            continue  # these holds and the rules of [budget] exclude each other: release the likeliest gain
        return _read(record, source.curves, stability), held
    return None


def _read(record: RunRecord, curves: ResponseCurves, stability: Stability) -> SteadyPlan:
    allocation = read_allocation(record)
    plan = moves(allocation, curves)
    return SteadyPlan(record=record, allocation=allocation, plan=plan, held=holds(plan, stability))


def read_allocation(record: RunRecord) -> Allocation:
    """The allocation of a ``plan`` run."""
    tree = read_document(record, "plan.json")
    gain = tree["gain"]
    ends = Interval(lower=gain["lower"], upper=gain["upper"], level=gain["level"], kind=gain["kind"])
    cells = {f"{cell['channel']} in {cell['geo']}": cell for cell in tree.get("cells", ())}

    def of(name: str) -> dict[str, float]:
        return {cell: line[name] for cell, line in cells.items()} if cells else tree[name]

    return Allocation(
        spend=of("proposed"),
        current=of("current"),
        expected_outcome=tree["expected_outcome"],
        upper_bound=tree["upper_bound"],
        gap=tree["gap"],
        marginal_roas=of("marginal_roas"),
        binding=tuple(tree["binding"]),
        shadow_prices=tree["shadow_prices"],
        gain=Estimate(value=gain["value"], interval=ends, unit=tree["currency"], method=gain["method"], run=record.id),
        chance_of_loss=tree["chance_of_loss"],
        currency=tree["currency"],
        objective=tree["objective"],
        value=tree["value"],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everything the week's jobs found.

    Attributes
    ----------
    week, data_until
        Week that is decided, last day of data.
    source, steady
        Curves with their evidence; the plan that is advised.
    checks
        Gates of the weekly job itself.
    readouts
        Geo tests read.
    creatives, content
        Their runs, ``None`` where the workspace has no such logs.
    """

    week: str
    data_until: date
    source: PlanSource
    steady: SteadyPlan
    checks: Sequence[Check]
    readouts: Sequence[RunRecord]
    creatives: RunRecord | None
    content: RunRecord | None


def decide(workspace: Workspace, found: Findings, stability: Stability) -> WeekDecision:
    """The decision of the week, without its place in the audit log."""
    settings = workspace.settings.workspace
    steady = found.steady
    checks = _all_checks(found)
    healthy = all(check["passed"] for check in checks if check["blocking"])
    lines = _lines(workspace, found, stability, healthy=healthy)
    document = read_document(steady.record, "plan.json")
    cells = _cells(document, healthy=healthy)
    moved = any(abs(line.change) >= 0.01 for line in lines) or any(one["current"] != one["proposed"] for one in cells)
    state: State = "do_not_act" if not healthy else "act" if moved else "hold"
    unsound = [run.kind for run in (found.creatives, found.content) if run is not None and run.status != "healthy"]
    return WeekDecision(
        week=found.week,
        workspace=settings.name,
        currency=settings.currency,
        locale=settings.locale,
        state=state,
        channels=lines,
        gain=steady.allocation.gain,
        chance_of_loss=steady.allocation.chance_of_loss,
        weeks=int(document["weeks"]),
        plan={
            name: document[name] for name in ("value", "upper_bound", "gap", "binding", "shadow_prices", "objective")
        },
        checks=checks,
        next_test=document["next_test"],
        creatives=None
        if found.creatives is None or found.creatives.kind in unsound
        else tired_or_beaten(found.creatives),
        canaries=None if found.content is None or found.content.kind in unsound else _canaries(found.content),
        alerts=0 if found.content is None else len(pd.read_csv(found.content.file("alerts.csv"))),
        runs=_runs(found),
        data_until=found.data_until,
        decided_at=datetime.fromisoformat(steady.record.created_at),
        unsound=unsound,
        cells=cells,
    )


def _cells(document: Mapping[str, Any], *, healthy: bool) -> list[dict[str, Any]]:
    """Money by channel and geo where the plan has it: the gain is that of this split, so it leaves the house too."""
    today: dict[str, dict[str, float]] = {}
    for cell in document.get("cells", ()):
        today.setdefault(cell["channel"], {})[cell["geo"]] = cell["current"]
    now = {channel: to_cents(money) for channel, money in today.items()}
    return [
        {
            "channel": cell["channel"],
            "geo": cell["geo"],
            "current": now[cell["channel"]][cell["geo"]],
            "proposed": cell["proposed"] if healthy else now[cell["channel"]][cell["geo"]],
        }
        for cell in document.get("cells", ())
    ]


def _lines(workspace: Workspace, found: Findings, stability: Stability, *, healthy: bool) -> tuple[ChannelAdvice, ...]:
    steady, model = found.steady, found.source.model
    roas = {} if model is None else model_roas(model)
    evidence = {
        move.channel: found.source.evidence.get(move.channel)
        or channel_evidence(move.channel, roas=None, model_healthy=healthy, tests=(), today=found.data_until)
        for move in steady.plan
    }
    document = read_document(steady.record, "plan.json")
    context = Context(
        held=steady.held,
        rejected=steady.rejected,
        evidence=evidence,
        binding=steady.allocation.binding,
        next_test=str((document["next_test"] or {}).get("channel", "")),
        decided_at=datetime.fromisoformat(steady.record.created_at),
        healthy=healthy,
        stability=stability,
    )
    decisions = recommend(steady.plan, context)
    settings = workspace.settings.workspace
    words = wordings(settings.locale, settings.currency)
    lines = []
    for move, decision in zip(steady.plan, decisions, strict=True):
        current, calculated = round(move.current, 2), round(move.proposed, 2)
        reasons = {language: reason(decision, one) for language, one in words.items()}
        proposed = calculated if healthy else current
        lines.append(
            ChannelAdvice(
                decision=replace(decision, reason=reasons["en"], change=round(proposed - current, 2)),
                move=move,
                evidence=evidence[move.channel],
                current=current,
                proposed=proposed,
                calculated=calculated,
                roas=roas.get(move.channel),
                reasons=reasons,
            )
        )
    return tuple(lines)


def _all_checks(found: Findings) -> list[dict[str, Any]]:
    """Gates of every run; only those of the fit, the plan and this job block the budget."""
    checks = [{**check.to_dict(), "kind": "weekly", "run": ""} for check in found.checks]
    for record in (found.source.model, found.steady.record):
        checks += (
            [] if record is None else [{**check, "kind": record.kind, "run": record.id} for check in record.checks]
        )
    for record in (*found.readouts, found.creatives, found.content):
        if record is not None:
            own = [{**check, "kind": record.kind, "run": record.id, "blocking": False} for check in record.checks]
            checks += own
    return checks


def tired_or_beaten(run: RunRecord) -> list[dict[str, Any]]:
    """Creatives to stop: those of a decided experiment that do not lead, and those whose fatigue is confirmed."""
    stops = read_document(run, "stop.json")["experiments"]
    arms = pd.read_csv(run.file("arms.csv"))
    advice: list[dict[str, Any]] = []
    for arm in json.loads(arms.to_json(orient="records")):
        experiment, name = str(arm["experiment_id"]), str(arm["arm_id"])
        report = stops.get(experiment, {})
        facts = {"experiment": experiment, "creative": name, "run": run.id}
        if report.get("stop") and name != report["leader"]:
            advice.append({**facts, "rule": "beaten", "leader": report["leader"], "p_best": report["p_best"]})
        elif arm.get("fatigue") == "confirmed":
            advice.append({**facts, "rule": "tired", "since": arm.get("fatigue_since")})
    return advice


def _canaries(run: RunRecord) -> dict[str, Any]:
    report = read_document(run, "canary.json")
    stopped = [
        {name: test[name] for name in ("team", "pipeline", "kpi", "stopped_at")}
        for test in report["tests"]
        if test.get("verdict") == "stop" or test.get("stopped_at") is not None
    ]
    told = {(test["team"], test["pipeline"]) for test in stopped}
    stopped += [
        {"team": stop["team"], "pipeline": stop["pipeline"], "kpi": kpi, "stopped_at": stop["stopped_at"]}
        for stop in report.get("stops", ())
        for kpi in stop["kpis"]
        if (stop["team"], stop["pipeline"]) not in told
    ]
    return {"verdict": report["verdict"], "stopped": stopped, "run": run.id}


def _runs(found: Findings) -> dict[str, list[str]]:
    model = found.source.model
    runs = {
        "mmm": [] if model is None else [model.id],
        "plan": [found.steady.record.id],
        "geo_readout": [record.id for record in found.readouts],
        "creatives": [] if found.creatives is None else [found.creatives.id],
        "content": [] if found.content is None else [found.content.id],
    }
    return {kind: ids for kind, ids in runs.items() if ids}
