"""What surrounds a plan: other budgets, other attitudes to risk, and what changed since the plan before."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jobs.flight import FLIGHT
from jobs.next_test import FEWEST_DRAWS
from jobs.runs import read_document
from measurement.curves import ResponseCurves
from measurement.plans import Allocation
from measurement.settings import BudgetSection
from measurement.store import RunRecord

if TYPE_CHECKING:
    from budget_optimizer.constraints import Rule
    from budget_optimizer.explain import FrontierPoint

FRONTIER, RISK, DIFFERENCE = "frontier.csv", "risk.csv", "difference.csv"
#: Budgets of the frontier as shares of the plan's own; `SENSITIVITY` are among them.
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
SENSITIVITY = (0.9, 1.1)
#: Share of draws in the tail that the frontier of risk is about.
TAIL = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Tables and parts of ``plan.json``.

    Attributes
    ----------
    tables
        By file name: ``frontier.csv``, and ``risk.csv`` and ``difference.csv`` where there are draws and an earlier
        plan.
    document
        ``sensitivity`` and ``difference`` of ``plan.json``.
    """

    tables: Mapping[str, pd.DataFrame]
    document: Mapping[str, object] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Every table as CSV."""
        for name, table in self.tables.items():
            table.to_csv(folder / name, index=False)


def outlook_of(
    curves: ResponseCurves,
    rules: Sequence[Rule],
    plan: Allocation,
    budget: BudgetSection,
    changed: Mapping[str, object] | None,
) -> Outlook:
    """Look around a plan; ``changed`` is `jobs.plan_change.change_since`."""
    from budget_optimizer.explain import frontier

    total = sum(plan.spend.values())
    points = frontier(curves, rules, [share * total for share in SHARES], risk=budget.risk) if total > 0 else ()
    tables = {FRONTIER: _frontier_table(points)}
    if curves.draws >= FEWEST_DRAWS:
        tables[RISK] = _risk_table(curves, rules, budget)
    if changed is not None:
        tables[DIFFERENCE] = _difference_table(changed)
    chosen = [point for share, point in zip(SHARES, points, strict=False) if share in SENSITIVITY]
    return Outlook(
        tables=tables,
        document={"sensitivity": [_sensitivity(point, plan, total) for point in chosen], "difference": changed},
    )


def copied_outlook(free: RunRecord, folder: Path) -> dict[str, object]:
    """The outlook of the plan without holds, for a plan with some of its moves held: files copied, parts given back."""
    for name in (FRONTIER, RISK, DIFFERENCE, FLIGHT):
        if free.file(name).is_file():
            shutil.copyfile(free.file(name), folder / name)
    document = read_document(free, "plan.json")
    return {name: document.get(name) for name in ("next_test", "tests", "sensitivity", "difference", "flight")}


def _frontier_table(points: Sequence[FrontierPoint]) -> pd.DataFrame:
    """Columns share, total, expected_outcome, next_euro, reason; a budget at which the rules clash has a reason."""
    rows = [
        {
            "share": share,
            "total": round(point.total, 2),
            "expected_outcome": None if point.plan is None else round(point.plan.expected_outcome, 2),
            "next_euro": point.next_euro,
            "reason": point.reason,
        }
        for share, point in zip(SHARES, points, strict=False)
    ]
    return pd.DataFrame(rows, columns=["share", "total", "expected_outcome", "next_euro", "reason"])


def _risk_table(curves: ResponseCurves, rules: Sequence[Rule], budget: BudgetSection) -> pd.DataFrame:
    """Columns weight, share, expected_outcome, tail_outcome, chance_of_loss, chosen: one row a weight of the tail."""
    from budget_optimizer.explain import risk_frontier
    from budget_optimizer.risk import RISK_LEVELS

    level = RISK_LEVELS[budget.risk]
    points = risk_frontier(curves, rules, share=TAIL)
    rows = [
        {
            "weight": point.weight,
            "share": point.share,
            "expected_outcome": round(point.expected_outcome, 2),
            "tail_outcome": round(point.tail_outcome, 2),
            "chance_of_loss": point.plan.chance_of_loss,
            "chosen": bool(np.isclose(point.weight, level.tail_weight)),
        }
        for point in points
    ]
    return pd.DataFrame(rows)


def _difference_table(changed: Mapping[str, object]) -> pd.DataFrame:
    """Columns cause, channel, change, expected_outcome (of the cause as a whole, on each of its rows)."""
    steps = changed["steps"]
    assert isinstance(steps, list)  # noqa: S101 - built by `change_since`
    rows = [
        {
            "cause": step["cause"],
            "channel": channel,
            "change": round(money, 2),
            "expected_outcome": round(step["expected_outcome"], 2),
        }
        for step in steps
        for channel, money in step["spend"].items()
    ]
    return pd.DataFrame(rows, columns=["cause", "channel", "change", "expected_outcome"])


def _sensitivity(point: FrontierPoint, plan: Allocation, total: float) -> dict[str, object]:
    found = None if point.plan is None else point.plan.expected_outcome
    return {
        "change": round(point.total / total - 1.0, 6),
        "total": point.total,
        "expected_outcome": found,
        "difference": None if found is None else found - plan.expected_outcome,
        "next_euro": point.next_euro,
        "proposed": None if point.plan is None else dict(point.plan.spend),
        "reason": point.reason,
    }
