"""The artifacts of a plan: ``allocation.csv`` and ``plan.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from measurement.curves import ResponseCurves
from measurement.plans import Allocation
from measurement.settings import BudgetSection

if TYPE_CHECKING:
    from jobs.plan import PlanSource

ALL_GEOS = "all"


def allocation_table(
    allocation: Allocation, spend: Mapping[str, float], source: PlanSource, weeks: tuple[str, ...]
) -> pd.DataFrame:
    """``allocation.csv``: a row a cell and week, spend to the cent; the geo is ``all`` where curves have none."""
    curves = source.curves
    outcome = curves.outcome_at(np.array([allocation.spend[cell] for cell in curves.cells])).mean(axis=0)
    geos = curves.geos or (ALL_GEOS,) * len(curves.cells)
    rows = [
        {
            "channel": channel,
            "geo": geo,
            "week": week,
            "current": round(allocation.current[cell], 2),
            "proposed": spend[cell],
            "change": round(spend[cell] - round(allocation.current[cell], 2), 2),
            "expected_outcome": round(float(outcome[c]), 2),
            "marginal_roas": allocation.marginal_roas[cell],
            "evidence": source.evidence[channel].grade if channel in source.evidence else "assumption",
        }
        for c, (channel, geo, cell) in enumerate(zip(curves.channels, geos, curves.cells, strict=True))
        for week in weeks
    ]
    return pd.DataFrame(rows)


def plan_document(
    allocation: Allocation, spend: Mapping[str, float], source: PlanSource, budget: BudgetSection
) -> dict[str, object]:
    """``plan.json``: money by channel; by channel and geo under ``cells`` where curves have geos."""
    curves = source.curves
    current = _by_channel(curves, allocation.current)
    proposed = {name: round(money, 2) for name, money in _by_channel(curves, spend).items()}
    document: dict[str, object] = {
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
        "current": current,
        "proposed": proposed,
        "total_current": sum(allocation.current.values()),
        "total_proposed": round(sum(spend.values()), 2),
        "marginal_roas": _marginal(curves, allocation, spend),
        "currency": allocation.currency,
        "first_week": source.first_week,
        "weeks": budget.weeks,
        "curves": curves.run or next(iter(source.inputs)),
        "settings": budget.model_dump(mode="json"),
    }
    if curves.geos:
        document["cells"] = [
            {
                "channel": channel,
                "geo": geo,
                "current": allocation.current[cell],
                "proposed": spend[cell],
                "marginal_roas": allocation.marginal_roas[cell],
            }
            for channel, geo, cell in zip(curves.channels, curves.geos, curves.cells, strict=True)
        ]
    return document


def _by_channel(curves: ResponseCurves, money: Mapping[str, float]) -> dict[str, float]:
    return {channel: sum(money[curves.cells[c]] for c in at) for channel, at in curves.members.items()}


def _marginal(curves: ResponseCurves, allocation: Allocation, spend: Mapping[str, float]) -> dict[str, float]:
    """The next unit of money of a channel, spread over its geos as its spend is."""
    cells, found = curves.cells, {}
    for channel, at in curves.members.items():
        money = np.array([spend[cells[c]] for c in at])
        weights = money / money.sum() if money.sum() > 0 else np.full(len(at), 1.0 / len(at))
        found[channel] = float(weights @ np.array([allocation.marginal_roas[cells[c]] for c in at]))
    return found
