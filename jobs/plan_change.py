"""Why this plan differs from the one before: new data, another model, other rules, each with its share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jobs.runs import read_document
from measurement.curves import ResponseCurves
from measurement.errors import InputError
from measurement.readers.curves_table import read_run_curves
from measurement.settings import BudgetSection
from measurement.store import RunRecord, RunStore
from measurement.workspace import Workspace

#: A fit's curves over all geos, and by geo where its panel has several. Plans from a file keep a copy of theirs.
CURVES, GEO_CURVES = "curves.parquet", "curves_by_geo.parquet"
#: Options of a fit that say which data it saw, not how it was made.
_DATA_OPTIONS = ("until", "lift_tests")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanBefore:
    """The plan of an earlier week.

    Attributes
    ----------
    record
        Its run.
    document
        Its ``plan.json``.
    curves
        What it was made from.
    model
        The fit behind them, ``None`` for curves from a file.
    """

    record: RunRecord
    document: Mapping[str, object]
    curves: ResponseCurves
    model: RunRecord | None


def curves_file(model: RunRecord, budget: BudgetSection) -> Path:
    """Where the curves of a fit lie that a budget is planned from.

    Curves over all geos keep each channel's split over the geos as it is; curves by geo leave it to the plan.

    Raises
    ------
    InputError
        ``by_geo`` is set and the fit has no curves by geo.
    """
    if not budget.by_geo:
        return model.file(CURVES)
    file = model.file(GEO_CURVES)
    if not file.is_file():
        raise InputError.of(
            "the fitted model has no curves by geo",
            "Leave out by_geo, or name the geo column of a panel with several geos under [panel] and fit again",
            column="budget.by_geo",
            value="true",
        )
    return file


def plan_before(workspace: Workspace, first_week: str) -> PlanBefore | None:
    """The newest free plan (without holds) of an earlier week whose curves are still there."""
    store = RunStore(workspace.runs)
    earlier = [
        record
        for record in store.runs("plan")
        if str(record.options.get("first_week", first_week)) < first_week and not record.options.get("holds")
    ]
    for record in sorted(earlier, key=lambda one: (str(one.options["first_week"]), one.id), reverse=True):
        document = read_document(record, "plan.json")
        if "settings" not in document:
            continue  # written before plans kept their rules
        found = _curves_behind(store, record)
        if found is not None:
            return PlanBefore(record=record, document=document, curves=found[0], model=found[1])
    return None


def _curves_behind(store: RunStore, record: RunRecord) -> tuple[ResponseCurves, RunRecord | None] | None:
    if record.file(CURVES).is_file():
        return read_run_curves(record.file(CURVES)), None
    fits = [name.partition("/")[2] for name in record.inputs if name.startswith("mmm/")]
    earlier = _rules_of(read_document(record, "plan.json"))
    if earlier is None:
        return None
    for model in (one for one in store.runs("mmm") if one.id in fits):
        return read_run_curves(curves_file(model, earlier)), model
    return None


def _rules_of(document: Mapping[str, object]) -> BudgetSection | None:
    """The rules of an earlier plan, ``None`` where they can no longer be read."""
    try:
        return BudgetSection.model_validate(document["settings"])
    except ValueError:
        return None


def change_since(
    before: PlanBefore, curves: ResponseCurves, budget: BudgetSection, model: RunRecord | None, workspace: Workspace
) -> dict[str, object] | None:
    """``difference`` of ``plan.json``; ``None`` where the earlier rules can no longer be read.

    Data and model are told apart where only one of the two changed, or where a fit of the earlier model on the new
    data lies in the workspace; else they are one step, ``"data + model"``.
    """
    from budget_optimizer.explain import Stage, difference
    from budget_optimizer.written_rules import rules_from_settings

    earlier = _rules_of(before.document)
    if earlier is None:
        return None
    alike = curves  # as the earlier plan saw them: whether geos are planned apart is a rule, not news
    if model is not None and budget.by_geo != earlier.by_geo:
        alike = read_run_curves(curves_file(model, earlier))
    stages = [("last plan", before.curves, earlier)]
    stages += [(cause, new, earlier) for cause, new in _new_curves(before, alike, model, workspace)]
    if budget != earlier:
        stages.append(("rules", curves, budget))
    steps: list[dict[str, object]] = []
    if len(stages) > 1:
        try:
            found = difference(
                [
                    Stage(cause=cause, curves=one, rules=rules_from_settings(rules, one), risk=rules.risk)
                    for cause, one, rules in stages
                ]
            )
        except InputError:
            return None
        owner = dict(zip(before.curves.cells, before.curves.channels, strict=True))
        owner |= zip(curves.cells, curves.channels, strict=True)
        owner |= zip(alike.cells, alike.channels, strict=True)
        steps = [
            {"cause": one.cause, "expected_outcome": one.expected_outcome, "spend": _by_channel(one.spend, owner)}
            for one in found
        ]
    return {"since": before.record.id, "week": before.record.options["first_week"], "steps": steps}


def _by_channel(spend: Mapping[str, float], owner: Mapping[str, str]) -> dict[str, float]:
    """Money by channel, summed over its geos."""
    found: dict[str, float] = {}
    for cell, money in spend.items():
        found[owner[cell]] = found.get(owner[cell], 0.0) + money
    return found


def _new_curves(
    before: PlanBefore, curves: ResponseCurves, model: RunRecord | None, workspace: Workspace
) -> list[tuple[str, ResponseCurves]]:
    """The curves that changed, with their causes in order: data first, then the model."""
    if before.model is None or model is None:
        return [("curves", curves)]  # brought by the user: what is behind them is not known
    if before.model.id == model.id:
        return []
    data = _seen(before.model) != _seen(model)
    made = _made(before.model) != _made(model)
    if data and made:
        between = _fit(workspace, made=_made(before.model), seen=_seen(model))
        if between is None:
            return [("data + model", curves)]
        earlier = _rules_of(before.document) or BudgetSection()
        return [("data", read_run_curves(curves_file(between, earlier))), ("model", curves)]
    return [("model" if made else "data", curves)]


def _seen(model: RunRecord) -> tuple[object, ...]:
    """The data of a fit: its tables and tests by content, and the day they end."""
    tables = sorted((name, value) for name, value in model.inputs.items() if not name.startswith("liftwerk.toml"))
    return (*tables, *(str(model.options.get(name)) for name in _DATA_OPTIONS))


def _made(model: RunRecord) -> tuple[object, ...]:
    """How a fit was made: settings, version and seed."""
    options = sorted((name, str(value)) for name, value in model.options.items() if name not in _DATA_OPTIONS)
    settings = sorted(value for name, value in model.inputs.items() if name.startswith("liftwerk.toml"))
    return (*options, *settings, model.code_version, model.seed)


def _fit(workspace: Workspace, *, made: tuple[object, ...], seen: tuple[object, ...]) -> RunRecord | None:
    """The newest fit made in one way on certain data."""
    fits = RunStore(workspace.runs).runs("mmm")
    return next((one for one in reversed(fits) if (_made(one), _seen(one)) == (made, seen)), None)
