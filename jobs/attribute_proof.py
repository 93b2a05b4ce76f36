"""Credit on paths held against lift tests and the media mix model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jobs.known import model_roas
from jobs.lift_tests import known_lifts
from measurement.checks import Check
from measurement.estimates import Estimate, Interval, LiftEstimate
from measurement.store import RunStore
from measurement.workspace import Workspace

if TYPE_CHECKING:
    from attribution.reconcile import Proof

#: The method that is held against proof: the one that uses every path, also those that led nowhere.
RECONCILED = "markov"
SOURCES = ("geo_lift", "mmm")
_ADDED = "geo lift of added spend"
#: Source → channel → incremental return per euro.
Known = Mapping[str, Mapping[str, Estimate]]


def known_roas(workspace: Workspace) -> dict[str, dict[str, Estimate]]:
    """Incremental return by source and channel: lift tests, and the latest healthy fit."""
    model = RunStore(workspace.runs).latest("mmm")
    found: dict[str, dict[str, Estimate]] = {source: {} for source in SOURCES}
    if model is not None and model.status == "healthy":
        found["mmm"] = model_roas(model)
    section = workspace.settings.panel_section
    if section is None:
        return found
    until = pd.Timestamp.max.date()
    for lift in known_lifts(workspace, list(section.channels), until):
        channel, estimate = lift.estimate.channel, _iroas(lift.estimate)
        if estimate is not None:
            found["geo_lift"][channel] = estimate
    return found


def proof_inputs(known: Known) -> dict[str, str]:
    """What a run rests on besides the touchpoints: source and channel → id of the run or date of the test."""
    return {f"roas/{name}/{source}": each.run for source in SOURCES for name, each in known[source].items()}


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
        method=_ADDED if lift.incremental_spend > 0 and lift.design != "go_dark" else "geo lift",
        run=lift.run or f"{lift.start}",
    )


def reconciled(
    credit: pd.DataFrame, release: Mapping[str, object], known: Known, *, groups: Mapping[str, str], seed: int
) -> tuple[pd.DataFrame, list[Check]]:
    """Rows of ``reconcile.csv`` with checks; without proof they say so by having no proof column."""
    from attribution.reconcile import reconcile

    rows = credit[(credit["method"] == RECONCILED) & credit["value"].notna()]
    proven = _proven(release, known, dict(zip(rows["channel"], rows["value"], strict=True)))
    proofs = _best(proven)
    if not proofs:
        frame = rows[["channel", "value", "lower", "upper", "level"]]
        frame = frame.rename(columns={"value": "credit", "lower": "credit_lower", "upper": "credit_upper"})
        return frame, [
            _check("attribution_proven", "no proof", "Read a geo test or fit the mix model first", passed=False)
        ]
    found = reconcile(
        rows,
        proofs,
        total=float(str(release["value"])),
        groups=groups,
        level=float(rows["level"].iloc[0]),
        seed=seed,
    )
    warnings = found.warnings()
    return found.table.join(_beside(found.table, proven)), [
        _check("attribution_proven", f"{len({proof.channel for proof in proofs})} channels", "", passed=True),
        _check(
            "attribution_agrees",
            "; ".join(warnings) or "all channels",
            "Steer by the calibrated column of reconcile.csv: credit on paths is not cause",
            passed=not warnings,
        ),
    ]


def _proven(release: Mapping[str, object], known: Known, credited: Mapping[str, float]) -> dict[str, dict[str, Proof]]:
    """Incremental value of what the paths cost, by source and channel: return per euro times cost of the touches."""
    from attribution.reconcile import Proof

    costs = release.get("cost")
    cost = {str(name): float(value) for name, value in costs.items()} if isinstance(costs, dict) else {}
    proven: dict[str, dict[str, Proof]] = {source: {} for source in SOURCES}
    for source in SOURCES:
        for name, estimate in known[source].items():
            spent = cost.get(name, 0.0)
            if spent > 0 and credited.get(name, 0.0) > 0:
                ends = estimate.interval
                scaled = Interval(lower=ends.lower * spent, upper=ends.upper * spent, level=ends.level, kind=ends.kind)
                value = Estimate(value=estimate.value * spent, interval=scaled, unit="money", method=estimate.method)
                proven[source][name] = Proof(channel=name, incremental=value, source=source)
    return proven


def _best(proven: Mapping[str, Mapping[str, Proof]]) -> list[Proof]:
    """One proof a channel.

    A test that took spend away is worth more than the model, which has learnt from it. A test that added spend measures
    the return of the next euro, below that of all euros together: where the model knows the channel, its average is
    the better proof of what the whole spend earned.
    """
    added = {name: proof for name, proof in proven["geo_lift"].items() if proof.incremental.method == _ADDED}
    dark = {name: proof for name, proof in proven["geo_lift"].items() if name not in added}
    return list({**added, **proven["mmm"], **dark}.values())


def _beside(table: pd.DataFrame, proven: Mapping[str, Mapping[str, Proof]]) -> pd.DataFrame:
    """What each source says of each row's channel: ``mmm``, ``mmm_lower``, ``mmm_upper``, and so for ``geo_lift``."""
    columns: dict[str, list[float]] = {}
    for source in SOURCES:
        for ending in ("", "_lower", "_upper"):
            columns[f"{source}{ending}"] = []
        for name in table["channel"]:
            proof = proven[source].get(str(name))
            found = None if proof is None else proof.incremental
            columns[source].append(np.nan if found is None else found.value)
            columns[f"{source}_lower"].append(np.nan if found is None else found.interval.lower)
            columns[f"{source}_upper"].append(np.nan if found is None else found.interval.upper)
    return pd.DataFrame(columns, index=table.index)


def _check(name: str, value: str, remedy: str, *, passed: bool) -> Check:
    return Check(name=name, passed=passed, value=value, limit=None, remedy=remedy, blocking=False)
