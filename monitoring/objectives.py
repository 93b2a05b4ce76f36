"""KPIs held against their objectives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from monitoring.catalogue import CATALOGUE
from monitoring.tables import ALL

ALERT_COLUMNS = ("day", "kind", "severity", "team", "model", "kpi", "value", "limit", "detail")


def hold_against(values: pd.DataFrame, objectives: Mapping[str, float]) -> pd.DataFrame:
    """Add ``objective`` and ``breached``, both missing where there is none.

    A breach is a value on the wrong side of its objective; whether chance can explain it, the interval shows.
    """
    objective = values["kpi"].map(dict(objectives)).astype(float)
    lower_is_better = (
        values["kpi"].map({name: m.kpi.direction == "lower" for name, m in CATALOGUE.items()}).astype(bool)
    )
    wrong = np.where(lower_is_better, values["value"] > objective, values["value"] < objective)
    breached = [bool(bad) if known else None for bad, known in zip(wrong, objective.notna(), strict=True)]
    return values.assign(objective=objective, breached=pd.array(breached, dtype="boolean"))


def objective_alerts(table: pd.DataFrame) -> pd.DataFrame:
    """An alert for each day, team and KPI (over all models) that chance does not explain.

    That is where the whole interval lies on the wrong side of the objective; a KPI without an interval (a count, one
    observation) is taken at its word. Every other breach is marked in ``kpis.csv`` but wakes nobody.
    """
    wrong = table[table["breached"].fillna(False).astype(bool) & (table["model"] == ALL)]
    if wrong.empty:
        return pd.DataFrame(columns=list(ALERT_COLUMNS))
    lower_is_better = wrong["kpi"].map({name: m.kpi.direction == "lower" for name, m in CATALOGUE.items()}).astype(bool)
    near_end = wrong["lower"].where(lower_is_better, wrong["upper"]).fillna(wrong["value"])
    sure = np.where(lower_is_better, near_end > wrong["objective"], near_end < wrong["objective"])
    wrong = wrong[sure]
    alerts = wrong[["day", "team", "model", "kpi", "value"]].assign(
        kind="objective",
        limit=wrong["objective"],
        severity="high",
        detail=[
            f"{CATALOGUE[kpi].kpi.name} {'above' if CATALOGUE[kpi].kpi.direction == 'lower' else 'below'} its objective"
            for kpi in wrong["kpi"]
        ],
    )
    return alerts[list(ALERT_COLUMNS)].reset_index(drop=True)
