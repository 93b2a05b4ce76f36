"""Every lift test a workspace knows: those of ``liftwerk.toml`` and the readouts made by ``geo read``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from scipy.stats import norm

from jobs.runs import read_document
from measurement.estimates import Estimate, Interval, LiftEstimate, SpendWindow
from measurement.settings import LiftTestSection
from measurement.store import RunRecord, RunStore
from measurement.workspace import Workspace

LEVEL = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLift:
    """A lift test with where it comes from.

    Attributes
    ----------
    estimate
        What it measured.
    label
        Name among the inputs of a run.
    sha256
        Hash of its content.
    healthy
        Whether its own gates passed; tests made elsewhere count as healthy.
    """

    estimate: LiftEstimate
    label: str
    sha256: str
    healthy: bool = True


def known_lifts(
    workspace: Workspace, channels: Sequence[str], last: date, *, unhealthy: bool = False
) -> list[KnownLift]:
    """Tests that may inform the model, oldest source first; a test told twice counts once.

    Parameters
    ----------
    workspace
        The workspace.
    channels
        Channels of the model; tests of others are left out.
    last
        Last day of data; tests that end later are left out.
    unhealthy
        Whether readouts whose gates failed are listed too (to be shown, not to be fitted).
    """
    currency = workspace.settings.workspace.currency
    lifts = [
        KnownLift(
            estimate=lift_of_settings(section, currency),
            label=f"liftwerk.toml [[lift_tests]] {number}",
            sha256=_hash(section.model_dump(mode="json")),
        )
        for number, section in enumerate(workspace.settings.lift_tests, start=1)
        if section.end <= last
    ]
    told = {_key(lift.estimate) for lift in lifts}
    for record in latest_readouts(workspace, last):
        readout = read_document(record, "readout.json")
        healthy = record.status == "healthy"
        lift = lift_of_readout(readout, currency, record.id)
        usable = lift is not None and lift.channel in channels and lift.end <= last
        if lift is None or not usable or not (healthy or unhealthy) or _key(lift) in told:
            continue
        told.add(_key(lift))
        label = f"geo_readout/{record.id}"
        lifts.append(KnownLift(estimate=lift, label=label, sha256=_hash(readout), healthy=healthy))
    return lifts


def latest_readouts(workspace: Workspace, last: date) -> list[RunRecord]:
    """The newest readout of each test file that knew no data after ``last``; the one that knew most of them."""
    newest: dict[str, RunRecord] = {}
    for record in RunStore(workspace.runs).runs("geo_readout"):
        test, until = str(record.options.get("test", record.id)), _until(record)
        if until <= last.isoformat() and (test not in newest or until >= _until(newest[test])):
            newest[test] = record
    return [newest[test] for test in sorted(newest)]


def _until(record: RunRecord) -> str:
    return str(record.options.get("until", ""))


def lift_of_settings(section: LiftTestSection, currency: str) -> LiftEstimate:
    """A ``[[lift_tests]]`` table as an estimate with a normal interval."""
    half = float(norm.ppf((1 + LEVEL) / 2)) * section.standard_error
    outcome = _estimate(section.incremental_outcome, half, currency, "test made elsewhere")
    spend = section.incremental_spend
    iroas = None
    if spend != 0:
        iroas = _estimate(section.incremental_outcome / spend, half / abs(spend), "ratio", "test made elsewhere")
    return LiftEstimate(
        channel=section.channel,
        geos=section.geos,
        start=section.start,
        end=section.end,
        incremental_outcome=outcome,
        incremental_spend=spend,
        standard_error=section.standard_error,
        iroas=iroas,
        design="go_dark" if spend < 0 else "scale_up",
        measured_until=section.measured_until,
    )


def lift_of_readout(readout: Mapping[str, Any], currency: str, run: str) -> LiftEstimate | None:
    """``readout.json`` as an estimate, ``None`` where spend or error are unknown: such a test cannot calibrate."""
    spend, error = readout.get("incremental_spend"), readout.get("standard_error")
    if not isinstance(spend, int | float) or not isinstance(error, int | float) or spend == 0:
        return None
    outcome = readout["incremental_outcome"]
    level = float(outcome["level"])
    half = float(norm.ppf((1 + level) / 2)) * error
    kind = outcome.get("kind", "confidence")

    def stored(tree: Mapping[str, Any], unit: str, wide: float) -> Estimate:
        value = float(tree["value"])
        lower = value - wide if tree["lower"] is None else float(tree["lower"])
        upper = value + wide if tree["upper"] is None else float(tree["upper"])
        interval = Interval(lower=lower, upper=upper, level=level, kind=kind)
        return Estimate(value=value, interval=interval, unit=unit, method=str(tree.get("method", "geo test")), run=run)

    iroas = readout.get("iroas")
    until = readout.get("measured_until")
    return LiftEstimate(
        channel=str(readout["channel"]),
        geos=tuple(readout["treated"]),
        start=date.fromisoformat(readout["start"]),
        end=date.fromisoformat(readout["end"]),
        incremental_outcome=stored(outcome, currency, half),
        incremental_spend=float(spend),
        standard_error=float(error),
        iroas=None if iroas is None else stored(iroas, "ratio", half / abs(spend)),
        p_value=readout.get("p_value"),
        design=str(readout.get("kind", "scale_up")),
        measured_until=date.fromisoformat(until) if until else None,
        run=run,
        windows=tuple(SpendWindow.from_dict(window) for window in readout.get("spend_windows", ())),
    )


def _estimate(value: float, half: float, unit: str, method: str) -> Estimate:
    interval = Interval(lower=value - half, upper=value + half, level=LEVEL, kind="confidence")
    return Estimate(value=value, interval=interval, unit=unit, method=method)


def _key(lift: LiftEstimate) -> tuple[object, ...]:
    return (lift.channel, tuple(sorted(lift.geos)), lift.start, lift.end)


def _hash(tree: object) -> str:
    return hashlib.sha256(json.dumps(tree, sort_keys=True, default=str).encode()).hexdigest()
