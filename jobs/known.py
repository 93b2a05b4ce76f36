"""What the runs of a workspace know about each channel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from decisions.evidence import ChannelEvidence, KnownTest, channel_evidence
from jobs.lift_tests import known_lifts
from measurement.errors import InputError, LiftwerkError
from measurement.estimates import Estimate, Interval
from measurement.store import RunRecord
from measurement.workspace import Workspace


def model_roas(model: RunRecord) -> dict[str, Estimate]:
    """ROAS by channel of an ``mmm`` run.

    Raises
    ------
    InputError
        Where its table cannot be read.
    """
    return _estimates(model, _channels(model), "roas")


def untested_roas(model: RunRecord) -> dict[str, Estimate]:
    """The same from the fit without lift tests; empty where the run used none."""
    table = _channels(model)
    return _estimates(model, table, "roas_without_tests") if "roas_without_tests" in table else {}


def _channels(model: RunRecord) -> pd.DataFrame:
    try:
        return pd.read_csv(model.file("channels.csv"))
    except (OSError, ValueError) as error:
        raise _unreadable(model, error) from error


def _estimates(model: RunRecord, table: pd.DataFrame, name: str) -> dict[str, Estimate]:
    try:
        rows = table[["channel", name, f"{name}_lower", f"{name}_upper", "level"]].itertuples(index=False)
    except KeyError as error:
        raise _unreadable(model, error) from error
    return {
        str(channel): Estimate(
            value=float(value),
            interval=Interval(lower=float(lower), upper=float(upper), level=float(level), kind="credible"),
            unit="ratio",
            method="hierarchical Bayesian media mix model",
            run=model.id,
        )
        for channel, value, lower, upper, level in rows
    }


def _unreadable(model: RunRecord, error: Exception) -> LiftwerkError:
    return InputError.of(
        "an artifact of a run cannot be read",
        "Run `liftwerk fit --again`; artifacts are never edited by hand",
        file=f"runs/mmm/{model.id}/channels.csv",
        value=error,
    )


def evidence_of(workspace: Workspace, model: RunRecord, roas: Mapping[str, Estimate]) -> dict[str, ChannelEvidence]:
    """All that is known of every channel of a fit."""
    until = date.fromisoformat(str(model.options["until"]))
    lifts = known_lifts(workspace, list(roas), until, unhealthy=True)
    told, untested = _agreements(model), untested_roas(model)
    tests = [
        KnownTest(
            lift=lift.estimate,
            healthy=lift.healthy,
            agrees=told.get(f"{lift.estimate.channel} {lift.estimate.start}") if lift.healthy else None,
        )
        for lift in lifts
    ]
    return {
        channel: channel_evidence(
            channel,
            roas=estimate,
            model_healthy=model.status == "healthy",
            tests=tests,
            today=until,
            untested=untested.get(channel),
        )
        for channel, estimate in roas.items()
    }


def _agreements(model: RunRecord) -> dict[str, bool]:
    """``"search 2026-03-02"`` → whether the model predicted that test; from the fit's checks ``lift_conflict``."""
    found: dict[str, bool] = {}
    for check in model.checks:
        if check["name"] == "lift_conflict":
            test = str(check["value"]).partition(":")[0]
            found[test] = bool(check["passed"]) and found.get(test, True)
    return found
